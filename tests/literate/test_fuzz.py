"""Arbitrary text, most of it close to a page: nothing crashes, hangs or damages a file.

`HYPOTHESIS_PROFILE=fuzz` runs it for long.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from xml.etree import ElementTree

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown import Markdown

import literate.refresh
from literate.checker import canonical, matches
from literate.docstrings import parse_module
from literate.examples import Columns, Document, Example, Lines
from literate.fences import normalize, parse_page
from literate.math import MathError, to_mathml
from literate.refresh import refresh, rewrite
from literate.workers import Workers

# The slow tests take their share of the examples of whatever profile is loaded.
SLOW = settings(max_examples=settings().max_examples // 3)


def joined(pieces: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(pieces, max_size=most).map("".join)


def one_of(pieces: str) -> st.SearchStrategy[str]:
    return st.sampled_from(pieces.split("·"))


# Line ends of all kinds, and characters that one program or another takes for one.
ENDS = one_of("\n·\n·\n\n·\r\n·\r·  \n·\t\n·\x0b·\x0c·\x1c·\x85·\u2028")
ODD = one_of("\0·\ufeff·\t·\xa0·\x02·\x03·é·😀")
MARKS = one_of(
    "# ·- ·1. ·> ·>·    ·\t·| a | b |\n|---|---|\n·---\n·: ·[^1]·!!! note\n·??? tip 'T'\n·=== 'A'\n"
    "·<div markdown>\n·<!--·{#a .b}·[a](b)·*·**·&lt;·<·\\·::: m.f·<script>·[TOC]·*[HTML]: x\n·~·^"
)
PROMPTS = one_of(
    ">>> ·>>>·... ·...·>>> 1·>>> print(2)·>>> x = (\n... 1)·>>> 1 / 0·# doctest: +NUMBER"
    "·# doctest: +SKIP·<BLANKLINE>·Traceback (most recent call last):"
)
FENCES = one_of(
    "```·````·~~~·``` ·pycon exec=\"1\"·pycon exec='1'· hide=\"1\"· skip='no'· title='·python"
    '·measured="1"·```pycon exec="1"\n·\n```\n·```text'
)
NUMBERS = one_of(
    "`·``·={·~{·} ·`={1} 2`·`={1 + 1:.2f} 3`·`~{5} 6`·={x·:·!r·`={'a'} b`·`={{1: 2}[1]} 3`·\"·'"
    "·(·)·[·]·{·}·lambda: 1"
)
MATH = one_of(
    r"$·$$·\$·$x$·\(·\frac·{·}·_·^·&·\\·\text{·\begin{aligned}·\end{aligned}·\left(·\right)"
    r"·\operatorname*·\mathrel·%·\sqrt[·x·1·<·'"
)
SOUP = joined(MARKS | PROMPTS | FENCES | NUMBERS | MATH | ENDS | ODD | st.text(max_size=3), 40)

# What examples print: whatever could be taken for something else when it is read back.
PRINTED = joined(PROMPTS | FENCES | NUMBERS | ENDS | ODD, 5)
STATEMENTS = PRINTED.map(lambda text: f">>> print({text!a}, end='')")
STATEMENTS |= PRINTED.map(lambda text: f">>> {text!a}")
STATEMENTS |= one_of(">>> 0.2379·>>> x = 1·>>> for i in range(2):\n...     i·>>> 1 / 0")
RECORDED = st.lists(one_of("0.24·1·out·  in·'a'·<BLANKLINE>·0.9"), max_size=3)


def fence(prefix: str, marker: str, info: str, examples: Sequence[tuple[str, list[str]]]) -> str:
    """A live block within a quote or a list."""
    lines = [line for prompt, output in examples for line in (*prompt.split("\n"), *output)]
    return "\n" + "".join(f"{prefix}{line}\n" for line in (marker + info, *lines, marker)) + "\n"


BLOCKS = st.builds(
    fence,
    one_of("·    ·\t·> ·>·> \t·  ·> > "),
    one_of("```·~~~·````"),
    one_of("pycon exec=\"1\"·pycon exec='1' measured='1'·pycon exec='1' skip='slow'"),
    st.lists(st.tuples(STATEMENTS, RECORDED), min_size=1, max_size=4),
)
LIVE = PRINTED.map(lambda text: f"`={{{text!a}}} x`") | one_of("`={2} 3`·`~{2} 3`·`={0.25} 0.2`")
PAGES = st.builds(
    lambda text, end: text.replace("\n", end),
    joined(BLOCKS | LIVE | SOUP | one_of("text\n·\n"), 6),
    one_of("\n·\n·\r\n·\r"),
)


def spliced(text: str, start: int, size: int, new: str) -> str:
    """A page with a mistake at some place of it."""
    start %= len(text) + 1
    return text[:start] + new + text[start + size :]


TEXTS = SOUP | st.text() | st.builds(spliced, PAGES, st.integers(0), st.integers(0, 9), SOUP)


def own(document: Document) -> list[tuple[Example, str]]:
    """A page's outputs, as if they were the live ones."""
    return [(example, example.want) for _, example in document.live]


