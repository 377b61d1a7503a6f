"""A real `mkdocs serve` through every kind of edit: what it shows is what the files say."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import environment

if TYPE_CHECKING:
    from .conftest import Project

PAGE = """# T

```pycon exec="1"
>>> import toy
>>> toy.ANSWER
42
```

Other: `={toy.ANSWER} 42`
"""
OTHER = "# Other\n\nA token.\n\n## Part {#part}\n\n`={6 * 7} 42`\n"
GLOSSARY = "# Terms\n\nToken {: #token }\n:   A piece of text.\n"
THEME = """<html><body>
<nav>{% for page in nav.pages %}[{{ page.title }}]{% endfor %}</nav>
{{ page.content }}
</body></html>
"""


class Server:
    """`mkdocs serve` in a process of its own."""

    def __init__(self, project: Project, tool: str) -> None:
        self.project = project
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.log = project.root / "serve.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", tool, "serve", "-f", "mkdocs.yml", "-a", self.address],
                cwd=project.root,
                env=environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def get(self, name: str) -> str:
        """A page as it is now; nothing while there is no answer."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/{name}", timeout=5) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.code)
        except OSError:
            return ""

    def shows(self, *texts: str, page: str = "index.html", not_: str = "\0") -> None:
        """Wait until a page shows some texts, and not another."""

        def shown() -> bool:
            text = unescape(re.sub(r"<[^>]*>", "", self.get(page)))
            return all(each in text for each in texts) and not_ not in text

        soon(shown, self.log)

    def has(self, html: str, page: str = "index.html") -> None:
        """Wait until a page has some HTML."""
        soon(lambda: html in self.get(page), self.log)

    def builds(self) -> int:
        """How often the whole site was built."""
        return self.log.read_text().count("Building documentation")


def soon(found: Callable[[], bool], log: Path | None = None) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline, log.read_text()[-4000:] if log else "it did not happen"
        time.sleep(0.05)


