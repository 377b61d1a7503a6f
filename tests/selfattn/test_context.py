from dataclasses import FrozenInstanceError

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from selfattn import context, similarity, simple_self_attention, softmax, trace


def test_values_by_hand():
    weights = torch.tensor([[0.5, 0.25, 0.25], [0.0, 2.0, -1.0]])
    values = torch.tensor([[4.0, 0.0, 1.0, 2.0], [0.0, 8.0, 1.0, 0.0], [4.0, 4.0, 1.0, -4.0]])
    expected = torch.tensor([[3.0, 3.0, 1.0, 0.0], [-4.0, 12.0, 1.0, 4.0]])
    assert context(weights, values).equal(expected)


@pytest.mark.parametrize("batch", [(), (2,), (2, 13)])
def test_the_three_steps_are_the_attention_of_torch(draw, batch):
    queries, keys, values = draw(*batch, 3, 7), draw(*batch, 5, 7), draw(*batch, 5, 11)
    got = context(softmax(similarity(queries, keys)), values)
    expected = scaled_dot_product_attention(queries, keys, values, scale=1.0)
    assert got.shape == (*batch, 3, 11)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (7, 5, 3), (2, 7, 5, 3)])
def test_simple_self_attention_is_the_attention_of_torch(draw, shape):
    x = draw(*shape)
    expected = scaled_dot_product_attention(x, x, x, scale=1.0)
    torch.testing.assert_close(simple_self_attention(x), expected, rtol=1e-12, atol=1e-12)


def test_float32_is_as_exact_as_torch(draw):
    x = draw(2, 101, 11)
    exact = scaled_dot_product_attention(x, x, x, scale=1.0)
    x = x.float()
    allowed = 2 * (scaled_dot_product_attention(x, x, x, scale=1.0) - exact).abs().max()
    assert (simple_self_attention(x) - exact).abs().max() <= allowed


def test_bfloat16_is_as_exact_as_the_same_steps_of_torch(draw):
    x = draw(2, 101, 11, dtype=torch.bfloat16)
    exact = simple_self_attention(x.double())
    allowed = 1.25 * (torch.softmax(x @ x.mT, -1) @ x - exact).abs().max()
    assert (simple_self_attention(x) - exact).abs().max() <= allowed


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype_and_device_are_kept(dtype):
    z = simple_self_attention(torch.empty(2, 5, 3, dtype=dtype, device="meta"))
    assert (z.dtype, z.device.type, z.shape) == (dtype, "meta", (2, 5, 3))


def test_permuted_tokens_give_permuted_contexts(draw):
    x, order = draw(5, 3), [3, 0, 4, 1, 2]
    got, expected = simple_self_attention(x[order]), simple_self_attention(x)[order]
    torch.testing.assert_close(got, expected, rtol=1e-13, atol=1e-13)


@given(st.lists(st.tuples(*[st.floats(-20, 20)] * 3), min_size=1, max_size=7))
def test_a_context_vector_is_within_the_hull_of_the_values(tokens):
    x = torch.tensor(tokens, dtype=torch.float64)
    directions = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [2, -1, -3]]).double()
    values, contexts = x @ directions.T, simple_self_attention(x) @ directions.T
    assert (contexts <= values.amax(0) + 1e-12).all()
    assert (contexts >= values.amin(0) - 1e-12).all()


def test_gradient(draw):
    weights, values = draw(3, 5).requires_grad_(), draw(5, 2).requires_grad_()
    assert torch.autograd.gradcheck(context, (weights, values))
    assert torch.autograd.gradcheck(simple_self_attention, draw(2, 5, 3).requires_grad_())


