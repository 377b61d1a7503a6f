r"""The font of the formulas: STIX Two Math, cut down to the glyphs that the built pages use.

The whole font weighs 1.5 MB; a site needs a few hundred of its 6,757 glyphs. It comes from the
package `ziamath`, so that no copy of it lies in the repository.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile
from typing import Any

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph, GlyphCoordinates
from fontTools.ttLib.tables.otTables import AlternateSubst
from fontTools.ttLib.tables.ttProgram import Program

from literate.cache import Cache, derived

__all__ = ["characters", "subset", "write"]

NAME = "stix-two-math"
MATH = re.compile(r"<math\b.*?</math>", re.DOTALL)
# What no text of a formula holds: the sign of a root, and the space by which a browser measures.
DRAWN = "\u221a "
# Letterforms for scripts: sturdier, and the prime of the right size. The other features are
# alternative alphabets and the like.
FEATURES = ["ssty"]
# The elements whose second and third child the style sheet (math.css) draws in script letterforms;
# in a line of text, it does so with both parts of a fraction too.
SCRIPTED = frozenset(("msub", "msup", "msubsup", "munder", "mover", "munderover"))
# The width that no radical sign exceeds, and how much ours rise above the tallest of the font, in
# thousandths of an em.
RADICAL_WIDTH, RADICAL_RISES = 900, range(500, 3001, 500)

# Where a point of a glyph goes.
Move = Callable[[int, int], tuple[int, int]]


def characters(pages: Iterable[str]) -> dict[str, int]:
    """Return each character that the formulas of the built pages need, with its depth in scripts.

    The line itself has depth 0, an index or an exponent 1, one within another 2.

    Examples:
        >>> characters(["<p>No formula.</p>", "<math><msqrt><mi>x</mi></msqrt></math>"])
        {'√': 0, ' ': 0, '𝑥': 0}
        >>> characters(["<math><msup><mn>2</mn><mi>i</mi></msup></math>"])
        {'√': 0, ' ': 0, '2': 0, '𝑖': 1}
    """
    reader = _Reader()
    for page in pages:
        for formula in MATH.findall(page):
            reader.feed(formula)
    return reader.depths


@dataclass
class _Open:
    """An element whose end has not come: its text's depth, and how many children it has so far."""

    tag: str = ""
    depth: int = 0
    variable: bool = False
    children: int = 0


