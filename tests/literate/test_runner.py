from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from literate.examples import Document, Script
from literate.fences import parse_page
from literate.report import Report
from literate.runner import Outcome, captured, run, shortened
from literate.workers import Workers

Live = Callable[..., str]
Run = Callable[[str], Report]


def outcomes(report: Report) -> list[Outcome]:
    found = [result.outcome for result in report.results]
    assert None not in found
    return found


@pytest.fixture
def got(run: Run, live: Live) -> Callable[..., list[str]]:
    """Run prompts as a page and give their outputs."""
    return lambda *prompts: [each.got for each in outcomes(run(live("\n".join(prompts))))]


Got = Callable[..., list[str]]


def test_values_are_echoed_as_by_a_repl(got: Got) -> None:
    assert got(">>> 1 + 1", ">>> None", ">>> 'a'; 'b'", ">>> _ * 2") == [
        "2\n",
        "",
        "'a'\n'b'\n",
        "'bb'\n",
    ]


def test_statement_of_several_lines(got: Got) -> None:
    assert got(">>> x = ('''a", "...", "...   b''',", "...   1)", ">>> x") == [
        "",
        "('a\\n\\n  b', 1)\n",
    ]


def test_comment_and_nothing_do_nothing(got: Got) -> None:
    assert got(">>> # why", ">>>", ">>> 1") == ["", "", "1\n"]


def test_output_from_everywhere_is_captured_in_order(got: Got) -> None:
    assert got(
        ">>> import os, sys, subprocess",
        ">>> print('out'); print('err', file=sys.stderr); _ = os.system('echo C; echo E >&2')",
        ">>> n = sys.stdout.buffer.write(b'bytes\\n'); n = os.write(2, b'raw\\n')",
        ">>> print('é→', end='')",
        ">>> n = sys.stdout.buffer.write(b'\\xff\\n')",
    )[1:] == ["out\nerr\nC\nE\n", "bytes\nraw\n", "é→", "\\xff\n"]


def test_exception_is_shortened_and_kept_whole(run: Run, live: Live) -> None:
    text = "# Title\n\n" + live(">>> def f():\n...     return 1 / 0\n>>> print('before'); f()")
    report = run(text)
    assert outcomes(report)[1].got == (
        "before\nTraceback (most recent call last):\n    ...\nZeroDivisionError: division by zero\n"
    )
    whole = str(report.failures[0])
    assert 'File "page.md", line 6, in <module>' in whole
    assert re.search(r'File "page.md", line 5, in f\n *return 1 / 0', whole)
    assert "runner.py" not in whole


def test_page_goes_on_after_an_exception(got: Got) -> None:
    assert got(">>> x = 1; raise ValueError(x)", ">>> x")[1] == "1\n"


def test_syntax_error_has_the_line_of_the_page(workers: Workers, run: Run, live: Live) -> None:
    (workers.config.root / "page.md").write_text("not what is run\n" * 9)
    report = run("\n\n" + live(">>> 1\n1\n>>> x = = 1"))
    assert outcomes(report)[1].got == (
        "Traceback (most recent call last):\n    ...\nSyntaxError: invalid syntax\n"
    )
    assert re.search(r'File "page.md", line 6\n *x = = 1', str(report.failures[0]))


def test_prose_and_recorded_outputs_change_nothing_that_the_code_sees(run: Run, live: Live) -> None:
    prompts = (
        ">>> import sys, warnings",
        ">>> def line():\n...\n...     return sys._getframe().f_lineno",
        ">>> line()",
        ">>> warnings.warn('old')",
    )
    apart = "Prose.\n\n" + "\n\nMore prose.\n\n".join(live(f"{each}\nold") for each in prompts)
    found = outcomes(run(live("\n".join(prompts))))
    assert found == outcomes(run(apart))
    assert found[2].got == "4\n"
    assert found[3].got.startswith("page.md:6: UserWarning: old\n")


def test_two_statements_in_one_example_are_refused(got: Got) -> None:
    assert "SyntaxError: multiple statements" in got(">>> x = 1\n... y = 2")[0]


@pytest.mark.parametrize("exit", ["raise SystemExit(0)", "import sys; sys.exit()", "exit()"])
def test_exit_is_an_exception_like_others(exit: str, run: Run, live: Live) -> None:
    report = run(live(f">>> {exit}\n>>> 1\n1"))
    (failure,) = report.failures
    assert (failure.line, failure.message) == (2, "the example raised an exception")
    assert "SystemExit" in str(failure.got)