@pytest.mark.parametrize(
    ("weights", "values", "message"),
    [
        ((3, 7), (5, 2), "each value needs one weight, got weights (3, 7) for values (5, 2)"),
        (
            (2, 3, 5),
            (5, 7),
            "weights and values must have the same batch axes, "
            "got weights (2, 3, 5), values (5, 7)",
        ),
        ((5,), (5, 7), "weights must have shape (*B, length, width), got (5,)"),
        ((3, 0), (0, 7), "weights must not be an empty sequence, got shape (3, 0)"),
    ],
)
def test_wrong_shapes(refuses, unchecked, weights, values, message):
    with refuses(ValueError, message):
        context(torch.ones(weights), torch.ones(values))


def test_mixed_dtypes(refuses):
    message = (
        "weights and values must have the same dtype, "
        "got weights torch.float32, values torch.bfloat16"
    )
    with refuses(TypeError, message):
        context(torch.ones(3, 5), torch.ones(5, 7, dtype=torch.bfloat16))


def test_a_number_that_is_not_finite_is_named(refuses):
    weights, values = torch.ones(3, 2), torch.ones(2, 5)
    weights[2, 1] = torch.nan
    with refuses(ValueError, "weights[2, 1] is nan, which makes the result NaN"):
        context(weights, values)


def test_a_masked_value_still_has_to_be_finite(refuses):
    weights, values = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0], [torch.inf]])
    with refuses(ValueError, "values[1, 0] is inf, which makes the result NaN"):
        context(weights, values)


def test_simple_self_attention_refuses_a_number_that_is_not_finite(refuses):
    with refuses(ValueError, "x[1, 0] is -inf, which makes the result NaN"):
        simple_self_attention(torch.tensor([[1.0, 2.0], [-torch.inf, 1.0]]))


def test_simple_self_attention_refuses_an_empty_sequence(refuses):
    with refuses(ValueError, "x must not be an empty sequence, got shape (0, 3)"):
        simple_self_attention(torch.ones(0, 3))


def test_simple_self_attention_refuses_integers(refuses, unchecked):
    message = "x must be floating point, got torch.int64; try x.float()"
    with refuses(TypeError, message):
        simple_self_attention(torch.ones(5, 3, dtype=torch.int64))


@pytest.mark.parametrize("position", range(3))
def test_a_trace_holds_the_row_of_its_query(draw, position):
    queries, keys, values = draw(3, 7), draw(5, 7), draw(5, 11)
    scores = similarity(queries, keys)
    weights = softmax(scores)
    got = trace(queries, keys, values, query=position)
    expected = {
        "query": queries[position],
        "scores": scores[position],
        "weights": weights[position],
        "context": context(weights, values)[position],
    }
    assert got.position == position
    for name, tensor in expected.items():
        torch.testing.assert_close(getattr(got, name), tensor, rtol=1e-13, atol=1e-13)


def test_the_contributions_of_a_trace_are_its_weighted_values(draw):
    queries, keys, values = draw(3, 7), draw(5, 7), draw(5, 11)
    got = trace(queries, keys, values, query=1)
    for i in range(5):
        assert got.contributions[i].equal(got.weights[i] * values[i])
    torch.testing.assert_close(got.contributions.sum(0), got.context, rtol=1e-13, atol=1e-13)


def test_a_trace_is_frozen(draw):
    x = draw(5, 3)
    with pytest.raises(FrozenInstanceError):
        trace(x, x, x, query=0).position = 1


def test_a_trace_equals_itself_alone(draw):
    x = draw(5, 3)
    one, other = trace(x, x, x, query=0), trace(x, x, x, query=0)
    assert one == one
    assert one != other
    assert len({one, other}) == 2


def test_gradients_flow_through_a_trace(draw):
    tensors = [draw(*shape).requires_grad_() for shape in ((3, 7), (5, 7), (5, 2))]

    def follow(*tensors):
        record = trace(*tensors, query=1)
        return record.scores, record.weights, record.contributions, record.context

    assert torch.autograd.gradcheck(follow, tensors)


