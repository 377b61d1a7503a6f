"""What `mkdocs serve` builds after an edit; `test_stale.py` drives a server that runs."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mkdocs.commands import build as commands
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.livereload import LiveReloadServer

if TYPE_CHECKING:
    from .conftest import Project

EXEC = '```pycon exec="1"'
SITE = {
    "docs/index.md": "# Home\n\nWelcome.\n\n## Start {#start}\n\nText.\n\n"
    '<span class="literate-total"></span>\n',
    "docs/a.md": f"""# A

A token comes first.

## Part {{#part}}

See [f][toy.f] and [B](b.md#more). Inline $x^2$.

{EXEC}
>>> import toy
>>> toy.f()
1
```

Thrice: `={{3 * toy.f()}} 3`.
""",
    "docs/b.md": f"# B\n\nTo [A](a.md#part).\n\n## More {{#more}}\n\n{EXEC}\n>>> 1 + 1\n2\n```\n",
    "docs/clock.md": f'# Clock\n\n{EXEC} measured="1"\n'
    ">>> import time\n>>> time.time_ns()\n1\n```\n",
    "docs/notation.md": "# Terms\n\nToken {: #token }\n:   A piece of text.\n",
    "docs/reference.md": "# API\n\nWhat there is.\n\n::: toy\n",
    "toy/__init__.py": '"""Toy.\n\n>>> f()\n1\n"""\n\ndef f():\n    """F."""\n    return 1\n',
}
EXTENSION = """
from markdown import Extension

class Nothing(Extension):
    def extendMarkdown(self, md):
        pass

def makeExtension(**settings):
    return Nothing(**settings)
"""
PLUGINS = "[search, mkdocstrings, literate: {lazy_search: true}, front]"
THEME = "theme: {name: null, custom_dir: theme}"


