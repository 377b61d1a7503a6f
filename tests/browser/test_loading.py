"""What a page loads, when, and that nothing moves under the reader's eyes meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pages import STARTED
from playwright.sync_api import Browser, Page, Route

from .conftest import LAID_OUT, Site, Visit, arrive

# What the search needs: the texts of the site, and the theme's program that searches them.
TEXTS, PROGRAM = "**/search/texts.json", "**/workers/search.*.js"
RESULT = ".md-search-result__link"
LAB = "/attention-lab.js"

# A phone's connection, as Lighthouse has it.
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 90_000}

WATCH_SHIFTS = """
    window.shift = 0;
    new PerformanceObserver((list) => {
        for (const { value } of list.getEntries()) window.shift += value;
    }).observe({ type: "layout-shift", buffered: true });
"""
AT_REST = "() => document.fonts.ready.then(() => new Promise(requestAnimationFrame))"


def longest(site: Site) -> str:
    """The chapter whose page holds most."""
    chapters = (file for file in site.folder.glob("*/index.html"))
    return max(chapters, key=lambda file: file.stat().st_size).parent.name + "/"


@pytest.fixture
def tab(browser: Browser, site: Site) -> Iterator[Page]:
    """A tab that keeps what it has fetched; one that watches the network does not."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_next_page_fetches_itself_and_nothing_again(tab: Page, site: Site) -> None:
    arrive(tab, site.origin)
    first = {address for address, _ in site.server.sent}
    site.server.sent.clear()
    arrive(tab, f"{site.origin}/{longest(site)}")
    assert f"/{longest(site)}" in {address for address, _ in site.server.sent}
    assert not {address for address, _ in site.server.sent} & first


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("which", ["home", "longest", "reference/figures/"])
def test_nothing_moves_while_a_page_loads(visit: Visit, which: str, width: int) -> None:
    client = visit.tab.context.new_cdp_session(visit.tab)
    client.send("Network.enable")
    client.send("Network.emulateNetworkConditions", SLOW)
    visit.tab.add_init_script(WATCH_SHIFTS)
    visit.tab.set_viewport_size({"width": width, "height": 844})
    tab = visit.open({"home": "", "longest": longest(visit.site)}.get(which, which))
    tab.evaluate(AT_REST)
    assert tab.evaluate("() => window.shift") < 0.005


def test_table_is_seen_when_all_of_it_has_come(tab: Page, site: Site) -> None:
    html = (site.folder / "cheatsheet" / "index.html").read_text("utf-8")
    first_row = html.index("</tr>", html.index("<tbody>"))
    next_section = html.index("</h2>", html.index("</table>"))
    tab.route("**/cheatsheet/", lambda route: route.fulfill(body="", content_type="text/html"))
    tab.goto(f"{site.origin}/cheatsheet/")
    tab.evaluate("(html) => document.write(html)", html[:first_row])
    tab.get_by_role("heading", name="Shapes").wait_for()
    assert tab.locator("article table").count() == 1
    assert not tab.locator("article table").is_visible()
    tab.evaluate("(html) => document.write(html)", html[first_row:next_section])
    tab.locator("article table").wait_for()
    tab.evaluate("(html) => { document.write(html); document.close(); }", html[next_section:])
    tab.wait_for_function(STARTED)
    assert tab.locator("article table:not([class])").count() == 3
    tab.locator("article table").last.wait_for()


def is_left_for_later(tab: Page, address: str) -> bool:
    """Whether the end of a page is not laid out when the page has been read."""
    tab.add_init_script(
        """requestAnimationFrame(function look() {
            const text = document.querySelector("article .part:last-of-type > *");
            const seen = text?.checkVisibility({ contentVisibilityAuto: true });
            if (document.readyState === "loading" || !text) requestAnimationFrame(look);
            else window.later ??= !seen;
        })"""
    )
    tab.goto(address, wait_until="load")
    tab.wait_for_function("() => window.later !== undefined")
    return bool(tab.evaluate("() => window.later"))


def test_what_is_out_of_sight_is_laid_out_later(tab: Page, site: Site) -> None:
    assert is_left_for_later(tab, f"{site.origin}/{longest(site)}")
    tab.wait_for_function(LAID_OUT)
    assert tab.locator("article .part").count() > 5
    assert tab.locator("article .part:not(.set)").count() == 0


@pytest.mark.parametrize("width", [390, 1440])
def test_what_is_out_of_sight_has_its_true_height(tab: Page, site: Site, width: int) -> None:
    height = "() => document.querySelector('article').offsetHeight"
    tab.set_viewport_size({"width": width, "height": 800})
    arrive(tab, f"{site.origin}/{longest(site)}")
    tab.wait_for_function(LAID_OUT)
    known = tab.evaluate(height)
    tab.evaluate("() => document.documentElement.classList.remove('in-parts')")
    assert tab.evaluate(height) == known > 10_000


def test_page_that_is_opened_at_a_section_is_laid_out_at_once(tab: Page, site: Site) -> None:
    assert not is_left_for_later(tab, f"{site.origin}/{longest(site)}#summary")


def test_page_that_is_loaded_again_is_laid_out_at_once(tab: Page, site: Site) -> None:
    tab.goto(f"{site.origin}/weights/")
    tab.reload()
    assert tab.locator(".in-parts").count() == 0


