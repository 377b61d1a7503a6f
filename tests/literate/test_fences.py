from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from literate.examples import Block, Columns, Document, Lines
from literate.fences import normalize, parse_page

Page = Callable[[str], Document]
OnlyBlock = Callable[[str], Block]


def problems(document: Document) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in document.problems]


def wants(block: Block) -> list[tuple[str, str, int]]:
    return [(each.source, each.want, each.line) for each in block.examples]


def shifted(text: str, prefix: str) -> str:
    return "\n".join((prefix + line).rstrip(" ") for line in text.split("\n"))


FENCE = '```pycon exec="1"\n>>> 1 + 1\n2\n\n>>> "é→"\n\'é→\'\n```'


def test_block_with_its_lines() -> None:
    block = parse_page(f"# T\n\n{FENCE}\n", "page.md").blocks[0]
    assert block == Block(3, block.examples)
    assert wants(block) == [("1 + 1\n", "2\n", 4), ('"é→"\n', "'é→'\n", 7)]
    assert block.examples[0].place == Lines(5, 6, "")


@pytest.mark.parametrize(
    ("before", "prefix"),
    [
        ("- item\n\n", "    "),
        ("1. item\n    - item\n\n", "        "),
        ('=== "One"\n\n', "    "),
        ('=== "One"\n\n', "\t"),
        ("!!! note\n", "    "),
        ('??? success "Solution"\n\n', "    "),
        ("", "> "),
        ("", ">"),
        ("> - item\n>\n", ">     "),
        ("- item\n\n", "  \t"),
    ],
    ids=["list", "nested", "tab", "tabs", "note", "details", "quote", "tight", "both", "mixed"],
)
def test_fence_inside_something(before: str, prefix: str, only_block: OnlyBlock) -> None:
    block = only_block(before + shifted(FENCE, prefix))
    first = before.count("\n") + 1
    assert wants(block) == [("1 + 1\n", "2\n", first + 1), ('"é→"\n', "'é→'\n", first + 4)]


@pytest.mark.parametrize("fence", ["````", "~~~", "~~~~~"])
def test_other_fences(fence: str, only_block: OnlyBlock) -> None:
    text = f"{fence}pycon exec='1'\n>>> print('```')\n```\n{fence}"
    block = only_block(text)
    assert wants(block) == [("print('```')\n", "```\n", 2)]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends(end: str) -> None:
    text = f"a\n\n{FENCE}\n\n`={{1}} 1`\n>>> stray\n"
    assert parse_page(text.replace("\n", end), "p") == parse_page(text, "p")


@pytest.mark.parametrize("end", ["---", "..."])
def test_front_matter_counts_as_lines_but_not_as_text(end: str, page: Page) -> None:
    document = page(f"---\ntitle: >>> x\nof: '`={{1}} 2`'\n{end}\n\n{FENCE}\n>>> y\n")
    assert [block.line for block in document.blocks] == [6]
    assert problems(document) == [(13, "a prompt outside a live block: nothing verifies it")]


def test_rule_further_down_is_no_front_matter(page: Page) -> None:
    assert len(page(f"\n---\n{FENCE}\n---\n").blocks) == 1


def test_options() -> None:
    info = 'pycon exec="1" hide=\'1\' measured="1" title="It\'s a title"'
    (block,) = parse_page(f"```{info}\n>>> 1\n```", "p").blocks
    assert block == Block(1, block.examples, hide=True, measured=True, title="It's a title")
    (block,) = parse_page('```pycon exec="1" skip="no net"\n>>> 1\n```', "p").blocks
    assert block == Block(1, block.examples, skip="no net")


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ("pycon", 'a pycon fence that is not executed: write pycon exec="1"'),
        ('pycon hide="1"', 'a pycon fence that is not executed: write pycon exec="1"'),
        ('pycon exec="1" hidden="1"', "unknown option 'hidden' of a live block; known are exec, "),
        ('pycon exec="yes"', "exec='yes': the only value of exec is \"1\""),
        ('pycon exec="1" hide="true"', "hide='true': the only value of hide is \"1\""),
        ('pycon exec="1" measured', "measured='': the only value of measured is \"1\""),
        ('pycon exec="1" skip', 'skip needs a text, as in skip="..."'),
        ('pycon exec="1" title=" "', 'title needs a text, as in title="..."'),
        ('pycon exec="1" title=x', "cannot read 'title=x' in the options of a live block"),
        (
            'pycon exec="1" title="x"y"',
            'cannot read \'title="x"y"\' in the options of a live block',
        ),
        ('pycon exec="1" title="x', "cannot read 'title=\"x' in the options of a live block"),
        ('pycon exec="1" hide="1" skip="slow"', "a block that is not run cannot be hidden"),
        ('python exec="1"', "cannot execute 'python'; write pycon"),
        ('py exec="on"', "cannot execute 'py'; write pycon"),
    ],
)
def test_mistyped_fence(info: str, message: str, page: Page) -> None:
    document = page(f"text\n\n```{info}\n1 + 1\n```")
    ((line, found),) = problems(document)
    assert line == 3
    assert found.startswith(message)
    assert document.blocks == []


