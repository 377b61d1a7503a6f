from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from literate.config import Config

if TYPE_CHECKING:
    from .conftest import Project


def test_settings_come_from_the_nearest_project_that_has_them(project: Project) -> None:
    project.write("docs/pyproject.toml", "[project]\nname = 'x'\n")
    text = project.read("pyproject.toml")
    project.write("pyproject.toml", f"{text}slow = ['docs/long.md']\n")
    assert Config.find(project.root / "docs") == Config(
        project.root,
        pages=("docs/**/*.md",),
        sources=("toy",),
        setup="import random; random.seed(0)",
        slow=("docs/long.md",),
        timeout=20.0,
    )


def test_no_settings(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"no pyproject.toml with a table \[tool.literate\]"
    ):
        Config.find(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "page = ['x']",
        "pages = 'docs'",
        "pages = [1]",
        "timeout = '3'",
        "timeout = true",
        "setup = 1",
        "root = '/'",
    ],
)
def test_wrong_setting(line: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.literate]\n{line}\n")
    with pytest.raises(ValueError, match=r"tool.literate.\w+ = .* is not a setting of literate"):
        Config.find(tmp_path)


def test_files_are_pages_and_then_modules(project: Project) -> None:
    for name in ("docs/b.md", "docs/sub/a.md", "docs/x.txt", "toy/part.py", "other/x.py", "a.md"):
        project.write(name, "")
    names = [project.config.name(file) for file in project.config.files]
    assert names == ["docs/b.md", "docs/sub/a.md", "toy/__init__.py", "toy/part.py"]


def test_name_of_a_file_elsewhere_is_its_path(project: Project, tmp_path: Path) -> None:
    assert project.config.name(tmp_path / "x.md") == (tmp_path / "x.md").as_posix()


def test_parse_reads_pages_and_modules(project: Project) -> None:
    page = project.config.parse(project.write("docs/a.md", '```pycon exec="1"\n>>> 1\n```\n'))
    package = project.config.parse(project.write("toy/__init__.py", "'''\n>>> 1\n'''\n"))
    module = project.config.parse(project.write("toy/sub/part.py", "'''\n>>> 1\n'''\n"))
    assert [each.path for each in (page, package, module)] == [
        "docs/a.md",
        "toy/__init__.py",
        "toy/sub/part.py",
    ]
    modules = [document.scripts[0].module for document in (page, package, module)]
    assert modules == ["", "toy", "toy.sub.part"]


@pytest.mark.parametrize("name", ["docs/a.md", "toy/a.py"])
def test_byte_order_mark_is_no_text(name: str, project: Project) -> None:
    text = "'''\n>>> 1\n'''\n" if name.endswith("py") else "---\na: b\n---\n`={1} 1`\n"
    plain = project.config.parse(project.write(name, text))
    assert project.config.parse(project.write(name, f"\ufeff{text}")) == plain
    assert len(plain.blocks) == 1


def test_file_that_is_not_utf_8(project: Project) -> None:
    file = project.write("docs/a.md", "")
    file.write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"docs/a.md is not UTF-8: .* byte 0xff"):
        project.config.parse(file)
