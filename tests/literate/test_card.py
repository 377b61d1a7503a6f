from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from literate.card import card, properties, resolved

if TYPE_CHECKING:
    from .conftest import Project

FIGURE = '<svg viewBox="0 0 30 20" width="9"><rect width="5" height="5" fill="var(--a)"/></svg>'
LOGO = '<svg viewBox="0 0 4 4"><path d="M0 0h4v4z"/></svg>'
GIVEN: dict[str, Any] = {
    "figure": FIGURE,
    "name": "Toy",
    "title": "What is & what was?",
    "note": "3 examples",
    "logo": LOGO,
    "styles": [":root { --a: #123456; --ink: #111111; --paper: #fefefe; }"],
}


def test_card_is_a_picture_of_the_size_that_sites_ask_for() -> None:
    png = card(**GIVEN)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (1200, 630)


def test_same_input_gives_the_same_bytes() -> None:
    assert card(**GIVEN) == card(**GIVEN)


@pytest.mark.parametrize(
    "change",
    [
        {"figure": FIGURE.replace('width="5"', 'width="6"')},
        {"name": "Toys"},
        {"title": "What is & what will be?"},
        {"note": "4 examples"},
        {"logo": LOGO.replace("v4", "v3")},
        {"styles": [":root { --a: #123457; --ink: #111111; --paper: #fefefe; }"]},
        {"styles": [":root { --a: #123456; --ink: #991111; --paper: #fefefe; }"]},
        {"styles": [":root { --a: #123456; --ink: #111111; --paper: #fe00fe; }"]},
    ],
    ids=["figure", "name", "title", "note", "logo", "color", "ink", "paper"],
)
def test_all_that_is_given_is_drawn(change: dict[str, Any]) -> None:
    assert card(**GIVEN | change) != card(**GIVEN)


@pytest.mark.parametrize("what", ["figure", "logo"])
def test_picture_without_a_view_box_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match="no viewBox in a picture for the card: '<svg width"):
        card(**GIVEN | {what: '<svg width="3"/>'})


def test_first_value_of_a_property_counts() -> None:
    styles = [":root{--a: #111;\n --b:var(--a) ;}", ".dark { --a: #eee; --c: 1px; color: red; }"]
    assert properties(styles) == {"--a": "#111", "--b": "var(--a)", "--c": "1px"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("var(--a)", "#0b6271"),
        ("var( --a)", "var( --a)"),
        ("var(--b)", "#0b6271"),
        ("var(--none, #123)", "#123"),
        ("var(--none, var(--a))", "#0b6271"),
        ("var(--none, rgb(1 2 3))", "rgb(1 2 3)"),
        ("a var(--a) b var(--a)", "a #0b6271 b #0b6271"),
        ("color-mix(in oklab, #ffffff 100%, #000000)", "#ffffff"),
        ("color-mix(in oklab, #fff 0%, #000)", "#000000"),
        ("color-mix(in oklab, #f00 50%, #00f)", "#8c53a2"),
    ],
)
def test_values_are_put_in_place(text: str, result: str) -> None:
    assert resolved(text, {"--a": "#0b6271", "--b": "var(--a)", "--loop": "var(--loop)"}) == result


def test_a_property_that_is_itself_ends() -> None:
    assert resolved("var(--loop)", {"--loop": "var(--loop)"}) == "var(--loop)"


PAGE = """# The *first* page & more

<span class="literate-total"></span>, and <span class="literate-total">kept</span>.

```pycon exec="1"
>>> 1 + 1
2
>>> from toy import Picture
>>> Picture()
Picture
```

Red.
{: .caption }
"""
PICTURE = f'''
class Picture:
    """Draws itself."""

    def __repr__(self):
        return "Picture"

    def _repr_svg_(self):
        return """{FIGURE.replace('width="9">', "><title>Red</title>")}"""
'''


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project]) -> Project:
    """A site with a logo, whose first page draws a figure."""
    project = new_project(plugins="[literate, front]")
    settings = project.read("mkdocs.yml").replace("theme}", "theme, logo: logo.svg}")
    project.write("mkdocs.yml", f"{settings}\nextra_css: [colors.css]\n")
    project.write("toy/__init__.py", PICTURE)
    project.write("docs/logo.svg", LOGO)
    project.write("docs/colors.css", ":root { --a: #a02030; }")
    project.write("docs/index.md", PAGE)
    project.write("docs/other.md", 'Two.\n\n```pycon exec="1"\n>>> 1\n1\n>>> 2\n2\n```\n')
    status, output = project.build("--strict")
    assert status == 0, output
    return project


def test_first_page_says_how_many_examples_ran_in_the_whole_build(built: Project) -> None:
    page = built.read("site/index.html")
    assert '<span class="literate-total">5 examples ran, all as recorded</span>, and' in page
    assert '<span class="literate-total">kept</span>' in page


def test_card_is_drawn_from_the_first_page(built: Project) -> None:
    expected = card(
        FIGURE.replace('width="9">', "><title>Red</title>"),
        name="Toy",
        title="The first page & more",
        note="5 examples ran, all as recorded",
        logo=LOGO,
        styles=[":root { --a: #a02030; }"],
    )
    assert (built.root / "site/assets/images/card.png").read_bytes() == expected


def test_failures_are_counted(built: Project) -> None:
    built.write("docs/other.md", '```pycon exec="1"\n>>> 1\n2\n```\n')
    built.build()
    assert ">4 examples ran, 1 failed</span>" in built.read("site/index.html")


def test_a_site_without_a_figure_has_no_card(new_project: Callable[..., Project]) -> None:
    project = new_project(plugins="[literate, front]")
    project.write("docs/index.md", "# A page\n")
    status, output = project.build("--strict")
    assert status == 0, output
    assert not (project.root / "site/assets/images").exists()
