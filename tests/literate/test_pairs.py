from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project

BLOCK = '```pycon exec="1"\n>>> {}\n{}\n```\n'
LONG = "word " * 41

PAGE = f"""# Pairs

$$
a_1
$$

{BLOCK.format(1, 1)}

$$
a_2
$$

A short sentence with $b$ and `code` and `={{2}} 2`.

{BLOCK.format(22, 22)}

$$
a_3
$$

{LONG}

{BLOCK.format(33, 33)}

$$
a_4
$$

<!-- apart -->

{BLOCK.format(44, 44)}

$$
a_5
$$

First.

Second.

{BLOCK.format(55, 55)}

$$
a_6
$$

```python
not_live()
```

$$
a_7
$$

- a list

{BLOCK.format(77, 77)}

??? note "Solution"

    $$
    a_8
    $$

    {BLOCK.format(88, 88).replace(chr(10), chr(10) + "    ")}

$$
a_9
$$

```pycon exec="1" hide="1"
>>> 99
99
```

$$
a_0
$$

```pycon exec="1"
>>> class F:
...     def __repr__(self): return "F"
...     def _repr_svg_(self): return "<svg><title>F</title></svg>"
>>> 100; F()
100
F
```

What to look at.
{{: .caption }}

The end.
"""

FORMULA = re.compile(r"<mi>a</mi><mn>(\d)</mn>")
OUTPUT = re.compile(r'class="go">(\d+)')


@pytest.fixture(scope="module")
def page(new_project: Callable[..., Project]) -> str:
    """The HTML of a page with formulas and blocks in many orders."""
    project = new_project()
    settings = project.read("mkdocs.yml")
    extensions = "  - literate.math\n  - literate.pages\n  - literate.pairs\n"
    project.write("mkdocs.yml", settings.replace("  - literate.pages\n", extensions))
    project.write("docs/index.md", PAGE)
    status, output = project.build("--strict")
    assert status == 0, output
    return project.read("site/index.html")


def pairs(page: str) -> list[tuple[str, str]]:
    """What stands beside each other, up to the first output."""
    boxes = re.findall(r'<div class="pair(?: pair-\w+)*">(.*?class="go">\d+)', page, re.DOTALL)
    sides = [box.split('<div class="literate"') for box in boxes]
    assert all(len(each) == 2 for each in sides)
    return [(left, right) for left, right in sides]


def test_a_formula_is_paired_with_the_block_that_follows(page: str) -> None:
    found = [(FORMULA.findall(left), OUTPUT.findall(right)) for left, right in pairs(page)]
    assert found == [(["1"], ["1"]), (["2"], ["22"]), (["8"], ["88"]), (["0"], ["100"])]


def test_one_short_paragraph_goes_below_the_formula(page: str) -> None:
    below = [left.partition("</math>")[2] for left, _ in pairs(page)]
    words = [re.sub(r"<[^>]*>", "", text).strip() for text in below]
    assert words == ["", "A short sentence with b and code and 2.", "", ""]


def test_a_pair_says_what_it_holds_beside_formula_and_code(page: str) -> None:
    kinds = re.findall(r'<div class="(pair(?: [^"]*)?)">', page)
    assert kinds == ["pair", "pair pair-words", "pair", "pair pair-figure"]


def test_a_caption_stays_with_its_block(page: str) -> None:
    last = page.rpartition('<div class="pair pair-figure">')[2]
    assert re.search(r"<figcaption>What to look at.</figcaption>.*</div>\s*</div>\s*<p>The", last)


def test_nothing_is_lost_or_doubled(page: str) -> None:
    assert FORMULA.findall(page) == ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"]
    assert page.count(LONG.strip()) == 1
    assert OUTPUT.findall(page) == ["1", "22", "33", "44", "55", "77", "88", "100"]
