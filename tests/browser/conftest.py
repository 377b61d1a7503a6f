"""Builds the site once, serves it on this machine, and opens it in Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pages import STARTED
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, Route, sync_playwright
from serving import Server, serving

ROOT = Path(__file__).parents[2]
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
# A lab in sight begins in a few frames; what scrolls is found in the one after.
SETTLED = """async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    await frame();
    do await frame();
    while (document.querySelector(".lab-fresh, attention-lab:not([begun]) > .lab"));
    await frame();
}"""
# A page's parts that are out of sight are laid out when nothing else is left to do, each for once.
LAID_OUT = "() => !document.querySelector('.in-parts .part:not(.set)')"
# What is out of sight is drawn as well, as on a page that was opened at a section.
DRAW_ALL = "() => document.documentElement.classList.remove('in-parts')"


@dataclass
class Site:
    """The built files and what serves them."""

    folder: Path
    server: Server

    @property
    def origin(self) -> str:
        """The address of the first page, without a slash at the end."""
        return self.server.origin


@dataclass
class Visit:
    """An open tab, what was sent to it, and everything that went wrong in it."""

    tab: Page
    site: Site
    sent: list[tuple[str, int]] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, address: str) -> Page:
        """Go to an address of the site, and wait until it is at rest."""
        self.site.server.sent.clear()
        arrive(self.tab, f"{self.site.origin}/{address}")
        self.tab.wait_for_function(LAID_OUT)
        self.tab.evaluate(DRAW_ALL)
        self.tab.evaluate(SETTLED)
        self.sent = list(self.site.server.sent)
        return self.tab


def arrive(tab: Page, address: str) -> None:
    """Go to an address, and wait until its programs run and all is fetched and in its place."""
    tab.goto(address, wait_until="networkidle")
    tab.wait_for_function(STARTED)
    tab.evaluate(SETTLED)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser; only outside of CI may it be missing."""
    if not CHROMIUM.exists():
        reason = f"no Chromium at {CHROMIUM}; name one in the variable CHROMIUM"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return CHROMIUM


@pytest.fixture(scope="session")
def site(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, built as it is published, and served."""
    folder = tmp_path_factory.mktemp("site")
    with serving(folder) as server:
        build(folder, server.origin)
        yield Site(folder, server)


def build(folder: Path, origin: str, *, root: Path = ROOT, **variables: str) -> None:
    """Build the site strictly, for an address."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=root,
        env={**os.environ, "SITE_URL": f"{origin}/", "NO_MKDOCS_2_WARNING": "1", **variables},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"the site does not build:\n{done.stdout}{done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """A fresh tab that reaches nothing but the site."""
    with visiting(browser, site) as opened:
        yield opened


@contextmanager
def visiting(browser: Browser, site: Site) -> Iterator[Visit]:
    """Open a tab that reaches nothing but the site, and notes what goes wrong."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    opened = Visit(context.new_page(), site)

    def keep_inside(route: Route) -> None:
        if route.request.url.startswith((f"{site.origin}/", "data:", "blob:")):
            route.continue_()
        else:
            opened.outside.append(route.request.url)
            route.abort()

    def note_message(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            opened.errors.append(f"console: {message.text}")

    def note_response(response: Response) -> None:
        if response.status >= 400:
            opened.errors.append(f"{response.status}: {response.url}")

    context.route("**/*", keep_inside)
    opened.tab.on("console", note_message)
    opened.tab.on("response", note_response)
    opened.tab.on("pageerror", lambda error: opened.errors.append(f"script: {error}"))
    yield opened
    context.close()