@given(TEXTS)
@hypothesis.example("\ufeff`={1} 2`")
@hypothesis.example('```pycon exec="1"\n >>> 1\n0\n 1\n```')
def test_page_is_read_and_places_are_those_of_its_text(text: str) -> None:
    document = parse_page(text, "page.md")
    lines = normalize(text.removeprefix("\ufeff")).split("\n")
    assert all(1 <= problem.line <= len(lines) for problem in document.problems)
    for _, example in document.live:
        place = example.place
        if isinstance(place, Columns):
            assert lines[place.line - 1][place.start : place.stop] + "\n" == example.want
        else:
            body = lines[place.start - 1 : place.stop - 1]
            assert "".join(line[len(place.prefix) :] + "\n" for line in body) == example.want


@given(TEXTS)
@hypothesis.example("\ufeff`={1} 2`")
def test_page_that_is_rewritten_as_it_is_says_the_same(text: str) -> None:
    document = parse_page(text, "page.md")
    again = rewrite(text, own(document))
    assert parse_page(again, "page.md") == document
    assert rewrite(again, own(document)) == again


CODE = one_of(
    'def f():\n    ·class A:\n    ·x = ·"""·r"""·\'\'\'·f\'·b\'·\\·\n·\\n·(·\n>>> 1\n1\n'
    "·    >>> x\n·# ·\\x31·async "
)
MODULES = joined(CODE | PROMPTS | MARKS | ENDS | ODD, 20)
MODULES |= SOUP.map(lambda text: f'r"""{text}"""\n') | st.text()


@given(MODULES)
def test_module_is_read_and_its_lines_are_the_files(text: str) -> None:
    document = parse_module(text, "m.py", "m")
    lines = re.split(r"\r\n|\r|\n", text)
    assert all(1 <= problem.line <= len(lines) for problem in document.problems)
    for _, example in document.live:
        assert example.shown.split("\n")[0] in lines[example.line - 1]


OUTPUTS = joined(
    one_of(
        "Traceback (most recent call last):\n·  File 'x'\n·    ...\n·ValueError: no\n· \n·\n·...\n"
        "·<BLANKLINE>\n·tensor([0.24, 1.])\n·nan inf -inf\n·1,234.5\n·1e5\n·a  b\n"
    ),
    6,
)
OUTPUTS |= st.text(alphabet="0123456789.,-+eE \n", max_size=40) | SOUP | st.text()
DIRECTIVES = st.frozensets(st.sampled_from(["NUMBER", "ELLIPSIS"]))


@given(OUTPUTS, OUTPUTS, DIRECTIVES, st.booleans())
def test_any_outputs_are_compared(
    want: str, got: str, directives: frozenset[str], measured: bool
) -> None:
    example = Example("x\n", want, 1, Lines(2, 3, ""), directives)
    assert matches(example, got, measured=measured) in (True, False)
    assert canonical(canonical(want)) == canonical(want)
    if "<BLANKLINE>" not in want:
        assert matches(example, want, measured=measured)


@pytest.fixture(scope="module")
def folder(workers: Workers) -> Iterator[Path]:
    """A project whose pages are refreshed in one pool of workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(literate.refresh, "Workers", lambda config: nullcontext(workers))
        patch.setattr(literate.refresh, "closing", lambda pool: pool)
        yield workers.config.root


def untouched(lines: list[str], document: Document) -> list[str]:
    """The lines that hold no recorded output."""
    taken: set[int] = set()
    for _, example in document.live:
        place = example.place
        stop = place.line + 1 if isinstance(place, Columns) else place.stop
        taken |= set(range(place.line if isinstance(place, Columns) else place.start, stop))
    return [line for number, line in enumerate(lines, 1) if number not in taken]


def without_outputs(text: str, document: Document) -> str:
    return rewrite(text, [(example, "") for _, example in document.live])


@SLOW
@given(text=PAGES)
def test_refresh_changes_outputs_only_and_once(folder: Path, workers: Workers, text: str) -> None:
    file = folder / "page.md"
    file.write_bytes(text.encode())
    before = workers.config.parse(file)
    status = refresh(workers.config, [file])
    new = file.read_bytes().decode()
    assert [each.name for each in folder.glob("*page*")] == ["page.md"]
    if status:
        assert new == text
        return
    after = workers.config.parse(file)
    assert workers.run(after).failures == []
    assert refresh(workers.config, [file]) == 0
    assert file.read_bytes().decode() == new
    old_lines, new_lines = (re.findall(r"[^\r\n]*(?:\r\n?|\n)|.+", each) for each in (text, new))
    assert untouched(old_lines, before) == untouched(new_lines, after)
    assert without_outputs(text, before) == without_outputs(new, after)


EXTENSIONS = ["admonition", "attr_list", "def_list", "footnotes", "md_in_html", "smarty", "tables"]
EXTENSIONS += ["toc", "pymdownx.superfences", "pymdownx.details", "pymdownx.tabbed"]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have no sources that a warning could name, and show no warnings."""
    logger = logging.getLogger("mkdocs.plugins.literate.math")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("empty"))
        patch.setattr(logger, "disabled", True)
        yield


