r"""Draw the site's card: the picture that is shown where someone shares a link to a page.

It has the logo and the name of the site, the title of the first page, and the first figure that
this page drew when it ran, in the colors of the site's style sheets. It is drawn without a browser
and with the fonts of two packages, so that the same page gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.util import find_spec
from pathlib import Path
from textwrap import wrap

import resvg_py
from coloraide import Color

from literate.cache import Cache, derived

WIDTH, HEIGHT = 1200, 630
SERIF, SANS = "STIX Two Math", "DejaVu Sans"

_PROPERTY = re.compile(r"(--[\w-]+):\s*([^;{}]+);")
_VARIABLE = re.compile(r"var\((--[\w-]+)(?:,\s*([^()]*(?:\([^()]*\))?))?\)")
_MIX = re.compile(r"color-mix\(\s*in oklab,\s*(#\w+)\s+([\d.]+)%,\s*(#\w+)\s*\)")


def card(
    figure: str,
    *,
    name: str,
    title: str,
    note: str,
    logo: str,
    styles: Iterable[str],
    cache: Cache | None = None,
) -> bytes:
    """Draw the card.

    Args:
        figure: The picture, an SVG with a viewBox.
        name: The name of the site.
        title: The title of its first page.
        note: A line in smaller letters.
        logo: The site's logo, an SVG with a viewBox.
        styles: Style sheets that give colors to the figure; a custom property has its first value.
        cache: Where a card may be found that was drawn before.

    Returns:
        A PNG of 1200 x 630 pixels.

    Raises:
        ValueError: If a picture has no viewBox.
    """
    colors = properties(styles) | {"--fig-font": SANS}
    lines = wrap(title, 18)
    first = 335 - 39 * (len(lines) - 1)
    words = "".join(
        f'<text x="70" y="{first + 78 * place}">{escape(line)}</text>'
        for place, line in enumerate(lines)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colors.get("--paper", "#fff")}"/>'
        f"{_placed(logo, 68, 62, 56, 56)}"
        f'<g fill="{colors.get("--ink", "#000")}">'
        f'<text x="142" y="102" font-family="{SANS}" font-size="34">{escape(name)}</text>'
        f'<g font-family="{SERIF}" font-size="60">{words}</g></g>'
        f'<text x="70" y="562" font-family="{SANS}" font-size="22" '
        f'fill="{colors.get("--soft", "#555")}">{escape(note)}</text>'
        f"{_placed(resolved(figure, colors), 620, 90, 520, 450)}</svg>"
    )
    return derived(cache, ["card", svg], lambda: _png(svg))


def properties(styles: Iterable[str]) -> dict[str, str]:
    """Read the custom properties of style sheets; each has the value that stands first.

    Examples:
        >>> properties([":root { --ink: #111; } .dark { --ink: #eee; }"])
        {'--ink': '#111'}
    """
    found: dict[str, str] = {}
    for style in styles:
        for name, value in _PROPERTY.findall(style):
            found.setdefault(name, value.strip())
    return found


def resolved(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of variables, and colors in the place of their mixtures.

    Examples:
        >>> resolved("fill:var(--a, #123)", {})
        'fill:#123'
        >>> resolved("color-mix(in oklab, var(--a) 50%, var(--b))", {"--a": "#fff", "--b": "#000"})
        '#636363'
    """
    for _ in range(len(values) + 1):
        before = text
        text = _VARIABLE.sub(lambda found: values.get(found[1], found[2] or ""), text)
        if text == before:
            break
    return _MIX.sub(_mixed, text)


def _mixed(found: re.Match[str]) -> str:
    color, percentage, other = found.groups()
    mixture = Color(other).mix(color, float(percentage) / 100, space="oklab")
    return mixture.convert("srgb").to_string(hex=True)


def _placed(svg: str, x: int, y: int, width: int, height: int) -> str:
    """The picture as large as the box allows, in the middle of it."""
    tag = re.match(r"\s*<svg\b[^>]*>", svg)
    if tag is None or "viewBox=" not in tag[0]:
        raise ValueError(f"no viewBox in a picture for the card: {svg[:60]!r}")
    rest = re.sub(r"\s(?:x|y|width|height)=\"[^\"]*\"", "", tag[0].strip()[4:])
    return f'<svg x="{x}" y="{y}" width="{width}" height="{height}"{rest}{svg[tag.end() :]}'


def _png(svg: str) -> bytes:
    return resvg_py.svg_to_bytes(
        svg_string=svg,
        skip_system_fonts=True,
        font_files=[
            _font("ziamath", "STIXTwoMath-Regular.ttf"),
            _font("ziafont", "DejaVuSans.ttf"),
        ],
        font_family=SANS,
        sans_serif_family=SANS,
        serif_family=SERIF,
    )


def _font(package: str, file: str) -> str:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"the card's fonts come with the package {package}: install it")
    return str(Path(found.origin).with_name("fonts") / file)
