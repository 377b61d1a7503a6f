from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from literate.progress import line

from .conftest import environment

if TYPE_CHECKING:
    from .conftest import Project

pty = pytest.importorskip("pty")
CLEAR = "\r\x1b[K"


@pytest.fixture
def slow(project: Project) -> Project:
    """A site with a page that takes its time, and one that warns meanwhile."""
    project.write("docs/index.md", "`={1} 2`\n")
    project.write("docs/slow.md", '```pycon exec="1"\n>>> import time\n>>> time.sleep(1.5)\n```\n')
    return project


def on_terminal(project: Project, *arguments: str, **variables: str) -> str:
    """What a build writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mkdocs", *arguments],
        cwd=project.root,
        env={**environment(), "COLUMNS": "70", "TERM": "xterm", **variables},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    found = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how Linux tells the end
            part = b""
        if not part:
            break
        found += part
    os.close(ours)
    assert process.wait() == 0
    return found.decode()


def screen(text: str) -> list[str]:
    """The lines that a terminal shows in the end, colors aside."""
    lines = [each.rpartition(CLEAR)[2] for each in text.replace("\r\n", "\n").split("\n")]
    return [re.sub(r"\x1b\[\d*m", "", each) for each in lines]


def test_terminal_shows_what_runs_and_then_no_more_of_it(slow: Project) -> None:
    text = on_terminal(slow, "build")
    bars = re.findall(r"\[[#·]{20}\] \d/\d[^\r]*", text)
    assert f"[{'#' * 10}{'·' * 10}] 1/2 docs/slow.md" in bars
    shown = screen(text)
    assert not any("·" in each or "#" in each for each in shown)
    assert "WARNING -  docs/index.md:1: the recorded output is not the live output" in shown
    assert "INFO    -  3 examples ran, 1 failed" in shown


@pytest.mark.parametrize(
    ("arguments", "variables"), [(["build", "-q"], {}), (["build"], {"TERM": "dumb"})]
)
def test_terminal_that_is_not_for_it_shows_nothing(
    arguments: list[str], variables: dict[str, str], slow: Project
) -> None:
    text = on_terminal(slow, *arguments, **variables)
    assert CLEAR not in text
    assert "·" not in text


def test_nothing_is_drawn_without_a_terminal(slow: Project) -> None:
    _, output = slow.build()
    assert CLEAR not in output
    assert "·" not in output


def test_line_is_as_long_as_the_terminal_allows() -> None:
    runs: dict[str, Future[Any]] = {f"docs/page-{number}.md": Future() for number in range(9)}
    for run in runs.values():
        run.set_running_or_notify_cancel()
    assert line(runs, 40) == f"[{'·' * 20}] 0/9 docs/page-0."
    assert len(line(runs, 40)) == 39
