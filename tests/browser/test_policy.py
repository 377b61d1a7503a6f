"""What the site's Content-Security-Policy lets a page do, and what it stops.

That no page breaks it is seen by `test_page_is_quiet_and_asks_no_other_host`: a browser reports
each breach on the console.
"""

from __future__ import annotations

import pytest

from .conftest import Visit

RAN = "() => window.ran === true"


def test_script_that_is_slipped_into_a_page_does_not_run(visit: Visit) -> None:
    tab = visit.open("")
    tab.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
    }""")
    assert tab.evaluate(RAN) is False
    assert any("Content Security Policy" in error for error in visit.errors)


def test_handler_in_markup_does_not_run(visit: Visit) -> None:
    tab = visit.open("")
    tab.evaluate("""() => {
        document.querySelector("article").insertAdjacentHTML(
            "beforeend", '<button id="trap" onclick="window.ran = true">Press</button>');
        document.getElementById("trap").click();
    }""")
    assert tab.evaluate(RAN) is False


@pytest.mark.parametrize("address", ["", "weights/", "404.html"])
def test_scripts_of_the_theme_run(visit: Visit, address: str) -> None:
    tab = visit.open(address)
    assert tab.evaluate("() => typeof __md_get === 'function' && typeof document$ === 'object'")
    assert visit.errors == []


def test_scripts_run_after_navigation_within_the_page(visit: Visit) -> None:
    tab = visit.open("")
    tab.get_by_role("article").get_by_role("link", name="Scores", exact=True).click()
    tab.wait_for_url("**/scores/")
    # The theme closes an open search 125 ms after the address has changed.
    tab.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    tab.locator("[data-md-component=search-query]").press_sequentially("softmax")
    tab.locator(".md-search-result__link").first.wait_for()
    assert visit.errors == []
