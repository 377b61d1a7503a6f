"""The lab, in a page of its own: its arithmetic against `selfattn`, and everything it takes."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import material
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, Route, expect
from serving import serving

from selfattn import causal_mask, context, similarity, softmax, sum_normalize, trace

from .conftest import ROOT, SETTLED, Site, Visit, visiting

WORDS = ["Your", "journey", "starts", "with", "one", "step"]
X = [
    [0.43, 0.15, 0.89],
    [0.55, 0.87, 0.66],
    [0.57, 0.85, 0.64],
    [0.22, 0.58, 0.33],
    [0.77, 0.25, 0.10],
    [0.05, 0.80, 0.55],
]
SIX = {"words": WORDS, "x": X, "query": 1, "step": "weights", "title": "Six words"}
HEADS = {
    **SIX,
    "w_query": [[1, 0, -0.5, 2], [0.25, 1, 1, 0], [0, -1, 0.5, 0.5]],
    "w_key": [[0.5, 1, 0, 0], [0, 0.5, 1, -1], [1, 0, 0, 0.75]],
    "w_value": [[1, 0, 2, 0, 1, -1], [0, 1, 0, 2, 1, 1], [1, 1, 0, 0, -2, 0.5]],
    "num_heads": 2,
    "scale": True,
    "causal": True,
    "title": "Two heads",
}
# What a page with scripts of its own host only allows.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>Lab</title>
<link rel="icon" href="data:,">
{styles}
<script type="module" src="attention-lab.js"></script>
</head>
<body data-md-color-scheme="default">
<main class="md-main"><article class="md-content md-typeset"><h1>Lab</h1>{labs}<p id="after">After.</p>
</article></main>
</body>
</html>
"""


