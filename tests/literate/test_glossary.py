from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from literate.glossary import Entry, read_glossary

if TYPE_CHECKING:
    from .conftest import Project

GLOSSARY = """# Notation

Softmax {: #softmax }
:   Turns [scores](index.md) into **weights**, `x` and $y$:
    a second line.

    A second paragraph.

Score {: #score .x }

:   How well they match.

Dot product {: #dot }
:   A sum. The softmax of a score is not explained here.

Query {: #query }
:   A question.

No anchor
:   Is no entry.
"""


def test_entries() -> None:
    assert read_glossary(GLOSSARY) == [
        Entry("Softmax", "softmax", "Turns scores into weights, x and y: a second line."),
        Entry("Score", "score", "How well they match."),
        Entry("Dot product", "dot", "A sum. The softmax of a score is not explained here."),
        Entry("Query", "query", "A question."),
    ]


PAGE = """# The softmax {#top}

A [score](other.md), `score`, a subscore and score-board. Then *two scores*, Scores and a score.

- A dot
  product is one, a dot product too.
- The <b title="softmax">thing</b> softmax and softmaxes.

Dot product again.
"""


@pytest.fixture(scope="module")
def pages(new_project: Callable[..., Project]) -> dict[str, str]:
    """The pages of a strictly built site with a glossary."""
    project = new_project()
    project.write("docs/notation.md", GLOSSARY)
    project.write("docs/index.md", PAGE)
    project.write(
        "docs/sub/page.md", "Scores of queries.\n\n| softmax |\n|---|\n| dot products |\n"
    )
    project.write("docs/other.md", "Nothing to explain.\n")
    status, output = project.build("--strict")
    assert status == 0, output
    return {name: project.read(f"site/{name}.html") for name in ("index", "notation", "sub/page")}


def term(href: str, title: str, text: str) -> str:
    return f'<a class="term" href="{href}" title="{title}">{text}</a>'


SOFTMAX = "Turns scores into weights, x and y: a second line."
DOT_PRODUCT = "dot\n  product"
DOT = "A sum. The softmax of a score is not explained here."


def test_first_use_of_a_term_is_linked(pages: dict[str, str]) -> None:
    found = pages["index"]
    assert f"</em>, {term('notation.html#score', 'How well they match.', 'Scores')} and a" in found
    assert f"thing</b> {term('notation.html#softmax', SOFTMAX, 'softmax')} and softmaxes." in found
    assert found.count('class="term"') == 3


def test_headings_links_code_and_parts_of_words_are_left_alone(pages: dict[str, str]) -> None:
    found = pages["index"]
    assert ">The softmax<" in found
    assert (
        '<a href="other.html">score</a>, <code>score</code>, a subscore and score-board.' in found
    )


def test_term_may_be_broken_over_lines(pages: dict[str, str]) -> None:
    assert f"<li>A {term('notation.html#dot', DOT, DOT_PRODUCT)} is" in pages["index"]


def test_links_lead_out_of_subfolders(pages: dict[str, str]) -> None:
    found = pages["sub/page"]
    assert term("../notation.html#score", "How well they match.", "Scores") in found
    assert term("../notation.html#dot", DOT, "dot products") in found
    assert term("../notation.html#softmax", SOFTMAX, "softmax") in found


def test_plural_of_a_term_is_linked(pages: dict[str, str]) -> None:
    found = pages["sub/page"]
    assert term("../notation.html#query", "A question.", "queries") in found


def test_titles_in_italics_are_left_alone(pages: dict[str, str]) -> None:
    assert "<em>two scores</em>" in pages["index"]


def test_glossary_does_not_explain_itself(pages: dict[str, str]) -> None:
    assert 'class="term"' not in pages["notation"]


def test_link_to_an_anchor_that_does_not_exist_is_noticed(project: Project) -> None:
    project.write("docs/notation.md", "```text\nScore {: #score }\n:   Points.\n```\n")
    project.write("docs/index.md", "A score.\n")
    status, output = project.build("--strict")
    assert status == 1
    assert "'notation.md#score'" in output
