from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from literate.fences import parse_page
from literate.figures import Figure
from literate.report import Failure, judge, unrun
from literate.runner import Outcome

Live = Callable[..., str]
TITLED = '<svg viewBox="0 0 1 1">\n  <title id="a">Weights</title></svg>'


def test_failure_shows_place_source_expected_and_got() -> None:
    failure = Failure("docs/a.md", 12, "differs", ">>> f(\n...   x)", "1\n2\n", "3\n")
    assert str(failure) == (
        "docs/a.md:12: differs\n    >>> f(\n    ...   x)\nExpected:\n    1\n    2\nGot:\n    3"
    )
    assert str(Failure("a", 1, "m", "", "", "\n")) == "a:1: m\nExpected nothing\nGot nothing"
    assert str(Failure("a", 1, "m")) == "a:1: m"
    assert str(Failure("a", 1, "m", ">>> X")) == "a:1: m\n    >>> X"


@pytest.mark.parametrize("part", ["report", "result", "failure"])
def test_what_came_of_a_run_cannot_be_changed(live: Live, part: str) -> None:
    report = judge(parse_page("\n" + live(">>> a\n1"), "p"), [Outcome("2\n")], seconds=1.0)
    (result,), (failure,) = report.results, report.failures
    changed, name = {
        "report": (report, "seconds"),
        "result": (result, "failure"),
        "failure": (failure, "message"),
    }[part]
    with pytest.raises(FrozenInstanceError):
        setattr(changed, name, None)


def test_mismatch_and_match(live: Live) -> None:
    page = parse_page("\n" + live(">>> a\n1\n>>> b\n2"), "p")
    report = judge(page, [Outcome("1\n"), Outcome("3\n")], seconds=2.0)
    message = "the recorded output is not the live output"
    assert report.failures == [Failure("p", 5, message, ">>> b", "2\n", "3\n")]
    assert report.seconds == 2.0
    assert (report.effect, report.reused, report.ran) == ("", False, True)


def test_document_that_is_not_run_has_what_is_recorded(live: Live) -> None:
    page = parse_page(live(">>> a\n1\n>>> b\n>>> c\n<BLANKLINE>\n3"), "p")
    report = unrun(page)
    assert (report.ran, report.reused, report.seconds, report.failures) == (False, False, 0.0, [])
    assert [outcome.got for outcome in report.outcomes] == ["1\n", "", "\n3\n"]
    assert isinstance(report.results, tuple)
    assert [(each.block, each.example) for each in report.results] == list(page.live)
    assert judge(page, report.outcomes).ran


def test_exception_is_compared_only_where_one_is_recorded(live: Live) -> None:
    recorded = "Traceback (most recent call last):\n    ...\nValueError: no\n"
    page = parse_page(live(f">>> a\n{recorded}>>> b\nno\n>>> c\n{recorded}"), "p")
    raised = Outcome(recorded, "whole traceback")
    report = judge(page, [raised, raised, Outcome("no\n")])
    assert [(each.line, each.message, each.got) for each in report.failures] == [
        (6, "the example raised an exception", "whole traceback"),
        (8, "the recorded output is not the live output", "no\n"),
    ]


def test_lines_of_a_traceback_are_those_of_the_file(live: Live) -> None:
    page = parse_page("\n\n" + live(">>> a\n1") + "\ntext\n\n\n" + live(">>> b\n2"), "a.b")
    raised = 'File "a.b", line 1, in <module>\nFile "a.b", line 2, in f\nFile "aXb", line 2\n'
    report = judge(page, [Outcome("", raised), Outcome("2\n")])
    first, second = (example.line for _, example in page.live)
    assert (first, second) == (4, 12)
    assert [failure.got for failure in report.failures] == [
        'File "a.b", line 4, in <module>\nFile "a.b", line 12, in f\nFile "aXb", line 2\n'
    ]


def test_other_exception_than_the_recorded_one(live: Live) -> None:
    head = "Traceback (most recent call last):\n    ...\n"
    page = parse_page(live(f">>> a\n{head}ValueError: no"), "p")
    (failure,) = judge(page, [Outcome(f"{head}ValueError: yes\n", "whole")]).failures
    assert failure.message == "the recorded output is not the live output"


def test_measured_block_compares_text_only(live: Live) -> None:
    page = parse_page(live(">>> a\n3.0 ms", ' measured="1"') + "\n`~{x} 3`\n", "p")
    assert judge(page, [Outcome("9.9 ms\n"), Outcome("7\n")]).failures == []
    assert len(judge(page, [Outcome("9.9 s\n"), Outcome("7\n")]).failures) == 1


@pytest.mark.parametrize(("markup", "good"), [(TITLED, True), ("<svg/>", False)])
def test_figure_needs_a_name(markup: str, good: bool, live: Live) -> None:
    page = parse_page(live(">>> a\nF"), "p")
    figures = (Figure(TITLED, "F\n"), Figure(markup, "F\n", svg=TITLED))
    failures = judge(page, [Outcome("F\n", "", figures)]).failures
    message = (
        "the figure has no accessible name: it must begin with an <svg> that begins with a"
        " <title>, or with an element that has an aria-label or aria-labelledby"
    )
    assert failures == ([] if good else [Failure("p", 2, message, ">>> a")])


def test_missing_outcomes(live: Live) -> None:
    page = parse_page(live(">>> a\n>>> b\n>>> c"), "p")
    report = judge(page, [Outcome("")], ended="it hung", trace="stack")
    assert [(each.line, each.message, each.got) for each in report.failures] == [
        (3, "it hung", "stack"),
        (4, "not run, since the page ended before", None),
    ]
    assert report.outcomes == [Outcome("")]


def test_problems_are_failures_in_the_order_of_the_file(live: Live) -> None:
    page = parse_page("`={} 1`\n\n" + live(">>> a\n1") + "\n>>> stray\n", "p")
    report = judge(page, [Outcome("2\n")])
    assert [failure.line for failure in report.failures] == [1, 4, 8]
    assert [failure.line for failure in report.problems] == [1, 8]


def test_results_of_one_of_two_blocks_that_look_alike(live: Live) -> None:
    page = parse_page("`={x} 1` `={x} 1`\n\n" + live(">>> a\n1") + live(">>> a\n1"), "p")
    report = judge(page, [Outcome(f"{number}\n") for number in range(4)])
    got = [[each.outcome.got for each in report.of(block) if each.outcome] for block in page.blocks]
    assert got == [["0\n"], ["1\n"], ["2\n"], ["3\n"]]