class Served:
    """What `mkdocs serve` does, but for the waiting."""

    def __init__(
        self, project: Project, folder: Path, during: Callable[[], object] = lambda: None
    ) -> None:
        self.project = project
        self.folder = folder
        self.whole = 0
        first = self.config()
        first.plugins.on_startup(command="serve", dirty=False)
        self.server = LiveReloadServer(self.builder, "127.0.0.1", 0, root=str(folder))
        self.builder(first)
        during()
        self.server.watch(first.docs_dir)
        self.server.watch(str(first.config_file_path))
        first.plugins.on_serve(self.server, config=first, builder=self.builder)
        for item in first.watch:
            self.server.watch(item)

    def config(self) -> MkDocsConfig:
        """Read `mkdocs.yml`."""
        file = str(self.project.root / "mkdocs.yml")
        return load_config(file, site_dir=str(self.folder))

    def builder(self, config: MkDocsConfig | None = None) -> None:
        """Build the whole site, as MkDocs defines it."""
        self.whole += 1
        build(config or self.config(), serve_url="http://127.0.0.1/")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text of a file."""
        text = self.project.read(name)
        assert old in text
        self.project.write(name, text.replace(old, new))

    def rebuild(self) -> bool:
        """Build what was edited, and say whether that was the whole site."""
        before = self.whole
        self.server.builder()
        return self.whole > before

    def page(self, name: str) -> str:
        """A page of the site."""
        return (self.folder / name).read_text("utf-8")


def tree(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def same_as_built_anew(served: Served) -> bool:
    """Whether the site is what a build from nothing makes, except for what is measured."""
    folder = served.folder.with_name(f"{served.folder.name}-anew")
    status, output = served.project.build("--site-dir", str(folder), LITERATE="")
    assert status == 0, output
    anew, shown = tree(folder), tree(served.folder)
    measured = re.compile(rb"\d{16,}|in \d+\.\d\d s")
    for files in (anew, shown):
        for name in [name for name in files if name.startswith(("clock", "search/"))]:
            files[name] = measured.sub(b"", files[name])
    assert {name for name in anew if anew[name] != shown.get(name)} == set()
    assert anew.keys() == shown.keys()
    return True


Serve = Callable[..., Served]


@pytest.fixture(scope="module")
def serve(
    new_project: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serve]:
    """Serve a site."""
    servers = []

    def make(*, theme: bool = False, extra: str = "", during: str = "") -> Served:
        project = new_project(plugins=PLUGINS if theme else "[mkdocstrings, literate]")
        settings = project.read("mkdocs.yml")
        if theme:
            project.write("docs/robots.txt", "{{ config.site_name }}")
            settings = settings.replace(THEME, "theme: {name: material, font: false}")
        settings = settings.replace("- literate.pages", "- literate.pages\n  - literate.math")
        project.write("mkdocs.yml", settings + extra)
        for name, text in SITE.items():
            project.write(name, text)
        for file in project.root.rglob("*"):
            os.utime(file, (1, 1))
        os.chdir(project.root)  # where mkdocstrings looks for packages
        edit = partial(project.write, "docs/b.md", during) if during else bool
        served = Served(project, tmp_path_factory.mktemp("served"), edit)
        servers.append(served.server)
        return served

    with pytest.MonkeyPatch.context() as patch:
        for name in ("CI", "LITERATE"):
            patch.delenv(name, raising=False)
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.chdir(".")
        yield make
    for server in servers:
        server.server_close()


@pytest.fixture(scope="module")
def site(serve: Serve) -> Served:
    """The site above, for tests that leave it as it was."""
    return serve()


@pytest.fixture
def served(serve: Serve) -> Served:
    """The site above, for one test."""
    return serve()


def test_edits_of_pages_give_the_site_that_a_whole_build_gives(serve: Serve) -> None:
    served = serve(theme=True, extra="extra_templates: [robots.txt]\n")
    served.edit("docs/a.md", "comes", r"in $\beta$, as [f][toy.f] says ([here](b.md)), comes")
    assert not served.rebuild()
    assert "<mi>β</mi>" in served.page("a.html")
    assert same_as_built_anew(served)

    served.edit("docs/index.md", "Welcome", "Good day")
    served.edit("docs/b.md", ">>> 1 + 1\n2", ">>> 1 + 2\n3\n>>> print('new')\nnew")
    assert not served.rebuild()
    assert '<span class="go">new</span>' in served.page("b.html")
    assert "Good day" in served.page("search/texts.json")
    assert "8 examples ran, all as recorded</span>" in served.page("index.html")
    assert same_as_built_anew(served)

    served.edit("docs/a.md", r"$\beta$", "nothing")
    served.edit("docs/a.md", "toy.f()\n1", "toy.f()\n2")
    assert not served.rebuild()
    assert "the recorded output is not the live output" in served.page("a.html")
    assert "8 examples ran, 1 failed</span>" in served.page("index.html")
    assert same_as_built_anew(served)

    served.edit("docs/a.md", "toy.f()\n2", "toy.f()\n1")
    served.edit("docs/clock.md", "# Clock\n", "# Clock\n\nTells the token.\n")
    assert not served.rebuild()
    assert "literate-failed" not in served.page("a.html")
    assert same_as_built_anew(served)
    assert served.whole == 1


def test_editors_own_files_do_not_matter(served: Served) -> None:
    for name in (".a.md.swp", "a.md~", ".#a.md", "#a.md#"):
        served.project.write(f"docs/{name}", "x")
    served.edit("docs/a.md", "comes", "stands")
    assert not served.rebuild()


WHOLE = {
    "title": ("docs/a.md", "# A\n", "# Other\n"),
    "heading": ("docs/a.md", "## Part ", "## Parts "),
    "anchor": ("docs/a.md", "{#part}", "{#parts}"),
    "new heading": ("docs/a.md", "Thrice", "## New\n\nThrice"),
    "paragraph with an anchor": ("docs/a.md", "first.\n", "first.\n{: #first }\n"),
    "front matter": ("docs/a.md", "# A\n", "---\ndescription: x\n---\n\n# A\n"),
    "glossary": ("docs/notation.md", "piece", "part"),
    "page without notebook": ("docs/b.md", f"{EXEC}\n>>> 1 + 1\n2\n```\n", ""),
    "page with docstrings": ("docs/reference.md", "What there is", "All"),
    "page that gets docstrings": ("docs/b.md", "To ", "::: toy.f\n\nTo "),
    "page that gets a reference": ("docs/b.md", "To ", '<a id="x"></a>\n\nTo '),
    "package": ("toy/__init__.py", "return 1", "return 2"),
    "settings": ("mkdocs.yml", "site_name: Toy", "site_name: Toys"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_site_is_built_if_more_than_a_page_changes(kind: str, site: Served) -> None:
    name, old, new = WHOLE[kind]
    text = site.project.read(name)
    site.edit(name, old, new)
    assert site.rebuild()
    site.project.write(name, text)
    assert site.rebuild()
    site.edit("docs/index.md", "Text.", f"{kind}. Text.")
    assert not site.rebuild()


def test_whole_site_is_built_if_files_come_and_go(served: Served) -> None:
    root = served.project.root
    served.project.write("docs/new.md", "# New\n")
    assert served.rebuild()
    (root / "docs/new.md").rename(root / "docs/newer.md")
    assert served.rebuild()
    (root / "docs/newer.md").unlink()
    served.edit("docs/index.md", "Welcome", "Good day")
    assert served.rebuild()
    served.project.write("docs/style.css", "")
    assert served.rebuild()
    assert same_as_built_anew(served)
    assert served.rebuild()  # nothing is known to have changed, and yet MkDocs was told so


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hooks: []", "hooks: [hook.py]"),
        ("strict: false", "strict: true"),
        ("extra_templates: []", "extra_templates: [list.html]"),
        ("  - tables\n", "  - tables\n  - pymdownx.snippets\n"),
        ("  - tables\n", "  - tables\n  - toy_extension\n"),
    ],
)
def test_whole_site_is_built_if_anything_else_takes_part(
    old: str, new: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(extra="hooks: []\nstrict: false\nextra_templates: []\n")
    served.project.write("docs/list.html", "{% for page in nav %}{% endfor %}")
    served.project.write("hook.py", "")
    served.project.write("toy_extension.py", EXTENSION)
    monkeypatch.syspath_prepend(served.project.root)
    served.edit("docs/index.md", "Welcome", "Good day")
    served.rebuild()
    served.edit("docs/index.md", "Good day", "Hello")
    assert not served.rebuild()
    served.edit("mkdocs.yml", old, new)
    assert served.rebuild()
    served.edit("docs/index.md", "Hello", "Bye")
    assert served.rebuild()


def test_surprise_leads_to_a_whole_build(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.edit("docs/index.md", "Welcome", "Good day")
    monkeypatch.delattr(commands, "_build_page")
    with pytest.raises(NameError):
        served.rebuild()  # MkDocs needs it too
    monkeypatch.undo()
    served.edit("docs/index.md", "Good day", "Hello")
    assert served.rebuild()
    assert "Hello" in served.page("index.html")


def test_build_that_failed_is_followed_by_a_whole_one(served: Served) -> None:
    served.edit("mkdocs.yml", "site_name: Toy", "site_name: [Toy")
    with pytest.raises(Exception, match="while parsing"):
        served.rebuild()
    served.edit("mkdocs.yml", "site_name: [Toy", "site_name: Toy")
    served.edit("docs/index.md", "Welcome", "Good day")
    assert served.rebuild()
    assert "Good day" in served.page("index.html")


def test_edit_during_the_first_build_is_not_lost(serve: Serve) -> None:
    served = serve(during=SITE["docs/b.md"].replace("To ", "Back to "))
    assert "Back to" not in served.page("b.html")
    served.edit("docs/index.md", "Welcome", "Good day")
    assert not served.rebuild()
    assert "Back to" in served.page("b.html")


def test_measured_page_is_not_measured_again(served: Served) -> None:
    def measured() -> str:
        found = re.search(r"\d{16,}", served.page("clock.html"))
        assert found
        return found[0]

    before = measured()
    served.edit("docs/a.md", "comes", "stands")
    assert not served.rebuild()
    served.edit("docs/a.md", "# A\n", "# Other\n")
    assert served.rebuild()
    served.edit("docs/clock.md", "# Clock\n", "# Clock\n\nProse.\n")
    assert not served.rebuild()
    assert measured() == before
    served.edit("docs/clock.md", "import time", "import os, time")
    assert not served.rebuild()
    assert measured() != before


def test_file_that_a_page_reads_is_watched(served: Served) -> None:
    file = served.project.write("data.txt", "1")
    served.edit("docs/b.md", "1 + 1\n2", "open('data.txt').read()\n'1'")
    assert not served.rebuild()
    assert str(file) in served.server._watched_paths
    served.edit("docs/index.md", "Welcome", "Good day")
    assert not served.rebuild()
    served.project.write("data.txt", "2")
    assert served.rebuild()
    assert "Got" in served.page("b.html")


def test_broken_links_are_told(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.edit("docs/b.md", "a.md#part", "a.md#none")
    with caplog.at_level(logging.INFO, "mkdocs"):
        assert not served.rebuild()
    assert "does not contain an anchor '#none'" in caplog.text
    assert re.search(r"Building docs/b\.md$", caplog.text, re.MULTILINE)
    assert re.search(r"(\d+) examples ran, all as recorded; \1 of them before", caplog.text)
