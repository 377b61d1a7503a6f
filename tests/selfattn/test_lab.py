import json
import re
import struct
from dataclasses import FrozenInstanceError
from decimal import Decimal
from fractions import Fraction
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selfattn import attention, similarity, softmax, sum_normalize
from selfattn.lab import CONTROLS, lab

SVG = "{http://www.w3.org/2000/svg}"


def parse(found):
    """Read a lab's markup, which but for one attribute is XML as well as HTML."""
    return ElementTree.fromstring(found._repr_html_().replace(" full>", ' full="">'))


def state(found):
    template = parse(found)[0]
    assert (template.tag, template.attrib) == ("template", {})
    return json.loads(template.text)


def table(found):
    """Give the rows of the table as lists of texts, with numbers as Python reads them."""
    rows = parse(found).iter("tr")
    return [[plain("".join(cell.itertext())) for cell in row] for row in rows]


def plain(text):
    return text.replace("−", "-").replace("∞", "inf")


def column(found, head):
    """Give the numbers of one column, and what stands below them."""
    rows = table(found)
    at = rows[0].index(head)
    return [float(row[at]) for row in rows[1:-1]], rows[-1][at]


def vectors(found):
    rows = table(found)
    return [[float(n) for n in row[-1].strip("[]").split(",")] for row in rows[1:]]


def maps(found):
    return [svg.find(f"{SVG}title").text for svg in parse(found).iter(f"{SVG}svg")]


def cells(found):
    """Give the numbers in the cells of the heatmap."""
    (svg,) = parse(found).iter(f"{SVG}svg")
    texts = [text.text for text in svg.iter(f"{SVG}text")]
    return [float(plain(text)) for text in texts if re.fullmatch(r"−?([\d.]+|∞)", text)]


def close(tensor):
    """Expect the numbers of a vector, as they are written with four decimals."""
    return pytest.approx(tensor.tolist(), abs=5.1e-5)


@pytest.fixture
def five(draw):
    """Five words of width 3, and matrices to width 4 for scores and 8 for values."""
    words = ["a", "b", "c", "d", "e"]
    return {
        "words": words,
        "x": draw(5, 3, dtype=torch.float32),
        "w_query": draw(3, 4, dtype=torch.float32),
        "w_key": draw(3, 4, dtype=torch.float32),
        "w_value": draw(3, 8, dtype=torch.float32),
        "title": "Five",
    }


def roles(five):
    return [five["x"] @ five[f"w_{role}"] for role in ("query", "key", "value")]


def test_a_lab_shows_its_title(inputs, words):
    assert repr(lab(words, inputs, title="It's here")) == 'Lab("It\'s here")'


def test_the_element_has_a_name_a_state_and_what_stands_in_for_it(inputs, words):
    element = parse(lab(words, inputs, title='Six "words" & more'))
    assert element.tag == "attention-lab"
    assert element.attrib == {"role": "group", "aria-label": 'Six "words" & more', "words": "6"}
    assert [child.tag for child in element] == ["template", "p", "div", "div"]
    assert not element.text
    assert not any(child.tail for child in element)
    assert [div.text for div in element[2:]] == [None, None]
    changed = parse(lab(words, inputs, title="t", full=True, controls=["causal", "heads"]))
    assert changed.attrib.keys() - element.attrib.keys() == {"full", "controls"}
    assert changed.get("controls") == "causal heads"


def test_the_state_holds_what_was_given(five):
    found = state(
        lab(
            **five,
            num_heads=2,
            scale=True,
            causal=True,
            temperature=0.5,
            normalization="sum",
            query=3,
            step="weights",
            controls=["causal", "heads"],
        )
    )
    matrices = {name: found.pop(name) for name in ("x", "w_query", "w_key", "w_value")}
    assert all(torch.equal(torch.tensor(matrices[name]), five[name]) for name in matrices)
    assert found == {
        "words": five["words"],
        "num_heads": 2,
        "scale": True,
        "causal": True,
        "temperature": 0.5,
        "normalization": "sum",
        "query": 3,
        "step": "weights",
        "title": "Five",
        "controls": ["causal", "heads"],
    }


def test_the_state_of_plain_attention(inputs, words):
    found = state(lab(words, inputs, title="t"))
    assert found["x"] == [[round(n, 2) for n in row] for row in inputs.double().tolist()]
    assert [found[f"w_{role}"] for role in ("query", "key", "value")] == [None] * 3
    assert (found["num_heads"], found["scale"], found["causal"]) == (1, False, False)
    assert (found["temperature"], found["normalization"]) == (1, "softmax")
    assert (found["query"], found["step"]) == (0, "context")
    assert "controls" not in found


