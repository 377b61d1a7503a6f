"""A page as a notebook: what becomes of each of its parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from literate.fences import parse_page
from literate.notebook import dumps, has_notebook, notebook
from literate.report import Report

if TYPE_CHECKING:
    from .conftest import Project

Run = Callable[[str], Report]
Live = Callable[..., str]
DRAWN = """\
>>> class Dot:
...     def __repr__(self): return "Dot()"
...     def _repr_svg_(self): return "<svg><title>Dot</title></svg>"
"""


@pytest.fixture
def cells(run: Run) -> Callable[[str], list[dict[str, Any]]]:
    """The cells of a page, without the note at their beginning."""

    def make(text: str) -> list[dict[str, Any]]:
        made = notebook(text, run(text))
        nbformat.validate(made, version=4, version_minor=5)
        return list(made["cells"][1:])

    return make


Cells = Callable[[str], list[dict[str, Any]]]


def sources(cells: list[dict[str, Any]]) -> list[str]:
    return [cell["source"] for cell in cells]


def output(cell: dict[str, Any]) -> dict[str, Any]:
    (only,) = cell["outputs"]
    return dict(only)


def test_prose_and_code_alternate(cells: Cells, live: Live) -> None:
    block = live(">>> 1 + 1\n2")
    made = cells(f"---\ntitle: x\n---\n\n# One {{#one}}\n\n{block}\nThen\n\n## Two\n")
    assert sources(made) == ["# One", "1 + 1", "Then\n\n## Two"]
    assert [cell["cell_type"] for cell in made] == ["markdown", "code", "markdown"]


def test_a_cell_ends_where_a_statement_has_an_output(cells: Cells, live: Live) -> None:
    body = ">>> x = 1\n>>> x\n1\n>>> if x:\n...     print(2)\n2\n>>> y = 3\n>>> z = 4"
    made = cells(live(body))
    assert sources(made) == ["x = 1\nx", "if x:\n    print(2)", "y = 3\nz = 4"]
    assert [len(cell["outputs"]) for cell in made] == [1, 1, 0]


def test_a_value_is_told_from_what_was_printed(cells: Cells, live: Live) -> None:
    body = ">>> def f():\n...     print('said')\n...     return 'given'\n>>> f()\nsaid\n'given'"
    (cell,) = cells(live(body))
    printed, value = cell["outputs"]
    assert printed == {"output_type": "stream", "name": "stdout", "text": "said\n"}
    assert value == {
        "output_type": "execute_result",
        "data": {"text/plain": "'given'"},
        "execution_count": 1,
        "metadata": {},
    }


def test_a_figure_is_an_output(cells: Cells, live: Live) -> None:
    (cell,) = cells(live(f"{DRAWN}>>> Dot()\nDot()"))
    assert output(cell)["data"] == {
        "text/plain": "Dot()",
        "image/svg+xml": "<svg><title>Dot</title></svg>",
        "text/html": '<img src="data:image/svg+xml;base64,'
        'PHN2Zz48dGl0bGU+RG90PC90aXRsZT48L3N2Zz4=" alt="Dot()">',
    }


def test_a_figure_without_svg_is_an_output_in_html(cells: Cells, live: Live) -> None:
    rich = DRAWN.replace("_repr_svg_", "_repr_html_")
    (cell,) = cells(live(f"{rich}>>> Dot()\nDot()"))
    assert output(cell)["data"] == {
        "text/plain": "Dot()",
        "text/html": "<svg><title>Dot</title></svg>",
    }


def test_a_figure_with_both_is_the_svg(cells: Cells, live: Live) -> None:
    both = f"{DRAWN}...     def _repr_html_(self): return '<p aria-label=\"Dot\">'\n"
    (cell,) = cells(live(f"{both}>>> Dot()\nDot()"))
    assert output(cell)["data"]["image/svg+xml"] == "<svg><title>Dot</title></svg>"
    assert output(cell)["data"]["text/html"].startswith("<img ")


def test_the_caption_of_a_figure_is_prose_below_it(cells: Cells, live: Live) -> None:
    _, below = cells(live(f"{DRAWN}>>> Dot()\nDot()") + "\nOne `={1} 1`.\n{: .caption }\n")
    assert below["source"] == "One 1."


def test_only_the_last_value_of_a_statement_is_an_output(cells: Cells, live: Live) -> None:
    (cell,) = cells(live(f"{DRAWN}>>> for _ in range(2): Dot()\nDot()\nDot()"))
    printed, value = cell["outputs"]
    assert (printed["text"], value["data"]["text/plain"]) == ("Dot()\n", "Dot()")


def test_a_recorded_exception_is_tagged(cells: Cells, live: Live) -> None:
    body = (
        ">>> print('so far') or json.loads('{')\nso far\nTraceback (most recent call last):\n"
        "    ...\njson.decoder.JSONDecodeError: Expecting property name: line 1 column 2 (char 1)"
    ).replace("name:", "name enclosed in double quotes:")
    cell = cells(live(f">>> import json\n{body}"))[0]
    printed, error = cell["outputs"]
    assert printed["text"] == "so far\n"
    assert error["ename"] == "JSONDecodeError"
    assert error["evalue"].startswith("Expecting property name enclosed in double quotes: line 1")
    assert error["traceback"][0].startswith("Traceback (most recent call last):\n    ...\njson.dec")
    assert cell["metadata"]["tags"] == ["raises-exception"]


def test_an_unexpected_exception_is_an_error(cells: Cells, live: Live) -> None:
    (cell,) = cells(live(">>> 1 / 0"))
    assert output(cell)["evalue"] == "division by zero"
    assert cell["metadata"] == {}


def test_what_was_not_reached_has_no_output(cells: Cells, live: Live) -> None:
    body = ">>> import os\n>>> os._exit(0)\n>>> 1\n1"
    (cell,) = cells(live(body) + "\n`={2} 2`\n")[:1]
    assert cell["outputs"] == []


def test_hidden_and_measured_blocks_are_tagged(cells: Cells, live: Live) -> None:
    hidden, measured = cells(
        live(">>> x = 1", ' hide="1"') + live(">>> print('1.5 s')\n1.5 s", ' measured="1"')
    )
    assert hidden["metadata"] == {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}
    assert measured["metadata"] == {"tags": ["measured"]}


def test_a_caption_stands_above_its_block(cells: Cells, live: Live) -> None:
    made = cells("Before\n" + live(">>> 1\n1", ' title="One"'))
    assert sources(made) == ["Before\n\n**One**", "1"]


def test_a_skipped_block_is_prose(cells: Cells, live: Live) -> None:
    (cell,) = cells("Before\n\n" + live(">>> far()\n1", ' skip="needs a network"'))
    expected = "Before\n\n```pycon\n>>> far()\n1\n```\n\nNot run: needs a network"
    assert cell["source"] == expected


def test_other_fences_stay_as_they_are(cells: Cells) -> None:
    text = "A\n\n```text\n[a](b.md) {#c}\n\n\n\nd\n```\n\n[a](b.md)"
    (cell,) = cells(text)
    assert cell["source"] == text.removesuffix("[a](b.md)") + "a"


def test_a_live_number_is_its_live_text(cells: Cells) -> None:
    (cell,) = cells("`={1 / 3:.2f} 0.3` and `~{2} 1`\n")
    assert cell["source"] == "0.33 and 2"


def test_a_live_number_that_was_not_reached_is_the_recorded_one(cells: Cells, live: Live) -> None:
    made = cells(live(">>> import os\n>>> os._exit(0)") + "\nHere `={1 / 3:.1f} 0.3`\n")
    assert made[-1]["source"] == "Here 0.3"


def test_a_box_is_quoted_and_its_blocks_are_cells(cells: Cells, live: Live) -> None:
    block = live(">>> 1\n1").replace("\n", "\n    ").rstrip()
    text = f'??? success "Done {{#d}}"\n\n    $$\n    x\n    $$\n\n    {block}\n\n    So.\n\nEnd.'
    made = cells(f"Ask.\n\n{text}")
    assert sources(made) == ["Ask.\n\n> **Done**\n>\n> $$ x $$", "1", "> So.\n>\nEnd."]


def test_boxes_in_boxes(cells: Cells) -> None:
    outer = '!!! note\n    A\n\n    ???+ tip "B"\n\n        C\n\n    ```text\n    D\n    ```\n\n'
    (cell,) = cells(f'{outer}!!! tip ""\n    E')
    assert cell["source"] == (
        "> **Note**\n>\n> A\n>\n> > **B**\n> >\n> > C\n> >\n> ```text\n> D\n> ```\n>\n\n> E"
    )


def test_tabs_are_boxes(cells: Cells) -> None:
    (cell,) = cells('=== "One"\n\n    A\n\n=== "Two"\n\n    B')
    assert cell["source"] == "> **One**\n>\n> A\n>\n\n> **Two**\n>\n> B"


def test_a_list_goes_on_after_a_block(cells: Cells, live: Live) -> None:
    block = live(">>> 1\n1").replace("\n", "\n    ").rstrip()
    made = cells(f"1.  A\n\n    {block}\n\n    B\n\n2.  C\n\n    D")
    assert sources(made) == ["1.  A", "1", "B\n\n2.  C\n\n    D"]


def test_directives_are_left_out(cells: Cells, live: Live) -> None:
    (cell,) = cells(live(">>> 0.5  # doctest: +NUMBER\n0.5"))
    assert cell["source"] == "0.5"


def test_windows_line_ends_and_a_byte_order_mark(run: Run, live: Live) -> None:
    text = "# Ä\n\n" + live(">>> 1\n1") + "\n\tcode\n"
    windows = "\ufeff" + text.replace("\n", "\r\n")
    assert notebook(windows, run(windows)) == notebook(text, run(text))


def test_a_page_without_blocks(cells: Cells) -> None:
    assert cells("") == []
    assert sources(cells("# Title")) == ["# Title"]


def test_the_setup_comes_first_and_echoes_nothing(run: Run, live: Live) -> None:
    made = notebook(live(">>> 1\n1"), run(live(">>> 1\n1")), setup="import a; a.seed(0)\n")
    note, setup, code = made["cells"]
    assert note["source"].endswith(
        "The next cell begins as the build did, random numbers included."
    )
    assert setup["source"] == "import a; a.seed(0);"
    assert (setup["execution_count"], code["execution_count"]) == (1, 2)


def test_the_note_says_where_it_comes_from(run: Run) -> None:
    text = "# A title {#a}\n"
    known = notebook(text, run(text), versions=["tool 1.2"], link=lambda target: "https://a.b/")
    note = known["cells"][0]["source"]
    assert "the page [A title](https://a.b/)" in note
    assert "with tool 1.2." in note
    assert "the page *A title* while" in notebook(text, run(text))["cells"][0]["source"]
    assert "the page while" in notebook("", run(""))["cells"][0]["source"]


def test_the_same_page_gives_the_same_file(run: Run, live: Live) -> None:
    text = "# Ä\n\n" + live(">>> 1\n1") * 3
    first, second = (dumps(notebook(text, run(text))) for _ in range(2))
    assert first == second
    assert "Ä" in first
    identifiers = [cell["id"] for cell in json.loads(first)["cells"]]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize(
    ("text", "meta", "expected"),
    [
        ("`={1} 1`", {}, False),
        ("```pycon exec='1'\n>>> 1\n1\n```", {}, True),
        ("```pycon exec='1' skip='no'\n>>> 1\n1\n```", {}, False),
        ("```pycon exec='1'\n>>> 1\n1\n```", {"notebook": False}, False),
    ],
)
def test_which_pages_have_a_notebook(text: str, meta: dict[str, object], expected: bool) -> None:
    assert has_notebook(parse_page(text, "page.md"), meta) is expected


def test_the_build_writes_it_and_the_page_links_to_it(project: Project, live: Live) -> None:
    page = "# Page\n\n" + live(">>> import random\n>>> random.random()\n0.8444")
    project.write("docs/index.md", "---\nnotebook: false\n---\n" + page + "\n[one](sub/one.md)\n")
    project.write("docs/sub/one.md", page + "\n[home](../index.md)\n")
    assert project.build("--strict")[0] == 0
    made = json.loads(project.read("site/sub/one.ipynb"))
    assert sources(made["cells"])[1:] == [
        "import random; random.seed(0);",
        "# Page",
        "import random\nrandom.random()",
        "home",
    ]
    assert output(made["cells"][3])["data"]["text/plain"].startswith("0.8444")
    link = '<a class="literate-notebook" href="one.ipynb" download'
    assert f"</h1>\n{link}" in project.read("site/sub/one.html")
    assert not (project.root / "site/index.ipynb").exists()
    assert "literate-notebook" not in project.read("site/index.html")
