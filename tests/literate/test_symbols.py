from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from literate.symbols import Symbol, Table, as_written, letter_of, read_symbols

if TYPE_CHECKING:
    from .conftest import Project

NOTATION = r"""# Notation

| Symbol | Shape | Meaning | In code |
|---|---|---|---|
| $N$ | number | how many there are; a length | `N` |
| $\Omega$, $\omega_{ij}$ | $N \times N$ | [scores](index.md), one for each pair | `a \| b` |
| $d_k$ | number | width: of a key with **index** $k$ | |
| $a \cdot b$, $\lVert a \rVert$ | number | product and length | |
| $\operatorname{Var}(a)$ | number | variance | |

| Symbol | Meaning | On pages |
|---|---|---|
| $N$ | another thing | [Other](other.md#top) |
| $M$ | mass of token $i$ | [Sub](sub/page.md), [Other](other.md) |

| Symbol | Says |
|---|---|
| $Z$ | nothing |
"""

SYMBOLS = [
    Symbol("symbol-N", {("N", ""): "N"}, "how many there are", ()),
    Symbol("symbol-Omega", {("Ω", ""): r"\Omega", ("ω", "ij"): r"\omega_{ij}"}, "scores", ()),
    Symbol("symbol-d-k", {("d", "k"): "d_k"}, "width", ()),
    Symbol("symbol-a-cdot-b", {}, "product and length", ()),
    Symbol("symbol-operatorname-Var-a", {("Var", ""): r"\operatorname{Var}(a)"}, "variance", ()),
    Symbol("symbol-N-2", {("N", ""): "N"}, "another thing", ("other.md",)),
    Symbol("symbol-M", {("M", ""): "M"}, "mass of token $i$", ("sub/page.md", "other.md")),
]


def test_rows_are_read() -> None:
    assert read_symbols(NOTATION) == SYMBOLS


@pytest.mark.parametrize(
    ("tex", "letter"),
    [
        ("T", ("T", "")),
        (r"\Omega", ("Ω", "")),
        (r"\alpha_{ij}", ("α", "ij")),
        (r"W_q", ("W", "q")),
        (r"\mathbb{E}[a]", ("𝔼", "")),
        (r"\operatorname{entropy}(\alpha)", ("entropy", "")),
        (r"a \cdot b", None),
        (r"\lVert a \rVert", None),
        (r"M^\top", None),
        (r"\partial X", None),
        (r"\hat a", None),
        ("7", None),
    ],
)
def test_a_symbol_is_one_letter_or_a_function(tex: str, letter: tuple[str, str] | None) -> None:
    assert letter_of(tex) == letter


@pytest.mark.parametrize(
    ("letter", "page", "anchor"),
    [
        (("N", ""), "index.md", "symbol-N"),
        (("N", ""), "other.md", "symbol-N-2"),
        (("N", "i"), "index.md", None),
        (("M", ""), "index.md", None),
        (("M", ""), "sub/page.md", "symbol-M"),
        (("ω", "1k"), "index.md", "symbol-Omega"),
        (("ω", "i,n+1"), "index.md", "symbol-Omega"),
        (("ω", "P"), "index.md", None),
        (("ω", ""), "index.md", None),
        (("d", "k"), "index.md", "symbol-d-k"),
        (("d", "i"), "index.md", None),
        (("Z", ""), "index.md", None),
    ],
)
def test_a_letter_is_found_where_its_row_holds(
    letter: tuple[str, str], page: str, anchor: str | None
) -> None:
    row = Table(SYMBOLS).find(letter, page)
    assert (row and row[0].anchor) == anchor


@pytest.mark.parametrize(
    ("tex", "meaning", "script", "shown"),
    [
        ("x_i", "token $i$ of $T$", "3", ("x_{3}", "token $3$ of $T$")),
        (r"\omega_{ij}", "pair $i$, $j$", "ji", (r"\omega_{ji}", "pair $j$, $i$")),
        (r"\omega_{ij}", "scores", "j", (r"\omega_{j}", "scores")),
        (r"\omega_{ij}", "pair $i$, $j$", "j", (r"\omega_{ij}", "pair $i$, $j$")),
        ("x_i", "tokens", "i0", ("x_i", "tokens")),
        ("x_i", "tokens", "′", ("x_i", "tokens")),
        ("d_k", "width of $k$", "k", ("d_k", "width of $k$")),
        ("M", "mass", "", ("M", "mass")),
    ],
)
def test_a_symbol_is_shown_as_the_formula_writes_it(
    tex: str, meaning: str, script: str, shown: tuple[str, str]
) -> None:
    assert as_written(Symbol("symbol", {}, meaning, ()), tex, script) == shown


PAGE = r"""# First

In words $\Omega$ is not linked.

> $$
> \omega_{01} = \frac{N}{\sqrt{d_k}} \sum_{j=0}^{M} e^{x}
> $$

$$
\Omega = \hat N + \operatorname{Var}(x)_k
$$

$$
N
$$
"""
ON_PAGE = "<math><msub><mi>ω</mi><mn>01</mn></msub></math> scores"


@pytest.fixture(scope="module")
def pages(new_project: Callable[..., Project]) -> dict[str, str]:
    """The pages of a strictly built site with a table of symbols."""
    project = new_project()
    settings = project.read("mkdocs.yml")
    extensions = "  - literate.math\n  - literate.symbols\n  - literate.pages\n"
    project.write("mkdocs.yml", settings.replace("  - literate.pages\n", extensions))
    project.write("docs/notation.md", NOTATION)
    project.write("docs/index.md", PAGE)
    project.write("docs/other.md", "# Other {#top}\n\n$$\nN\n$$\n")
    project.write("docs/sub/page.md", "# Sub\n\n$$\nM\n$$\n\n$$\n7\n$$\n")
    status, output = project.build("--strict")
    assert status == 0, output
    names = ("index", "notation", "other", "sub/page")
    return {name: project.read(f"site/{name}.html") for name in names}


def links(page: str) -> list[list[tuple[str, str]]]:
    """The address and the words of each link, line by line."""
    lines = re.findall(r'<p class="symbols" data-search-exclude[^>]*>(.*?)</p>', page)
    return [
        [
            (href, re.sub(r"<[^>]*>", "", words))
            for href, words in re.findall(r'<a href="([^"]*)">(.*?)</a>', line)
        ]
        for line in lines
    ]


def test_symbols_are_linked_below_the_first_formula_that_has_them(pages: dict[str, str]) -> None:
    assert links(pages["index"]) == [
        [
            ("notation.html#symbol-Omega", "ω01 scores"),
            ("notation.html#symbol-N", "N how many there are"),
            ("notation.html#symbol-d-k", "dk width"),
        ],
        [("notation.html#symbol-operatorname-Var-a", "Var⁡(a) variance")],
    ]
    assert ON_PAGE in pages["index"]


def test_line_follows_its_formula(pages: dict[str, str]) -> None:
    assert re.search(r'</math>\s*</tex-math>\s*</div>\s*<p class="symbols"', pages["index"])


def test_a_row_may_hold_on_some_pages_only(pages: dict[str, str]) -> None:
    assert links(pages["other"]) == [[("notation.html#symbol-N-2", "N another thing")]]
    assert links(pages["sub/page"]) == [
        [("../notation.html#symbol-M", "M mass of token i")],
    ]


def test_rows_are_anchors_and_the_table_links_nothing(pages: dict[str, str]) -> None:
    rows = re.findall(r'<tr id="([^"]*)">', pages["notation"])
    assert rows == [symbol.anchor for symbol in SYMBOLS]
    assert links(pages["notation"]) == []