@given(st.floats(-(2.0**99), 2.0**99, width=32))
def test_numbers_are_the_shortest_decimals_of_their_float32(number):
    written = state(lab(["w"], torch.tensor([[number]]), title="t"))["x"][0][0]
    assert struct.pack("f", written) == struct.pack("f", number + 0.0)
    digits = len(Decimal(repr(written)).normalize().as_tuple().digits)
    if digits > 1:
        assert torch.tensor(float(f"{number:.{digits - 1}g}")).item() != number


@pytest.mark.parametrize(("number", "kind"), [(999999.0, int), (1e6, float), (1000001.0, float)])
def test_whole_numbers_below_a_million_are_written_without_a_point(number, kind):
    ((written,),) = state(lab(["w"], torch.tensor([[number]]), title="t"))["x"]
    assert (written, type(written)) == (number, kind)


def test_words_and_controls_may_be_any_sequence(inputs, words):
    given = lab(tuple(words), inputs, title="t", controls=("causal", "heads"))
    assert given.state == lab(words, inputs, title="t", controls=["causal", "heads"]).state
    assert given.link() == lab(words, inputs, title="t").link()


def test_largest_number_is_kept():
    found = state(lab(["w"], torch.tensor([[-1e30]]), title="t"))
    assert found["x"] == [[-1e30]]


def test_double_precision_is_stored_as_float32(inputs, words):
    wide = inputs.double() + 1e-12
    assert state(lab(words, wide, title="t")) == state(lab(words, inputs, title="t"))


@pytest.mark.parametrize(
    "word", ["</template><b>", "<!--<template>", "&lt;", "' id='x", '"', "Wörter"]
)
def test_words_stay_text(word):
    found = lab([word, "b"], torch.eye(2), title=word)
    html = found._repr_html_()
    assert html.count("<template") == html.count("</template") == 1
    assert "<!--" not in html
    assert not re.search("id=[\"']", html.partition("</template>")[0])
    assert state(found)["words"] == [word, "b"]
    assert parse(found).get("aria-label") == state(found)["title"] == word
    assert table(found)[1][0] == word


def test_nothing_of_a_lab_reaches_the_page_around_it(inputs, words):
    html = lab(words, inputs, title="t")._repr_html_()
    assert not re.search(r"\s(id|on\w+|href|src)=|<style|url\(", html)


def test_the_table_shows_the_steps_of_plain_attention(inputs, words):
    found = lab(words, inputs, title="t", query=1)
    scores = similarity(inputs, inputs)
    weights = softmax(scores)
    assert table(found)[0] == ["key", "score", "weight", "contribution"]
    assert [row[0] for row in table(found)[1:]] == [*words, "sum"]
    assert column(found, "score") == (close(scores[1]), "")
    assert column(found, "weight") == (close(weights[1]), "1.0000")
    summed = attention(inputs, inputs, inputs, scale=1.0)[1]
    assert vectors(found) == [close(row) for row in [*(weights[1][:, None] * inputs), summed]]
    assert "".join(next(parse(found).iter("caption")).itertext()) == "Query: journey"


@pytest.mark.parametrize("causal", [False, True])
def test_the_steps_of_scaled_attention_with_projections(five, causal):
    q, k, v = roles(five)
    found = lab(**five, scale=True, causal=causal, temperature=0.4, query=2)
    z, weights = attention(q, k, v, causal=causal, scale=0.5 / 0.4, return_weights=True)
    assert column(found, "weight")[0] == close(weights[2])
    assert vectors(found)[-1] == close(z[2])
    scores = (similarity(q, k) / 2)[2]
    if causal:
        scores[3:] = -torch.inf
    assert column(found, "score")[0] == close(scores)


def test_heads_take_their_share_of_the_columns(five):
    q, k, v = roles(five)
    found = lab(**five, num_heads=2, scale=True, query=4)
    cut = [role.view(5, 2, -1).transpose(0, 1) for role in (q, k, v)]
    z, weights = attention(*cut, return_weights=True)
    steps = ["score 0", "weight 0", "score 1", "weight 1"]
    assert table(found)[0] == ["key", *steps, "contribution"]
    for h in range(2):
        assert column(found, f"weight {h}")[0] == close(weights[h, 4])
    assert vectors(found)[-1] == close(torch.cat([z[0, 4], z[1, 4]]))
    assert maps(found) == ["Weights"]
    assert all(f">head {h}<" in found._repr_html_() for h in range(2))
    assert cells(found) == pytest.approx(weights.flatten().tolist(), abs=5.1e-3)


def test_contributions_of_heads_stand_side_by_side(five):
    q, k, v = (role.view(5, 2, -1).transpose(0, 1) for role in roles(five))
    rows = vectors(lab(**five, num_heads=2, query=3))[:-1]
    weights = softmax(q @ k.mT)[:, 3]
    for j, row in enumerate(rows):
        assert row == close(torch.cat([weights[h, j] * v[h, j] for h in range(2)]))