def markup(state: dict[str, Any], attributes: str = "") -> str:
    """A lab as the build writes it."""
    rows = "".join(f"<tr><th>{word}</th><td>0.5</td></tr>" for word in state["words"])
    table = f"<table><thead><tr><th>key</th></tr></thead><tbody>{rows}</tbody></table>"
    template = f"<template>{json.dumps(state)}</template>"
    name = f'role="group" aria-label="{state["title"]}" words="{len(state["words"])}"'
    return f"<attention-lab {name} {attributes}>{template}<div>{table}</div></attention-lab>"


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A page with two labs, small enough to be loaded for each test."""
    folder = tmp_path_factory.mktemp("lab")
    assets = ROOT / "docs" / "assets"
    theme = Path(material.__file__).parent / "templates" / "assets" / "stylesheets"
    sheets = [*theme.glob("*.min.css"), *(assets / "stylesheets").glob("*.css")]
    for path in [*sheets, assets / "javascripts" / "attention-lab.js"]:
        shutil.copy(path, folder)
    own = [path.name for path in sheets if path.name != "math.css"]
    styles = "\n".join(f'<link rel="stylesheet" href="{name}">' for name in own)
    pages = {
        "index": [markup(SIX), markup(HEADS, "full")],
        "six": [markup(SIX)],
        "broken": [markup({**SIX, "query": 6})],
    }
    for name, labs in pages.items():
        text = PAGE.format(policy=POLICY, styles=styles, labs="".join(labs))
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    with serving(folder) as server:
        yield Site(folder, server)


@pytest.fixture
def tab(browser: Browser, bench: Site) -> Iterator[Page]:
    """The page with two labs; nothing may go wrong in it."""
    with visiting(browser, bench) as visit:
        yield visit.open("index.html")
        assert visit.errors == []
        assert visit.outside == []


@pytest.fixture(scope="module")
def steady(browser: Browser, bench: Site) -> Iterator[Page]:
    """The same, kept for many examples."""
    with visiting(browser, bench) as visit:
        yield visit.open("index.html")
        assert visit.errors == []


# What the lab computes, against `selfattn` in double precision.

ATTEND = """(state) => {
    const lab = document.querySelector("attention-lab");
    lab.state = state;
    return { result: lab.result, python: lab.python, text: lab.innerText };
}"""


def matrices(rows: int, columns: int, numbers: st.SearchStrategy[float]) -> Any:
    row = st.lists(numbers, min_size=columns, max_size=columns)
    return st.lists(row, min_size=rows, max_size=rows)


@st.composite
def states(draw: st.DrawFn, numbers: st.SearchStrategy[float], exponent: float = 2) -> Any:
    """Everything that the lab can be set to, with unequal widths."""
    count, width, heads = (draw(st.integers(1, most)) for most in (9, 7, 4))
    keys, values = (heads * draw(st.integers(1, 7 // heads)) for _ in range(2))
    bare = width % heads == 0
    keyless, valueless = (bare and draw(st.booleans()) for _ in range(2))
    letters = st.characters(exclude_categories=["Cc", "Cs"])
    return {
        "words": draw(st.lists(st.text(letters, max_size=9), min_size=count, max_size=count)),
        "x": draw(matrices(count, width, numbers)),
        "w_query": None if keyless else draw(matrices(width, keys, numbers)),
        "w_key": None if keyless else draw(matrices(width, keys, numbers)),
        "w_value": None if valueless else draw(matrices(width, values, numbers)),
        "num_heads": heads,
        "head": draw(st.integers(0, heads - 1)),
        "scale": draw(st.booleans()),
        "causal": draw(st.booleans()),
        "temperature": 10 ** draw(st.floats(-exponent, exponent)),
        "normalization": draw(st.sampled_from(["softmax", "sum"])),
        "query": draw(st.integers(0, count - 1)),
        "step": draw(st.sampled_from(["scores", "weights", "contributions", "context"])),
    }


ORDINARY = st.floats(-3, 3).map(lambda number: round(number, 3))
EXTREME = st.one_of(
    ORDINARY,
    st.floats(-1e30, 1e30),
    st.sampled_from([1e30, -1e30, 1e-30, 5e-324, 0.0, 1e15, -1e15]),
)


def tensor(rows: Any) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


class Reference:
    """The steps of a state, head by head, and how large what was added up in them is."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        x = tensor(state["x"])
        names = ("w_query", "w_key", "w_value")
        given = [
            tensor(state[name]) if state[name] else torch.eye(x.shape[1]).double() for name in names
        ]
        self.q, self.k, self.v = (self.split(x @ w) for w in given)
        sizes = [self.split(x.abs() @ w.abs()) for w in given]
        self.factor = self.k.shape[-1] ** -0.5 if state["scale"] else 1.0
        self.sizes = similarity(sizes[0], sizes[1]) * self.factor
        self.value_sizes = sizes[2]
        self.seen = causal_mask(len(x)) if state["causal"] else torch.ones(len(x), len(x)).bool()

    def split(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.stack(rows.chunk(self.state["num_heads"], -1))

    def scores(self) -> torch.Tensor:
        return similarity(self.q, self.k) * self.factor

    def weights(self, scores: torch.Tensor) -> list[list[torch.Tensor | None]]:
        """The weights of each query, or None where there are none."""
        return [
            [self.row(row, seen) for row, seen in zip(head, self.seen, strict=True)]
            for head in scores
        ]

    def row(self, scores: torch.Tensor, seen: torch.Tensor) -> torch.Tensor | None:
        if self.state["normalization"] == "softmax":
            return softmax((scores / self.state["temperature"]).masked_fill(~seen, -torch.inf))
        try:
            return sum_normalize(scores.masked_fill(~seen, 0))
        except ValueError:
            return None


def near(found: torch.Tensor, wanted: torch.Tensor, size: torch.Tensor | float) -> bool:
    """Whether numbers agree within 1e-5, or, where large terms canceled, within their rounding."""
    bound = torch.as_tensor(size).double() * 1e-12
    return bool((found - wanted).abs().le(bound.clamp(min=1e-5)).all())


def check_scores(reference: Reference, result: dict[str, Any]) -> torch.Tensor:
    """Compare the scores, and return them as found, with zeros where the lab hides them."""
    hidden = [[score is None for score in row] for row in result["scores"][0]]
    assert torch.tensor(hidden).equal(~reference.seen)
    found = tensor([[[score or 0.0 for score in row] for row in head] for head in result["scores"]])
    assert near(found, reference.scores() * reference.seen, reference.sizes)
    return found


@given(states(ORDINARY))
@settings(max_examples=250)
def test_all_steps_agree_with_the_package(steady: Page, state: dict[str, Any]) -> None:
    result = steady.evaluate(ATTEND, state)["result"]
    reference = Reference(state)
    check_scores(reference, result)
    scores = reference.scores() * reference.seen
    for h, rows in enumerate(reference.weights(scores)):
        for i, row in enumerate(rows):
            found, total = result["weights"][h][i], scores[h, i].sum().abs()
            size = (reference.sizes[h, i] * reference.seen[i]).sum()
            if reference.state["normalization"] == "softmax":
                assert row is not None
                assert near(tensor(found), row, 1.0)
            elif total <= size * 1e-13:
                # Whether anything is left of the sum is up to the rounding of the scores.
                assert found is None or max(map(abs, found)) > 1e10
            else:
                assert row is not None
                assert near(tensor(found), row, row.abs().max() * size / total)
    agree_downstream(reference, result)


@given(states(EXTREME, exponent=30))
@settings(max_examples=250)
def test_steps_of_extreme_numbers_follow_from_each_other(
    steady: Page, state: dict[str, Any]
) -> None:
    found = steady.evaluate(ATTEND, state)
    result, reference = found["result"], Reference(state)
    scores, by_sum = check_scores(reference, result), state["normalization"] == "sum"
    for rows, own, heads in zip(reference.weights(scores), result["weights"], scores, strict=True):
        for wanted, weights, row in zip(rows, own, heads, strict=True):
            if wanted is not None and weights is not None:
                steep = row.abs().sum() / row.sum().abs() if by_sum else 1.0
                assert near(tensor(weights), wanted, wanted.abs() * steep)
            else:
                # Both refuse, but for a sum as small as the rounding by which two sums may differ.
                edge = 9e-15 * row.abs().sum()
                assert wanted is weights or row.sum().abs() <= edge
    agree_downstream(reference, result)
    assert not nonsense(found["text"], state["words"])


def agree_downstream(reference: Reference, result: dict[str, Any]) -> None:
    """Compare the contributions and the context vectors with those of the weights as found."""
    query = reference.state["query"]
    for i in range(len(reference.seen)):
        rows = [head[i] for head in result["weights"]]
        if any(row is None for row in rows):
            assert result["context"][i] is None
            continue
        weights = tensor(rows)[:, None]
        z = context(weights, reference.v).flatten()
        assert near(
            tensor(result["context"][i]), z, context(weights.abs(), reference.value_sizes).flatten()
        )
    for h, (head, parts) in enumerate(zip(result["weights"], result["contributions"], strict=True)):
        assert (parts is None) == (head[query] is None)
        if parts is not None:
            alpha = tensor(head[query])[:, None]
            assert near(
                tensor(parts), alpha * reference.v[h], alpha.abs() * reference.value_sizes[h]
            )


def nonsense(text: str, words: list[str]) -> list[str]:
    """What no reader should see, in a text without the words, which are the reader's own."""
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "") if word else text
    return [
        term for term in ("NaN", "Infinity", "∞", "undefined", "null", "[object") if term in text
    ]


