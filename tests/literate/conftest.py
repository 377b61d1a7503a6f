"""Small projects: documents that run in a worker, and sites that are built by real commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from literate.config import Config
from literate.examples import Block, Document
from literate.fences import parse_page
from literate.report import Report
from literate.workers import Workers

SETTINGS = """
[tool.literate]
pages = ["docs/**/*.md"]
sources = ["toy"]
setup = "import random; random.seed(0)"
timeout = 20
"""
MKDOCS = """
site_name: Toy
theme: {name: null, custom_dir: theme}
use_directory_urls: false
watch: [toy]
markdown_extensions:
  - admonition
  - attr_list
  - def_list
  - tables
  - toc: {permalink: "#"}
  - pymdownx.details
  - pymdownx.tabbed: {alternate_style: true}
  - pymdownx.superfences:
      custom_fences:
        - name: pycon
          class: pycon
          validator: !!python/name:markdown_exec.validator
          format: !!python/name:markdown_exec.formatter
  - literate.pages
  - literate.glossary
plugins: PLUGINS
validation: {links: {not_found: warn, anchors: warn, unrecognized_links: warn}}
"""


def environment() -> dict[str, str]:
    """The environment of a command that a reader starts, wherever the tests run."""
    variables = {
        name: value for name, value in os.environ.items() if name not in ("CI", "LITERATE")
    }
    return {**variables, "NO_MKDOCS_2_WARNING": "1"}


@dataclass
class Project:
    """A folder with settings, pages and a package."""

    root: Path

    def write(self, name: str, text: str) -> Path:
        """Write a file with the text's own line ends."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        return file

    def read(self, name: str) -> str:
        """A file's text with its own line ends."""
        return (self.root / name).read_bytes().decode()

    @property
    def config(self) -> Config:
        """The settings as they are in the file."""
        return Config.find(self.root)

    def build(self, *arguments: str, tool: str = "mkdocs", **variables: str) -> tuple[int, str]:
        """Build the site and give the exit status and what was printed.

        Everything is run, unless `variables` of the environment say otherwise.
        """
        done = subprocess.run(
            [sys.executable, "-m", tool, "build", "-f", "mkdocs.yml", *arguments],
            cwd=self.root,
            env={**environment(), "LITERATE": "fresh", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
        )
        return done.returncode, done.stdout


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """Make projects."""

    def make(*, plugins: str = "[literate]") -> Project:
        project = Project(tmp_path_factory.mktemp("project").resolve())
        project.write("pyproject.toml", SETTINGS)
        project.write("mkdocs.yml", MKDOCS.replace("PLUGINS", plugins))
        project.write("theme/main.html", "<html><body>{{ page.content }}</body></html>")
        project.write("toy/__init__.py", '"""A package."""\n\nANSWER = 42\n')
        return project

    return make


@pytest.fixture
def project(new_project: Callable[..., Project]) -> Project:
    """A project without pages."""
    return new_project()


@pytest.fixture(scope="session")
def workers(new_project: Callable[..., Project]) -> Iterator[Workers]:
    """One pool for all documents that need no settings of their own."""
    pool = Workers(new_project().config)
    yield pool
    pool.close()


@pytest.fixture
def run(workers: Workers) -> Callable[[str], Report]:
    """Run a page, given its text."""
    return lambda text: workers.run(parse_page(text, "page.md"))


@pytest.fixture
def live() -> Callable[..., str]:
    """Write a live block around prompts."""
    return lambda body, options="": f'```pycon exec="1"{options}\n{body}\n```\n'


@pytest.fixture
def page() -> Callable[[str], Document]:
    """Parse a page, given its text."""
    return lambda text: parse_page(text, "page.md")


@pytest.fixture
def only_block(page: Callable[[str], Document]) -> Callable[[str], Block]:
    """The one block of a page in which nothing is wrong."""

    def read(text: str) -> Block:
        document = page(text)
        assert document.problems == ()
        (block,) = document.blocks
        return block

    return read
