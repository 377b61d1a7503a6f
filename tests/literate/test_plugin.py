"""The order in which pages are run and converted: what takes longest holds up the least."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files, get_files
from mkdocs.structure.nav import get_navigation

from literate.build import Build

if TYPE_CHECKING:
    from .conftest import Project

PLAIN = '```pycon exec="1"\n>>> 1\n1\n```\n'
MEASURED = '```pycon exec="1" measured="1"\n>>> 1\n1\n```\n'
PAGES = {"a": PLAIN, "b": PLAIN, "c": MEASURED, "d": PLAIN, "index": PLAIN}


def site(project: Project, slow: str) -> tuple[MkDocsConfig, Files]:
    """The site of a project with a setting."""
    project.write("pyproject.toml", f"{project.read('pyproject.toml')}slow = {slow}\n")
    for name, text in PAGES.items():
        project.write(f"docs/{name}.md", text)
    config = load_config(str(project.root / "mkdocs.yml"))
    files = get_files(config)
    config.plugins["literate"].on_config(config)
    return config, files


def test_slow_page_starts_first_and_is_converted_last(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, files = site(project, '["docs/b.md"]')
    started = []
    monkeypatch.setattr(Build, "begin", lambda _, all_: started.extend(each.path for each in all_))
    plugin, before = config.plugins["literate"], list(files)
    plugin.on_files(files, config=config)
    assert started[0] == "docs/b.md"
    assert sorted(started) == sorted(f"docs/{name}.md" for name in PAGES)
    plugin.on_nav(get_navigation(files, config), config=config, files=files)
    order = [file.src_uri for file in files.documentation_pages()]
    assert order[-2:] == ["c.md", "b.md"]
    assert order[:-2] == [name for file in before if (name := file.src_uri) not in ("b.md", "c.md")]
    plugin.on_env(None, config=config, files=files)
    assert [file.src_uri for file in files] == [file.src_uri for file in before]


def test_slow_page_that_is_none(project: Project) -> None:
    config, files = site(project, '["docs/b.md", "docs/x.md", "docs/w.md"]')
    with pytest.raises(PluginError, match=r"no page is docs/w\.md, docs/x\.md \(setting slow\)"):
        config.plugins["literate"].on_files(files, config=config)