@given(states(ORDINARY))
@settings(max_examples=60)
def test_copied_python_gives_the_same_numbers(steady: Page, state: dict[str, Any]) -> None:
    found = steady.evaluate(ATTEND, state)
    result, space = found["result"], {}
    if any(row is None for head in result["weights"] for row in head):
        with pytest.raises(ValueError, match="nothing can be divided by that"):
            exec(found["python"], space)
        return
    exec(found["python"], space)
    assert space["words"] == state["words"]
    heads = len(result["weights"])
    for name in ("weights", "contributions"):
        wanted = tensor(result[name])
        size = wanted.abs() * 1e4
        assert near(space[name].reshape(heads, *wanted.shape[1:]), wanted, size)
    scores = space["scores"].reshape(heads, *space["scores"].shape[-2:])
    check_scores(
        Reference(state),
        {
            **result,
            "scores": [
                [
                    [None if theirs is None else own for theirs, own in zip(*rows, strict=True)]
                    for rows in zip(a, b.tolist(), strict=True)
                ]
                for a, b in zip(result["scores"], scores, strict=True)
            ],
        },
    )
    assert near(space["z"], tensor(result["context"]), tensor(result["context"]).abs() * 1e4)


@given(states(EXTREME, exponent=30))
@settings(max_examples=60)
def test_state_goes_through_a_link_unharmed(steady: Page, state: dict[str, Any]) -> None:
    back = steady.evaluate(
        """async (state) => {
            const [first, second] = document.querySelectorAll("attention-lab");
            first.state = state;
            const { link } = first;
            first.reset();
            const other = second.state;
            history.replaceState(null, "", "#");
            const moved = new Promise((done) => addEventListener("hashchange", done, { once: true }));
            location.href = link;
            await moved;
            const untouched = JSON.stringify(other) === JSON.stringify(second.state);
            return { state: first.state, untouched };
        }""",
        state,
    )
    assert back["untouched"]
    # Python reads a large float as an integer with digits that it does not have.
    back, state = (json.loads(json.dumps(one), parse_int=float) for one in (back["state"], state))
    assert {name: back[name] for name in state} == state


# What a reader does.


def lab(tab: Page, number: int = 0) -> Any:
    return tab.locator("attention-lab").nth(number)


def state(tab: Page, number: int = 0) -> Any:
    return lab(tab, number).evaluate("(lab) => lab.state")


def test_words_that_ask_are_chosen_by_mouse_and_keyboard(tab: Page) -> None:
    query = lab(tab).get_by_role("radiogroup", name="Query")
    query.get_by_text("starts").click()
    assert state(tab)["query"] == 2
    tab.keyboard.press("ArrowRight")
    assert state(tab)["query"] == 3
    expect(query.get_by_role("radio", name="with")).to_be_focused()
    row = trace(*[torch.tensor(X)] * 3, query=3)
    numbers = [f"{row.scores[1]:.4f}", f"{row.weights[1]:.4f}"]
    assert lab(tab).get_by_role("row", name="journey").first.inner_text().split()[1:] == numbers


def test_words_that_ask_are_chosen_by_touch(browser: Browser, bench: Site) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    tab = context.new_page()
    tab.goto(f"{bench.origin}/index.html")
    lab(tab).get_by_role("radiogroup", name="Query").get_by_text("step").tap()
    assert state(tab)["query"] == 5
    canvas = lab(tab).locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.95 / 7 * 1.5)
    assert state(tab)["query"] == 0
    context.close()


def test_column_that_is_explained_is_in_sight_on_a_phone(browser: Browser, bench: Site) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    tab = context.new_page()
    tab.goto(f"{bench.origin}/six.html")
    loud = {**SIX, "x": [*X[:5], [2.05, 2.80, 2.55]]}
    lab(tab).evaluate("(lab, state) => { lab.state = state; }", loud)
    lab(tab).get_by_text("Weight of “step” for “journey”").scroll_into_view_if_needed()
    marked = lab(tab).locator(".lab-terms td.lab-marked").first
    expect(marked).to_be_in_viewport(ratio=0.99)
    lab(tab).locator(".lab-trace tbody td").nth(1).click()
    expect(marked).to_be_in_viewport(ratio=0.99)
    head = lab(tab).locator(".lab-terms tbody th").first.bounding_box()
    first = marked.bounding_box()
    assert head
    assert first
    assert first["x"] >= head["x"] + head["width"]
    context.close()


@pytest.mark.parametrize("loudest", [4, 5])
def test_no_number_is_half_covered_on_a_phone(loudest: int, browser: Browser, bench: Site) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    tab = context.new_page()
    tab.goto(f"{bench.origin}/six.html")
    words = ["Yourselves", "journey", "beginnings", "throughout", "oneself", "footsteps"]
    x = [*X[:loudest], [2.05, 2.80, 2.55], *X[loudest + 1 :]]
    loud = {**SIX, "words": words, "x": x}
    lab(tab).evaluate("(lab, state) => { lab.state = state; }", loud)
    caption = f"Weight of “{words[loudest]}” for “journey”"
    lab(tab).get_by_text(caption).scroll_into_view_if_needed()
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    row = lab(tab).locator(".lab-terms tbody tr").first
    head, *cells = row.evaluate(
        """({ cells }) => [...cells].map((cell) => {
            const { left, right } = cell.getBoundingClientRect();
            const space = cell.matches("td") ? parseFloat(getComputedStyle(cell).paddingRight) : 0;
            return [left, right - space];
        })"""
    )
    assert cells[0][1] <= head[1] + 1, "the first is out of sight"
    assert [cell for cell in cells if cell[0] < head[1] - 1 and cell[1] > head[1] + 1] == []
    expect(lab(tab).locator(".lab-terms td.lab-marked").first).to_be_in_viewport(ratio=0.99)
    context.close()


def test_words_fit_beside_each_other_on_a_phone(browser: Browser, bench: Site) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    tab = context.new_page()
    tab.goto(f"{bench.origin}/six.html")
    last = lab(tab).get_by_role("radiogroup", name="Query").get_by_text("step")
    expect(last).to_be_in_viewport(ratio=1)
    context.close()


