from __future__ import annotations

from literate.captions import END, NO_CAPTION, NO_FIGURE, numbered, settled, slot


def block(*lines: int) -> str:
    """The HTML of a block that ends in the last of its figures."""
    return "".join(f"<figure>{slot(line)}</figure>" for line in lines) + f"</div>{END}"


def caption(text: str, line: int = 7) -> str:
    return f'<p class="caption" data-caption="{line}">{text}</p>'


def test_marks_get_their_line_of_the_file() -> None:
    lines = ["Look.", "{: .caption }", "", "> {:.wide .caption #x}", "{: .captions }"]
    assert numbered(lines, 11) == [
        "Look.",
        '{: data-caption="12" .caption }',
        "",
        '> {: data-caption="14".wide .caption #x}',
        "{: .captions }",
    ]
    assert lines[1] == "{: .caption }"


def test_marks_in_fences_and_sentences_stay() -> None:
    lines = ["```", "{: .caption }", "```", "Write `{: .caption }` below."]
    assert numbered(lines, 1) == lines


def test_a_caption_becomes_the_last_child_of_the_figure() -> None:
    paragraph = caption("<em>Look</em>\nhere.")
    assert settled(f"{block(3)}\n{paragraph}\n<p>More.</p>") == (
        "<figure><figcaption><em>Look</em>\nhere.</figcaption></figure></div>\n<p>More.</p>",
        [],
    )


def test_a_caption_belongs_to_the_last_figure_of_its_block() -> None:
    html, alone = settled(block(3, 4) + caption("Look."))
    assert html == "<figure></figure><figure><figcaption>Look.</figcaption></figure></div>"
    assert alone == [(3, NO_CAPTION)]


def test_each_figure_takes_the_caption_after_its_own_block() -> None:
    html, alone = settled(block(3) + caption("A") + block(9) + "<p>Text.</p>" + caption("B", 12))
    assert html.count("<figcaption>A</figcaption>") == html.count("<figcaption>") == 1
    assert '<p class="caption">B</p>' in html
    assert alone == [(9, NO_CAPTION), (12, NO_FIGURE)]


def test_a_caption_after_a_block_that_does_not_end_in_its_figure_is_alone() -> None:
    html = block(3).removesuffix(END) + caption("A", 5)
    assert settled(html)[1] == [(3, NO_CAPTION), (5, NO_FIGURE)]