def test_page_that_follows_without_a_reload_is_laid_out_at_once(tab: Page, site: Site) -> None:
    arrive(tab, f"{site.origin}/")
    assert tab.locator(".in-parts").count() == 1
    tab.get_by_role("article").get_by_role("link", name="Scores", exact=True).click()
    tab.get_by_role("heading", name="Scores", level=1).wait_for()
    assert tab.locator("article .part").count() > 5
    assert tab.locator(".in-parts").count() == 0


def test_program_of_the_lab_is_fetched_by_the_first_page_that_has_one(
    tab: Page, site: Site
) -> None:
    fetched: list[str] = []
    tab.on("request", lambda request: fetched.append(request.url))
    arrive(tab, f"{site.origin}/positions/")
    assert not [url for url in fetched if url.endswith(LAB)]
    tab.get_by_role("navigation").get_by_role("link", name="The lab", exact=True).first.click()
    tab.locator("attention-lab[begun] canvas").wait_for()
    assert len([url for url in fetched if url.endswith(LAB)]) == 1


def test_programs_wait_for_the_first_frame_with_text(tab: Page, site: Site) -> None:
    order: list[str] = []
    tab.on("requestfinished", lambda request: order.append(f"got {request.url}"))
    tab.on("request", lambda request: order.append(f"asked {request.url}"))

    def hold(route: Route) -> None:
        tab.wait_for_timeout(200)
        route.continue_()

    tab.route("**/stix-two-math.woff2", hold)
    arrive(tab, f"{site.origin}/weights/")
    font, *_ = (place for place, each in enumerate(order) if each.endswith("math.woff2"))
    got = order.index(order[font].replace("asked", "got"))
    programs = [place for place, each in enumerate(order) if re.match(r"asked .*\.js$", each)]
    assert len(programs) >= 3
    assert min(programs) > got
    assert tab.locator("h1").is_visible()


def test_programs_run_in_a_tab_that_nobody_looks_at(tab: Page, site: Site) -> None:
    tab.add_init_script(
        """Object.defineProperty(Document.prototype, "hidden", { get: () => true });
        window.requestAnimationFrame = () => 0;"""
    )
    tab.goto(f"{site.origin}/weights/")
    tab.wait_for_function(STARTED)
    assert tab.evaluate("() => typeof document$") == "object"


def test_theme_begins_when_another_program_is_missing(tab: Page, site: Site) -> None:
    tab.route("**/search.js", lambda route: route.abort())
    arrive(tab, f"{site.origin}/weights/")
    tab.evaluate("() => { window.kept = true; }")
    tab.locator(".md-footer__link--next").click()
    tab.get_by_role("heading", name="Context vectors", level=1).wait_for()
    assert tab.evaluate("() => window.kept")


def test_font_is_asked_for_before_there_is_a_policy(site: Site) -> None:
    html = (site.folder / "weights" / "index.html").read_text("utf-8")
    assert 0 < html.index('as="font"') < html.index("Content-Security-Policy")


def test_list_of_pages_waits_on_a_phone_until_it_is_opened(tab: Page, site: Site) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    arrive(tab, f"{site.origin}/positions/")
    link = tab.locator(".md-sidebar--primary .md-nav__link", has_text="7 Many heads")
    drawn = "(link) => link.checkVisibility({ contentVisibilityAuto: true })"
    assert not link.last.evaluate(drawn)
    tab.locator(".md-header label[for=__drawer]").click()
    link.last.click()
    tab.wait_for_url("**/heads/")
    tab.wait_for_function(
        f"() => !({drawn})(document.querySelector('.md-nav--primary .md-nav__link'))"
    )


def test_search_is_fetched_when_its_field_is_entered(tab: Page, site: Site) -> None:
    fetched: list[str] = []
    tab.on("request", lambda request: fetched.append(request.url))
    arrive(tab, f"{site.origin}/weights/")
    assert not [url for url in fetched if "/workers/" in url or "texts.json" in url]
    with tab.expect_response(TEXTS), tab.expect_response(PROGRAM):
        tab.keyboard.press("/")
    site.server.sent.clear()
    tab.keyboard.type("softmax")
    tab.locator(RESULT).first.wait_for()
    assert site.server.sent == []


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("softmax", "/weights/"),
        ("softmax", "/reference/weights/"),
        ("Jacobian", "/backward/"),
        ("rotary", "/positions/"),
        ("scaled dot-product", "/scaling/"),
        ("causal_mask", "/reference/attention/"),
        ("KVCache", "/reference/modules/"),
        ("naive", "/reference/weights/"),
    ],
)
def test_search_finds_formulas_and_functions(visit: Visit, name: str, page: str) -> None:
    tab = visit.open(f"?q={name}")
    tab.locator(RESULT).first.wait_for()
    links = [link.get_attribute("href") or "" for link in tab.locator(RESULT).all()]
    assert any(link.startswith(f"{visit.site.origin}{page}") for link in links)
    assert visit.errors == []


def test_search_recovers_from_a_lost_connection(visit: Visit) -> None:
    tab = visit.open("weights/")
    lost = True
    tab.route(TEXTS, lambda route: route.abort() if lost else route.fallback())
    tab.keyboard.press("/")
    with tab.expect_event("requestfailed"):
        tab.keyboard.type("softm")
    lost = False
    tab.keyboard.type("ax")
    tab.locator(RESULT).first.wait_for()


def test_words_that_were_searched_are_marked(visit: Visit) -> None:
    tab = visit.open("weights/?h=softmax")
    assert set(tab.locator("article mark").all_text_contents()) <= {"softmax", "Softmax"}
    assert tab.locator("article mark").count() > 5
