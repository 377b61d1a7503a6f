"""The cheat sheet on paper: a tool to lay beside the keyboard, so one side of A4 and no more."""

from __future__ import annotations

import re

from .conftest import Visit

PAGE = re.compile(rb"/Type\s*/Page\b")

OUTSIDE = """() => [...document.querySelectorAll("body *")]
    .filter((node) => node.checkVisibility() && !node.closest(".cheatsheet"))
    .filter((node) => !node.contains(document.querySelector(".cheatsheet")))
    .filter((node) => node.getBoundingClientRect().height > 0)
    .map((node) => node.outerHTML.slice(0, 120))"""

CUT_OFF = """() => [...document.querySelectorAll(".cheatsheet :is(code, .math-display)")]
    .filter((node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
    .map((node) => node.textContent.slice(0, 120))"""


def test_cheat_sheet_fills_one_side_of_a4(visit: Visit) -> None:
    paper = visit.open("cheatsheet/").pdf(format="A4")
    assert len(PAGE.findall(paper)) == 1


def test_another_page_takes_several_sides(visit: Visit) -> None:
    paper = visit.open("weights/").pdf(format="A4")
    assert len(PAGE.findall(paper)) > 1


def test_paper_holds_the_cheat_sheet_only(visit: Visit) -> None:
    visit.open("cheatsheet/").emulate_media(media="print")
    assert visit.tab.evaluate(OUTSIDE) == []


def test_nothing_of_the_cheat_sheet_is_cut_off(visit: Visit) -> None:
    tab = visit.open("cheatsheet/")
    tab.emulate_media(media="print")
    # The width of A4 less its margins, in the pixels of CSS.
    tab.set_viewport_size({"width": round((210 - 16) / 25.4 * 96), "height": 1060})
    tab.evaluate("document.fonts.ready.then(() => null)")
    assert tab.evaluate(CUT_OFF) == []