def converted(text: str, *extensions: str) -> str | None:
    """The HTML of a page, unless Markdown itself fails."""
    try:
        return Markdown(extensions=[*EXTENSIONS, *extensions]).convert(text)
    except Exception:
        if extensions and converted(text) is not None:
            raise
        return None


@given(text=SOUP | PAGES)
@pytest.mark.usefixtures("empty")
def test_any_page_with_formulas_is_converted(text: str) -> None:
    html = converted(text, "literate.math")
    if html is not None:
        for formula in re.findall(r"<math[ >].*?</math>", html, re.DOTALL):
            assert ElementTree.fromstring(formula).tag == "math"
        assert "<tex-math" not in html or "wzxhzdk" not in html


@given(joined(MATH | st.text(max_size=2), 12), st.booleans())
def test_any_formula_becomes_well_formed_or_an_error(tex: str, display: bool) -> None:
    try:
        mathml = to_mathml(tex, display=display)
    except MathError:
        return
    assert ElementTree.fromstring(mathml).tag == "math"
    assert "math-failed" not in mathml


# Inputs that make an unwary regular expression or loop take its time squared, cubed or worse.
LONG = r"""
import logging, sys
from markdown import Markdown
from literate.checker import matches
from literate.docstrings import parse_module
from literate.examples import Example, Lines, without_directives
from literate.fences import parse_page
from literate.math import MathError, to_mathml
from literate.refresh import _diff, rewrite

def page(text):
    document = parse_page(text, "page.md")
    rewrite(text, [(example, "0\n") for _, example in document.live])

def module(text):
    parse_module(text, "m.py", "m")

def output(text):
    for directives in (frozenset(), frozenset({"NUMBER"}), frozenset({"ELLIPSIS"})):
        matches(Example("x\n", text, 1, Lines(2, 3, ""), directives), text + "x")

def formula(text):
    try:
        to_mathml(text)
    except MathError:
        pass

def formulas(text):
    Markdown(extensions=["literate.math"]).convert(text)

logging.disable()
N = 20_000
CASES = [
    (page, "`={" + "} :" * N + "`"),
    (page, "`={x:" + ":" * N + "} 1`"),
    (page, "`={" + "-" * 5 * N + "1} 1`"),
    (page, "`={" + r"'\'" * N + "} 1`"),
    (page, "`={1} 2`\t" * 2_000),
    (page, "`x` " * N + "`={1} 2`"),
    (page, " ".join("`" * n for n in range(300))),
    (page, "```pycon" + " " * 5 * N + "="),
    (page, "```pycon" + ' a="x' * N + "\n"),
    (page, "> " * N + ">>> 1"),
    (page, ">" * N + "```"),
    (page, "````\n```\n" * N),
    (page, "```pycon exec='1'\n>>> 1\n1\n```\n" * 2_000),
    (page, "```pycon exec='1'\n>>> 1 # doctest:" + " " * 5 * N + "'\n```"),
    (page, "```pycon exec='1'\n>>> " + "# doctest:" * N + "'\n```"),
    (page, "---\n" + "---x\n" * N),
    (without_directives, " " * 5 * N + "x"),
    (module, "x = " + "-" * 5 * N + "1"),
    (module, "x = " + "[" * 5 * N),
    (module, "x" + ".x" * 5 * N),
    (module, "'''\n" + ">>> 1\n" * N + "'''"),
    (output, "1" * 5 * N),
    (output, "1" + ",111" * N),
    (output, "1." * N),
    (output, "-" * 5 * N),
    (output, "1.0e" + "9" * N),
    (output, "0." + "9" * 5 * N),
    (output, "Traceback (most recent call last):\n  x\n" * N),
    (output, "x...y" * 2_000),
    (formula, "{" * 5 * N),
    (formula, r"\hat" * 5 * N),
    (formula, r"\begin{aligned}" * N),
    (formula, "x" * N),
    (formulas, "$" * N),
    (formulas, "$x" * N),
    (formulas, r"\$" * N),
    (formulas, "$$" + "x\n" * N),
    (formulas, "a " + "> " * N + "$ b"),
    (formulas, "[" * 500 + "$x$"),
]
for number, (work, text) in enumerate(CASES):
    print(number, work.__name__, text[:30], flush=True)
    work(text)
"""


def test_long_inputs_take_no_long_time(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("a " + "> " * 10_000 + "b\n", "utf-8")
    command = [sys.executable, "-c", LONG]
    # Two minutes are far more than a busy machine needs, and far less than what hangs would take.
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-100:] + done.stderr[-1000:]
