import pytest
import torch

from selfattn import similarity


def test_a_score_is_the_dot_product_of_a_query_and_a_key(draw):
    queries, keys = draw(3, 7), draw(5, 7)
    scores = similarity(queries, keys)
    assert scores.shape == (3, 5)
    for t in range(3):
        for i in range(5):
            torch.testing.assert_close(
                scores[t, i], queries[t].dot(keys[i]), rtol=1e-13, atol=1e-13
            )


def test_values_by_hand():
    queries = torch.tensor([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]])
    keys = torch.tensor([[1.0, 1.0, 1.0], [2.0, 0.0, -1.0], [0.5, 4.0, 2.0], [0.0, 0.0, 0.0]])
    expected = torch.tensor([[3.0, 2.0, 8.5, 0.0], [2.0, -3.0, 2.0, 0.0]])
    assert similarity(queries, keys).equal(expected)


def test_tokens_against_themselves_give_their_gram_matrix(inputs):
    scores = similarity(inputs.double(), inputs.double())
    torch.testing.assert_close(scores, scores.mT, rtol=1e-15, atol=1e-15)
    lengths = inputs.double().norm(dim=-1)
    torch.testing.assert_close(scores.diagonal(), lengths**2, rtol=1e-14, atol=0)


@pytest.mark.parametrize("batch", [(2,), (2, 11), (0,)])
def test_batch_axes_are_kept_apart(draw, batch):
    queries, keys = draw(*batch, 3, 7), draw(*batch, 5, 7)
    scores = similarity(queries, keys)
    assert scores.shape == (*batch, 3, 5)
    flat = zip(*(x.flatten(0, -3) for x in (scores, queries, keys)), strict=True)
    for got, query, key in flat:
        torch.testing.assert_close(got, similarity(query, key), rtol=1e-13, atol=1e-13)


def test_permuted_keys_permute_the_columns(draw):
    queries, keys = draw(3, 7), draw(5, 7)
    order = [3, 0, 4, 1, 2]
    got, expected = similarity(queries, keys[order]), similarity(queries, keys)[:, order]
    torch.testing.assert_close(got, expected, rtol=1e-13, atol=1e-13)


def test_bfloat16_is_rounded_once(draw):
    queries, keys = draw(3, 256, dtype=torch.bfloat16), draw(5, 256, dtype=torch.bfloat16)
    scores = similarity(queries, keys)
    exact = similarity(queries.double(), keys.double())
    terms = similarity(queries.double().abs(), keys.double().abs())
    rounding = torch.finfo(torch.bfloat16).eps / 2 * exact.abs()
    assert scores.dtype == torch.bfloat16
    assert (scores - exact).abs().le(rounding + 1e-5 * terms).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype_and_device_are_kept(dtype):
    scores = similarity(
        torch.empty(2, 3, 7, dtype=dtype, device="meta"),
        torch.empty(2, 5, 7, dtype=dtype, device="meta"),
    )
    assert (scores.dtype, scores.device.type, scores.shape) == (dtype, "meta", (2, 3, 5))


def test_gradient(draw):
    queries, keys = draw(2, 3, 7).requires_grad_(), draw(2, 5, 7).requires_grad_()
    assert torch.autograd.gradcheck(similarity, (queries, keys))


@pytest.mark.parametrize(
    ("queries", "keys", "message"),
    [
        (
            (3, 5),
            (7, 4),
            "queries and keys must have the same width, got queries (3, 5), keys (7, 4)",
        ),
        (
            (2, 3, 5),
            (7, 5),
            "queries and keys must have the same batch axes, got queries (2, 3, 5), keys (7, 5)",
        ),
        (
            (2, 3, 5),
            (1, 7, 5),
            "queries and keys must have the same batch axes, got queries (2, 3, 5), keys (1, 7, 5)",
        ),
        ((5,), (7, 5), "queries must have shape (*B, length, width), got (5,)"),
        ((3, 5), (0, 5), "keys must not be an empty sequence, got shape (0, 5)"),
        ((3, 0), (7, 0), "queries must not be an empty sequence, got shape (3, 0)"),
    ],
)
def test_wrong_shapes(refuses, unchecked, queries, keys, message):
    with refuses(ValueError, message):
        similarity(torch.ones(queries), torch.ones(keys))


def test_integers(refuses, unchecked):
    message = "keys must be floating point, got torch.int64; try keys.float()"
    with refuses(TypeError, message):
        similarity(torch.ones(3, 5), torch.ones(7, 5, dtype=torch.int64))


def test_mixed_dtypes(refuses):
    message = (
        "queries and keys must have the same dtype, got queries torch.float32, keys torch.float64"
    )
    with refuses(TypeError, message):
        similarity(torch.ones(3, 5), torch.ones(7, 5, dtype=torch.float64))


def test_not_a_tensor(refuses, unchecked):
    with refuses(TypeError, "queries must be a torch.Tensor, got list"):
        similarity([[1.0, 2.0]], torch.ones(7, 2))


@pytest.mark.parametrize(
    ("query", "key", "message"),
    [
        ([1.0, float("nan")], [1.0, 1.0], "queries[1, 1] is nan, which makes the result NaN"),
        (
            [1.0, 1.0],
            [float("inf"), float("-inf")],
            "keys[0, 0] is inf, which makes the result NaN",
        ),
        ([0.0, 1.0], [float("-inf"), 1.0], "keys[0, 0] is -inf, which makes the result NaN"),
    ],
)
def test_numbers_that_make_a_score_nan(refuses, query, key, message):
    queries, keys = torch.tensor([[1.0, 1.0], query]), torch.tensor([key, [1.0, 1.0]])
    with refuses(ValueError, message):
        similarity(queries, keys)


def test_infinities_of_both_signs_are_let_through():
    scores = similarity(torch.tensor([[1.0], [-1.0]]), torch.tensor([[torch.inf]]))
    assert scores.tolist() == [[torch.inf], [-torch.inf]]


def test_an_infinity_that_makes_no_nan_is_let_through():
    scores = similarity(torch.tensor([[1.0, 1.0]]), torch.tensor([[torch.inf, 1.0], [1.0, 1.0]]))
    assert scores.tolist() == [[torch.inf, 2.0]]


def test_overflow_of_finite_numbers_is_not_blamed_on_the_input():
    scores = similarity(torch.tensor([[1e30, 1e30]]), torch.tensor([[1e30, -1e30]]))
    assert not scores.isfinite().any()
