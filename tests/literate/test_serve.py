from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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


@pytest.fixture
def served(project: Project) -> Iterator[tuple[Project, subprocess.Popen[bytes], str]]:
    """A project that `mkdocs serve` serves."""
    project.write("docs/index.md", PAGE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [sys.executable, "-m", "mkdocs", "serve", "--livereload", "-a", address],
        cwd=project.root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield project, process, f"http://{address}/index.html"
    process.kill()
    process.wait()


def soon(found: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 15
    while not found():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def page_at(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return unescape(re.sub(r"<[^>]*>", "", response.read().decode()))
    except OSError:
        return ""


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
def test_served_page_follows_every_edit(
    served: tuple[Project, subprocess.Popen[bytes], str],
) -> None:
    project, process, address = served

    def shows(*texts: str) -> None:
        soon(lambda: all(text in page_at(address) for text in texts))

    shows(">>> toy.ANSWER\n42\n", "every output is the recorded one")
    project.write("docs/index.md", PAGE.replace(">>> import toy", ">>> import toy\n>>> leak = 1"))
    shows("4 examples ran")
    project.write("docs/index.md", PAGE.replace("# T", "# T\n\n`={'leak' in globals()} False`"))
    shows("False", "4 examples ran", "every output is the recorded one")
    assert "True" not in page_at(address)
    project.write("toy/__init__.py", "ANSWER = 43\n")
    shows(">>> toy.ANSWER\n43\n", "Expected42", "Got43", "Other: recorded 42, live 43", "2 failed")
    project.write("toy/__init__.py", "ANSWER = = 43\n")
    shows("the example raised an exception", "SyntaxError: invalid syntax")
    project.write("docs/index.md", PAGE.replace(">>> toy", ">>> import os; os._exit(0)\n>>> toy"))
    shows("the page's process ended while it ran this example")
    project.write("toy/__init__.py", "ANSWER = 44\n")
    project.write("docs/index.md", PAGE.replace("42", "44"))
    shows(">>> toy.ANSWER\n44\n", "Other: 44", "every output is the recorded one")
    assert workers_of(project.root) != []
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)
    soon(lambda: workers_of(project.root) == [])
