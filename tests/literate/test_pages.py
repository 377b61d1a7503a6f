from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from markdown import Markdown
from markdown.treeprocessors import Treeprocessor

from literate.pages import included, located, page_file

if TYPE_CHECKING:
    from .conftest import Project

BODY = 'x `={1} 1`\n\n```pycon exec="1"\n>>> 1\n```\n'


@pytest.mark.parametrize(
    ("file", "text", "first_line"),
    [
        (BODY, BODY, 1),
        (f"---\na: b\n---\n\n\n{BODY}\n\n", BODY, 6),
        (f"---\na: b\n---\n\n\n{BODY}", f"\n{BODY}", 5),
        (f"title: b\n\n{BODY}", BODY, 3),
        (f"---\na: '{BODY.splitlines()[0]}'\n---\n{BODY}", BODY, 4),
        (f"\ufeff---\r\na: b\r\n---\r\n{BODY}".replace("`\n", "`\r\n"), BODY, 4),
        (f"---\na: b\n---\n---\n\n{BODY}\n---\n", f"---\n\n{BODY}\n---", 4),
        ("", "", 1),
    ],
)
def test_text_is_found_in_its_file(file: str, text: str, first_line: int, project: Project) -> None:
    path = project.write("docs/a.md", file)
    document, line = located(project.config, path, text)
    assert document == project.config.parse(path)
    assert line == first_line
    assert [block.line - line for block in document.blocks] == [
        index for index, each in enumerate(text.split("\n")) if each.startswith(("x", "```pycon"))
    ]


@pytest.mark.parametrize("text", [f"Added.\n\n{BODY}", BODY.replace("x ", "y "), BODY[2:], "x"])
def test_text_that_was_changed_is_a_document_of_its_own(text: str, project: Project) -> None:
    path = project.write("docs/a.md", BODY)
    document, line = located(project.config, path, text)
    assert document.path == "docs/a.md (as another plugin changed it)"
    assert line == 1
    assert len(document.blocks) == text.count("={") + text.count("pycon")


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("::: toy.part", ["toy/part.py"]),
        ("::: toy.part.f", ["toy/part.py"]),
        ("    ::: toy.part.A.f\n", ["toy/part.py"]),
        (">::: toy.part", ["toy/part.py"]),
        ("## ::: toy.part", ["toy/part.py"]),
        (":::toy.part", ["toy/part.py"]),
        ("::: toy.sub", ["toy/sub/__init__.py", "toy/sub/x.py"]),
        ("::: toy.sub.g", ["toy/sub/__init__.py", "toy/sub/x.py"]),
        (
            "::: toy.alias",
            ["toy/__init__.py", "toy/part.py", "toy/sub/__init__.py", "toy/sub/x.py"],
        ),
        ("::: toy.part\n\ntext\n\n::: toy.part.f", ["toy/part.py"]),
        ("::: os.path", []),
        ("text ::: toy", []),
    ],
)
def test_modules_that_a_page_includes(text: str, files: list[str], project: Project) -> None:
    for name in ("toy/part.py", "toy/sub/__init__.py", "toy/sub/x.py"):
        project.write(name, "")
    assert [document.path for document in included(project.config, text)] == files


def test_source_that_does_not_exist_includes_nothing(project: Project) -> None:
    settings = project.read("pyproject.toml").replace('"toy"', '"gone"')
    project.write("pyproject.toml", settings)
    assert included(project.config, "::: gone.part") == []


class Named(Treeprocessor):
    """Stands for MkDocs' processor of links."""

    file = SimpleNamespace(abs_src_path="/docs/a.md")


def test_only_a_page_has_a_file_not_a_fragment_of_one() -> None:
    md = Markdown()
    assert page_file(md) is None
    md.treeprocessors.register(Named(md), "relpath", 0)
    assert str(page_file(md)) == "/docs/a.md"
    md.treeprocessors.register(Treeprocessor(md), "mkdocstrings_ids", 1)
    assert page_file(md) is None
