from __future__ import annotations

from literate.docstrings import parse_module
from literate.examples import Document, Problem

MODULE = '''r"""A module.

>>> 1
1
"""

ANSWER = 42
"""An attribute.

Examples:
    >>> ANSWER
    42

    text between

    >>> for i in range(2):
    ...     i
    0
    1
"""


class A:
    """>>> first
    'line'
    """

    async def f(self):
        r"""Raw: \\alpha.

        >>> "\\\\n"
        '\\\\n'
        """
'''


def parse(text: str) -> Document:
    return parse_module(text, "pkg/m.py", "pkg.m")


def test_each_docstring_is_a_script_of_its_own() -> None:
    document = parse(MODULE)
    assert document.problems == ()
    assert [script.module for script in document.scripts] == ["pkg.m"] * 4
    assert [block.line for block in document.blocks] == [3, 11, 24, 31]


def test_lines_are_the_files() -> None:
    lines = MODULE.split("\n")
    for block in parse(MODULE).blocks:
        for example in block.examples:
            assert lines[example.line - 1].endswith(example.shown.split("\n")[0])
            first = example.want.split("\n")[0]
            assert lines[example.place.start - 1].endswith(first)


def test_text_between_examples_is_text() -> None:
    attribute = parse(MODULE).blocks[1]
    assert [example.want for example in attribute.examples] == ["42\n", "0\n1\n"]


def test_line_ends() -> None:
    assert parse(MODULE.replace("\n", "\r\n")) == parse(MODULE)


def test_escapes_that_make_the_string_another_text_than_the_file() -> None:
    message = 'examples in a docstring with escapes: make it a raw string, r"""..."""'
    for docstring in (
        "'''\n>>> 1\n\\x31\n'''",
        "'''\\\n>>> 1\n1\\n'''",
        "'''\n>>> 1\\n1\n'''",
        "'''>>> ''' '''1'''",
        "'''\n>>> 1\n\\x31'''",
        "'''\\x3e>> 1\n1\n'''",
    ):
        assert parse(f"x = 1\n{docstring}\n").problems == (Problem(2, message),)


def test_escapes_without_examples_are_none_of_our_business() -> None:
    assert parse("'''\\n no >>> prompt'''\n") == Document("pkg/m.py", (), ())


def test_strings_that_are_no_statement_do_not_count() -> None:
    assert parse("x = '''\n>>> 1\n2\n'''\n").blocks == []


def test_output_less_indented_than_its_prompt_is_no_text() -> None:
    (problem,) = parse('"""Doc.\n\n  >>> 1\n1\n"""\n').problems
    assert (problem.line, problem.message) == (4, "output less indented than its prompt: '1'")


def test_problem_in_a_docstring() -> None:
    (problem,) = parse('"""Doc.\n\n>>> x  # doctest: +SKIP\n"""\n').problems
    assert problem.line == 3
    assert "+SKIP" in problem.message


def test_module_that_is_not_python() -> None:
    assert parse("x = 1\ndef f(:\n").problems == (Problem(2, "SyntaxError: invalid syntax"),)


def test_module_that_the_parser_gives_up_on() -> None:
    (problem,) = parse(f"x = {'-' * 9_000}1\n").problems
    assert problem == Problem(1, "SyntaxError: the parser gives up: MemoryError()")
    (problem,) = parse("x = 1\0\n").problems
    assert problem.message.startswith("SyntaxError: source code string cannot contain null bytes")


def test_module_that_python_warns_of() -> None:
    assert parse("x = '\\d'\n'''\n>>> 1\n1\n'''\n").problems == ()
