from __future__ import annotations

import ast
import doctest
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from literate.examples import (
    Block,
    Document,
    Example,
    Problem,
    Script,
    parse_python,
    read_prompts,
    without_directives,
)
from literate.fences import parse_page

LINES = [
    ">>> ",
    ">>> x",
    ">>> f(",
    "... ",
    "...",
    "... y",
    "out",
    "  out",
    "...out",
    "",
    " ",
    ">>>",
]


def read(text: str, *, prose: bool = False) -> tuple[tuple[Example, ...], list[Problem]]:
    numbered = ((number, line, "") for number, line in enumerate(text.split("\n"), 1))
    return read_prompts(numbered, prose=prose)


def one(text: str) -> Example:
    (example,), problems = read(text)
    assert problems == []
    return example


def test_statement_of_several_lines() -> None:
    example = one(">>> for i in range(2):\n...     print(i)\n...\n0\n1")
    assert example.source == "for i in range(2):\n    print(i)\n\n"
    assert example.want == "0\n1\n"


def test_bare_dots_are_a_blank_line_of_a_string() -> None:
    example = one(">>> '''a\n...\n... b'''\n'a\\n\\nb'")
    assert eval(example.source) == "a\n\nb"


def test_indentation_of_prompts_is_taken_off() -> None:
    example = one("  >>> x = [1,\n  ...      2]\n  out\n    more")
    assert example.source == "x = [1,\n     2]\n"
    assert example.want == "out\n  more\n"
    assert example.shown == ">>> x = [1,\n...      2]"


def test_prompt_further_in_is_output_of_a_fence_and_an_example_of_a_docstring() -> None:
    text = ">>> f()\n    >>> 1\n    1"
    assert one(text).want == "    >>> 1\n    1\n"
    assert [example.source for example in read(text, prose=True)[0]] == ["f()\n", "1\n"]


def test_place_of_output_spans_its_lines() -> None:
    (first, second), _ = read(">>> f(1,\n...   2)\na\nb\n>>> g()")
    assert (first.place.start, first.place.stop) == (3, 5)
    assert (second.line, second.place.start, second.place.stop) == (5, 6, 6)


def test_blank_line_ends_an_example() -> None:
    examples, problems = read(">>> 1\n1\n\n>>> 2\n2")
    assert [example.want for example in examples] == ["1\n", "2\n"]
    assert problems == []


def test_text_of_no_prompt_is_a_problem_in_a_fence_but_not_in_a_docstring() -> None:
    text = "before\n>>> 1\n1\n\nafter"
    assert [problem.line for problem in read(text)[1]] == [1, 5]
    assert read(text, prose=True)[1] == []


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (">>>x", 1, "no space after the prompt: '>>>x'"),
        ("  >>>x", 1, "no space after the prompt: '>>>x'"),
        ("  stray", 1, "text that belongs to no prompt: 'stray'"),
        (">>> f(\n...x)", 2, "no space after the prompt: '...x)'"),
        ("    >>> x\n  out", 2, "output less indented than its prompt: '  out'"),
        (">>> 1\n>>> x  # doctest: +SKIP", 2, "unknown directive '+SKIP'; known are +ELLIPSIS, +"),
        (">>> x  # doctest: -NUMBER", 1, "unknown directive '-NUMBER'"),
        (">>> x  # doctest: +ELLIPSIS, NUMBER", 1, "unknown directive 'NUMBER'"),
    ],
)
def test_problem_names_line_and_text(text: str, line: int, message: str) -> None:
    ((problem),) = read(text)[1]
    assert problem.line == line
    assert problem.message.startswith(message)


def test_nothing_is_recorded_below_output_that_is_less_indented() -> None:
    (example,), problems = read("    >>> x\n  out\n    more")
    assert example.want == ""
    assert [problem.line for problem in problems] == [2, 3]
    assert problems[1].message == "text that belongs to no prompt: 'more'"


