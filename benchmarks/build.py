"""Time the build of the site: `python benchmarks/build.py [--repeat N]`.

Works on a copy of the project, so that neither its cache nor its files are touched, and prints:

- a build that runs everything (cold), one that finds what ran before (warm), and the time from the
  edit of a page until `mkdocs serve` shows it, each as a ratio to a build with execution switched
  off, in which MkDocs does all the rest;
- where the time of a warm build goes, by plugin and extension.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
PARTS = ("benchmarks", "docs", "literate", "overrides", "selfattn", "mkdocs.yml", "pyproject.toml")
GOALS = {"cold": 3.0, "warm": 1.1}
PAGES = ("scores", "heads", "learning", "streaming", "bugs")


def copy_project(folder: Path) -> Path:
    """Copy all that a build needs."""
    for name in PARTS:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return folder


def environment(project: Path, mode: str = "") -> dict[str, str]:
    """The environment of a command in the copy, with the copy's packages."""
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    own = {"LITERATE": mode, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(project)}
    return {**kept, **own}


def run(project: Path, *arguments: str, mode: str = "") -> float:
    """Run a Python module in the copy and return the seconds it took."""
    start = time.perf_counter()
    command = [sys.executable, "-m", *arguments]
    subprocess.run(command, cwd=project, env=environment(project, mode), check=True)
    return time.perf_counter() - start


def time_builds(project: Path, repeat: int) -> dict[str, list[float]]:
    """Time the three kinds of builds in turn, so that a change of the machine's pace hits all."""
    times: dict[str, list[float]] = defaultdict(list)
    build = ("mkdocs", "build", "--quiet")
    run(project, *build, mode="off")  # fills the caches of the disk
    for _ in range(repeat):
        times["execution off"].append(run(project, *build, mode="off"))
        run(project, "literate", "clean")
        times["cold"].append(run(project, *build))
        times["warm"].append(run(project, *build))
    return times


