"""What the pages look like and lead to: first page, formulas beside code, symbols, search, keys."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest
from playwright.sync_api import Page

from .conftest import Site, Visit
from .test_site import PAGES

CHAPTERS = [
    "scores/",
    "weights/",
    "context/",
    "projections/",
    "scaling/",
    "causal/",
    "heads/",
    "positions/",
    "backward/",
    "learning/",
    "decoding/",
    "streaming/",
    "cost/",
]

# First page ----------------------------------------------------------------------------------

PATHS = [
    ("New to attention?", ["scores/", "weights/", "context/"]),
    ("You know it and want the details?", ["scaling/", "streaming/", "bugs/", "masks/", "map/"]),
    ("You want the API?", ["reference/", "cheatsheet/"]),
]


def test_first_page_answers_in_one_screen(visit: Visit) -> None:
    tab = visit.open("")
    assert tab.viewport_size == {"width": 1440, "height": 900}
    seen = [tab.get_by_role("heading", name=title) for title, _ in PATHS]
    seen += [
        tab.get_by_role("heading", name="Which of the other words"),
        tab.get_by_text("Why trust"),
    ]
    seen += [tab.get_by_role("link", name="cheat sheet"), tab.locator(".literate-figure svg").first]
    for element in seen:
        box = element.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900, element


@pytest.mark.parametrize(("title", "pages"), PATHS, ids=[title for title, _ in PATHS])
def test_each_way_in_leads_somewhere(visit: Visit, title: str, pages: list[str]) -> None:
    tab = visit.open("")
    heading = tab.get_by_role("heading", name=title)
    links = heading.locator("xpath=following-sibling::p[1]").get_by_role("link")
    paths = [link.evaluate("(link) => link.pathname.slice(1)") for link in links.all()]
    assert sorted(paths) == sorted(pages)


def test_first_page_counts_what_ran_in_the_whole_build(site: Site, visit: Visit) -> None:
    text = visit.open("").locator(".literate-total").inner_text()
    found = re.fullmatch(r"([\d,]+) examples ran, all as recorded", text)
    assert found
    lines = [
        re.search(r'literate-line"[^>]*>(\d+) example', page.read_text("utf-8"))
        for page in site.folder.rglob("index.html")
    ]
    assert int(found[1].replace(",", "")) >= max(int(line[1]) for line in lines if line) > 100


# Formula and code ----------------------------------------------------------------------------

# Of each pair that can be seen: the boxes of its formula and of its code, and what does not fit.
BOXES = """() => [...document.querySelectorAll(".pair")]
    .filter((pair) => pair.checkVisibility({ contentVisibilityAuto: true }))
    .map((pair) => {
        const box = (kind) => pair.querySelector(kind).getBoundingClientRect().toJSON();
        const code = pair.querySelector("pre > code");
        return {
            formula: box(".math-display"), code: box(".highlight"), text: code.textContent,
            cut: code.scrollWidth > code.clientWidth + 1, wraps: getComputedStyle(code).whiteSpace,
        };
    })"""


@pytest.mark.parametrize("width", [390, 768, 1280, 1440, 1920])
def test_formula_stands_beside_its_code_or_above(visit: Visit, width: int) -> None:
    visit.tab.set_viewport_size({"width": width, "height": 900})
    beside = total = 0
    for chapter in CHAPTERS:
        for pair in visit.open(chapter).evaluate(BOXES):
            formula, code = pair["formula"], pair["code"]
            total += 1
            assert formula["right"] <= width, pair
            assert code["right"] <= width, pair
            assert pair["wraps"] == "pre"
            if formula["right"] <= code["left"]:
                beside += 1
                shared = min(formula["bottom"], code["bottom"]) - max(formula["top"], code["top"])
                assert shared > 0.5 * min(formula["height"], code["height"]), pair
                assert not pair["cut"], pair
            else:
                assert formula["bottom"] <= code["top"], pair
                assert abs(formula["left"] - code["left"]) < 1, pair
    assert total > 40
    least = {390: 0, 768: 0, 1280: 0.1, 1440: 0.7, 1920: 0.9}
    assert beside >= least[width] * total
    if width == 390:
        assert beside == 0


def test_formula_stands_above_its_code_on_paper(visit: Visit) -> None:
    tab = visit.open("weights/")
    tab.emulate_media(media="print")
    pairs = tab.evaluate(BOXES)
    assert pairs
    assert all(pair["formula"]["bottom"] <= pair["code"]["top"] for pair in pairs)


# Symbols -------------------------------------------------------------------------------------


def test_symbol_below_a_formula_leads_to_its_row(visit: Visit) -> None:
    tab = visit.open("weights/")
    link = tab.locator(".symbols a", has_text="scores").first
    assert "𝜔" in link.inner_text()
    link.scroll_into_view_if_needed()
    # The theme notes where the page was scrolled to when that has rested for a quarter second, and
    # would note it for the page that a faster click leads to.
    tab.wait_for_timeout(500)
    link.click()
    row = tab.locator("tr#symbol-Omega:target")
    row.wait_for()
    assert "scores[i, j]" in row.inner_text()
    top = row.evaluate("(row) => row.getBoundingClientRect().top")
    assert tab.locator("header").evaluate("(header) => header.offsetHeight") <= top < 450


def test_symbol_is_linked_once_on_a_page(visit: Visit) -> None:
    for chapter in CHAPTERS:
        links = visit.open(chapter).locator(".symbols a").all()
        targets = [link.get_attribute("href") for link in links]
        assert len(targets) == len(set(targets)), chapter


# Shared links --------------------------------------------------------------------------------


def properties(site: Site, page: str) -> dict[str, str]:
    """What a page tells other sites of itself."""
    text = (site.folder / page / "index.html").read_text("utf-8")
    found = re.findall(r'<meta (?:property|name)="((?:og|twitter):\S*)" content="([^"]*)">', text)
    return {name: unescape(value) for name, value in found}


@pytest.mark.parametrize("page", PAGES)
def test_page_says_what_to_show_of_it(site: Site, page: str) -> None:
    found = properties(site, page)
    assert found["og:title"]
    assert 50 < len(found["og:description"]) < 300
    assert found["og:url"] == f"{site.origin}/{page}"
    assert found["og:image"] == f"{site.origin}/assets/images/card.png"
    assert found["twitter:card"] == "summary_large_image"


def test_titles_for_other_sites_are_those_of_the_pages(site: Site) -> None:
    assert properties(site, "weights/")["og:title"] == "Weights"
    assert properties(site, "reference/weights/")["og:title"] == "selfattn.weights"
    titles = [properties(site, page)["og:title"] for page in PAGES]
    assert len(titles) == len(set(titles))


# The colors of the figure as the browser mixes them, and how much of the card has each of them.
CARD = """async () => {
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const paths = [...document.querySelectorAll("article .literate-figure svg path")];
    const cells = paths.map((path) => path.getAttribute("d")).join("").split("z").length - 1;
    const wanted = paths.map((path) => {
        pen.fillStyle = getComputedStyle(path).fill;
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data];
    });
    const image = new Image();
    image.src = "assets/images/card.png";
    await image.decode();
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    pen.drawImage(image, 0, 0);
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    const near = (color, i) => color.every((part, k) => Math.abs(part - data[i + k]) <= 1);
    const counts = wanted.map((color) => {
        let count = 0;
        for (let i = 0; i < data.length; i += 4) count += near(color, i);
        return count;
    });
    return { width: canvas.width, height: canvas.height, cells, counts };
}"""


def test_card_shows_the_figure_of_the_first_page_in_its_colors(visit: Visit) -> None:
    visit.tab.emulate_media(color_scheme="light")
    card = visit.open("").evaluate(CARD)
    assert (card["width"], card["height"]) == (1200, 630)
    assert card["cells"] >= 36
    assert len(card["counts"]) >= 25
    assert min(card["counts"]) > 1500


# Search --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("softmax", "weights/"),
        ("scaled dot-product", "reference/attention/"),
        ("log-sum-exp", "weights/"),
        ("Jacobian", "backward/"),
        ("Gram matrix", "scores/"),
        ("convex hull", "context/"),
        ("entropy", "scaling/"),
        ("streaming_attention", "reference/streaming/"),
        ("softmax_naive", "reference/weights/"),
        ("num_heads", "heads/"),
        ("MultiHeadAttention", "reference/modules/"),
    ],
)
def test_search_finds_formulas_and_functions(visit: Visit, query: str, page: str) -> None:
    tab = visit.open("")
    tab.locator("[data-md-component=search-query]").press_sequentially(query)
    # The results change while the letters are read, so they are looked at until they are at rest.
    deadline = time.monotonic() + 20
    while page not in (found := top_three(tab, visit.site.origin)):
        assert time.monotonic() < deadline, found
        tab.wait_for_timeout(100)


def top_three(tab: Page, origin: str) -> list[str]:
    """The pages that the search lists first."""
    hrefs = tab.evaluate(
        """() => [...document.querySelectorAll(
            ".md-search-result__item > .md-search-result__link"
        )].map((link) => link.href)"""
    )
    paths = [re.sub(r"[?#].*", "", href).removeprefix(f"{origin}/") for href in hrefs]
    return list(dict.fromkeys(paths))[:3]


# Keyboard ------------------------------------------------------------------------------------

FOCUSED = "() => document.activeElement.outerHTML.slice(0, 200)"

SCROLLING = """() => [...document.querySelectorAll("article *")]
    .filter((node) => node.checkVisibility({ contentVisibilityAuto: true }))
    .filter((node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
    .filter((node) => ["auto", "scroll"].includes(getComputedStyle(node).overflowX))
    .filter((node) => node.tabIndex !== 0)
    .map((node) => node.outerHTML.slice(0, 120))"""

# Those of a lab are its own affair.
STOPS = """() => [...document.querySelectorAll("article :is(div, figure, pre)[tabindex='0']")]
    .filter((node) => !node.closest("attention-lab"))
    .filter((node) => node.checkVisibility({ contentVisibilityAuto: true }))
    .filter((node) => node.scrollWidth <= node.clientWidth + 1)
    .map((node) => node.outerHTML.slice(0, 120))"""


def test_first_key_offers_to_skip_to_the_text(visit: Visit) -> None:
    tab = visit.open("weights/")
    tab.keyboard.press("Tab")
    skip = tab.locator(".md-skip")
    assert skip.evaluate("(link) => link === document.activeElement")
    assert skip.is_visible()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/weights/#weights")


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("page", ["notation/", "weights/", "cheatsheet/", "reference/modules/"])
def test_what_scrolls_takes_the_focus_and_nothing_else(visit: Visit, page: str, width: int) -> None:
    visit.tab.set_viewport_size({"width": width, "height": 844})
    tab = visit.open(page)
    assert tab.evaluate(SCROLLING) == []
    assert tab.evaluate(STOPS) == []


def test_boxes_that_scroll_have_a_name(visit: Visit) -> None:
    visit.tab.set_viewport_size({"width": 390, "height": 844})
    tables = visit.open("notation/").locator(".md-typeset__scrollwrap[tabindex='0']")
    assert tables.count() > 2
    assert all(table.get_attribute("aria-label") == "Table" for table in tables.all())


def test_what_has_the_focus_is_marked(visit: Visit) -> None:
    tab = visit.open("weights/")
    link = tab.get_by_role("article").get_by_role("link").first
    link.focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    style = link.evaluate("(link) => getComputedStyle(link).outlineStyle")
    assert style == "solid"


def test_link_of_a_section_says_what_it_is(visit: Visit) -> None:
    tab = visit.open("weights/")
    links = tab.get_by_role("article").get_by_role("link", name="Link to this section", exact=True)
    assert links.count() == tab.locator("article .headerlink").count() > 10


def test_copy_buttons_are_no_landmarks(visit: Visit) -> None:
    tab = visit.open("weights/")
    tab.locator(".md-code__nav").first.wait_for(state="attached")
    assert tab.locator("nav.md-code__nav:not([role='none'])").count() == 0


def test_keys_lead_from_chapter_to_chapter(visit: Visit) -> None:
    tab = visit.open("weights/")
    tab.keyboard.press("n")
    tab.get_by_role("heading", name="Context vectors", level=1).wait_for()
    tab.keyboard.press("p")
    tab.wait_for_url("**/weights/")


# A page that is missing ----------------------------------------------------------------------


def test_missing_page_is_whole_and_helps(site: Site, visit: Visit) -> None:
    page = (site.folder / "404.html").read_text("utf-8")
    # Whatever folder the address names, as hosts send this page for any.
    visit.tab.context.route(
        "**/no/such/page/", lambda route: route.fulfill(body=page, content_type="text/html")
    )
    tab = visit.open("no/such/page/")
    assert tab.get_by_role("heading", name="There is no page here").is_visible()
    assert visit.errors == []
    assert tab.locator(".md-logo img").first.evaluate("(image) => image.naturalWidth") > 0
    for link in tab.get_by_role("article").get_by_role("link").all():
        path = link.evaluate("(link) => link.pathname.slice(1)")
        assert (site.folder / path / "index.html").exists(), path
