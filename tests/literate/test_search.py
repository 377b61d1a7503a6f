from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from literate.search import put_aside, put_back

if TYPE_CHECKING:
    from .conftest import Project

    NewProject = Callable[..., Project]

PAGE = """# Shares {#shares}

The function `softmax` makes them.

```pycon exec="1"
>>> 6 * 7
42
```

They add up to one \u2013 always.
"""


def build(new_project: NewProject, options: str) -> dict[str, Any]:
    """Build a site of one page, and read the files of its search."""
    search = 'material/search: {lang: en, separator: "[ ]+", pipeline: [stopWordFilter]}'
    project = new_project(plugins=f"[{search}, literate{options}]")
    project.write("docs/index.md", PAGE)
    status, printed = project.build("--strict")
    assert status == 0, printed
    files = (project.root / "site" / "search").iterdir()
    return {file.name: json.loads(file.read_text("utf-8")) for file in files}


def test_texts_go_into_a_file_of_their_own_without_code(new_project: NewProject) -> None:
    files = build(new_project, ": {lazy_search: true}")
    assert files["search_index.json"]["docs"] == []
    assert files["search_index.json"]["config"]["separator"] == "[ ]+"
    (section,) = (entry for entry in files["texts.json"] if "softmax" in entry["text"])
    assert section["title"] == "Shares"
    assert "<code>softmax</code>" in section["text"]
    assert "always" in section["text"]
    assert "6 * 7" not in section["text"]


def test_index_is_left_as_it_is_unless_asked_for(new_project: NewProject) -> None:
    files = build(new_project, "")
    assert list(files) == ["search_index.json"]
    assert any("6 * 7" in entry["text"] for entry in files["search_index.json"]["docs"])


FIGURE = "<figure><div data-search-exclude><svg><p>7</p></svg></div>{}</figure>"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ""),
        ("<pre><code>a\n\nb</code></pre>", "<!--\x020\x03-->"),
        ('<pre id="x">a</pre><p>b</p><pre>c</pre>', "<!--\x020\x03--><p>b</p><!--\x021\x03-->"),
        ("<p><code>a</code> &lt;pre&gt;</p>", "<p><code>a</code> &lt;pre&gt;</p>"),
        (
            FIGURE.format("<figcaption>Look.</figcaption>"),
            "<figure><div data-search-exclude><!--\x020\x03--></div>"
            "<figcaption>Look.</figcaption></figure>",
        ),
        (
            FIGURE.format("") * 2,
            "<figure><div data-search-exclude><!--\x020\x03--></div></figure>"
            "<figure><div data-search-exclude><!--\x021\x03--></div></figure>",
        ),
    ],
)
def test_code_and_drawings_are_put_aside(text: str, left: str) -> None:
    html, parts = put_aside(text)
    assert html == left
    assert put_back(html, parts) == text
