from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Project

    NewProject = Callable[..., Project]

THEME = "T{% for sheet in config.extra_css %}<link href={{ sheet | url }}>{% endfor %}"


def styled(new_project: NewProject, *sheets: str) -> Project:
    """A site with style sheets of its own, each of which holds its name."""
    project = new_project(plugins="[literate, one-style-sheet]")
    project.write("docs/index.md", "# T\n")
    project.write("theme/main.html", THEME)
    project.write("mkdocs.yml", project.read("mkdocs.yml") + f"extra_css: [{', '.join(sheets)}]\n")
    for sheet in sheets:
        if "other" not in sheet:
            project.write(f"docs/{sheet}", f".{sheet[-5]} {{ }}")
    return project


A, B = "assets/stylesheets/a.css", "assets/stylesheets/b.css"


def test_style_sheets_become_one_in_their_order(new_project: NewProject) -> None:
    project = styled(new_project, B, A)
    status, printed = project.build("--strict")
    assert status == 0, printed
    assert project.read("site/index.html") == "T<link href=assets/stylesheets/site.css>"
    assert project.read("site/assets/stylesheets/site.css") == ".b { }\n.a { }"
    written = (project.root / "site/assets/stylesheets").iterdir()
    assert [file.name for file in written] == ["site.css"]


def test_style_sheet_of_another_plugin_is_left(new_project: NewProject) -> None:
    project = styled(new_project, "other.css", A, B)
    assert project.build("--strict")[0] == 0
    links = "T<link href=other.css><link href=assets/stylesheets/site.css>"
    assert project.read("site/index.html") == links


def test_site_without_style_sheets_gets_none(new_project: NewProject) -> None:
    project = styled(new_project)
    assert project.build("--strict")[0] == 0
    assert project.read("site/index.html") == "T"
    assert not (project.root / "site/assets/stylesheets").exists()


def test_style_sheet_in_another_folder_is_refused(new_project: NewProject) -> None:
    status, printed = styled(new_project, A, "css/c.css").build("--strict")
    assert status != 0
    message = "extra_css: style sheets in assets/stylesheets are joined, not 'css/c.css'"
    assert message in printed
