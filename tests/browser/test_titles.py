"""What the title of an element says: for pointers, fingers and the keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Visit


@pytest.fixture
def box(visit: Visit) -> Locator:
    """Where it is shown, on a chapter with terms and live numbers."""
    visit.tab.set_viewport_size({"width": 390, "height": 700})
    return visit.open("scores/").get_by_role("tooltip")


# A scroll hides the box, and tells of itself in the next frame.
AT_THE_BOTTOM = """(element) => {
    element.scrollIntoView({ block: "end", behavior: "instant" });
    return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def titled(tab: Page, kind: str) -> Locator:
    return tab.locator(f"article {kind}[title]:visible").first


def test_a_term_that_takes_the_focus_shows_its_definition(visit: Visit, box: Locator) -> None:
    tab = visit.tab
    term = titled(tab, ".term").element_handle()
    definition = term.get_attribute("title") or ""
    assert len(definition) > 20
    expect(box).to_have_count(0)
    term.evaluate("(link) => { link.focus(); }")
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    expect(box).to_have_text(definition)
    expect(box).to_be_in_viewport(ratio=1)
    assert term.get_attribute("aria-describedby") == box.get_attribute("id")
    assert term.get_attribute("title") is None  # or the browser would show it a second time
    tab.keyboard.press("Escape")
    expect(box).to_have_count(0)
    assert term.get_attribute("aria-describedby") is None
    assert term.get_attribute("title") == definition


def test_a_live_number_shows_its_expression_while_the_pointer_is_there(
    visit: Visit, box: Locator
) -> None:
    tab = visit.tab
    number = titled(tab, ".live").element_handle()
    expression = number.get_attribute("title") or ""
    number.hover()
    expect(box).to_have_text(expression)
    # The pointer may go into the box, to read it in peace.
    box.hover()
    tab.wait_for_timeout(400)
    expect(box).to_have_text(expression)
    tab.get_by_role("heading", level=1).hover()
    expect(box).to_have_count(0)
    assert number.get_attribute("title") == expression


def test_every_title_is_shown_inside_the_window(visit: Visit, box: Locator) -> None:
    tab = visit.tab
    handles = tab.locator("article [title]:visible").element_handles()
    assert len(handles) >= 5
    for handle in handles:
        text = handle.get_attribute("title") or ""
        handle.evaluate(AT_THE_BOTTOM)
        handle.hover()
        expect(box).to_have_text(text)
        expect(box).to_be_in_viewport(ratio=1)


def test_an_element_that_is_hidden_meanwhile_shows_nothing(visit: Visit, box: Locator) -> None:
    tab = visit.tab
    term = titled(tab, ".term").element_handle()
    term.hover()
    term.evaluate("(link) => { link.hidden = true; }")
    tab.wait_for_timeout(400)
    expect(box).to_have_count(0)
    assert visit.errors == []


def test_a_box_goes_when_the_page_scrolls_or_changes(visit: Visit, box: Locator) -> None:
    tab = visit.tab
    titled(tab, ".term").hover()
    expect(box).to_have_count(1)
    tab.mouse.wheel(0, 300)
    expect(box).to_have_count(0)
    titled(tab, ".term").hover()
    expect(box).to_have_count(1)
    tab.evaluate("() => document.querySelector('.md-footer__link--next').click()")
    tab.wait_for_url("**/weights/")
    expect(box).to_have_count(0)
    assert visit.errors == []
