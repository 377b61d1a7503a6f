from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown import Markdown

from literate.math import MathError, to_mathml

EXTENSIONS = [
    "literate.math",
    "admonition",
    "attr_list",
    "def_list",
    "footnotes",
    "md_in_html",
    "tables",
    "toc",
    "pymdownx.superfences",
    "pymdownx.details",
]


def render(text: str) -> str:
    return Markdown(extensions=EXTENSIONS).convert(textwrap.dedent(text))


def formulas(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<math.*?</math>", page, re.S)]


def words(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """Collect the warnings, whatever else has set up the loggers above ours."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("mkdocs.plugins.literate.math")
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


CONSTRUCTS = {
    r"\frac{\omega_i}{\sum_j \omega_j}": ["mfrac", "msub", "mo"],
    r"\frac{1}{1 + \frac{1}{x}}": ["mfrac", "mn"],
    r"\sqrt{d_k}": ["msqrt", "msub"],
    r"\sqrt[3]{x}": ["mroot"],
    r"\left( \frac{a}{b} \right)": ["mfrac", "mo"],
    r"\sum_{i=0}^{T-1} x_i": ["munderover"],
    r"q_i^\top k_j": ["msubsup"],
    r"\begin{bmatrix} 1 & 0 \\ 0 & 1 \end{bmatrix}": ["mtable", "mtr", "mtd"],
    r"\begin{aligned} a &= b \\ c &< d \end{aligned}": ["mtable", "mtr", "mtd"],
    r"\begin{cases} 0 & \text{if } j \le i \\ -\infty & \text{otherwise} \end{cases}": ["mtext"],
    r"\underbrace{a + b}_{\text{sum}}": ["munder", "mtext"],
    r"\overbrace{a + b}^{2}": ["mover"],
    r"\hat{x} + \bar{x}": ["mover"],
    r"\operatorname{softmax}(\omega)_i": ["mi", "msub"],
    r"\lVert x \rVert \odot \partial y": ["mo", "mi"],
    r"\exp(x) \log(y) \max_j \omega_j": ["mi"],
    r"\mathbb{R}^{T \times d}": ["msup"],
}


@pytest.mark.parametrize("tex", CONSTRUCTS)
@pytest.mark.parametrize("display", [False, True])
def test_construct_is_well_formed_with_its_elements(tex: str, display: bool) -> None:
    root = ElementTree.fromstring(to_mathml(tex, display=display))
    assert root.tag == "math"
    assert root.get("display") == ("block" if display else None)
    assert {element.tag for element in root.iter()} >= set(CONSTRUCTS[tex])
    assert "&" not in words(root), "a column mark was drawn"
    assert "\\" not in words(root)


def test_aligned_has_a_cell_for_each_column() -> None:
    root = ElementTree.fromstring(to_mathml(r"\begin{aligned} a &= b \\ c &< d \end{aligned}"))
    rows = [[words(cell) for cell in row.iter("mtd")] for row in root.iter("mtr")]
    assert rows == [["a", "=b"], ["c", "<d"]]


def test_letterforms() -> None:
    assert words(ElementTree.fromstring(to_mathml(r"\mathbf{x}\mathbb{R}"))) == "𝐱ℝ"


def test_error_says_what_and_where() -> None:
    with pytest.raises(MathError, match=r'^Unknown command "\\fracc" \(character 2\)$'):
        to_mathml(r"x \fracc{1}{2}")


@pytest.mark.parametrize("tex", ["{" * 90_000, r"\hat" * 90_000, r"\begin{aligned}" * 90_000])
def test_nesting_that_would_end_the_process(tex: str) -> None:
    with pytest.raises(MathError, match="more than 1000 commands and groups"):
        to_mathml(tex)


def test_a_long_formula_is_no_deep_one() -> None:
    tex = r"\begin{aligned}" + r"x_{i} &= \hat{y} + 1 \\" * 150 + r"\end{aligned}"
    assert len(list(ElementTree.fromstring(to_mathml(tex)).iter("mtr"))) == 151


@pytest.mark.parametrize("tex", [r"\operatorname*<", r"\mathrel\middle|"])
def test_what_the_engine_does_not_escape(tex: str) -> None:
    with pytest.raises(MathError, match="it does not become well-formed MathML"):
        to_mathml(tex)


def test_inline() -> None:
    page = render("The score $q_i$ of it.")
    assert page.startswith('<p>The score <tex-math data-search-exclude=""><math><msub>')
    assert page.endswith("</math></tex-math> of it.</p>")


def test_display_is_a_labelled_box_that_takes_the_focus() -> None:
    box = ElementTree.fromstring(render("$$\nx < y\n$$"))
    assert (box.tag, box.attrib) == (
        "div",
        {"class": "math-display", "role": "group", "tabindex": "0", "aria-label": "Formula"},
    )
    assert [child.tag for child in box] == ["tex-math"]
    assert box.find("tex-math/math[@display='block']") is not None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Of ($x$), $y$.", [("(", "),"), ("", ".")]),
        ("Of $x$-dimensional.", [("", "-")]),
        ("*Of* $x$*y*", [("", "")]),
        ('A "$x$": $y$', [('"', '":'), ("", "")]),
    ],
)
def test_punctuation_stays_on_the_line_of_its_formula(
    source: str, expected: list[tuple[str, str]]
) -> None:
    found = re.findall(r"<tex-math [^>]*>([^<]*)<math.*?</math>([^<]*)</tex-math>", render(source))
    assert [(a.replace("&quot;", '"'), b.replace("&quot;", '"')) for a, b in found] == expected


PLACES = {
    "list": "- item $x$\n\n    $$\n    x\n    $$\n",
    "nested list": "- item\n\n    - item $x$\n\n        $$x$$\n",
    "table": "| a | b |\n|---|---|\n| $x$ | $x$ |\n",
    "admonition": '!!! note "On $x$"\n\n    $$\n    x\n    $$\n',
    "details": '??? note "On $x$"\n\n    $$\n    x\n    $$\n',
    "quote": "> Of $x$\n>\n> $$\n> x\n> $$\n",
    "footnote": "Text[^1], $x$.\n\n[^1]: Of $x$.\n",
    "definition": "term\n:   Of $x$ and $x$\n",
    "emphasis": "*of $x$* and **$x$**\n",
    "link": "[of $x$](https://example.com) $x$\n",
    "html": '<div markdown="1">\nOf $x$\n\n$$x$$\n</div>\n',
}


@pytest.mark.parametrize("place", PLACES)
def test_formulas_within_other_markup(place: str, warnings: list[str]) -> None:
    found = formulas(render(PLACES[place]))
    assert [words(formula) for formula in found] == ["x", "x"]
    assert warnings == []


@pytest.mark.parametrize(
    "source",
    [
        "Between $5 and $6.",
        "Between $5-$6, or ($7).",
        r"Escaped \$x\$ here.",
        "A span `$x$` of code.",
        "```\n$x$ and $$\n```\n",
        "Text\n\n    $$x$$\n",
        "<pre>$x$</pre>\n",
    ],
)
def test_what_is_no_formula(source: str, warnings: list[str]) -> None:
    page = render(source)
    assert "<math" not in page
    assert "$" in page
    assert warnings == []


def test_escaped_dollar_sign_loses_its_backslash() -> None:
    assert render(r"\$3 and $x$") == render("&#36;3 and $x$").replace("&#36;", "$")


def test_markup_characters_within_a_formula() -> None:
    page = render(r"$a < b$ and $x_1 * y_2 * z_3$ and $\text{<b>}$")
    assert "<em>" not in page
    assert [words(formula) for formula in formulas(page)] == ["a<b", "x1∗y2∗z3", "<b>"]


def test_alternative_text_of_an_image_keeps_the_tex() -> None:
    assert 'alt="of x_1"' in render("![of $x_1$](a.png)")


def test_heading_keeps_its_words() -> None:
    md = Markdown(extensions=EXTENSIONS)
    md.convert("# Why $d_k$ counts {#why}")
    assert [(token["id"], token["name"]) for token in md.toc_tokens] == [("why", "Why dk counts")]


BROKEN = {
    "inline": ("One.\n\nTwo $\\frac{1}{2$ three.\n", 3, "\\frac{1}{2"),
    "display": ("One.\n\n$$\n\\foo\n$$\n", 4, "\\foo"),
    "second of two": ("Of `\\foo`.\n\nOf $\\foo$.\n", 3, "\\foo"),
    "in a list": ("- item\n\n    $$\n    a\n    + \\foo\n    $$\n", 4, "a\n+ \\foo"),
    "behind many of what marks a quote": ("Of\na " + "> " * 50 + "$\\foo$\n", 2, "\\foo"),
    "in a quote": ("Of\n\n> Of $a +\n> \\foo$\n", 3, "a +\n\\foo"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_formula_is_a_warning_at_its_line(
    case: str, warnings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, line, tex = BROKEN[case]
    (tmp_path / "page.md").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    page = render(source)
    (message,) = warnings
    assert message.startswith(f"page.md:{line}: formula does not parse: ")
    assert message.endswith(f"\n  {tex}")
    assert '<code class="math-failed" title="' in page


LEFT_OVER = {
    "never closed": ("One.\n\n$$\nx = 1\n", 3, "'$$' is left as text"),
    "the second never closed": ("$$\nx\n$$\n\n$$\ny\n", 5, "'$$' is left as text"),
    "a blank line inside": ("$$\nx\n\n= 1$$\n", 1, "'$$' is left as text"),
    "no blank line before": ("Thus\n$$\nx\n$$\n", 2, "'$$' is left as text"),
    "inline never closed": ("Of\nthe $x_i and more.\n", 2, "'$' is left as text"),
    "spaces inside": ("Of $ x $.\n", 1, "'$' is left as text"),
    "around a code span": ("Of $x `y` z$.\n", 1, "'$' is left as text"),
    "behind many of what marks a quote": ("Of\na " + "> " * 50 + "$ x\n", 2, "'$' is left as"),
    "no dollar sign": ("Of\n\\alpha here.\n", 2, r"'\\alpha' is left as text"),
}


@pytest.mark.parametrize("case", LEFT_OVER)
def test_left_over_is_a_warning_at_its_line(
    case: str, warnings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, line, says = LEFT_OVER[case]
    (tmp_path / "page.md").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    render(source)
    assert warnings
    assert warnings[0].startswith(f"page.md:{line}: {says}")


def test_docstring_is_found_in_its_source(
    warnings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = 'def f():\n    r"""Of this.\n\n    Where $\\foo$ is.\n    """\n'
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text(source, encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "module.py").write_text(source, encoding="utf-8")
    # An editor's lock.
    (tmp_path / ".#module.py").symlink_to("user@host.1234")
    monkeypatch.chdir(tmp_path)
    render("Of this.\n\nWhere $\\foo$ is.")
    assert [message.split(": ")[0] for message in warnings] == ["package/module.py:4"]


def test_formula_that_no_source_has(
    warnings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    render(r"$\foo$")
    assert warnings[0].startswith("unknown page: formula does not parse")


def test_a_control_character_is_an_error() -> None:
    # Of "\alpha" in a docstring that is not raw, Python leaves a bell and "lpha".
    with pytest.raises(MathError, match=r"'\\x07' is no character of a formula \(character 2\)"):
        to_mathml("x_\alpha")


# The builders run as a reader runs them, in a process of their own.

CONFIG = """
site_name: Site
theme: {name: material, font: false}
plugins:
  - search
  - mkdocstrings: {handlers: {python: {paths: [.], options: {show_source: false}}}}
markdown_extensions: [literate.math, admonition]
"""
MODULE = '''
r"""Module."""


def weigh() -> int:
    r"""Weigh by $\\alpha_i$.

    $$
    \\begin{aligned}
    a &= b \\\\
    c &< d
    \\end{aligned}
    $$
    """
    return 1
'''


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "weighing.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "docs" / "index.md").write_text(
        "# Page\n\nBefore $\\frac{nominator}{2}$ after.\n\n$$\nunder\n$$\n\n::: weighing.weigh\n",
        encoding="utf-8",
    )
    return tmp_path


def build(site: Path, builder: str = "mkdocs") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", builder, "build", "--strict", "-f", "mkdocs.yml"]
    return subprocess.run(command, cwd=site, capture_output=True, text=True, check=False)


def test_site_with_formulas_in_page_and_docstring(site: Path) -> None:
    result = build(site)
    assert result.returncode == 0, result.stderr
    page = (site / "site" / "index.html").read_text(encoding="utf-8")
    assert len(formulas(page)) == 4
    assert page.count('class="math-display"') == 2


def test_search_leaves_formulas_out(site: Path) -> None:
    build(site)
    index = json.loads((site / "site" / "search" / "search_index.json").read_text("utf-8"))
    text = " ".join(entry["text"] for entry in index["docs"])
    assert re.search(r"<p>Before\s+after\.</p>", text)
    assert "Weigh by" in text
    assert not re.search("nominator|under|frac|α|math", text)


@pytest.mark.parametrize("builder", ["mkdocs", "properdocs"])
def test_broken_formula_fails_the_strict_build(site: Path, builder: str) -> None:
    page = site / "docs" / "index.md"
    page.write_text(page.read_text("utf-8").replace("{2}", "{2"), encoding="utf-8")
    result = build(site, builder)
    assert result.returncode == 1
    assert "docs/index.md:3: formula does not parse" in result.stderr
    assert r"\frac{nominator}{2" in result.stderr


def test_broken_formula_of_a_docstring_names_the_source(site: Path) -> None:
    module = site / "weighing.py"
    module.write_text(module.read_text("utf-8").replace(r"\alpha_i", r"\alhpa_i"), "utf-8")
    shutil.rmtree(site / "site", ignore_errors=True)
    result = build(site)
    assert result.returncode == 1
    assert 'weighing.py:6: formula does not parse: Unknown command "\\alhpa"' in result.stderr