def test_input_finds_nothing_to_read(got: Got) -> None:
    assert got(">>> input()")[0].endswith("EOFError: EOF when reading a line\n")


def test_notes_of_an_exception_are_shown() -> None:
    error = ValueError("no")
    error.add_note("since")
    assert shortened(error).endswith("ValueError: no\nsince\n")


def test_blocks_share_a_namespace_in_page_order(run: Run, live: Live) -> None:
    report = run(live(">>> x = 1") + "\nIt is `={x} 1`.\n\n" + live(">>> x = 2") + "\n`={x} 2`\n")
    assert report.failures == []


def test_page_is_main_so_that_its_classes_can_be_pickled(got: Got) -> None:
    assert (
        got(
            ">>> class A: pass",
            ">>> import pickle",
            ">>> type(pickle.loads(pickle.dumps(A()))) is A, A.__module__, __name__",
        )[-1]
        == "(True, '__main__', '__main__')\n"
    )


def test_source_of_what_the_page_defines_is_found(got: Got) -> None:
    assert got(
        ">>> def f():\n...     return 1", ">>> import inspect", ">>> print(inspect.getsource(f))"
    )[-1].startswith("def f():\n    return 1\n")


def test_future_features_last_for_the_page_only(got: Got) -> None:
    name = ">>> def f(x: undefined): ..."
    assert got(">>> from __future__ import annotations", name, ">>> f.__annotations__") == [
        "",
        "",
        "{'x': 'undefined'}\n",
    ]
    assert "NameError" in got(name)[0]


def test_figure_is_kept_beside_its_echo(run: Run, live: Live) -> None:
    prompts = """
>>> class Figure:
...     def __repr__(self): return "two\\nlines"
...     def _repr_svg_(self): return "<svg><title>t</title></svg>"
>>> class Rich(Figure):
...     def _repr_html_(self): return "<p aria-label='t'>"
>>> print("printed"); Figure(); Rich()
>>> Figure
"""
    *_, drawn, name = outcomes(run(live(prompts.strip())))
    assert drawn.got == "printed\ntwo\nlines\ntwo\nlines\n"
    assert [(each.markup, each.text) for each in drawn.figures] == [
        ("<svg><title>t</title></svg>", "two\nlines\n"),
        ("<p aria-label='t'>", "two\nlines\n"),
    ]
    assert name.figures == ()


def test_figure_that_cannot_be_drawn_is_an_exception(got: Got) -> None:
    assert got(">>> class A:\n...     def _repr_svg_(self): raise ValueError('no ink')", ">>> A()")[
        1
    ].endswith("ValueError: no ink\n")


def in_scripts(*modules: str, prompts: str) -> Document:
    """The same block in several scripts."""
    (script,) = parse_page(f'```pycon exec="1"\n{prompts}\n```', "p").scripts
    return Document("p", tuple(replace(script, module=module) for module in modules))


def test_setup_seeds_each_script_after_its_module_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "draws_a_number.py").write_text("import random\nrandom.random()\n")
    monkeypatch.syspath_prepend(tmp_path)
    document = in_scripts("", "draws_a_number", "", prompts=">>> __import__('random').random()")
    got = [outcome.got for outcome in run(document, "import random; random.seed(0)")]
    assert got == ["0.8444218515250481\n"] * 3


def test_set_up_has_a_namespace_of_its_own() -> None:
    (outcome,) = run(in_scripts("", prompts=">>> x"), "x = 1")
    assert outcome.got.endswith("NameError: name 'x' is not defined\n")


def test_module_of_a_script_that_is_skipped_is_not_imported() -> None:
    (block,) = parse_page('```pycon exec="1" skip="slow"\n>>> 1\n```', "p").blocks
    assert list(run(Document("p", (Script((block,), "no_such_module"),)))) == []


def test_scripts_of_a_document_do_not_import_modules_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    got = [each.got for each in run(in_scripts("", "", prompts=">>> import wave\n>>> id(wave)"))]
    assert got[1] == got[3]


def test_streams_and_main_module_are_put_back() -> None:
    before = sys.stdout, sys.stderr, sys.displayhook, sys.modules["__main__"]
    list(run(parse_page('```pycon exec="1"\n>>> 1 / 0\n```', "p")))
    assert (sys.stdout, sys.stderr, sys.displayhook, sys.modules["__main__"]) == before


def test_captured_gives_what_was_written_since() -> None:
    with captured() as read:
        print("a")
        os.write(1, b"b\n")
        assert read() == "a\nb\n"
        assert read() == ""
        subprocess.run([sys.executable, "-c", "print('c')"], check=True)
        assert read() == "c\n"
