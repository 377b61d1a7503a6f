"""The labs on the pages: what the build put there, and what the script makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, Page

from .conftest import Site, Visit, visiting

CHAPTERS = ["scores", "weights", "context", "projections", "scaling", "causal", "heads"]
SHOWN = """() => {
    const { state, result } = document.querySelector("attention-lab");
    const { query } = state;
    const scores = result.scores.map((head) => head[query].map((score) => score ?? -Infinity));
    const weights = result.weights.map((head) => head[query]);
    return { scores, weights, context: result.context[query] };
}"""


def fallback(site: Site, page: str) -> ElementTree.Element:
    """The table that the build put into the lab of a page."""
    text = (site.folder / page / "index.html").read_text("utf-8")
    found = re.search(r"<attention-lab\b.*?(<table\b.*?</table>)", text, re.DOTALL)
    assert found
    return ElementTree.fromstring(found[1])


def columns(table: ElementTree.Element) -> dict[str, list[str]]:
    """The texts of a table's columns by their heads, as Python writes numbers."""
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    plain = [[cell.replace("−", "-").replace("∞", "inf") for cell in row] for row in rows]
    return {head: list(cells) for head, *cells in zip(*plain, strict=True)}


@pytest.mark.parametrize("page", [*CHAPTERS, "lab"])
def test_the_script_computes_what_the_build_computed(visit: Visit, site: Site, page: str) -> None:
    tab = visit.open(f"{page}/")
    tab.wait_for_selector("attention-lab:defined")
    shown = tab.evaluate(SHOWN)
    written = columns(fallback(site, page))
    assert {"score", "score 0"} & written.keys()
    count = len(shown["scores"][0])
    for name in {"score", "weight"} & {head.split()[0] for head in written}:
        heads = [cells[:count] for head, cells in written.items() if head.split()[0] == name]
        numbers = [[float(cell) for cell in cells] for cells in heads]
        assert shown[f"{name}s"] == [pytest.approx(head, abs=6e-5) for head in numbers]
    if "contribution" in written:
        numbers = [float(number) for number in written["contribution"][-1].strip("[]").split(",")]
        assert shown["context"] == pytest.approx(numbers, abs=6e-5)


@pytest.fixture(scope="module")
def experiments(browser: Browser, site: Site) -> Iterator[Page]:
    """The page of the lab."""
    with visiting(browser, site) as visit:
        yield visit.open("lab/")


TOOK = "(link) => document.querySelector('attention-lab').link === link.href"
UNFOLD = "(node) => node.closest('details')?.setAttribute('open', '')"


def test_each_link_gives_the_lab_what_the_page_computed(experiments: Page) -> None:
    blocks = experiments.locator(".literate:has(.lab-link)").all()
    assert len(blocks) >= 7
    for block in blocks:
        link = block.locator(".lab-link")
        link.evaluate(UNFOLD)
        link.click()
        # The lab's own link to its state is the one that it followed.
        experiments.wait_for_function(TOOK, arg=link.element_handle())
        printed = block.locator("pre").first.text_content() or ""
        weights = experiments.evaluate(SHOWN)["weights"]
        numbers = [f"{weight:z.4f}" for head in weights for weight in head]
        assert [number for number in numbers if number not in printed] == []


def test_a_link_counts_when_the_theme_has_rewritten_the_address(experiments: Page) -> None:
    link = experiments.locator(".lab-link").first.element_handle()
    experiments.evaluate("() => document.querySelector('attention-lab').reset()")
    assert not experiments.evaluate(TOOK, link)
    experiments.evaluate(
        """(link) => {
        location.hash = link.hash;
        history.replaceState(null, "", "#twins");
    }""",
        link,
    )
    experiments.wait_for_function(TOOK, arg=link)


def test_a_lab_starts_where_the_theme_changes_the_page(visit: Visit) -> None:
    tab = visit.open("")
    tab.evaluate("() => { window.kept = true; }")
    tab.locator("article a[href$='lab/']:visible").first.click()
    tab.wait_for_url("**/lab/")
    tab.wait_for_selector("attention-lab[full] canvas")
    assert tab.evaluate("() => window.kept")
    assert visit.errors == []


def test_without_scripts_the_table_and_the_heatmap_are_seen(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    for page in [*CHAPTERS, "lab"]:
        tab.goto(f"{site.origin}/{page}/")
        lab = tab.locator("attention-lab")
        assert lab.locator("table").is_visible()
        assert lab.locator("svg").first.is_visible()
        assert lab.get_by_text("Query: ").is_visible()
    assert not tab.locator(".lab-link").first.is_visible()
    context.close()
