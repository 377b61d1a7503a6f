"""The lab, in a page of its own: its arithmetic against `selfattn`, and everything it takes."""

from __future__ import annotations

import functools
import json
import math
import random
import shutil
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import material
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from selfattn import causal_mask, context, similarity, softmax, sum_normalize

from .conftest import ROOT, QuietHandler, Site, visiting

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
    script = f'<script type="application/json">{json.dumps(state)}</script>'
    name = f'role="group" aria-label="{state["title"]}"'
    return f"<attention-lab {name} {attributes}>{script}<div>{table}</div></attention-lab>"


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
    handler = functools.partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Site(folder, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


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
        given = [tensor(state[name]) if state[name] else torch.eye(x.shape[1]).double() for name in names]
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
        return [[self.row(row, seen) for row, seen in zip(head, self.seen, strict=True)] for head in scores]

    def row(self, scores: torch.Tensor, seen: torch.Tensor) -> torch.Tensor | None:
        if self.state["normalization"] == "softmax":
            return softmax((scores / self.state["temperature"]).masked_fill(~seen, -torch.inf))
        try:
            return sum_normalize(scores.masked_fill(~seen, 0))
        except ValueError:
            return None


def near(found: torch.Tensor, wanted: torch.Tensor, size: torch.Tensor | float) -> bool:
    """Whether numbers agree within 1e-5, or, where large terms cancelled, within their rounding."""
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
def test_steps_of_extreme_numbers_follow_from_each_other(steady: Page, state: dict[str, Any]) -> None:
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
        assert near(tensor(result["context"][i]), z, context(weights.abs(), reference.value_sizes).flatten())
    for h, (head, parts) in enumerate(zip(result["weights"], result["contributions"], strict=True)):
        assert (parts is None) == (head[query] is None)
        if parts is not None:
            alpha = tensor(head[query])[:, None]
            assert near(tensor(parts), alpha * reference.v[h], alpha.abs() * reference.value_sizes[h])


def nonsense(text: str, words: list[str]) -> list[str]:
    """What no reader should see, in a text without the words, which are the reader's own."""
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "") if word else text
    return [term for term in ("NaN", "Infinity", "∞", "undefined", "null", "[object") if term in text]


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
    check_scores(Reference(state), {**result, "scores": [
        [[None if theirs is None else own for theirs, own in zip(*rows, strict=True)] for rows in zip(a, b.tolist(), strict=True)]
        for a, b in zip(result["scores"], scores, strict=True)
    ]})
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