@pytest.mark.parametrize("causal", [False, True])
def test_weights_may_be_scores_divided_by_their_sum(inputs, words, causal):
    found = lab(
        words, inputs, title="t", normalization="sum", causal=causal, temperature=7, query=3
    )
    seen = similarity(inputs, inputs)[3, : 4 if causal else 6]
    weights = [*sum_normalize(seen), *[torch.tensor(0.0)] * (6 - len(seen))]
    assert column(found, "weight")[0] == close(torch.stack(weights))
    assert cells(found)[18:24] == pytest.approx(torch.stack(weights).tolist(), abs=5.1e-3)


def test_the_table_and_the_heatmap_stop_at_the_step(inputs, words):
    shown = {}
    for step in ("scores", "weights", "contributions", "context"):
        found = lab(words, inputs, title="t", query=1, step=step)
        rows = table(found)
        shown[step] = rows[0][1:], rows[-1], maps(found)
    last = ["step", "1.0865"]
    assert shown == {
        "scores": (["score"], last, ["Scores"]),
        "weights": (["score", "weight"], ["sum", "", "1.0000"], ["Weights"]),
        "contributions": (
            ["score", "weight", "contribution"],
            ["sum", "", "1.0000", ""],
            ["Weights"],
        ),
        "context": (
            ["score", "weight", "contribution"],
            ["sum", "", "1.0000", "[0.4419, 0.6515, 0.5683]"],
            ["Weights"],
        ),
    }
    assert cells(lab(words, inputs, title="t", step="scores"))[:2] == [1.0, 0.95]


def test_a_causal_lab_shows_hidden_scores_as_minus_infinity(inputs, words):
    found = lab(words, inputs, title="t", causal=True, step="scores")
    assert [row[1] for row in table(found)[1:]] == ["0.9995", *["-inf"] * 5]
    assert cells(found)[:6] == [1.0, *[-float("inf")] * 5]


def test_a_heatmap_of_many_words_has_no_numbers_in_its_cells(draw):
    found = lab([f"w{i}" for i in range(64)], draw(64, 5), title="t", step="weights")
    assert sum(path.get("d").count("z") for path in parse(found).iter(f"{SVG}path")) == 64 * 64
    assert not [text for text in parse(found).iter(f"{SVG}text") if re.search(r"\d\.", text.text)]


@pytest.mark.parametrize("num_heads", [1, 2])
@pytest.mark.parametrize(("T", "shown"), [(8, 64), (9, 0)])
def test_a_heatmap_of_up_to_eight_words_has_numbers(draw, T, shown, num_heads):
    words = [f"w{i}" for i in range(T)]
    found = lab(words, draw(T, 4), title="t", step="scores", num_heads=num_heads)
    assert len(cells(found)) == shown * num_heads


def test_one_head_bears_no_number(inputs, words):
    assert "head 0" not in lab(words, inputs, title="t")._repr_html_()


@pytest.mark.parametrize("temperature", [1 / 1e30, 1e-30, 1e30])
def test_the_last_temperatures_that_are_taken(inputs, words, temperature):
    assert state(lab(words, inputs, title="t", temperature=temperature))["temperature"] == (
        temperature
    )


def test_a_lab_takes_no_part_in_gradients(inputs, words):
    found = lab(words, inputs.clone().requires_grad_(), title="t")
    assert state(found) == state(lab(words, inputs, title="t"))


