import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selfattn import softmax, softmax_jacobian, softmax_naive, sum_normalize

EPS = torch.finfo(torch.float64).eps
ALL = pytest.mark.parametrize("normalize", [sum_normalize, softmax_naive, softmax])
SOFTMAXES = pytest.mark.parametrize("normalize", [softmax_naive, softmax])

# Scores within 100 of each other leave every weight well above the smallest positive number.
rows = st.lists(st.floats(-50, 50), min_size=1, max_size=11).map(
    lambda row: torch.tensor(row, dtype=torch.float64)
)


def test_sum_normalize_by_hand():
    scores = torch.tensor([[1.0, 2.0, 5.0], [3.0, -1.0, 2.0]])
    assert sum_normalize(scores).tolist() == [[0.125, 0.25, 0.625], [0.75, -0.25, 0.5]]


@SOFTMAXES
def test_softmax_by_hand(normalize):
    scores = torch.tensor([[0.0, math.log(2), math.log(5)], [math.log(3), 0.0, 0.0]])
    expected = torch.tensor([[0.125, 0.25, 0.625], [0.6, 0.2, 0.2]])
    torch.testing.assert_close(normalize(scores), expected, rtol=3e-7, atol=0)


@ALL
@pytest.mark.parametrize("shape", [(7,), (3, 7), (3, 7, 5), (2, 3, 5, 11)])
def test_the_last_axis_sums_to_one(draw, normalize, shape):
    weights = normalize(draw(*shape).abs())
    assert weights.shape == shape
    torch.testing.assert_close(
        weights.sum(-1), torch.ones(shape[:-1]).double(), rtol=8 * EPS, atol=0
    )


@SOFTMAXES
@given(scores=rows)
def test_weights_are_positive_and_sum_to_one(normalize, scores):
    weights = normalize(scores)
    assert (weights > 0).all()
    assert math.isclose(weights.sum(), 1, rel_tol=8 * EPS)


@given(scores=rows, shift=st.floats(-1000, 1000))
def test_softmax_does_not_see_a_shift(scores, shift):
    # The shift itself is rounded, by up to half an EPS of 1050, and so is each exponent.
    torch.testing.assert_close(softmax(scores + shift), softmax(scores), rtol=2100 * EPS, atol=0)


@SOFTMAXES
@given(scores=rows, data=st.data())
def test_permuted_scores_give_permuted_weights(normalize, scores, data):
    order = data.draw(st.permutations(range(len(scores))))
    got, expected = normalize(scores[order]), normalize(scores)[order]
    torch.testing.assert_close(got, expected, rtol=8 * EPS, atol=0)


@given(scores=rows)
def test_softmax_keeps_the_order_of_the_scores(scores):
    weights = softmax(scores)
    # By more than an exponential is rounded.
    higher = scores[:, None] > scores + 1e-12
    assert (weights[:, None] >= weights)[higher].all()


@given(scores=rows)
def test_both_forms_of_softmax_agree_where_nothing_overflows(scores):
    torch.testing.assert_close(softmax_naive(scores), softmax(scores), rtol=110 * EPS, atol=0)


def error(weights, scores):
    return (weights.double() - torch.softmax(scores.double(), -1)).abs().max()


@pytest.mark.parametrize(
    ("dtype", "times"),
    [(torch.float64, 2), (torch.float32, 2), (torch.bfloat16, 1.01), (torch.float16, 1.01)],
)
def test_softmax_is_as_exact_as_the_one_of_torch(draw, dtype, times):
    scores = 5 * draw(64, 101, dtype=dtype)
    allowed = times * error(torch.softmax(scores, -1), scores)
    assert error(softmax(scores), scores) <= max(allowed, 4 * EPS)


@ALL
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(draw, normalize, dtype):
    scores = draw(5, 301).abs().to(dtype)
    assert normalize(scores).equal(normalize(scores.float()).to(dtype))


@ALL
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype_and_device_are_kept(normalize, dtype):
    weights = normalize(torch.empty(3, 5, 7, dtype=dtype, device="meta"))
    assert (weights.dtype, weights.device.type, weights.shape) == (dtype, "meta", (3, 5, 7))


@ALL
def test_gradient(draw, normalize):
    scores = draw(3, 5).abs().requires_grad_()
    assert torch.autograd.gradcheck(normalize, scores)
    assert torch.autograd.gradgradcheck(normalize, scores)