@pytest.mark.parametrize("info", ["python", "text", "", "{.pycon}", "Pycon", "py"])
def test_prompt_in_another_fence(info: str, page: Page) -> None:
    document = page(f"> ```{info}\n> x\n> >>> 1\n> ```\n")
    assert problems(document) == [(3, "a prompt outside a live block: nothing verifies it")]


@pytest.mark.parametrize("line", [">>> 1", "    >>> 1", "> >>> 1", ">>>"])
def test_prompt_in_the_text(line: str, page: Page) -> None:
    assert problems(page(f"a\n\n{line}\n")) == [
        (3, "a prompt outside a live block: nothing verifies it")
    ]


@pytest.mark.parametrize("line", ["x >>> 1", "`>>> 1`", "> > > deep", "a>>>b"])
def test_what_is_no_prompt(line: str, page: Page) -> None:
    assert page(line).problems == ()


@pytest.mark.parametrize(
    "text",
    [
        '```pycon exec="1"\n>>> 1\n',
        '````pycon exec="1"\n>>> 1\n```\n',
        '```pycon exec="1"\n>>> 1\n````\n',
        '    ```pycon exec="1"\n    >>> 1\n```\n',
        '> ```pycon exec="1"\n> >>> 1\n\n```\n',
        '~~~pycon exec="1"\n>>> 1\n```\n',
    ],
)
def test_fence_that_is_never_closed(text: str, page: Page) -> None:
    assert problems(page(f"a\n\n{text}"))[0] == (
        3,
        "a fence that is never closed: 'pycon exec=\"1\"'",
    )


def test_fence_without_a_prompt(page: Page) -> None:
    document = page('```pycon exec="1"\n\n```')
    assert problems(document) == [(1, "a live block without a prompt")]


def test_text_in_a_fence_that_belongs_to_no_prompt(page: Page) -> None:
    document = page('```pycon exec="1"\n>>> 1\n1\n\n2\n```')
    assert problems(document) == [(5, "text that belongs to no prompt: '2'")]


@pytest.mark.parametrize(
    ("content", "expression", "spec", "recorded"),
    [
        ("={alpha[1, 1]:.4f} 0.2379", "alpha[1, 1]", ".4f", "0.2379"),
        ("={x} 1", "x", "", "1"),
        ("={x[1:2]} [5]", "x[1:2]", "", "[5]"),
        ("={x[1:2][0]:>8.2f} 5.00", "x[1:2][0]", ">8.2f", "5.00"),
        ("={{1: 2}[1]:d} 2", "{1: 2}[1]", "d", "2"),
        ('={d["a:b"]} 3', 'd["a:b"]', "", "3"),
        ("={when:%H:%M} 12:30", "when", "%H:%M", "12:30"),
        ("={(lambda: 3)():d} 3", "(lambda: 3)()", "d", "3"),
        ("={ {1} } {1}", " {1} ", "", "{1}"),
        ("={x} a {b} c", "x", "", "a {b} c"),
        ('={f"{x} a"} 1 a', 'f"{x} a"', "", "1 a"),
        ("={x:,d} 1,234  ", "x", ",d", "1,234"),
        ("={x:'^7} 'ab'", "x", "'^7", "'ab'"),
        ("={x:{1}>{w}} } 1", "x", "{1}>{w}", "} 1"),
        ("={d['}'] + d[':']:d} 3", "d['}'] + d[':']", "d", "3"),
        ("={'''a'}''':s} a", "'''a'}'''", "s", "a"),
        (r"={'\'} ' + x} 1", r"'\'} ' + x", "", "1"),
        (r"={'\d':s} \d", r"'\d'", "s", r"\d"),
    ],
)
def test_live_number(
    content: str, expression: str, spec: str, recorded: str, only_block: OnlyBlock
) -> None:
    block = only_block(f"It is `{content}`, and `code`.")
    (example,) = block.examples
    assert block.inline
    assert example.source == f"print(format(({expression}), {spec!r}))\n"
    assert example.want == recorded + "\n"
    assert example.shown == content[: content.rindex(recorded)].rstrip()


