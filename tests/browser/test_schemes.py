"""Light and dark: who decides, and that a page has the right colors from the start."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from .conftest import Visit

GROUND = "() => getComputedStyle(document.body).backgroundColor"
# A page hears of the system's colors before it draws its next frame.
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
SWITCH = "Switch between light and dark colors"


def is_light(tab: Page) -> bool:
    """Whether the page has a light ground; what the browser adds to it has to agree."""
    tab.evaluate(NEXT_FRAME)
    red, green, blue = map(int, re.findall(r"\d+", tab.evaluate(GROUND)))
    light = red > 128
    root = "() => getComputedStyle(document.documentElement).colorScheme"
    assert tab.evaluate(root) == ("light" if light else "dark")
    bar = tab.locator("meta[name=theme-color]").first
    assert bar.get_attribute("content") == f"#{red:02x}{green:02x}{blue:02x}"
    return light


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_system(visit: Visit, scheme: str) -> None:
    visit.tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    assert is_light(visit.open("")) == (scheme == "light")
    other = "dark" if scheme == "light" else "light"
    visit.tab.emulate_media(color_scheme=other)  # type: ignore[arg-type]
    assert is_light(visit.tab) == (other == "light")


def test_dark_page_is_dark_before_it_has_content(visit: Visit) -> None:
    visit.tab.emulate_media(color_scheme="dark")
    visit.tab.add_init_script("""
        new MutationObserver((_, observer) => {
            if (!document.querySelector("article")) return;
            window.first = document.body.dataset.mdColorScheme;
            observer.disconnect();
        }).observe(document, { childList: true, subtree: true });
    """)
    assert visit.open("weights/").evaluate("() => window.first") == "slate"


@pytest.mark.parametrize("key", ["click", "Enter"])
def test_choice_outlasts_the_page(visit: Visit, key: str) -> None:
    tab = visit.open("")
    button = tab.get_by_role("button", name=SWITCH)
    button.click() if key == "click" else button.press(key)
    assert not is_light(tab)
    assert not is_light(visit.open("weights/"))
    tab.get_by_role("link", name="Home", exact=True).first.click()
    tab.locator(".home").first.wait_for()
    assert not is_light(tab)


def test_who_goes_back_to_the_color_of_the_system_follows_it_again(visit: Visit) -> None:
    tab = visit.open("")
    for light in (False, True):
        tab.get_by_role("button", name=SWITCH).click()
        assert is_light(tab) == light
    tab.emulate_media(color_scheme="dark")
    assert not is_light(tab)


def test_choice_is_kept_when_the_system_changes(visit: Visit) -> None:
    tab = visit.open("")
    tab.get_by_role("button", name=SWITCH).click()
    tab.emulate_media(color_scheme="dark")
    tab.emulate_media(color_scheme="light")
    assert not is_light(tab)


def test_without_a_script_the_page_is_light_and_has_no_switch(visit: Visit) -> None:
    context = visit.tab.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    tab = context.new_page()
    tab.goto(f"{visit.site.origin}/")
    assert tab.locator("body").get_attribute("data-md-color-scheme") == "default"
    assert not tab.get_by_role("button", name=SWITCH).is_visible()
    context.close()


def test_paper_is_light(visit: Visit) -> None:
    visit.tab.emulate_media(color_scheme="dark")
    tab = visit.open("")
    tab.emulate_media(color_scheme="dark", media="print")
    assert tab.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == "light"
    assert int(re.findall(r"\d+", tab.evaluate(GROUND))[0]) > 128
