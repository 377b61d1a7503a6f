from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest

from literate import captions
from literate.fences import parse_page
from literate.figures import Figure
from literate.report import Report, judge
from literate.runner import Outcome
from literate.transcript import block_html, inline_html, line_html, problems_html

Live = Callable[..., str]


def shown(html: str) -> str:
    """What a reader sees of HTML."""
    return unescape(re.sub(r"<[^>]*>", "", html))


@pytest.fixture
def html(live: Live) -> Callable[..., str]:
    """The HTML of a live block, given its prompts, what came out, and its options."""

    def render(body: str, *outcomes: Outcome | str, options: str = "") -> str:
        page = parse_page(live(body, options), "docs/p.md")
        found = [Outcome(each) if isinstance(each, str) else each for each in outcomes]
        report = judge(page, found)
        return block_html(page.blocks[0], report, "example-3")

    return render


Html = Callable[..., str]


def test_live_outputs_stand_between_the_statements(html: Html) -> None:
    found = html(">>> a < b\n0.24\n>>> for x in y:\n...     x\n\n>>> c\n7", "0.2379\n", "", "7\n")
    assert shown(found) == ">>> a < b\n0.2379\n>>> for x in y:\n...     x\n>>> c\n7\n"
    assert found.startswith('<div class="literate" id="example-3">')
    assert '<span class="gp">&gt;&gt;&gt; </span>' in found
    assert '<span class="go">0.2379</span>' in found


def test_output_is_text_not_html_and_keeps_its_blank_lines(html: Html) -> None:
    got = "<b>&amp;</b>\n\n  é→\n\n\n"
    found = html(">>> a\n<b>&amp;</b>\n<BLANKLINE>\né→", got)
    assert shown(found) == f">>> a\n{got}"
    assert "<b>" not in found


def test_copied_is_the_code_without_prompts_and_directives(html: Html) -> None:
    found = html('>>> f("<")  # doctest: +NUMBER\n1\n>>> if x:\n...     y', "1\n", "")
    match = re.search(r'data-copy="([^"]*)"', found)
    assert match
    assert unescape(match[1]) == 'f("<")\nif x:\n    y\n'
    assert "doctest" not in found


def test_traceback_is_shown_shortened(html: Html) -> None:
    cut = "Traceback (most recent call last):\n    ...\nValueError: no\n"
    found = html(f">>> a\n{cut}", Outcome(cut, "whole"))
    assert cut in shown(found)
    assert '<span class="gt">' in found
    assert "whole" not in found


def test_failing_block_shows_both_outputs(html: Html) -> None:
    found = html(">>> a\n1 < 2\n>>> b", "3\n", "4\n")
    assert found.startswith('<div class="literate literate-failed" id="example-3">')
    assert found.count('role="alert"') == 2
    assert "docs/p.md:2 the recorded output is not the live output" in shown(found)
    assert "Expected1 < 2\nGot3\n" in shown(found)
    assert "Expected(nothing)Got4\n" in shown(found)


def test_block_whose_page_ended_shows_its_statements(html: Html) -> None:
    found = html(">>> a\n1\n>>> b\n2", "1\n")
    assert ">>> b\n" in shown(found)
    assert "docs/p.md:4" in found
    assert "Expected" not in found


def test_hidden_block_is_shown_only_when_it_fails(html: Html) -> None:
    assert html(">>> a", "", options=' hide="1"') == '<div id="example-3" hidden></div>'
    assert "literate-failed" in html(">>> a", "1\n", options=' hide="1"')


def test_skipped_block_shows_what_is_recorded_and_why(html: Html) -> None:
    found = html(">>> a\n1", options=' skip="needs <net>"')
    assert '<div class="literate literate-skipped"' in found
    assert ">>> a\n1\nNot run: needs <net>" in shown(found)


def test_measured_block_says_so(html: Html) -> None:
    found = html(">>> a\n1 ms", "2 ms\n", options=' measured="1"')
    assert '<div class="literate literate-measured"' in found
    assert "2 ms\nMeasured while this page was built" in shown(found)


def test_title_is_shown_once(html: Html) -> None:
    figure = Outcome("F\n", "", (Figure("<svg><title>t</title></svg>", "F\n"),))
    found = html(">>> a\nF\n>>> b", figure, "", options=' title="A & B"')
    assert found.count('<span class="filename">A &amp; B</span>') == 1


def test_figures_stand_after_their_statement_in_place_of_their_echo(html: Html) -> None:
    svg = "<svg><title>t</title></svg>"
    two = Outcome("x\nF\n1\ny\nF\n1\n", "", (Figure(svg, "F\n1\n"), Figure(svg, "F\n1\n")))
    found = html(">>> a\nx\nF\n1\ny\nF\n1\n>>> b\n2", two, "2\n")
    parts = re.split(r"(<figure.*?</figure>)", re.sub("\x02.*?\x03", "", found))
    assert [shown(part) for part in parts] == [">>> a\nx\ny\n", "t", "", "t", ">>> b\n2\n"]
    assert "literate-failed" not in found