def test_steps_go_by_buttons_and_arrow_keys(tab: Page) -> None:
    steps = lab(tab).get_by_role("radiogroup", name="Step")
    steps.get_by_text("Scores").click()
    seen = []
    for _ in range(4):
        seen.append((state(tab)["step"], lab(tab).locator("math").text_content()))
        tab.keyboard.press("ArrowRight")
    assert [step for step, _ in seen] == ["scores", "weights", "contributions", "context"]
    assert len({formula for _, formula in seen}) == 4
    assert state(tab)["step"] == "scores"
    following = lab(tab).get_by_role("button", name="Next step")
    for step in ("weights", "contributions", "context"):
        following.click()
        assert state(tab)["step"] == step
    lab(tab).get_by_role("button", name="Back to the first step").click()
    assert state(tab)["step"] == "scores"


def test_each_step_says_its_formula_with_the_words_and_numbers_of_the_query(tab: Page) -> None:
    shown = {
        "Scores": ("match journey?", "1.4950", "Score of “journey” for “journey”: 1.4950"),
        "Weights": ("listen", "0.2379", "4.4593 ÷ 18.7453 = 0.2379"),
        "Contributions": ("take", "0.1308", "0.2379 × 0.5500 = 0.1308"),
        "Context": ("become", "0.4419", "What “journey” becomes, coordinate 0: 0.4419"),
    }
    for step, texts in shown.items():
        lab(tab).get_by_text(step, exact=True).click()
        for text, where in zip(texts, (".lab-said", "math", ".lab-made"), strict=True):
            expect(lab(tab).locator(where)).to_contain_text(text)
    assert lab(tab).get_by_role("row", name="sum").inner_text().split() == [
        *("sum", "1.0000", "0.4419", "0.6515", "0.5683"),
    ]


def test_pointing_at_a_number_shows_its_dot_product_term_by_term(tab: Page) -> None:
    lab(tab).get_by_text("Scores", exact=True).click()
    lab(tab).get_by_role("gridcell", name="1.4754").hover()
    made = lab(tab).get_by_role("group", name="How the number was made")
    expect(made).to_contain_text("Score of “starts” for “journey”: 1.4754")
    rows = [row.split() for row in made.locator("tbody tr").all_inner_texts()]
    assert rows == [
        ["journey", "0.5500", "0.8700", "0.6600"],
        ["×", "starts", "0.5700", "0.8500", "0.6400"],
        ["=", "0.3135", "0.7395", "0.4224"],
    ]


def test_numbers_are_reached_and_read_out_by_the_keyboard(tab: Page) -> None:
    lab(tab).get_by_role("gridcell", name="0.2379").focus()
    tab.keyboard.press("ArrowDown")
    made = lab(tab).get_by_role("group", name="How the number was made")
    expect(made).to_contain_text("Weight of “starts” for “journey”")
    expect(lab(tab).locator(".lab-unseen[role=status]")).to_contain_text("Weight of “starts”")
    tab.keyboard.press("ArrowLeft")
    expect(made).to_contain_text("Score of “starts” for “journey”")
    # The tab key leaves the numbers, and comes back to the same one.
    tab.keyboard.press("Tab")
    tab.keyboard.press("Shift+Tab")
    expect(lab(tab).get_by_role("gridcell", name="1.4754")).to_be_focused()


def test_projected_numbers_show_their_products_too(tab: Page) -> None:
    own = lab(tab, 1)
    own.get_by_role("grid", name="Queries").get_by_role("row", name="journey").locator(
        "td"
    ).first.hover()
    made = own.get_by_role("group", name="How the number was made")
    expect(made).to_contain_text("Query of “journey”, coordinate 0: 0.7675")
    assert made.locator("tbody tr").last.inner_text().split() == ["=", "0.5500", "0.2175", "0.0000"]


def test_numbers_of_a_later_word_are_hidden_and_say_so(tab: Page) -> None:
    own = lab(tab, 1)
    own.get_by_text("Scores", exact=True).click()
    own.get_by_text("hidden").last.hover()
    expect(own.locator(".lab-made")).to_contain_text(
        "“step” comes later than “journey”, and is hidden"
    )


def edit(tab: Page) -> Any:
    lab(tab).get_by_role("button", name="Edit").click()
    return lab(tab).get_by_role("group", name="Numbers")


MALFORMED = {
    "": "missing",
    "  ": "missing",
    "abc": "no number",
    "0x10": "no number",
    "1.5.2": "no number",
    "--1": "no number",
    "NaN": "no number",
    "Infinity": "no number",
    "1,5": "Write a point: 1.5",
    "1e400": "Too large",
    "1e300": "Too large",
    "-1e31": "Too large",
}


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_numbers_are_explained_and_the_last_good_one_counts(tab: Page, text: str) -> None:
    box = edit(tab).get_by_role("textbox", name="journey, coordinate 1")
    before = lab(tab).evaluate("(lab) => lab.result.context")
    box.fill(text)
    note = lab(tab).get_by_role("group", name="Numbers").get_by_role("status")
    expect(note).to_contain_text(MALFORMED[text])
    expect(note).to_contain_text("the last good one counts")
    assert box.get_attribute("aria-invalid") == "true"
    assert box.get_attribute("aria-describedby") == note.get_attribute("id")
    assert lab(tab).evaluate("(lab) => lab.result.context") == before
    box.fill("0.5")
    expect(note).to_be_hidden()
    assert state(tab)["x"][1][1] == 0.5
    assert box.get_attribute("aria-invalid") is None


