"""The built site, as a reader's browser meets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

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

LOADED_FONTS = """() => [...document.fonts]
    .filter((face) => face.status === "loaded")
    .map((face) => face.family.replaceAll('"', ""))"""


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
    sides = opened.tab.evaluate(FORMULAS)
    assert all(side > 1 for side in sides)
    if sides:
        assert "STIX Two Math" in opened.tab.evaluate(LOADED_FONTS)


def test_figures_have_a_name(opened: Visit) -> None:
    for figure in opened.tab.locator("figure.literate-figure > svg").all():
        assert figure.get_attribute("role") == "img"
        assert figure.locator("title").first.text_content()


def test_some_pages_have_formulas_and_figures(site: Site) -> None:
    text = (site.folder / "weights" / "index.html").read_text(encoding="utf-8")
    assert "<math" in text
    assert "literate-figure" in text


def test_first_page_shows_a_figure(visit: Visit) -> None:
    assert visit.open("").locator("figure.literate-figure > svg").count() == 1


def test_search_finds_softmax(visit: Visit) -> None:
    tab = visit.open("")
    tab.locator("[data-md-component=search-query]").press_sequentially("softmax")
    found = tab.locator(".md-search-result__link")
    found.first.wait_for()
    links = [link.get_attribute("href") or "" for link in found.all()]
    assert any("/weights/" in link for link in links)
    assert any("/reference/weights/" in link for link in links)


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_color_scheme_of_the_system(visit: Visit, scheme: str) -> None:
    visit.tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    ground = visit.open("").evaluate("() => getComputedStyle(document.body).backgroundColor")
    red = int(re.findall(r"\d+", ground)[0])
    assert (red > 128) == (scheme == "light")


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