def test_place_of_a_live_number(page: Page) -> None:
    line = "é `={1} 1` and ``={2} 2``, ~ `~{3:.0f} 3`"
    blocks = page(f"\n\n{line}").blocks
    places = [block.examples[0].place for block in blocks]
    assert [block.measured for block in blocks] == [False, False, True]
    for place, recorded, span in zip(
        places, "123", ["`={1} 1`", "``={2} 2``", "`~{3:.0f} 3`"], strict=True
    ):
        assert isinstance(place, Columns)
        assert place.line == 3
        assert line[place.start : place.stop] == recorded
        assert line[place.begin : place.end] == span


def test_columns_are_those_of_expanded_tabs(only_block: OnlyBlock) -> None:
    assert only_block("a\té\t`={1} 1`").examples[0].place == Columns(1, 14, 15, 8, 16)


@pytest.mark.parametrize(
    "line",
    [
        "# Head `={1} 1`",
        "| a | `={1 | 1} 1` |",
        "- `={1} 1`",
        "> `={1} 1`",
        "    `={1} 1`",
        "[`={1} 1`](x)",
    ],
)
def test_live_number_stands_anywhere_in_text(line: str, only_block: OnlyBlock) -> None:
    assert only_block(f"a\n\n{line}\n").line == 3


def test_live_number_in_a_fence_is_text(page: Page) -> None:
    document = page("```text\n`={1} 2`\n```")
    assert (document.blocks, document.problems) == ([], ())


@pytest.mark.parametrize("line", ["`` `={x} 1` ``", "``` `~{x} 1` ```", "`x` and `` `={` ``"])
def test_shown_syntax_is_not_live(line: str, page: Page) -> None:
    document = page(line)
    assert (document.blocks, document.problems) == ([], ())


MALFORMED = ["={x}", "={x} ", "={} 1", "={1 +} 2", "={x!r} 1", "={x}1", "={'x} 1", "={(x} 1", "={x"]
MALFORMED += ["={lambda: 1} 2", "={x:{w} 1", "={x) + (y} 1", "={" + "-" * 9_000 + "1} 1"]


@pytest.mark.parametrize("content", MALFORMED)
def test_malformed_live_number(content: str, page: Page) -> None:
    document = page(f"a\n\nis `{content}`\n")
    assert problems(document) == [(3, f"cannot read the live number `{content.rstrip()}`")]


@pytest.mark.parametrize(
    "text",
    [
        "is `={x} 1",
        "is `={x\n} 1`",
        "`a span\nover lines` and `={x} 1` more",
        "``a span\nover lines`` and ``={x} 1`` more",
        r"\`={x} 1`",
    ],
)
def test_live_number_that_markdown_may_read_otherwise(text: str, page: Page) -> None:
    document = page(text)
    assert document.blocks == []
    assert [problem[1] for problem in problems(document)] == [
        "a live number that is not closed on its line"
    ]


def test_problems_come_in_the_order_of_the_file(page: Page) -> None:
    document = page('>>> 1\n\n```pycon exec="1"\nx\n```\n\n`={} 1`\n\n```pycon\n```')
    assert [line for line, _ in problems(document)] == [1, 4, 7, 9]


@pytest.mark.parametrize("text", ["", "\n", "# Title\n\nText.\n", "\ttab\n"])
def test_page_with_no_example(text: str, page: Page) -> None:
    document = page(text)
    assert (document.blocks, document.live, document.problems) == ([], [], ())


PIECES = ["```", "````", "~~~", 'pycon exec="1"', "\n", "\n", ">>> ", "... ", "> ", "    ", "x"]
PIECES += ["`", "={", "~{", "} ", "1", "\t", "\r\n", "---", "\x0c", "é", '"', " hide=", "\ufeff"]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_is_read_and_lines_are_the_files(text: str) -> None:
    document = parse_page(text, "page.md")
    lines = normalize(text).split("\n")
    for block in document.blocks:
        for example in block.examples:
            assert example.shown.split("\n")[0] in lines[example.line - 1]
    assert all(1 <= problem.line <= len(lines) for problem in document.problems)


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_prompts_are_live_where_there_is_no_problem(text: str) -> None:
    document = parse_page(f"\n{text}", "page.md")
    lines = enumerate(normalize(text).split("\n"), 2)
    prompts = {number for number, line in lines if re.match(r"[> ]*>>>( |$)", line)}
    if not document.problems:
        assert prompts <= {each.line for block in document.blocks for each in block.examples}