@pytest.mark.parametrize(
    ("text", "number", "remark"),
    [
        ("-0", 0, "−0 counts as 0"),
        ("1e-400", 0, "So small"),
        ("0", 0, ""),
        ("−2.5", -2.5, ""),
        ("1E30", 1e30, ""),
        (".5", 0.5, ""),
    ],
)
def test_numbers_at_the_edge_are_taken(tab: Page, text: str, number: float, remark: str) -> None:
    box = edit(tab).get_by_role("textbox", name="journey, coordinate 1")
    box.fill(text)
    assert lab(tab).evaluate("(lab) => Object.is(lab.state.x[1][1], -0)") is False
    assert state(tab)["x"][1][1] == number
    note = lab(tab).get_by_role("group", name="Numbers").locator("[role=status]")
    assert remark in (note.text_content() or "")
    assert nonsense(lab(tab).inner_text(), []) == []


def test_a_second_mistake_does_not_hide_the_first(tab: Page) -> None:
    panel = edit(tab)
    first, second = (panel.get_by_role("textbox", name=f"journey, coordinate {c}") for c in (0, 1))
    first.fill("abc")
    second.fill("1e99")
    second.fill("1")
    expect(panel.get_by_role("status")).to_contain_text("no number")
    lab(tab).get_by_role("button", name="Reset").click()
    assert state(tab) == {**state(tab), **SIX}
    expect(panel.locator("[role=status]")).to_be_hidden()
    assert first.input_value() == "0.55"


def test_the_slider_pulls_the_number_that_was_edited(tab: Page) -> None:
    panel = edit(tab)
    panel.get_by_label("starts, coordinate 2").focus()
    slider = panel.get_by_role("slider", name="starts, coordinate 2")
    slider.fill("-1.25")
    assert state(tab)["x"][2][2] == -1.25
    assert panel.get_by_role("textbox", name="starts, coordinate 2").input_value() == "-1.25"


def test_matrices_are_edited(tab: Page) -> None:
    own = lab(tab, 1)
    own.get_by_label("Wv, row 2, column 5").fill("-7")
    assert state(tab, 1)["w_value"][2][5] == -7
    own.get_by_label("Wk, row 0, column 0").fill("abc")
    assert state(tab, 1)["w_key"] == HEADS["w_key"]


def test_words_are_added_renamed_and_removed(tab: Page) -> None:
    panel = edit(tab)
    panel.get_by_role("button", name="Add a word").click()
    tab.keyboard.type('<b>&"home"')
    assert state(tab)["words"] == [*WORDS, '<b>&"home"']
    assert len(state(tab)["x"]) == 7
    expect(lab(tab).get_by_role("radio", name="<b>&")).to_have_count(1)
    panel.get_by_role("button", name="Remove Your").click()
    assert state(tab)["words"] == [*WORDS[1:], '<b>&"home"']
    assert state(tab)["query"] == 0
    assert state(tab)["x"][0] == X[1]
    name = panel.get_by_label("Word 0")
    expect(name).to_be_focused()
    name.fill(" ")
    expect(panel.get_by_role("status")).to_contain_text("A word needs a letter")
    assert state(tab)["words"][0] == "journey"
    for _ in range(5):
        panel.get_by_role("button", name="Remove").last.click()
    assert state(tab)["words"] == ["journey"]
    expect(panel.get_by_role("button", name="Remove journey")).to_be_disabled()
    assert lab(tab).evaluate("(lab) => lab.result.weights") == [[[1]]]


def test_there_are_at_most_64_words(tab: Page) -> None:
    many = {"words": [f"w{i}" for i in range(63)], "x": [[i / 63, 1] for i in range(63)]}
    panel = edit(tab)
    lab(tab).evaluate("(lab, state) => { lab.state = state; }", many)
    panel.get_by_role("button", name="Add a word").click()
    expect(panel.get_by_role("button", name="64 words are the most")).to_be_disabled()
    assert len(state(tab)["words"]) == 64


def test_switches_change_what_they_say(tab: Page) -> None:
    own = lab(tab, 1)
    own.get_by_label("Divide by √2").uncheck()
    own.get_by_label("Hide later words").uncheck()
    own.get_by_text("Sum", exact=True).click()
    expect(own.get_by_role("textbox", name="Temperature")).to_be_disabled()
    own.get_by_text("Softmax", exact=True).click()
    own.get_by_role("textbox", name="Temperature").fill("0.25")
    own.get_by_role("combobox", name="Number of heads").select_option("1")
    changed = {"scale": False, "causal": False, "temperature": 0.25, "num_heads": 1}
    assert state(tab, 1) == {**state(tab, 1), **HEADS, **changed}
    expect(own.get_by_text("Divide by √4")).to_be_visible()


def test_heads_that_do_not_divide_the_widths_are_not_to_be_had(tab: Page) -> None:
    options = lab(tab, 1).get_by_role("combobox").locator("option")
    assert options.all_inner_texts() == [
        *("1", "2", "3 does not divide 4", "4 does not divide 6"),
        *("5 does not divide 4", "6 does not divide 4"),
    ]
    assert [option.is_disabled() for option in options.all()] == [False, False, *[True] * 4]


def test_the_head_that_is_shown_can_be_chosen(tab: Page) -> None:
    own = lab(tab, 1)
    before = own.locator("tbody").first.inner_text()
    own.get_by_role("radiogroup", name="Head").get_by_text("1").click()
    assert state(tab, 1)["head"] == 1
    assert own.locator("tbody").first.inner_text() != before


