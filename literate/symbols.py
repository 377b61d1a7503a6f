r"""The Python-Markdown extension that links the symbols of a formula to the table of symbols.

The table is on the page of the glossary. Any table there with the columns Symbol and Meaning is
one, and each of its rows becomes an anchor:

    | Symbol | Meaning | On pages |
    |---|---|---|
    | $\Omega$, $\omega_{ij}$ | scores: how well they match | |
    | $m$ | the largest score | [Weights](weights.md#stable) |

Below a displayed formula stands a line of links, one for each symbol that the table has and the
page has not linked yet. (The symbols themselves are no links, since Chromium follows none in
MathML.) A row that names pages holds on these only, where it comes before one that names none. A
subscript that counts stands for all that count: $\omega_{ij}$ in the table is $\omega_{1k}$ in a
formula, and is shown as the formula writes it.
"""

from __future__ import annotations

import html
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE, AtomicString

from literate.glossary import above
from literate.math import to_mathml
from literate.pages import page_file

# Subscripts that count, in the table and in a formula.
_COUNTED = re.compile(r"[chij]+")
_COUNTS = re.compile(r"[chijklmnrtu\d\s,+\u2212\u2032]+")
_TEX = re.compile(r"\$([^$]+)\$")
_CELL = re.compile(r"(?<!\\)\|")
_TARGET = re.compile(r"\]\(([^()#\s]+)")
_MARKUP = re.compile(r"\]\([^)]*\)|[\[\]`*]")

Letter = tuple[str, str]
"""A letter and its subscript, as in MathML; the subscript is empty where there is none."""


@dataclass(frozen=True)
class Symbol:
    """A row of the table.

    Attributes:
        anchor: The identifier of the row.
        letters: Each symbol in it by its letter; those that are whole formulas are left out.
        meaning: What it says, up to its first comma, semicolon or colon.
        pages: The files where it holds; none where it holds everywhere.
    """

    anchor: str
    letters: dict[Letter, str]
    meaning: str
    pages: tuple[str, ...]


@lru_cache(maxsize=1)
def read_symbols(text: str) -> list[Symbol]:
    r"""Read the rows of all tables of symbols on a page.

    Examples:
        >>> table = "| Symbol | Meaning |\n|---|---|\n| $d_k$ | width, a number |\n"
        >>> read_symbols(table)
        [Symbol(anchor='symbol-d-k', letters={('d', 'k'): 'd_k'}, meaning='width', pages=())]
    """
    found: list[Symbol] = []
    columns: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in _CELL.split(line)[1:-1]]
        if not cells or not set("".join(cells)) - set(":- "):
            columns = columns if cells else []
        elif not columns:
            columns = cells
        elif columns[0] == "Symbol" and "Meaning" in columns:
            found.append(_symbol(dict(zip(columns, cells, strict=False)), found))
    return found


def _symbol(row: dict[str, str], before: list[Symbol]) -> Symbol:
    sources = _TEX.findall(row["Symbol"])
    meaning = re.split(r"[,;:] ", _MARKUP.sub("", row["Meaning"]))[0]
    anchor = "symbol-" + re.sub(r"\W+|_", "-", sources[0]).strip("-") if sources else ""
    same = sum(re.fullmatch(rf"{anchor}(-\d+)?", each.anchor) is not None for each in before)
    return Symbol(
        f"{anchor}-{same + 1}" if same else anchor,
        {letter: tex for tex in sources if (letter := letter_of(tex))},
        meaning,
        tuple(_TARGET.findall(row.get("On pages", ""))),
    )


def letter_of(tex: str) -> Letter | None:
    r"""Return the letter that a symbol is, or the name of the function; none for another formula.

    Examples:
        >>> letter_of(r"\omega_{ij}"), letter_of("d_v"), letter_of(r"\operatorname{Var}(a)")
        (('ω', 'ij'), ('d', 'v'), ('Var', ''))
        >>> letter_of(r"a \cdot b")
    """
    formula = ElementTree.fromstring(to_mathml(tex))
    base, script = next(letters_in(formula), ("", ""))
    is_all = "".join(formula.itertext()) == base + script
    is_function = len(base) > 1 or unicodedata.normalize("NFKC", base) != base
    return (base, script) if base and (is_all or is_function) else None


def letters_in(element: Element) -> Iterator[Letter]:
    """Yield the letters of a formula in its order; one under an accent is another letter."""
    if element.tag == "mi":
        yield (element.text or "", "")
    elif element.tag in ("msub", "msubsup") and (base := _base(element[0])):
        yield (base, "".join(element[1].itertext()))
        for child in element[2:]:
            yield from letters_in(child)
    elif element.get("accent") != "true":
        for child in element:
            yield from letters_in(child)


def _base(element: Element) -> str:
    while element.tag == "mrow" and len(inner := [c for c in element if c.tag != "mspace"]) == 1:
        element = inner[0]
    return element.text or "" if element.tag == "mi" else ""