class Server:
    """`mkdocs serve` in the copy."""

    def __init__(self, project: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.project = project
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mkdocs", "--quiet", "serve", "-a", self.address],
            cwd=project,
            env=environment(project),
        )

    def get(self, path: str) -> str:
        """The text at a path."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=60) as response:
            return str(response.read().decode())

    def wait(self) -> None:
        """Wait for the first build."""
        while self.process.poll() is None:
            try:
                self.get("/")
                return
            except OSError:
                time.sleep(0.2)

    def time_edit(self, name: str, word: str) -> float:
        """Seconds from the writing of a page until a browser that shows it has the new one."""
        file, page = self.project / f"docs/{name}.md", f"/{name}/"
        lead, rest = file.read_text("utf-8").split("\n## ", 1)
        epoch = int(re.findall(r"livereload\((\d+), ", self.get(page))[-1])
        start = time.perf_counter()
        file.write_text(f"{lead}\n{word}\n\n## {rest}", "utf-8")
        while True:
            # What the page's script does: this returns when there is a newer site.
            epoch = max(epoch, int(self.get(f"/livereload/{epoch}/1")))
            if word in self.get(page):
                return time.perf_counter() - start


def time_edits(project: Path, repeat: int) -> list[float]:
    """Time edits of the prose of several pages."""
    server = Server(project)
    try:
        server.wait()
        times = []
        for number in range(repeat):
            for name in PAGES:
                times.append(server.time_edit(name, f"Word{number}{name}."))
                time.sleep(0.77)  # at no fixed phase of the server's looks for edits
        return times
    finally:
        server.process.terminate()
        server.process.wait()


class Shares:
    """Adds up the time that each owner of code takes, without that of others it calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._owners = ["MkDocs"]
        self._since = time.perf_counter()

    def _switch(self) -> None:
        now = time.perf_counter()
        self.seconds[self._owners[-1]] += now - self._since
        self._since = now

    @contextmanager
    def of(self, owner: str) -> Iterator[None]:
        """Count what is done here as the owner's."""
        self._switch()
        self._owners.append(owner)
        try:
            yield
        finally:
            self._switch()
            self._owners.pop()

    def wrap(self, owner: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose time is the owner's."""

        def wrapped(*arguments: Any, **settings: Any) -> Any:
            with self.of(owner):
                return function(*arguments, **settings)

        return wrapped

    def report(self) -> None:
        """Print the shares, the largest first."""
        self._switch()
        total = sum(self.seconds.values())
        print(f"\nA warm build within its process: {total:.2f} s")
        for owner, seconds in sorted(self.seconds.items(), key=lambda item: -item[1]):
            print(f"  {owner:<28}{seconds:7.2f} s {seconds / total:6.1%}")


def owner_of(module: str) -> str:
    """Whose code a module of an extension is."""
    parts = module.split(".")
    if parts[0] == "mkdocs":
        return "MkDocs"
    return ".".join(parts[:2]) if parts[0] == "literate" else parts[0]


def instrument(shares: Shares, config: Any) -> None:
    """Let the shares know of plugins, extensions, templates, and the wait for examples."""
    import jinja2
    from markdown import Markdown

    from literate.build import Build
    from literate.pages import Page

    plugins = {id(plugin): name for name, plugin in config.plugins.items()}
    for methods in config.plugins.events.values():
        methods[:] = [
            shares.wrap(plugins.get(id(getattr(method, "__self__", None)), "plugins"), method)
            for method in methods
        ]
    convert = Markdown.convert

    def convert_in_parts(md: Markdown, source: str) -> str:
        groups = (md.preprocessors, md.parser.blockprocessors, md.treeprocessors, md.postprocessors)
        for processor in (each for group in groups for each in group):
            owner = owner_of(type(processor).__module__)
            processor.run = shares.wrap(owner, processor.run)  # type: ignore[method-assign]
        with shares.of("markdown"):
            return convert(md, source)

    Markdown.convert = convert_in_parts  # type: ignore[method-assign]
    Page.html = shares.wrap("literate.pages", Page.html)  # type: ignore[method-assign]
    Build.report = shares.wrap("waiting for examples", Build.report)  # type: ignore[method-assign]
    render = jinja2.Template.render

    def render_as_theme(*arguments: Any, **settings: Any) -> str:
        owner = shares._owners[-1]
        with shares.of("theme templates" if owner == "MkDocs" else owner):
            return render(*arguments, **settings)

    jinja2.Template.render = render_as_theme  # type: ignore[method-assign]


def print_shares() -> None:
    """Build the site of the current folder in this process and print where the time goes."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    shares = Shares()
    config = load_config("mkdocs.yml")
    config.plugins.on_startup(command="build", dirty=False)
    instrument(shares, config)
    build(config)
    shares.report()


def print_times(times: dict[str, list[float]]) -> None:
    """Print medians, ranges, and ratios to the build with execution off."""
    unit = median(times["execution off"])
    print(f"\n{'':<28}{'median':>9}{'range':>16}{'ratio':>8}{'goal':>6}")
    for name, found in times.items():
        middle = median(found)
        spread = f"{min(found):.2f} to {max(found):.2f}"
        goal = f"{GOALS[name]:.1f}" if name in GOALS else ""
        print(f"{name:<28}{middle:>7.2f} s{spread:>16}{middle / unit:>8.2f}{goal:>6}")


def main() -> None:
    """Read the arguments, take the times and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--shares", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.shares:
        print_shares()
        return
    names = ("torch", "mkdocs", "mkdocs-material")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"{platform.platform()}, {os.cpu_count()} processors", flush=True)
    print(f"Python {platform.python_version()}, {versions}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        project = copy_project(Path(folder))
        times = time_builds(project, options.repeat)
        times["edit to view, one page"] = time_edits(project, options.repeat)
        print_times(times)
        run(project, "benchmarks.build", "--shares")


if __name__ == "__main__":
    main()