def test_gradient_where_the_maximum_is_tied():
    assert torch.autograd.gradcheck(softmax, torch.ones(5, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize("scores", [[0.0, 1.0, 1000.0], [-1000.0, -1001.0, -1002.0]])
def test_the_naive_form_breaks_where_the_stable_one_does_not(scores):
    scores = torch.tensor(scores)
    assert softmax_naive(scores).isnan().any()
    torch.testing.assert_close(softmax(scores), torch.softmax(scores, -1), rtol=3e-7, atol=0)


@SOFTMAXES
def test_a_score_of_minus_infinity_is_a_mask(normalize):
    scores = torch.tensor([1.0, -torch.inf, 2.0, -torch.inf], requires_grad=True)
    weights = normalize(scores)
    weights[0].backward()
    assert weights[[1, 3]].tolist() == [0, 0]
    torch.testing.assert_close(weights[[0, 2]], normalize(torch.tensor([1.0, 2.0])))
    assert scores.grad[[1, 3]].tolist() == [0, 0]


@SOFTMAXES
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.0, -torch.inf], [1.0, torch.nan]], "scores[1, 1] is nan, which makes the result NaN"),
        ([[0.0, -torch.inf], [torch.inf, 1.0]], "scores[1, 0] is inf, which makes the result NaN"),
        (
            [[0.0, -torch.inf], [-torch.inf] * 2],
            "scores[1] is -inf throughout, so it has no weights",
        ),
    ],
)
def test_rows_without_a_softmax(refuses, normalize, rows, message):
    with refuses(ValueError, message):
        normalize(torch.tensor(rows))


@SOFTMAXES
def test_a_single_row_without_a_softmax(refuses, normalize):
    with refuses(ValueError, "scores is -inf throughout, so it has no weights"):
        normalize(torch.tensor([-torch.inf, -torch.inf]))


@pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf])
def test_sum_normalize_of_numbers_that_are_not_finite(refuses, number):
    with refuses(ValueError, f"scores[1, 0] is {number}, which makes the result NaN"):
        sum_normalize(torch.tensor([[1.0, 2.0], [number, 1.0]]))


def test_large_scores_of_one_row_do_not_make_the_sum_of_another_too_small():
    weights = sum_normalize(torch.tensor([[1.0, 1.0, 2.0], [1e8, 1e8, 2e8]]))
    torch.testing.assert_close(weights, torch.tensor([[0.25, 0.25, 0.5]] * 2))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[1.0, 2.0], [2.0, -2.0]], "scores[1] sums to 0.0, and nothing can be divided by that"),
        ([0.0, 0.0], "scores sums to 0.0, and nothing can be divided by that"),
        ([3e38, 3e38], "scores sums to inf, and nothing can be divided by that"),
    ],
)
def test_rows_that_cannot_be_divided_by_their_sum(refuses, scores, message):
    with refuses(ValueError, message):
        sum_normalize(torch.tensor(scores))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_sum_of_rounding_errors_counts_as_zero(dtype):
    scores = torch.tensor([0.1, 0.2, -0.3], dtype=dtype)
    assert scores.double().sum() != 0
    with pytest.raises(ValueError, match=r"^scores sums to -?\d"):
        sum_normalize(scores)


def test_a_small_sum_that_is_exact_is_divided_by():
    assert sum_normalize(torch.tensor([1.0, -1.0, 2.0**-20])).tolist() == [2.0**20, -(2.0**20), 1.0]


@ALL
@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_nothing_to_normalize_over(refuses, unchecked, normalize, shape):
    with refuses(ValueError, f"scores must have a non-empty last axis, got shape {shape}"):
        normalize(torch.ones(shape))


@ALL
def test_integers(refuses, unchecked, normalize):
    message = "scores must be floating point, got torch.int32; try scores.float()"
    with refuses(TypeError, message):
        normalize(torch.ones(3, dtype=torch.int32))


def test_jacobian_by_hand():
    p = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
    expected = [[0.25, -0.125, -0.125], [-0.125, 0.1875, -0.0625], [-0.125, -0.0625, 0.1875]]
    assert softmax_jacobian(p).tolist() == [expected, [[0.0] * 3] * 3]


@given(scores=rows)
def test_jacobian_equals_autograd(scores):
    expected = torch.autograd.functional.jacobian(softmax, scores)
    torch.testing.assert_close(softmax_jacobian(softmax(scores)), expected, rtol=1e-12, atol=EPS)


@pytest.mark.parametrize("shape", [(7,), (3, 7), (2, 3, 7)])
def test_jacobian_of_many_rows(draw, shape):
    jacobian = softmax_jacobian(softmax(draw(*shape)))
    assert jacobian.shape == (*shape, 7)
    assert jacobian.equal(jacobian.mT)
    assert jacobian.sum(-1).abs().max() < 8 * EPS


def test_jacobian_of_other_things(refuses, unchecked):
    with refuses(ValueError, "p must have a non-empty last axis, got shape (3, 0)"):
        softmax_jacobian(torch.ones(3, 0))
    with refuses(TypeError, "p must be floating point, got torch.int32; try p.float()"):
        softmax_jacobian(torch.ones(3, dtype=torch.int32))