def test_figures_and_blocks_that_end_in_one_have_marks_for_a_caption(html: Html) -> None:
    drawn = Outcome("F\n", "", (Figure("<svg><title>t</title></svg>", "F\n"),))
    mark = f"{captions.slot(2)}</figure>"
    assert html(">>> a\nF", drawn).endswith(f"{mark}</div>{captions.END}")
    assert html(">>> a\nF\n>>> b", drawn, "").count(mark) == 1
    assert captions.END not in html(">>> a\nF\n>>> b", drawn, "")
    assert "\x02" not in html(">>> a\nF", drawn, options=' hide="1"')


def test_blocks_and_figures_say_which_elements_are_drawn(html: Html) -> None:
    svg, own = "<svg><title>t</title></svg>", "\n<a-b aria-label='<svg>'></a-b>"
    drawn = tuple(Figure(markup, "F\n") for markup in (svg, own, svg))
    found = html(">>> a\nF\nF\nF", Outcome("F\nF\nF\n", "", drawn))
    assert found.startswith('<div class="literate" id="example-3" data-shows="svg a-b">')
    assert re.findall(r'<figure class="literate-figure"(.*?)>', found) == [
        f' data-shows="{tag}"' for tag in ("svg", "a-b", "svg")
    ]


def test_ids_of_figures_are_their_own(html: Html) -> None:
    markup = '<svg aria-labelledby="t"><title id="t">T</title></svg>'
    figures = (Figure(markup, "F\n"), Figure(markup, "F\n"))
    found = html(">>> a\nF\nF", Outcome("F\nF\n", "", figures))
    for name in ("example-3-1-t", "example-3-2-t"):
        assert f'<svg aria-labelledby="{name}"><title id="{name}">T</title></svg>' in found


def inline(content: str, outcome: Outcome | None) -> str:
    page = parse_page(f"`{content}`", "p")
    report = judge(page, [outcome] if outcome else [])
    return inline_html(report.results[0])


def test_inline_number() -> None:
    assert inline('={x["a"]:.2f} 0.24', Outcome("0.24\n")) == (
        '<span class="live" title="x[&quot;a&quot;]:.2f">0.24</span>'
    )
    assert inline("={x} a} b", Outcome("a} b\n")) == '<span class="live" title="x">a} b</span>'


def test_inline_number_that_is_measured() -> None:
    assert inline("~{x} 1", Outcome("2\n")) == (
        '<span class="live live-measured" title="x">2</span>'
    )


@pytest.mark.parametrize(
    ("outcome", "live"),
    [(Outcome("2\n"), "2"), (Outcome("Traceback\nE: <no>\n", "w"), "E: &lt;no&gt;"), (None, "?")],
)
def test_inline_number_that_fails(outcome: Outcome | None, live: str) -> None:
    assert inline("={x} 1", outcome) == (
        f'<span class="live live-failed" title="x">recorded 1, live {live}</span>'
    )


def line(text: str, *outcomes: str, versions: tuple[str, ...] = ("torch 9",)) -> str:
    page = parse_page(text, "p")
    report = judge(page, [Outcome(each) for each in outcomes], seconds=1.234)
    return shown(line_html([report, Report(parse_page("", "q"), (), 0.0, ())], versions))


def test_line_counts_what_ran(live: Live) -> None:
    two = live(">>> a\n1\n>>> b\n2")
    assert line(two, "1\n", "2\n") == (
        "2 examples ran on this page in 1.23 s with torch 9: every output is the recorded one."
    )
    assert line("`={x} 1`", "1\n", versions=()) == (
        "1 example ran on this page in 1.23 s: every output is the recorded one."
    )
    assert line("`~{x} 1`", "2\n", versions=()) == (
        "1 example ran on this page in 1.23 s: "
        "every output that is not measured is the recorded one."
    )
    assert line(two, "3\n") == "1 example ran on this page in 1.23 s with torch 9: 2 failed."


def test_line_counts_what_was_skipped(live: Live) -> None:
    skipped = live(">>> a\n>>> b", ' skip="slow"')
    assert line(skipped + "\n`={x} 1`", "1\n").endswith("one; 2 examples skipped.")


def test_line_of_a_page_with_no_example() -> None:
    assert line("# Title") == "There is no example on this page."
    assert "1 failed" in line(">>> stray")


def test_problems(live: Live) -> None:
    assert problems_html([]) == ""
    report = judge(parse_page(">>> x < y", "p"), [])
    found = problems_html(report.failures)
    assert found.startswith('<div class="literate-problems" role="alert">')
    assert "p:1: a prompt outside a live block" in shown(found)
