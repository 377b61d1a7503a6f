"""The built site, as a reader's browser meets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from .conftest import ROOT, Site, Visit, visiting


def address(page: Path) -> str:
    """The address of a page of docs/."""
    parts = page.relative_to(ROOT / "docs").with_suffix("").parts
    return "/".join(parts[:-1] if parts[-1] == "index" else parts) + "/"


PAGES = sorted(address(page).removeprefix("/") for page in (ROOT / "docs").rglob("*.md"))

# The theme clips what sticks out of the page, so the width of the page itself would prove nothing.
TOO_WIDE = """() => {
    const article = document.querySelector("article");
    const edge = document.documentElement.clientWidth;
    const scrolls = (node) => node && node !== article
        && (["auto", "scroll"].includes(getComputedStyle(node).overflowX)
            || scrolls(node.parentElement));
    return [...article.querySelectorAll("*")]
        .filter((node) => node.getBoundingClientRect().right > edge + 1)
        .filter((node) => node.checkVisibility() && !scrolls(node.parentElement))
        .map((node) => node.outerHTML.slice(0, 120));
}"""

# The shorter side of each formula that can be seen; those of a folded solution cannot.
FORMULAS = """() => [...document.querySelectorAll("article math")]
    .filter((node) => node.checkVisibility({ contentVisibilityAuto: true }))
    .map((node) => node.getBoundingClientRect())
    .map(({ width, height }) => Math.min(width, height))"""

# Folded solutions count. What scrolls in them takes the focus once a frame has laid it out.
UNFOLD = """() => new Promise((done) => {
    for (const box of document.querySelectorAll("details")) box.open = true;
    requestAnimationFrame(() => requestAnimationFrame(done));
})"""
# Each token of a listing, and of a formula, has the color of its kind. axe takes a millisecond to
# judge the contrast of one, and a chapter has thousands, so one of each kind in each box stands for
# all.
PREPARE_FOR_AXE = """() => {
    for (const box of document.querySelectorAll("article :is(pre, math)")) {
        const kinds = new Set();
        for (const node of box.querySelectorAll("*")) {
            const kind = `${node.tagName} ${node.className} ${node.getAttribute("style")}`;
            node.toggleAttribute("data-like-another", kinds.has(kind));
            kinds.add(kind);
        }
    }
    axe.configure({
        rules: [
            { id: "color-contrast", selector: "*:not([data-like-another])" },
            { id: "target-size", enabled: true },
        ],
    });
}"""

# In bytes; 1 kB is 1000.
FIRST_VISIT, NEXT_PAGE = 180_000, 60_000


@pytest.fixture(scope="module", params=PAGES, ids=lambda page: page.rstrip("/") or "home")
def opened(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Visit]:
    """Each page of the site in turn; the tests of one page share one tab."""
    with visiting(browser, site) as visit:
        visit.open(request.param)
        yield visit


def test_page_is_quiet_and_asks_no_other_host(opened: Visit) -> None:
    assert opened.outside == []
    assert opened.errors == []


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_page_does_not_scroll_sideways(opened: Visit, width: int) -> None:
    opened.tab.set_viewport_size({"width": width, "height": 844})
    assert opened.tab.evaluate(TOO_WIDE) == []


def test_formulas_are_drawn_with_the_math_font(opened: Visit) -> None:
    assert all(side > 1 for side in opened.tab.evaluate(FORMULAS))
    assert fonts(opened.tab, "article math") <= {"STIX Two Math"}


def fonts(tab: Page, selector: str) -> set[str]:
    """The fonts that the browser drew elements with: a glyph that one lacks comes from another."""
    client = tab.context.new_cdp_session(tab)
    client.send("DOM.enable")
    client.send("CSS.enable")
    root = client.send("DOM.getDocument")["root"]["nodeId"]
    found = client.send("DOM.querySelectorAll", {"nodeId": root, "selector": selector})["nodeIds"]
    drawn = [client.send("CSS.getPlatformFontsForNode", {"nodeId": node}) for node in found]
    client.detach()
    return {font["familyName"] for answer in drawn for font in answer["fonts"]}


def test_first_visit_is_light(opened: Visit) -> None:
    assert sum(size for _, size in opened.sent) <= FIRST_VISIT, opened.sent


@pytest.fixture(scope="module")
def cached(browser: Browser, site: Site) -> set[str]:
    """What a browser has fetched for the first page, and keeps."""
    with visiting(browser, site) as visit:
        visit.open("")
        return {address for address, _ in visit.sent}


def test_next_page_is_light(opened: Visit, cached: set[str]) -> None:
    sent = [(address, size) for address, size in opened.sent if address not in cached]
    assert sum(size for _, size in sent) <= NEXT_PAGE, sent


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_no_violation(opened: Visit, scheme: str, width: int) -> None:
    opened.tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    opened.tab.set_viewport_size({"width": width, "height": 844})
    opened.tab.evaluate(UNFOLD)
    found = Axe(f"{AXE_SCRIPT};({PREPARE_FOR_AXE})()").run(opened.tab)
    violations = found.response["violations"]
    assert [(rule["id"], node["html"]) for rule in violations for node in rule["nodes"]] == []


def test_figures_have_a_name(opened: Visit) -> None:
    for figure in opened.tab.locator("figure.literate-figure > div > svg").all():
        assert figure.get_attribute("role") == "img"
        assert figure.locator("title").first.text_content()


def test_some_pages_have_formulas_and_figures(site: Site) -> None:
    text = (site.folder / "weights" / "index.html").read_text(encoding="utf-8")
    assert "<math" in text
    assert "literate-figure" in text


def test_first_page_shows_a_figure(visit: Visit) -> None:
    assert visit.open("").locator("figure.literate-figure > div > svg").count() == 1


def test_copied_block_has_no_prompts_and_no_output(visit: Visit) -> None:
    tab = visit.open("")
    block = tab.locator(".literate").first
    block.hover()
    block.locator("[data-md-type=copy]").click()
    tab.locator(".md-dialog--active").wait_for()
    copied = tab.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("import torch\n")
    assert ">>>" not in copied
    assert "..." not in copied
    compile(copied, "copied", "exec")


def test_navigation_does_not_reload_the_page(visit: Visit) -> None:
    tab = visit.open("")
    tab.evaluate("() => { window.stayed = true; }")
    tab.get_by_role("article").get_by_role("link", name="Scores", exact=True).click()
    tab.wait_for_url("**/scores/")
    assert tab.evaluate("() => window.stayed") is True


LOADED_BY_HTML = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|track)\b[^>]*?\b(?:src|srcset)=["']?"""
    r"""((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|icon|preload|modulepreload|preconnect|dns-prefetch))"""
    r"""[^>]*?\bhref=["']?((?:https?:)?//[^"'\s>]+)"""
)
LOADED_BY_CSS = re.compile(r"""(?:url\(|@import\s+)\s*["']?((?:https?:)?//[^"')\s]+)""")
LOADED_BY_JS = re.compile(
    r"""(?:\bfrom\s*|\bimport\s*\(?\s*|\bimportScripts\(\s*)["']((?:https?:)?//[^"']+)"""
)


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [("html", LOADED_BY_HTML), ("css", LOADED_BY_CSS), ("js", LOADED_BY_JS)],
    ids=["html", "css", "js"],
)
def test_no_file_loads_from_another_host(site: Site, kind: str, pattern: re.Pattern[str]) -> None:
    files = list(site.folder.rglob(f"*.{kind}"))
    assert files
    loads = [
        f"{path.relative_to(site.folder)}: {match.group(0)}"
        for path in files
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
        if site.origin not in match.group(0)
    ]
    assert loads == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (LOADED_BY_HTML, '<script async src="https://example.org/a.js"></script>'),
        (LOADED_BY_HTML, '<link rel="stylesheet" href="https://example.org/a.css">'),
        (LOADED_BY_HTML, '<link href="//example.org" rel="preconnect">'),
        (LOADED_BY_CSS, '@import "https://example.org/a.css";'),
        (LOADED_BY_CSS, "src: url(https://example.org/a.woff2)"),
        (LOADED_BY_JS, 'import("https://example.org/a.js")'),
    ],
)
def test_patterns_know_a_load_when_they_see_one(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


def test_pattern_lets_a_plain_link_pass() -> None:
    assert not LOADED_BY_HTML.search('<a href="https://example.org">read</a>')
    assert not LOADED_BY_HTML.search('<link rel="canonical" href="https://example.org/">')