@pytest.mark.parametrize("text", ["0", "-1", "1e-31", "abc", ""])
def test_a_temperature_that_is_none_is_explained(tab: Page, text: str) -> None:
    lab(tab).get_by_role("textbox", name="Temperature").fill(text)
    note = lab(tab).get_by_role("group", name="Settings").get_by_role("status")
    expect(note).to_be_visible()
    assert state(tab)["temperature"] == 1


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (
            [[1, 0], [0, 1], [-1, 0]],
            "The scores of a sum to zero, and nothing can be divided by that",
        ),
        ([[1, 0], [0, 1], [-3, 0]], "The scores of a sum to −2.0000, less than zero"),
        ([[2, 0], [0, 1], [-1, 0]], "A negative score gives a a negative weight"),
    ],
)
def test_sums_that_make_no_shares_are_explained(tab: Page, x: Any, text: str) -> None:
    changed = {"words": ["a", "b", "c"], "x": x, "normalization": "sum", "step": "weights"}
    for step in ("weights", "contributions", "context"):
        lab(tab).evaluate("(lab, state) => { lab.state = state; }", {**changed, "step": step})
        expect(lab(tab).locator(".lab-said")).to_contain_text(text)
        assert nonsense(lab(tab).inner_text(), []) == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no words": ({"words": [], "x": []}, "there must be 1 to 64 words"),
    "a word that is none": ({"words": ["a", "b", "c", "d", "e", 6]}, "printable"),
    "a row too few": ({"x": X[:5]}, "x must have 6 rows"),
    "a row too short": ({"x": [[1], *X[1:]]}, "rows of x must be equally long"),
    "a text": ({"x": [["1", 2, 3], *X[1:]]}, "x must hold numbers"),
    "too large": ({"x": [[1e31, 2, 3], *X[1:]]}, "at most 1e30"),
    "a matrix too low": ({"w_value": [[1], [2]]}, "w_value must have 3 rows"),
    "widths": ({"w_query": [[1], [2], [3]]}, "queries and keys must have one width, not 1 and 3"),
    "heads": ({"num_heads": 2}, "the number of heads, 2, must divide the widths 3 and 3"),
    "no heads": ({"num_heads": 0}, "there must be 1 head or more"),
    "half a head": ({"num_heads": 1.5}, "there must be 1 head or more"),
    "cold": ({"temperature": 0}, "the temperature must be from 1e-30"),
    "normalization": ({"normalization": "max"}, "normalization must be softmax or sum"),
    "step": ({"step": "end"}, "step must be scores or weights"),
    "scale": ({"scale": 1}, "scale must be false or true"),
    "query": ({"query": 6}, "the query must be from 0 to 5"),
    "head": ({"head": 1}, "the head must be from 0 to 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_state_is_refused_and_changes_nothing(tab: Page, case: str) -> None:
    change, message = REFUSED[case]
    refused = lab(tab).evaluate(
        "(lab, state) => { try { lab.state = state; } catch (error) { return error.message; } }",
        {**SIX, **change},
    )
    assert message in refused
    assert state(tab) == {**state(tab), **SIX}


def test_a_lab_that_cannot_start_says_so_above_its_table(browser: Browser, bench: Site) -> None:
    with visiting(browser, bench) as visit:
        tab = visit.open("broken.html")
        expect(lab(tab)).to_contain_text("This lab cannot start: the query must be from 0 to 5.")
        expect(lab(tab).locator("table")).to_be_visible()
        assert visit.errors == []


# Links.


@pytest.mark.parametrize("number", [0, 1])
def test_copied_link_opens_the_same_lab_in_the_same_state(tab: Page, number: int) -> None:
    lab(tab, number).get_by_text("Context", exact=True).click()
    lab(tab, number).get_by_role("button", name="Copy link").click()
    expect(lab(tab, number).get_by_role("button", name="Copied")).to_be_visible()
    link = tab.evaluate("() => navigator.clipboard.readText()")
    wanted = [state(tab, 0), state(tab, 1)]
    tab.goto("about:blank")
    tab.goto(link)
    assert [state(tab, 0), state(tab, 1)] == wanted
    expect(lab(tab, number)).to_be_in_viewport()


GOOD = "v=1&words=a,b&x=1,2,3,4"
MALFORMED_LINKS = {
    "": "version",
    "v=2&words=a&x=1": "version",
    "v=1": "no words or no vectors",
    "v=1&words=a,b": "no words or no vectors",
    "v=1&words=a,b&x=1,2,3": "do not fill their rows",
    "v=1&words=a,b&x=1,2,3,b": "where a number belongs",
    "v=1&words=a,b&x=1,2,3,1e300": "where a number belongs",
    "v=1&words=a,b&x=1,2,3,": "where a number belongs",
    "v=1&words=%E0%A4%A&x=1": "garbled",
    "v=1&words=%00&x=1": "printable",
    f"{GOOD}&x=1,2,3,4": "without a meaning",
    f"{GOOD}&toString=1": "without a meaning",
    f"{GOOD}&query": "without a meaning",
    f"{GOOD}&query=1=2": "without a meaning",
    f"{GOOD}&query=2": "the query must be from 0 to 1",
    f"{GOOD}&query=0.5": "the query must be from 0 to 1",
    f"{GOOD}&num_heads=3": "must divide",
    f"{GOOD}&causal=2": "causal must be false or true",
    f"{GOOD}&step=": "step must be",
    f"{GOOD}&temperature=-1": "the temperature must be",
    f"{GOOD}&w_key=1,2,3": "do not fill their rows",
    f"v=1&words={','.join('a' * 65)}&x={','.join('1' * 65)}": "1 to 64 words",
}


@pytest.mark.parametrize("text", MALFORMED_LINKS)
def test_malformed_link_is_explained(tab: Page, text: str) -> None:
    tab.evaluate("(text) => { location.hash = text; }", f"lab=1&{text}")
    note = lab(tab, 1).get_by_role("status").filter(has_text="This link cannot be used")
    expect(note).to_contain_text(MALFORMED_LINKS[text])
    assert state(tab, 1) == {**state(tab, 1), **HEADS}
    assert state(tab, 0) == {**state(tab, 0), **SIX}
    tab.reload()
    expect(note).to_contain_text(MALFORMED_LINKS[text])


@pytest.mark.parametrize("key", ["7", "", "nowhere"])
def test_link_to_no_lab_is_explained_by_the_first(tab: Page, key: str) -> None:
    tab.evaluate("(text) => { location.hash = text; }", f"lab={key}&{GOOD}")
    expect(lab(tab)).to_contain_text("its lab is not on this page")
    expect(lab(tab, 1)).not_to_contain_text("its lab is not on this page")


def test_other_anchors_are_left_alone(tab: Page) -> None:
    tab.evaluate("() => { location.hash = 'after'; }")
    expect(tab.locator("#after")).to_be_in_viewport()
    assert state(tab) == {**state(tab), **SIX}


def test_without_a_clipboard_the_text_is_there_to_be_copied(tab: Page) -> None:
    tab.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    lab(tab).get_by_role("button", name="Copy Python").click()
    note = lab(tab).get_by_role("status").filter(has_text="By hand")
    assert (note.text_content() or "").endswith(lab(tab).evaluate("(lab) => lab.python"))


# Whatever happens.

ACT = """([name, place, text]) => {
    const lab = document.querySelectorAll("attention-lab")[1];
    const nodes = [...lab.querySelectorAll(name)].filter((node) => node.checkVisibility() && !node.disabled);
    const node = nodes[Math.floor(place * nodes.length)];
    if (!node) return lab.innerText;
    node.focus();
    if (text !== null) {
        const free = [...(node.options ?? [])].filter((option) => !option.disabled);
        node.value = free.length ? free[Number(text) % free.length].value : text;
        node.dispatchEvent(new Event("input", { bubbles: true }));
        node.dispatchEvent(new Event("change", { bubbles: true }));
    } else node.click();
    node.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
    const numbers = JSON.stringify([lab.state, lab.result]);
    const values = [...lab.querySelectorAll("input")].map((input) => input.value).join(" ");
    const named = [...lab.querySelectorAll("[aria-label]")].map((one) => one.ariaLabel).join(" ");
    return [lab.innerText, values, named, lab.link, lab.python, numbers.replaceAll("null", "")].join(" ");
}"""


@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_random_actions_show_no_nonsense(tab: Page, seed: int) -> None:
    chance = random.Random(seed)
    kinds = {
        ".lab-number": [
            "",
            "abc",
            "1e400",
            "1e300",
            "1e30",
            "-1e30",
            "-0",
            "1,5",
            "0",
            "0.3",
            "-2",
            "1e-30",
        ],
        "th input": ["word", "", "x y", "日本"],
        "input[type=range]": ["-4", "4", "0.5"],
        "select": ["0", "1"],
        "button:not(.lab-fold)": [None],
        "label": [None],
        "[data-kind]": [None],
    }
    for _ in range(200):
        name = chance.choice(list(kinds))
        shown = tab.evaluate(ACT, [name, chance.random(), chance.choice(kinds[name])])
        assert nonsense(shown, []) == []


@pytest.mark.parametrize("width", [390, 700, 1440])
def test_the_place_is_kept_before_the_script_has_come(
    browser: Browser, bench: Site, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    tab = context.new_page()
    held: list[Route] = []
    tab.route("**/attention-lab.js", lambda route: held.append(route))
    tab.goto(f"{bench.origin}/six.html", wait_until="commit")
    tab.locator("#after").wait_for()
    before = lab(tab).bounding_box()
    expect(lab(tab).locator("table")).to_be_hidden()
    held[0].continue_()
    lab(tab).locator("canvas").wait_for()
    assert lab(tab).bounding_box() == before
    context.close()


def test_the_table_is_seen_when_the_script_never_comes(browser: Browser, bench: Site) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.route("**/attention-lab.js", lambda route: route.abort())
    tab.goto(f"{bench.origin}/six.html")
    table = lab(tab).locator("table")
    expect(table).to_be_hidden()
    tab.evaluate("() => document.getAnimations().forEach((animation) => animation.finish())")
    expect(table).to_be_visible()
    assert (table.bounding_box() or {"height": 0})["height"] > 50
    context.close()


def test_lab_begins_by_and_by_and_is_whole_for_who_asks(browser: Browser, bench: Site) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.add_init_script(
        """window.held = [];
        window.requestAnimationFrame = (step) => window.held.push(step);"""
    )
    tab.goto(f"{bench.origin}/six.html")
    # It is built, and waits for a frame with all that it shows; its place is still kept.
    tab.wait_for_function("() => document.querySelector('attention-lab .lab') && held.length")
    assert lab(tab).get_attribute("begun") is None
    whole = """() => {
        const lab = document.querySelector("attention-lab");
        const { words } = lab.state;
        const rows = [...lab.querySelectorAll(".lab-trace tbody th")].map((cell) => cell.innerText);
        return lab.hasAttribute("begun") && String(rows) === String(words);
    }"""
    assert tab.evaluate(whole)
    tab.evaluate("() => { while (held.length) held.shift()(); }")
    tab.wait_for_timeout(50)
    assert tab.evaluate(whole)
    assert tab.locator(".lab-fresh").count() == 0
    context.close()


def test_lab_out_of_sight_begins_when_it_comes_near(visit: Visit) -> None:
    tab = visit.open("")
    place = tab.locator("attention-lab")
    tab.set_viewport_size({"width": 390, "height": 400})
    tab.reload(wait_until="networkidle")
    assert place.get_attribute("begun") is None
    before = place.bounding_box()
    place.scroll_into_view_if_needed()
    expect(place.locator("canvas")).to_be_visible()
    after = place.bounding_box()
    assert before is not None
    assert after is not None
    assert after["height"] == pytest.approx(before["height"], abs=40)


def test_link_begins_a_lab_out_of_sight(visit: Visit) -> None:
    visit.tab.set_viewport_size({"width": 390, "height": 400})
    tab = visit.open("")
    tab.evaluate("(hash) => { location.hash = hash; }", f"lab=0&{GOOD}")
    tab.wait_for_function(
        """() => {
            const lab = document.querySelector("attention-lab[begun]");
            return lab?.querySelectorAll(".lab-words input").length === 2;
        }"""
    )


def test_without_scripts_the_table_is_seen(browser: Browser, bench: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{bench.origin}/index.html")
    expect(lab(tab).locator("table")).to_be_visible()
    context.close()


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
def test_bars_glide_only_for_those_who_want_it(
    browser: Browser, bench: Site, motion: Any, moves: bool
) -> None:
    context = browser.new_context(reduced_motion=motion)
    tab = context.new_page()
    tab.goto(f"{bench.origin}/six.html")
    tab.evaluate(SETTLED)  # What was never laid out has nothing to glide from.
    running = tab.evaluate(
        """async () => {
            document.querySelectorAll(".lab-words input")[4].click();
            await new Promise(requestAnimationFrame);
            return document.getAnimations().length;
        }"""
    )
    assert (running > 0) == moves
    context.close()


def test_a_lab_that_was_moved_or_taken_away_leaves_nothing_behind(tab: Page) -> None:
    alive = tab.evaluate(
        """async () => {
            const [first, second] = document.querySelectorAll("attention-lab");
            first.remove();
            location.hash = `lab=0&v=1&words=a&x=1`;
            await new Promise((done) => setTimeout(done, 50));
            const untouched = first.state.words.length;
            document.body.append(first);
            location.hash = `lab=1&v=1&words=a,b&x=1,2`;
            await new Promise((done) => setTimeout(done, 50));
            return [untouched, first.state.words.length, second.state.words.length];
        }"""
    )
    assert alive == [6, 2, 1]


def test_targets_of_a_finger_are_large_enough(browser: Browser, bench: Site) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    tab = context.new_page()
    tab.goto(f"{bench.origin}/index.html")
    small = tab.evaluate(
        """() => [...document.querySelectorAll(
            "attention-lab :is(button, select, input:not([type=radio], [type=checkbox]), label, td[data-kind])",
        )]
            .filter((node) => node.checkVisibility())
            .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
            .filter(([, { width, height }]) => Math.min(width, height) < 24)
            .map(([html]) => html)"""
    )
    assert small == []
    wide = tab.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 390
    context.close()


# In the site.

TRY = """() => {
    const lab = document.querySelector("attention-lab");
    lab.reset(); // begins a lab that is out of sight
    lab.querySelectorAll(".lab-words input")[4].click();
    return [lab.state.query, lab.querySelector("strong").textContent];
}"""


def test_lab_keeps_working_when_pages_change_without_a_reload(visit: Visit) -> None:
    tab = visit.open("scores/")
    tab.evaluate("() => { window.stayed = true; }")
    assert tab.evaluate(TRY) == [4, "one"]
    tab.get_by_role("navigation").get_by_role("link", name="The lab", exact=True).first.click()
    tab.wait_for_url("**/lab/")
    expect(tab.locator("attention-lab[full] canvas")).to_be_visible()
    assert tab.evaluate(TRY) == [4, "one"]
    tab.go_back()
    tab.wait_for_url("**/scores/")
    tab.locator("attention-lab:not([full])").wait_for()
    assert tab.evaluate(TRY) == [4, "one"]
    assert tab.evaluate("() => window.stayed") is True
    assert visit.errors == []


def test_link_to_a_state_on_another_page_is_followed(visit: Visit) -> None:
    tab = visit.open("scores/")
    tab.evaluate(
        """(hash) => {
            const link = Object.assign(document.createElement("a"), { href: `../lab/${hash}` });
            link.append("To the lab");
            document.querySelector("article").prepend(link);
            window.stayed = true;
        }""",
        f"#lab=0&{GOOD}",
    )
    tab.get_by_role("link", name="To the lab").click()
    tab.wait_for_url("**/lab/#lab=0*")
    tab.wait_for_function(
        "() => document.querySelector('attention-lab[full]')?.state?.words.length === 2"
    )
    assert tab.evaluate("() => window.stayed") is True
    assert visit.errors == []


@pytest.mark.parametrize("page", ["", "lab/", "scores/", "heads/"])
def test_a_change_has_no_style_looked_at_around_the_lab(
    visit: Visit, browser: Browser, page: str
) -> None:
    tab = visit.open(page)
    place = tab.locator("attention-lab").first
    place.scroll_into_view_if_needed()
    expect(place.locator("canvas")).to_be_visible()
    tab.evaluate(SETTLED)
    tracking = "disabled-by-default-devtools.timeline.invalidationTracking"
    browser.start_tracing(page=tab, categories=[tracking])
    place.locator(".lab-words input").nth(4).evaluate("(input) => input.click()")
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    events = json.loads(browser.stop_tracing())["traceEvents"]
    looked = [event["args"].get("data", {}) for event in events if "Tracking" in event["name"]]
    assert any(each.get("reason") == "Text changed" for each in looked)
    # An element that a rule asks by `:has` what it holds, and all below it.
    assert [each for each in looked if each.get("reason") == "Affected by :has()"] == []


def test_map_takes_the_colors_of_the_scheme(visit: Visit) -> None:
    tab = visit.open("lab/")
    brightness = """() => {
        const canvas = document.querySelector("attention-lab canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const reds = data.filter((_, place) => place % 4 === 0 && data[place + 3] === 255);
        return reds.reduce((sum, red) => sum + red, 0) / reds.length;
    }"""
    light = tab.evaluate(brightness)
    tab.locator(".scheme-switch").click()
    expect(tab.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    dark = tab.evaluate(brightness)
    assert light > 128
    assert dark < 96
