r"""Values that draw themselves: the markup they give, its name, and its ids."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OWN_ID = re.compile(r"""id=(["'])(.*?)\1""")
_ID = re.compile(r"""(?<![\w-])(id=["']|(?:xlink:)?href=["']#|url\(["']?#)([^"')]*)""")
_IDS = re.compile(
    r"""(?<![\w-])((?:aria-(?:labelledby|describedby|controls|owns|details)|headers|for)=["'])"""
    r"""([^"']*)"""
)
_TITLED = re.compile(r"\s*<svg\b[^>]*>\s*<title\b[^>]*>\s*[^<\s]")
_FIRST_TAG = re.compile(r"""\s*<[a-z](?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
_LABEL = re.compile(r"""\saria-label=(["'])\s*(?!\1)\S""")
_LABELS = re.compile(r"""\saria-labelledby=(["'])(.*?)\1""")


@dataclass(frozen=True)
class Figure:
    """A picture of an echoed value.

    Attributes:
        markup: What a page shows, HTML or SVG.
        text: What the value's echo added to the output.
        svg: The picture alone; empty where the value gives none.
    """

    markup: str
    text: str
    svg: str = ""


def figure_of(value: object, text: str) -> Figure | None:
    """The picture of a value that draws itself, as Jupyter would ask for it: HTML, else SVG.

    Args:
        value: The value.
        text: Its echo.
    """
    svg, html = _drawn(value, "_repr_svg_"), _drawn(value, "_repr_html_")
    markup = svg if html is None else html
    return None if markup is None else Figure(markup, text, svg or "")


def _drawn(value: object, method: str) -> str | None:
    draw = getattr(value, method, None) if hasattr(type(value), method) else None
    markup = draw() if draw else None
    return None if markup is None else str(markup)


def is_named(markup: str) -> bool:
    """Whether the first element has a name, which a screen reader says instead of showing it.

    It is an `<svg>` that begins with a `<title>`, or has an `aria-label`, or an
    `aria-labelledby` with ids that the markup holds.

    Examples:
        >>> is_named("<svg><title>Weights</title></svg>"), is_named("<svg/>")
        (True, False)
        >>> is_named('<table aria-label="Weights"></table>')
        True
    """
    tag = _FIRST_TAG.match(markup)
    if tag is None:
        return False
    labels = _LABELS.search(tag[0])
    return bool(
        _TITLED.match(markup)
        or _LABEL.search(tag[0])
        or (labels and labels[2].split() and _ids(markup).issuperset(labels[2].split()))
    )


def _ids(markup: str) -> set[str]:
    found = _OWN_ID.finditer(markup)
    return {match[2] for match in found if markup[match.start() - 1].isspace()}


def scoped(markup: str, prefix: str) -> str:
    """Give the markup's ids a prefix, since ids are shared by all figures of a page.

    Examples:
        >>> scoped('<g id="a"/><use href="#a"/><a href="#top"/>', "x-")
        '<g id="x-a"/><use href="#x-a"/><a href="#top"/>'
    """
    ids = _ids(markup)
    if not ids:
        return markup

    def prefixed(match: re.Match[str]) -> str:
        names = [prefix + name if name in ids else name for name in match[2].split()]
        return match[1] + " ".join(names)

    return _IDS.sub(prefixed, _ID.sub(prefixed, markup))