class _Reader(HTMLParser):
    """Notes the characters of formulas."""

    def __init__(self) -> None:
        super().__init__()
        self.depths = dict.fromkeys(DRAWN, 0)
        self.display = False
        self.open = [_Open()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "math":
            self.display, self.open = ("display", "block") in attrs, [_Open()]
        parent = self.open[-1]
        fraction = parent.tag == "mfrac" and not self.display
        smaller = fraction or (parent.tag in SCRIPTED and parent.children > 0)
        parent.children += 1
        self.open.append(_Open(tag, parent.depth + smaller, tag == "mi" and not attrs))

    def handle_endtag(self, tag: str) -> None:
        if len(self.open) > 1:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        within = self.open[-1]
        # Words keep their form in scripts, and a browser draws a variable's letter in math italic
        # (MathML Core, "math-auto").
        depth = 0 if within.tag == "mtext" else within.depth
        for character in italic(data) if within.variable else data:
            self.depths[character] = max(depth, self.depths.get(character, 0))


@lru_cache
def _italics() -> dict[str, str]:
    """Return the map from a letter to its math italic form, as Unicode records it."""
    block = [*map(chr, range(0x1D434, 0x1D468)), *map(chr, range(0x1D6E2, 0x1D71C))]
    # One step of each decomposition: all of them would lead from the curly theta to the plain one.
    found = {form: unicodedata.decomposition(form).split() for form in block}
    table = {chr(int(code[-1], 16)): form for form, code in found.items() if code}
    # The Planck constant was encoded before the block and left a hole in it; two letters have no
    # other italic, the dotless ones.
    return table | {"h": "\u210e", "\u0131": "\U0001d6a4", "\u0237": "\U0001d6a5"}


def italic(letter: str) -> str:
    """Return the math italic form of a letter, or the text itself where there is none.

    Examples:
        >>> italic("x"), italic("h"), italic("θ"), italic("7")
        ('𝑥', 'ℎ', '𝜃', '7')
    """
    return _italics().get(letter, letter)


def subset(html_texts: Iterable[str]) -> bytes:
    """Return the font, as WOFF2, with the glyphs that the formulas of these pages need.

    The same characters give the same bytes.
    """
    return _subset(frozenset(characters(html_texts).items()))


@lru_cache(maxsize=4)
def _subset(wanted: frozenset[tuple[str, int]]) -> bytes:
    font = TTFont(_source(), recalcTimestamp=False)
    depths = {ord(character): depth for character, depth in wanted}
    _drop_scripts(font, depths)
    subsetter = Subsetter(_options())
    subsetter.populate(unicodes=depths)
    subsetter.subset(font)
    _offer_to_all_scripts(font)
    _mend_radicals(font)
    _trim_parts(font)
    font.flavor = "woff2"
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue()


def _drop_scripts(font: TTFont, depths: Mapping[int, int]) -> None:
    """Drop the letterforms for scripts of what stands in none; they are two for each character."""
    names = font.getBestCmap()
    # By depth, as two characters may share a glyph.
    by_depth = sorted(depths.items(), key=lambda pair: pair[1])
    needed = {names[code]: depth for code, depth in by_depth if depth and code in names}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for part in lookup.SubTable:
            if isinstance(part, AlternateSubst):
                kept = needed.keys() & part.alternates.keys()
                part.alternates = {name: part.alternates[name][: needed[name]] for name in kept}


def _offer_to_all_scripts(font: TTFont) -> None:
    """Register the features for any script.

    The font has them under "math" alone, and Chromium shapes a formula as Latin or as common text.
    """
    if "GSUB" in font:
        scripts = font["GSUB"].table.ScriptList
        (record,) = (record for record in scripts.ScriptRecord if record.ScriptTag == "math")
        record.ScriptTag = "DFLT"
        scripts.ScriptRecord = [record]


def _mend_radicals(font: TTFont) -> None:
    """Make the tall radical signs about as wide as the small one, and none of them of parts.

    Chromium gives a root the width of the widest sign, whichever it draws, which left a gap of
    0.4 em behind every simple root and pushed it off the middle of a fraction. And a sign made of
    parts ended below its bar.
    """
    forms = dict(_growing(font))[font.getBestCmap()[ord("\u221a")]]
    _add_radicals(font, forms.MathGlyphVariantRecord)
    for form in forms.MathGlyphVariantRecord:
        _squeeze(font, form.VariantGlyph)
    forms.GlyphAssembly = None


def _add_radicals(font: TTFont, forms: list[Any]) -> None:
    tallest = forms[-1]
    for rise in RADICAL_RISES:
        taller = copy(tallest)
        taller.VariantGlyph = f"{tallest.VariantGlyph}.{rise}"
        taller.AdvanceMeasurement += rise
        _reshape(font, tallest.VariantGlyph, _raise_roof(rise), taller.VariantGlyph)
        font["hmtx"][taller.VariantGlyph] = font["hmtx"][tallest.VariantGlyph]
        forms.append(taller)


def _raise_roof(rise: int) -> Move:
    """Return the move of the points above 1.2 em, where the tallest sign has its roof alone."""
    return lambda x, y: (x, y + rise if y > 1200 else y)


def _squeeze(font: TTFont, name: str) -> None:
    advance, _ = font["hmtx"][name]
    scale = min(1.0, RADICAL_WIDTH / advance)
    _reshape(font, name, lambda x, y: (round(x * scale), y), name)
    font["hmtx"][name] = (round(advance * scale), font["glyf"][name].xMin)


def _trim_parts(font: TTFont) -> None:
    """Take the space at both sides from the parts of which the tallest signs are built.

    Chromium centers such a sign by the width of its ink but draws it with the space at its left, so
    tall brackets stood 0.1 em too far to the right.
    """
    for sign, forms in _growing(font):
        if forms.GlyphAssembly:
            _trim(font, sign, forms.GlyphAssembly.PartRecords)


def _trim(font: TTFont, sign: str, parts: list[Any]) -> None:
    glyphs = font["glyf"]
    left = min(glyphs[part.glyph].xMin for part in parts)
    for part in parts:
        # A copy, as the two braces share a part, and a bar is its own.
        name = f"{sign}.{part.glyph}"
        _reshape(font, part.glyph, lambda x, y: (x - left, y), name)
        part.glyph = name
    width = max(glyphs[part.glyph].xMax for part in parts)
    for part in parts:
        font["hmtx"][part.glyph] = (width, glyphs[part.glyph].xMin)


def _growing(font: TTFont) -> Iterator[tuple[str, Any]]:
    """Yield each sign that grows in height, with its larger forms."""
    variants = font["MATH"].table.MathVariants
    signs = variants.VertGlyphCoverage.glyphs
    yield from zip(signs, variants.VertGlyphConstruction, strict=True)


def _reshape(font: TTFont, source: str, move: Move, name: str) -> None:
    """Store under `name` the glyph `source` with its points moved."""
    glyphs = font["glyf"]
    points, ends, flags = glyphs[source].getCoordinates(glyphs)
    # A new glyph, as some signs are composed of others.
    glyph = Glyph()
    glyph.numberOfContours, glyph.endPtsOfContours, glyph.flags = len(ends), ends, flags
    glyph.coordinates = GlyphCoordinates([move(x, y) for x, y in points])
    glyph.program = Program()
    glyph.program.fromBytecode(b"")
    glyphs[name] = glyph
    glyph.recalcBounds(glyphs)


def _options() -> Options:
    options = Options()
    options.layout_features = FEATURES
    options.hinting = False  # no browser at today's pixel densities uses it, a third of the bytes
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 7, 8, 13, 14]  # with copyright and license
    return options


def _source() -> Path:
    """Return the whole font; `ziamath` itself, which would take longer to import, is not needed."""
    package = find_spec("ziamath")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the math font comes with the package ziamath: install it")
    return Path(package.origin).with_name("fonts") / "STIXTwoMath-Regular.ttf"


@lru_cache(maxsize=1024)
def _characters_of(path: Path, _written: int) -> dict[str, int]:
    return characters([path.read_text(encoding="utf-8")])


def write(site_dir: Path, cache: Cache | None = None) -> Path:
    """Write the font for the pages built in `site_dir`, and its license beside it.

    Args:
        site_dir: Where the site is built.
        cache: Where a font may be found that was made for the same characters.

    Returns:
        The path of the font, `assets/fonts/stix-two-math.woff2` of the site.
    """
    depths = dict.fromkeys(DRAWN, 0)
    for page in sorted(site_dir.rglob("*.html")):
        for character, depth in _characters_of(page, page.stat().st_mtime_ns).items():
            depths[character] = max(depth, depths.get(character, 0))
    wanted = frozenset(depths.items())
    target = site_dir / "assets" / "fonts" / f"{NAME}.woff2"
    target.parent.mkdir(parents=True, exist_ok=True)
    facts = ["font", sorted(wanted)]
    target.write_bytes(derived(cache, facts, lambda: _subset(wanted)))
    copyfile(Path(__file__).with_name(f"{NAME}.txt"), target.with_suffix(".txt"))
    return target