def test_a_trace_prints_as_a_table():
    x = torch.tensor([[1.0, -2.0], [0.0, 0.5]], requires_grad=True)
    printed = """\
Trace of query 1: [0.0000, 0.5000]
position    score  weight  contribution
       0  -1.0000  0.2227  [ 0.2227, -0.4454]
       1   0.2500  0.7773  [ 0.0000,  0.3886]
     sum           1.0000  [ 0.2227, -0.0568] = context"""
    assert repr(trace(x, x, x, query=1)) == str(trace(x, x, x, query=1)) == printed


def test_a_trace_prints_no_negative_zero():
    x = torch.tensor([[1e-6, -1e-6]])
    assert "-0.0000" not in repr(trace(x, -x, x, query=0))


def test_a_trace_of_many_keys_and_wide_values_is_shortened():
    queries = torch.zeros(1, 2)
    values = torch.arange(250.0).reshape(25, 10)
    lines = repr(trace(queries, values[:, :2], values, query=0)).splitlines()
    positions = [line.split()[0] for line in lines[2:]]
    assert positions == [*map(str, range(12)), "...", *map(str, range(13, 25)), "sum"]
    first = "[  0.0000,   0.0400,   0.0800,   0.1200, ...,   0.2400,   0.2800,   0.3200,   0.3600]"
    assert lines[2] == f"       0  0.0000  0.0400  {first}"


def test_a_trace_that_just_fits_is_whole():
    x = torch.zeros(24, 8)
    assert "..." not in repr(trace(x, x, x, query=0))


@pytest.mark.parametrize("query", [3, 100, -1])
def test_no_such_query(refuses, query):
    with refuses(ValueError, f"query must be an index from 0 to 2, got {query}"):
        trace(torch.ones(3, 7), torch.ones(5, 7), torch.ones(5, 2), query=query)


@pytest.mark.parametrize("query", [1.0, "1"])
def test_an_index_that_is_no_integer(refuses, unchecked, query):
    with refuses(TypeError, f"query must be an integer, got {query!r}"):
        trace(torch.ones(3, 7), torch.ones(5, 7), torch.ones(5, 2), query=query)


@pytest.mark.parametrize(
    ("queries", "keys", "values", "message"),
    [
        ((2, 3, 7), (2, 5, 7), (2, 5, 11), "queries must have no batch axes, got shape (2, 3, 7)"),
        ((3, 7), (5, 7), (2, 5, 11), "values must have no batch axes, got shape (2, 5, 11)"),
        ((7,), (5, 7), (5, 11), "queries must have shape (*B, length, width), got (7,)"),
        (
            (3, 7),
            (5, 7),
            (4, 11),
            "keys and values must have the same length, got keys (5, 7), values (4, 11)",
        ),
        (
            (3, 7),
            (5, 6),
            (5, 11),
            "queries and keys must have the same width, got queries (3, 7), keys (5, 6)",
        ),
        ((0, 7), (5, 7), (5, 11), "queries must not be an empty sequence, got shape (0, 7)"),
    ],
)
def test_wrong_shapes_of_a_trace(refuses, unchecked, queries, keys, values, message):
    with refuses(ValueError, message):
        trace(torch.ones(queries), torch.ones(keys), torch.ones(values), query=0)


def test_a_trace_names_a_number_that_is_not_finite_by_its_place(refuses):
    queries = torch.ones(3, 2)
    queries[2, 1] = torch.nan
    with refuses(ValueError, "queries[2, 1] is nan, which makes the result NaN"):
        trace(queries, torch.ones(5, 2), torch.ones(5, 2), query=2)


def test_mixed_dtypes_of_a_trace(refuses):
    tensors = [torch.ones(5, 3), torch.ones(5, 3), torch.ones(5, 3).double()]
    message = (
        "queries, keys and values must have the same dtype, "
        "got queries torch.float32, keys torch.float32, values torch.float64"
    )
    with refuses(TypeError, message):
        trace(*tensors, query=0)