@pytest.mark.parametrize(
    ("source", "directives"),
    [
        (">>> x  # doctest: +ELLIPSIS", {"ELLIPSIS"}),
        (">>> x  #doctest: +NUMBER", {"NUMBER"}),
        (">>> x  #  doctest: +NUMBER", {"NUMBER"}),
        (">>> x  # doctest: +NUMBER, +ELLIPSIS", {"NUMBER", "ELLIPSIS"}),
        (">>> f(\n...   x)  # doctest:+NUMBER", {"NUMBER"}),
        (">>> f(  # doctest: +ELLIPSIS\n...   x)  # doctest: +NUMBER", {"NUMBER", "ELLIPSIS"}),
        (">>> print('# doctest: +ELLIPSIS')", set()),
        (">>> print('#')  # doctest: +ELLIPSIS", {"ELLIPSIS"}),
        (">>> 'x'# doctest: +NUMBER", {"NUMBER"}),
    ],
)
def test_directives(source: str, directives: set[str]) -> None:
    assert one(source).directives == directives


@given(st.lists(st.sampled_from(LINES), max_size=8).map("\n".join))
def test_reads_what_doctest_reads(text: str) -> None:
    examples, problems = read(text, prose=True)
    try:
        expected = doctest.DocTestParser().get_examples(text)
    except ValueError:
        assert problems
        return
    # doctest drops most empty statements, and with them what is recorded for them.
    ours = [(each.source.rstrip(), each.want, each.line) for each in examples]
    theirs = [(each.source.rstrip(), each.want, each.lineno + 1) for each in expected]
    assert [each for each in ours if each[0]] == [each for each in theirs if each[0]]


@given(st.text(alphabet=">. \nx#", max_size=40), st.booleans())
def test_no_text_is_lost_in_a_fence(text: str, prose: bool) -> None:
    examples, problems = read(text, prose=prose)
    lines = sum(each.source.count("\n") + each.want.count("\n") for each in examples)
    stray = sum("belongs to no prompt" in each.message for each in problems)
    dropped = sum("less indented" in each.message for each in problems)
    if not prose:
        assert lines + stray + dropped == sum(bool(line.strip()) for line in text.split("\n"))


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("x  # doctest: +NUMBER", "x"),
        ("f(  # doctest: +NUMBER\n  1)", "f(\n  1)"),
        ("f('# doctest: +NUMBER')", "f('# doctest: +NUMBER')"),
        ("f('#')  # why", "f('#')  # why"),
    ],
)
def test_directives_are_not_shown(code: str, shown: str) -> None:
    assert without_directives(code) == shown


@pytest.mark.parametrize("text", ["x\0", "-" * 9_000 + "1", "x" + ".x" * 9_000, "(" * 300, "x ="])
def test_what_is_no_python_is_a_syntax_error(text: str) -> None:
    with pytest.raises(SyntaxError):
        parse_python(text)


def test_a_syntax_error_names_the_file_or_that_there_is_none() -> None:
    with pytest.raises(SyntaxError) as caught:
        parse_python("x =")
    assert caught.value.filename == "<text>"
    with pytest.raises(SyntaxError) as caught:
        parse_python("x =", "a.py")
    assert caught.value.filename == "a.py"


def test_warnings_of_code_are_for_its_run() -> None:
    assert isinstance(parse_python(r"'\d'", mode="eval"), ast.Expression)


def test_live_leaves_skipped_blocks_out() -> None:
    first, second, third = (one(f">>> {number}") for number in range(3))
    blocks = Block(1, (first, second)), Block(3, (third,), skip="slow")
    document = Document("page.md", (Script(blocks[:1]), Script(blocks[1:])))
    assert document.blocks == list(blocks)
    assert document.live == [(blocks[0], first), (blocks[0], second)]


def test_name_of_a_live_number_holds_its_column(only_block: Callable[[str], Block]) -> None:
    assert only_block("a\n\nis `={1 + 1} 2`.").name == "3:13"


def test_documents_can_be_keys() -> None:
    block = "```pycon exec='1'\n>>> 2\n2\n>>> 3  # doctest: +NONE\n```\n"
    text = f"`={{1}} 1`\n\n{block}"
    first, second = parse_page(text, "p.md"), parse_page(text, "p.md")
    assert first.problems
    assert {first: "known"}[second] == "known"
    with pytest.raises(FrozenInstanceError):
        first.path = "q.md"  # type: ignore[misc]