class Table:
    """Finds what a letter stands for.

    Args:
        symbols: All rows.
    """

    def __init__(self, symbols: list[Symbol]) -> None:
        self._rows: dict[Letter, list[tuple[Symbol, str]]] = {}
        for symbol in symbols:
            for (base, script), tex in symbol.letters.items():
                scripts = {script, "#"} if _COUNTED.fullmatch(script) else {script}
                for each in scripts:
                    self._rows.setdefault((base, each), []).append((symbol, tex))

    def find(self, letter: Letter, page: str) -> tuple[Symbol, str] | None:
        """Return the row for a letter on a page, and how the row writes it."""
        base, script = letter
        rows = self._rows.get(letter, [])
        if not rows and _COUNTS.fullmatch(script):
            rows = self._rows.get((base, "#"), [])
        rows = [row for row in rows if not row[0].pages or page in row[0].pages]
        return max(rows, key=lambda row: len(row[0].pages), default=None)


def as_written(symbol: Symbol, tex: str, script: str) -> tuple[str, str]:
    r"""Return a symbol as a formula writes it, and its meaning in the formula's letters.

    What a longer subscript stands for, a coordinate say, the table does not tell.

    Args:
        symbol: A row of the table.
        tex: One of its letters.
        script: The subscript in the formula.

    Examples:
        >>> row = Symbol("symbol-x-i", {("x", "i"): "x_i"}, "vector of token $i$", ())
        >>> as_written(row, "x_i", "j"), as_written(row, "x_i", "j0")
        (('x_{j}', 'vector of token $j$'), ('x_i', 'vector of token $i$'))
    """
    own = (letter_of(tex) or ("", ""))[1]
    fits = len(script) == len(own) or (len(script) < len(own) and "$" not in symbol.meaning)
    if script == own or not fits or not re.fullmatch(r"[a-z\d]+", script):
        return tex, symbol.meaning
    names = dict(zip(own, script, strict=False))
    meaning = _TEX.sub(lambda found: f"${names.get(found[1], found[1])}$", symbol.meaning)
    return f"{tex.partition('_')[0]}_{{{script}}}", meaning


class _Links(Treeprocessor):
    def __init__(self, md: Markdown, glossary: str) -> None:
        super().__init__(md)
        self.glossary = glossary

    def run(self, root: Element) -> None:
        page = page_file(self.md)
        file = above(page, self.glossary) if page else None
        if page is None or file is None:
            return
        symbols = read_symbols(file.read_text("utf-8"))
        if file == page:
            self._anchor(root, symbols)
        else:
            self._link(root, symbols, page, file)

    def _anchor(self, root: Element, symbols: list[Symbol]) -> None:
        rows = [row for table in root.iter("table") if _is_symbols(table) for row in table[1]]
        for row, symbol in zip(rows, symbols, strict=True):
            row.set("id", symbol.anchor)

    def _link(self, root: Element, symbols: list[Symbol], page: Path, file: Path) -> None:
        table, linked = Table(symbols), set[str]()
        target = Path(os.path.relpath(file, page.parent)).as_posix()
        name = Path(os.path.relpath(page, file.parent)).as_posix()
        for parent, formula in list(_formulas(root)):
            line = Element("p", {"class": "symbols", "data-search-exclude": ""})
            for letter in self._letters(formula):
                row = table.find(letter, name)
                if row and row[0].anchor not in linked:
                    linked.add(row[0].anchor)
                    shown = as_written(*row, letter[1])
                    line.append(self._link_to(f"{target}#{row[0].anchor}", *shown))
            if len(line):
                parent.insert(list(parent).index(formula) + 1, line)

    def _letters(self, formula: Element) -> Iterator[Letter]:
        for found in HTML_PLACEHOLDER_RE.finditer("".join(formula.itertext())):
            stored = str(self.md.htmlStash.rawHtmlBlocks[int(found[1])])
            if stored.startswith("<math"):
                yield from letters_in(ElementTree.fromstring(stored))

    def _link_to(self, target: str, tex: str, meaning: str) -> Element:
        words = html.escape(meaning)
        shown = f"{to_mathml(tex)} {_TEX.sub(lambda found: to_mathml(found[1]), words)}"
        link = Element("a", {"href": target})
        link.text = AtomicString(self.md.htmlStash.store(shown))
        return link


def _formulas(parent: Element) -> Iterator[tuple[Element, Element]]:
    """Yield the displayed formulas in their order, each with its parent."""
    for child in parent:
        if child.get("class") == "math-display":
            yield parent, child
        else:
            yield from _formulas(child)


def _is_symbols(table: Element) -> bool:
    columns = ["".join(cell.itertext()) for cell in table.iter("th")]
    return columns[:1] == ["Symbol"] and "Meaning" in columns


class SymbolsExtension(Extension):
    """Links the symbols of formulas."""

    def __init__(self, **settings: Any) -> None:
        self.config = {"page": ["notation.md", "The page that holds the table of symbols"]}
        super().__init__(**settings)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after formulas are rendered and set beside code (7)."""
        md.treeprocessors.register(_Links(md, self.getConfig("page")), "literate-symbols", 6)


def makeExtension(**settings: Any) -> SymbolsExtension:  # noqa: N802
    """Make the extension, as Python-Markdown asks."""
    return SymbolsExtension(**settings)