SIZE = "must hold numbers of at most 1e+30 in size, got"
NOT_THAT = [
    ("words", ["a"] * 4, "must be 5 strings, one for each row of x, got 4"),
    ("words", "abcde", "must be 5 strings, one for each row of x, got 'abcde'"),
    ("words[4]", [*"abcd", "a\0"], "must be printable, got 'a\\x00'"),
    ("words[0]", ["\ud800", *"bcde"], "must be printable, got '\\ud800'"),
    ("x", torch.ones(5), "must have 1 to 64 rows and columns, got shape (5,)"),
    ("x", torch.ones(5, 0), "must have 1 to 64 rows and columns, got shape (5, 0)"),
    ("w_value", torch.ones(3, 66), "must have 1 to 64 rows and columns, got shape (3, 66)"),
    ("w_key", torch.ones(1, 3, 4), "must have 1 to 64 rows and columns, got shape (1, 3, 4)"),
    ("x", -torch.ones(5, 3) / 0, f"{SIZE} x[0, 0] = -inf"),
    ("x", torch.ones(5, 3) * torch.nan, f"{SIZE} x[0, 0] = nan"),
    ("w_key", torch.full((3, 4), 2e30), f"{SIZE} w_key[0, 0] = 2e+30"),
    (
        "w_query",
        torch.ones(2, 4),
        "must have a row for each column of x, got x (5, 3), w_query (2, 4)",
    ),
    ("num_heads", 3, "must divide the widths of keys, 4, and values, 8, got 3"),
    ("num_heads", 8, "must divide the widths of keys, 4, and values, 8, got 8"),
    ("num_heads", 0, "must divide the widths of keys, 4, and values, 8, got 0"),
    ("temperature", 0, "must be from 1e-30 to 1e+30, got 0"),
    ("temperature", float("nan"), "must be from 1e-30 to 1e+30, got nan"),
    ("normalization", "max", "must be of softmax, sum, got 'max'"),
    ("query", 5, "must be an index from 0 to 4, got 5"),
    ("step", "values", "must be of scores, weights, contributions, context, got 'values'"),
    ("controls", ["causal", "speed"], f"must be of {', '.join(CONTROLS)}, got 'speed'"),
]
NO_SUCH_TYPE = [
    ("words[4]", [*"abcd", 5], "must be a string, got 5"),
    ("words[4]", [*"abcd", Fraction(1, 2)], "must be a string, got Fraction(1, 2)"),
    ("x", [[1.0]], "must be a torch.Tensor, got list"),
    ("x", torch.ones(5, 3).int(), "must be floating point, got torch.int32; try x.float()"),
    ("query", 1.0, "must be an integer, got 1.0"),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "value", "message"), NOT_THAT)
def test_a_value_that_has_no_place_in_a_lab_is_refused(five, refuses, name, value, message):
    with refuses(ValueError, f"{name} {message}"):
        lab(**{**five, name.partition("[")[0]: value})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "value", "message"), NO_SUCH_TYPE)
def test_a_type_that_has_no_place_in_a_lab_is_refused(five, refuses, name, value, message):
    with refuses(TypeError, f"{name} {message}"):
        lab(**{**five, name.partition("[")[0]: value})


@pytest.mark.usefixtures("unchecked")
def test_matrices_that_do_not_fit_each_other_are_refused(five, refuses):
    narrow = {**five, "w_query": torch.ones(3, 2)}
    message = "query and key must have the same width, got query (5, 2), key (5, 4)"
    with refuses(ValueError, message):
        lab(**narrow)
    with pytest.raises(TypeError, match=r"must have the same dtype, .* w_value torch\.float64$"):
        lab(**{**five, "w_value": torch.ones(3, 8).double()})


def test_words_without_weights_are_refused(refuses):
    message = "scores[0, 0] sums to 0.0, and nothing can be divided by that"
    with refuses(ValueError, message):
        lab(["a", "b"], torch.tensor([[1.0], [-1.0]]), title="t", normalization="sum")


def test_a_link_holds_what_differs_from_the_default():
    x = torch.tensor([[0.1, -2.0, 3e-7], [0.25, 0.5, 1 / 3]])
    plain = lab(["a b", "c,d_~&/"], x, title="Two <words>").link()
    assert repr(plain) == "Link('Two <words>')"
    start = "#lab=0&v=1&words=a%20b,c%2Cd%5F%7E%26%2F&x=0.1,-2,3e-07,0.25,0.5,0.33333334"
    assert plain.address == start
    w = {"w_query": torch.eye(3, 2), "w_value": torch.ones(3, 4), "w_key": torch.ones(3, 2)}
    options = {"num_heads": 2, "scale": True, "causal": True, "temperature": 0.5, "query": 1}
    options |= {"normalization": "sum", "step": "scores", "controls": ["heads"], "full": True}
    changed = lab(["a b", "c,d_~&/"], x, title="t", **w, **options).link()
    assert changed.address == (
        f"{start}&w_query=1,0,0,1,0,0&w_key=1,1,1,1,1,1&w_value=1,1,1,1,1,1,1,1,1,1,1,1"
        "&num_heads=2&scale=1&causal=1&temperature=0.5&normalization=sum&query=1&step=scores"
    )


def test_labs_and_links_are_frozen(inputs, words):
    found = lab(words, inputs, title="t")
    for frozen, name in ((found, "title"), (found.link(), "address")):
        with pytest.raises(FrozenInstanceError):
            setattr(frozen, name, "")


def test_a_link_is_shown_as_a_link_with_a_name_of_its_own(inputs, words):
    link = lab(words, inputs, title='Six "words"').link()
    element = ElementTree.fromstring(link._repr_html_())
    assert element.tag == "a"
    assert element.text == "Show it in the lab"
    assert element.attrib == {
        "class": "lab-link",
        "href": link.address,
        "target": "_self",
        "aria-label": 'Show it in the lab: Six "words"',
    }
