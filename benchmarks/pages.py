"""Measure the pages of the built site: `python benchmarks/pages.py [SITE]`.

Builds the site, or takes the one in SITE, serves it compressed on this machine, and prints

- of each page the kB (of 1000 bytes) that a browser fetches at a first visit, and those after a
  visit of the first page; what moved while it loaded, 390 and 1440 pixels wide; and the
  milliseconds until the first and the largest content were painted, on this machine;
- of the first page, the longest chapter and the lab what Lighthouse finds on a phone.

Times and scores of performance mean something on a quiet machine only. Lighthouse is run by npx,
which comes with Node.js and fetches it at the first use; `--no-lighthouse` leaves it out. Chromium
is taken from the CHROMIUM variable, else from /usr/bin/chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from serving import Server, serving

ROOT = Path(__file__).parent.parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
WIDTHS = {390: 844, 1440: 900}
# Lighthouse needs a newer Node.js than many systems have; npm has one.
LIGHTHOUSE = ["npx", "--yes", "--package=node@22", "--package=lighthouse@13.5.0", "lighthouse"]
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
METRICS = {
    "first-contentful-paint": "first paint",
    "largest-contentful-paint": "largest paint",
    "total-blocking-time": "blocked",
    "cumulative-layout-shift": "shift",
    "total-byte-weight": "weight",
}

# The programs of a page run after its first frame, and that of the lab after them.
STARTED = "() => !document.querySelector('#__programs, attention-lab:not(:defined)')"
WATCH = """
    window.seen = { shift: 0, first: 0, largest: 0 };
    const watch = (type, note) => new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) note(entry);
    }).observe({ type, buffered: true });
    watch("layout-shift", ({ value }) => { window.seen.shift += value; });
    watch("paint", ({ startTime }) => { window.seen.first = startTime; });
    watch("largest-contentful-paint", ({ startTime }) => { window.seen.largest = startTime; });
"""


@dataclass
class Load:
    """One load of a page by a browser that has fetched nothing before."""

    sent: list[tuple[str, int]]
    shift: float
    first: float
    largest: float

    def weight(self, cached: frozenset[str] = frozenset()) -> float:
        """The kB of what was sent, but for what a browser has from before."""
        return sum(size for address, size in self.sent if address not in cached) / 1000


def pages(site: Path) -> list[str]:
    """The address of every page."""
    found = sorted(path.parent.relative_to(site).as_posix() for path in site.rglob("index.html"))
    return ["" if page == "." else f"{page}/" for page in found]


def load(browser: Browser, server: Server, page: str, width: int) -> Load:
    """Load a page in a browser's fresh profile."""
    context = browser.new_context(viewport={"width": width, "height": WIDTHS[width]})
    tab = context.new_page()
    tab.add_init_script(WATCH)
    server.sent.clear()
    tab.goto(f"{server.origin}/{page}", wait_until="networkidle")
    tab.wait_for_function(STARTED)
    seen = tab.evaluate("() => document.fonts.ready.then(() => window.seen)")
    context.close()
    return Load(list(server.sent), **seen)


def measure(server: Server) -> str:
    """Print a line for each page, and return the heaviest chapter."""
    print(
        f"{'page':24}{'first':>8}{'next':>8}{'shift 390':>12}{'1440':>9}{'paint':>8}{'largest':>9}"
    )
    weights = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        cached = frozenset(address for address, _ in load(browser, server, "", 390).sent)
        for page in pages(server.folder):
            narrow, wide = (load(browser, server, page, width) for width in WIDTHS)
            weights[page] = narrow.weight()
            print(
                f"{page or 'home':24}{narrow.weight():8.1f}{narrow.weight(cached):8.1f}"
                f"{narrow.shift:12.4f}{wide.shift:9.4f}{narrow.first:8.0f}{narrow.largest:9.0f}",
                flush=True,
            )
        browser.close()
    return max((page for page in weights if page.count("/") == 1), key=lambda page: weights[page])


def lighthouse(address: str) -> dict[str, Any]:
    """The report of one run."""
    flags = "--headless=new" + (" --no-sandbox" if os.geteuid() == 0 else "")
    only = f"--only-categories={','.join(CATEGORIES)}"
    done = subprocess.run(
        [*LIGHTHOUSE, address, "--quiet", "--output=json", only, f"--chrome-flags={flags}"],
        env={**os.environ, "CHROME_PATH": CHROMIUM},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def judge(server: Server, page: str, runs: int) -> None:
    """Print the median scores of a page, its times, and what costs it points."""
    reports = [lighthouse(f"{server.origin}/{page}") for _ in range(runs)]
    print(f"\n{page or 'home'}, {runs} runs on a phone:")
    for category in CATEGORIES:
        scores = [100 * report["categories"][category]["score"] for report in reports]
        print(f"  {category:16}{statistics.median(scores):4.0f}  of {sorted(map(round, scores))}")
    for metric, label in METRICS.items():
        values = [report["audits"][metric]["numericValue"] for report in reports]
        print(f"  {label:16}{statistics.median(values):10.4g}")
    for audit in sorted(set().union(*map(losses, reports))):
        print(f"  loses points: {audit}")


def losses(report: dict[str, Any]) -> set[str]:
    """The audits that keep a category from 100."""
    parts = [part for each in report["categories"].values() for part in each["auditRefs"]]
    scores = {part["id"]: report["audits"][part["id"]]["score"] for part in parts if part["weight"]}
    return {name for name, score in scores.items() if score is not None and score < 0.9}


def main() -> None:
    """Read the arguments and print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, nargs="?", help="default: build it")
    parser.add_argument("--no-lighthouse", action="store_true")
    parser.add_argument("--runs", type=int, default=3, help="of Lighthouse, for each page")
    options = parser.parse_args()
    if not options.no_lighthouse and shutil.which("npx") is None:
        sys.exit("npx is missing: install Node.js with npm, or add --no-lighthouse")
    with tempfile.TemporaryDirectory() as folder, serving(options.site or Path(folder)) as server:
        if options.site is None:
            build(server)
        longest = measure(server)
        for page in [] if options.no_lighthouse else ["", longest, "lab/"]:
            judge(server, page, options.runs)


def build(server: Server) -> None:
    """Build the site for the address that serves it."""
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(server.folder)],
        cwd=ROOT,
        env={**os.environ, "SITE_URL": f"{server.origin}/", "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )


if __name__ == "__main__":
    main()
