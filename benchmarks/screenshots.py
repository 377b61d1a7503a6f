"""Photograph every page of the built site: `python benchmarks/screenshots.py FOLDER [SITE]`.

Serves SITE (default: `site`) on this machine and writes one full-page picture for each page, width
and color scheme. Chromium is taken from the CHROMIUM variable, else from /usr/bin/chromium.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from pages import CHROMIUM, STARTED, pages
from playwright.sync_api import Browser, sync_playwright
from serving import serving

WIDTHS = {1440: 900, 390: 844}
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")

# The parts out of sight are drawn, and the labs there begin, which they do when they are asked.
SHOW_ALL = """() => {
    document.documentElement.classList.remove("in-parts");
    document.querySelectorAll("attention-lab").forEach((lab) => lab.state);
}"""


def name(page: str) -> str:
    """A file name for a page."""
    return page.removesuffix(".html").strip("/").replace("/", "-") or "home"


def photograph(browser: Browser, origin: str, names: list[str], folder: Path) -> None:
    """Write the picture of each page, width and scheme to `folder`."""
    for width, height in WIDTHS.items():
        for scheme in SCHEMES:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            tab = context.new_page()
            for page in names:
                tab.goto(f"{origin}/{page}", wait_until="networkidle")
                tab.wait_for_function(STARTED)
                tab.evaluate(SHOW_ALL)
                path = folder / f"{name(page)}-{width}-{scheme}.png"
                tab.screenshot(path=path, full_page=True)
                print(path)
            context.close()


def main() -> None:
    """Read the arguments and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("site", type=Path, nargs="?", default=Path("site"))
    parser.add_argument("--only", help="only pages whose name contains this")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    every = [*pages(options.site), "404.html"]
    names = [page for page in every if (options.only or "") in name(page)]
    with serving(options.site) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        photograph(browser, server.origin, names, options.folder)
        browser.close()


if __name__ == "__main__":
    main()
