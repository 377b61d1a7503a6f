from __future__ import annotations

import re

import pytest
from markdown import markdown

OPEN, CLOSE = '<div class="part">', "</div>"


def convert(text: str) -> str:
    html = markdown(text, extensions=["attr_list", "md_in_html", "literate.parts"])
    return re.sub(r">\s+<", "><", html)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("One\n\nTwo", "<p>One</p><p>Two</p>"),
        ("# A\n\nOne", "<h1>A</h1><p>One</p>"),
        ("## A\n\nOne\n\nTwo", f"<h2>A</h2>{OPEN}<p>One</p><p>Two</p>{CLOSE}"),
        ("## A\n\n### B\n\nOne", f"<h2>A</h2><h3>B</h3>{OPEN}<p>One</p>{CLOSE}"),
        (
            "# A\n\nOne\n\n## B\n\nTwo\n\n## C\n\n- x",
            f"<h1>A</h1><p>One</p><h2>B</h2>{OPEN}<p>Two</p>{CLOSE}"
            f"<h2>C</h2>{OPEN}<ul><li>x</li></ul>{CLOSE}",
        ),
        ("## A", "<h2>A</h2>"),
    ],
)
def test_what_stands_below_a_heading_is_one_box(text: str, expected: str) -> None:
    assert convert(text) == expected


def long(name: str) -> str:
    return f"<p>{name} {'<em>x</em>' * 150}</p>"


def paragraph(name: str) -> str:
    return name + " *x*" * 150


def test_what_is_long_becomes_several_boxes() -> None:
    text = "\n\n".join(["## A", *map(paragraph, "pqr"), "## B", paragraph("s")])
    expected = f"<h2>A</h2>{OPEN}{long('p')}{CLOSE}{OPEN}{long('q')}{CLOSE}{OPEN}{long('r')}{CLOSE}"
    assert convert(text) == f"{expected}<h2>B</h2>{OPEN}{long('s')}{CLOSE}"


@pytest.mark.parametrize("between", ["<hr>", "> x", "Term\n{ .caption }"])
def test_boxes_end_only_where_the_space_between_them_stays(between: str) -> None:
    text = "\n\n".join(["## A", paragraph("p"), between, paragraph("q")])
    assert convert(text).count(OPEN) == 1


@pytest.mark.parametrize(
    ("attributes", "count"),
    [('class="literate"', 2), ('class="literate" id="a" data-shows="svg"', 1), ('class="x"', 1)],
)
def test_what_html_holds_counts_and_blocks_begin_a_box(attributes: str, count: int) -> None:
    block = f"<div {attributes}>{'<i>x</i>' * 200}</div>"
    assert convert(f"## A\n\nOne\n\n{block}\n\nTwo").count(OPEN) == count


def test_what_stands_above_the_first_heading_is_not_parted() -> None:
    assert OPEN not in convert(f"{paragraph('p')}\n\n{paragraph('q')}")


def test_heading_in_a_box_makes_no_part() -> None:
    html = '<div markdown="1">\n\n## A\n\nOne\n\n</div>'
    assert OPEN not in convert(html)


def test_html_is_kept() -> None:
    assert convert("## A\n\n<hr>\n\nOne") == f"<h2>A</h2>{OPEN}<hr><p>One</p>{CLOSE}"