@pytest.fixture(params=["mkdocs"])
def server(project: Project, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A site that is served."""
    project.write("docs/index.md", PAGE)
    project.write("docs/other.md", OTHER)
    project.write("docs/notation.md", GLOSSARY)
    project.write("theme/main.html", THEME)
    for file in project.root.rglob("*"):
        os.utime(file, (1, 1))  # long before the server starts
    started = Server(project, request.param)
    started.shows(">>> toy.ANSWER\n42\n", "every output is the recorded one")
    yield started
    started.process.kill()
    started.process.wait()


@pytest.mark.parametrize("server", ["mkdocs", "properdocs"], indirect=True)
def test_served_page_follows_its_own_edits(server: Server) -> None:
    write, shows = server.project.write, server.shows
    write("docs/index.md", PAGE.replace("Other:", "Prose:"))
    shows("Prose: 42")
    assert server.builds() == 1
    write("docs/index.md", PAGE.replace(">>> import toy", ">>> import toy\n>>> leak = 1"))
    shows("4 examples ran")
    write("docs/index.md", PAGE.replace("# T", "# T\n\n`={'leak' in globals()} False`"))
    shows("False", "4 examples ran", "every output is the recorded one", not_="True")
    write("docs/index.md", PAGE.replace("42\n```", "41\n```"))
    shows("the recorded output is not the live output", "Expected41", "Got42", "1 failed")
    assert server.builds() == 1
    write("docs/index.md", PAGE.replace(">>> toy", ">>> import os; os._exit(0)\n>>> toy"))
    shows("the page's process ended while it ran this example")
    write("docs/index.md", PAGE.replace("```\n", "", 1))
    shows("This page is not verified", "a fence that is never closed")
    write("docs/index.md", "Nothing here.\n")
    shows("Nothing here.", "There is no example on this page")
    write("docs/index.md", PAGE)
    shows("Other: 42", "every output is the recorded one")
    assert server.process.poll() is None


def test_served_pages_follow_the_package(server: Server) -> None:
    write, shows = server.project.write, server.shows
    write("toy/__init__.py", "ANSWER = 43\n")
    shows(">>> toy.ANSWER\n43\n", "Expected42", "Got43", "Other: recorded 42, live 43", "2 failed")
    write("docs/index.md", PAGE.replace("# T", "# T\n\nProse."))
    shows("Prose.", "Got43", "2 failed")
    write("toy/__init__.py", "ANSWER = = 43\n")
    shows("the example raised an exception", "SyntaxError: invalid syntax")
    write("docs/index.md", PAGE.replace("# T", "# T\n\nMore prose."))
    shows("More prose.", "SyntaxError: invalid syntax")
    write("toy/__init__.py", "from toy.part import ANSWER\n")
    shows("No module named 'toy.part'")
    write("toy/part.py", "ANSWER = 42\n")
    shows("More prose.", "Other: 42", "every output is the recorded one")
    write("toy/part.py", "ANSWER = 44\n")
    shows("Other: recorded 42, live 44")
    (server.project.root / "toy/part.py").unlink()
    shows("No module named 'toy.part'")
    write("toy/__init__.py", "ANSWER = 42\n")
    shows("Other: 42", "every output is the recorded one")


def test_served_site_follows_its_pages(server: Server) -> None:
    write, shows, docs = server.project.write, server.shows, server.project.root / "docs"
    shows("[T][Terms][Other]")
    write("docs/new.md", "# New\n\n[Part](other.md#part) `={1 + 1} 2`\n")
    shows("New", "2", "1 example ran", page="new.html")
    shows("[T][New][Terms][Other]")
    write("docs/other.md", OTHER.replace("# Other", "# Another", 1))
    shows("[T][New][Terms][Another]")
    shows("[T][New][Terms][Another]", page="new.html")
    (docs / "new.md").rename(docs / "newer.md")
    shows("New", "1 example ran", page="newer.html")
    soon(lambda: server.get("new.html") == "404", server.log)
    (docs / "newer.md").unlink()
    shows("[T][Terms][Another]", not_="New")
    soon(lambda: server.get("newer.html") == "404", server.log)
    write("docs/other.md", OTHER + "\nBack.\n")
    shows("Back.", "42", page="other.html")


def test_served_site_follows_its_glossary_and_settings(server: Server) -> None:
    write, shows = server.project.write, server.shows
    server.has('title="A piece of text."', page="other.html")
    write("docs/notation.md", GLOSSARY.replace("piece", "part"))
    server.has('title="A part of text."', page="other.html")
    builds = server.builds()
    write("docs/notation.md", GLOSSARY.replace("piece", "part").replace("# Terms", "# Terms\n\nX"))
    shows("X", page="notation.html")
    assert server.builds() == builds
    settings = server.project.read("mkdocs.yml")
    write("mkdocs.yml", settings + "nav: [{First: other.md}, index.md, notation.md]\n")
    shows("[First][T][Terms]")
    write("mkdocs.yml", settings + "nav: [\n")
    soon(lambda: "The server will appear stuck" in server.log.read_text(), server.log)
    write("docs/index.md", PAGE.replace("Other:", "Prose:"))
    write("mkdocs.yml", settings + "nav: [index.md, other.md]\n")
    shows("[T][Other]", "Prose: 42")
    write("pyproject.toml", server.project.read("pyproject.toml").replace("20", "2"))
    write("docs/index.md", PAGE.replace("42\n```", "42\n>>> while True: pass\n```"))
    write("mkdocs.yml", settings)
    shows("[T][Terms][Other]", "after the 2 s that a page has")
    write("docs/index.md", PAGE)
    shows("Other: 42", "every output is the recorded one")


def workers_of(folder: Path) -> list[str]:
    """The worker processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            if (process / "cwd").resolve() == folder and "literate.worker" in command:
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc")
def test_workers_end_with_the_server(server: Server) -> None:
    assert workers_of(server.project.root) != []
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=10)
    soon(lambda: workers_of(server.project.root) == [])
