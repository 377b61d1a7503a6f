import pytest
import torch

from selfattn import attention, attention_backward, causal_mask, softmax, softmax_jacobian

EPS = torch.finfo(torch.float64).eps
BATCHES = pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
LENGTHS = pytest.mark.parametrize(("T", "S"), [(5, 7), (7, 5), (1, 7)])


def plain(q, k, v, mask=None, scale=None):
    """Attention as the formula is written; a row without keys is left at zero."""
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = q @ k.mT * scale
    if mask is None:
        return torch.softmax(scores, -1) @ v
    empty = ~mask.any(-1, keepdim=True)
    scores = scores.masked_fill(~mask & ~empty, -torch.inf)
    return torch.softmax(scores, -1).masked_fill(empty, 0) @ v


def by_autograd(q, k, v, grad, **options):
    leaves = [tensor.clone().requires_grad_() for tensor in (q, k, v)]
    return torch.autograd.grad(plain(*leaves, **options), leaves, grad)


def inputs(draw, *batch, T=5, S=7, dtype=torch.float64):
    shapes = (T, 3), (S, 3), (S, 11), (T, 11)
    return [draw(*batch, *shape, dtype=dtype) for shape in shapes]


def assert_same(got, expected):
    for mine, other in zip(got, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-13)


@BATCHES
@LENGTHS
@pytest.mark.parametrize("scale", [None, 2, 0.3])
def test_equals_autograd(draw, batch, T, S, scale):
    args = inputs(draw, *batch, T=T, S=S)
    got = attention_backward(*args, scale=scale)
    assert [tuple(d.shape) for d in got] == [(*batch, T, 3), (*batch, S, 3), (*batch, S, 11)]
    assert_same(got, by_autograd(*args, scale=scale))


@BATCHES
@LENGTHS
def test_causal(draw, batch, T, S):
    args = inputs(draw, *batch, T=T, S=S)
    expected = by_autograd(*args, mask=causal_mask(T, S))
    assert_same(attention_backward(*args, causal=True), expected)


def test_mask_and_causal_have_to_allow_both(draw):
    args = inputs(draw, 2, 3)
    mask = draw(2, 1, 5, 7) > 0
    expected = by_autograd(*args, mask=mask & causal_mask(5, 7))
    assert_same(attention_backward(*args, mask=mask, causal=True), expected)


def test_rows_without_keys_pass_nothing_back(draw):
    q, k, v, grad = inputs(draw)
    mask = torch.ones(5, 7, dtype=torch.bool)
    mask[[1, 4]] = False
    dq, dk, dv = attention_backward(q, k, v, grad, mask=mask)
    assert (dq[[1, 4]] == 0).all()
    rest = [0, 2, 3]
    assert_same((dq[rest], dk, dv), attention_backward(q[rest], k, v, grad[rest]))
    for gradient in attention_backward(q, k, v, grad, mask=mask & False):
        assert (gradient == 0).all()


def test_hidden_keys_get_nothing(draw):
    mask = torch.tensor([True, False, True, True, False, True, True])
    _, dk, dv = attention_backward(*inputs(draw), mask=mask[None])
    assert (dk[~mask] == 0).all()
    assert (dv[~mask] == 0).all()
    assert (dk[mask] != 0).all()


def test_it_is_the_slope_of_attention(draw):
    q, k, v, grad = inputs(draw, 2)
    gradients = attention_backward(q, k, v, grad, causal=True)
    for i, gradient in enumerate(gradients):
        ahead, behind = [q, k, v], [q, k, v]
        step = 1e-6 * draw(*gradient.shape)
        ahead[i], behind[i] = ahead[i] + step, behind[i] - step
        change = attention(*ahead, causal=True) - attention(*behind, causal=True)
        torch.testing.assert_close(
            (change * grad).sum(), 2 * (step * gradient).sum(), rtol=1e-6, atol=1e-13
        )


def test_the_middle_step_is_the_jacobian_times_a_vector(draw):
    q, k, v, grad = inputs(draw)
    weights = softmax(q @ k.T)
    d_scores = (softmax_jacobian(weights) @ (grad @ v.T)[..., None])[..., 0]
    dq, dk, _ = attention_backward(q, k, v, grad, scale=1)
    assert_same((dq, dk), (d_scores @ k, d_scores.T @ q))


def test_it_can_be_differentiated(draw):
    args = [tensor.requires_grad_() for tensor in inputs(draw, 2, T=2, S=3)]
    assert torch.autograd.gradcheck(attention_backward, args)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_as_exact_as_autograd(draw, dtype):
    args = inputs(draw, 3, T=64, S=101, dtype=dtype)
    exact = by_autograd(*(tensor.double() for tensor in args))
    got, other = attention_backward(*args), by_autograd(*args)
    for mine, torchs, true in zip(got, other, exact, strict=True):
        assert mine.dtype == dtype
        error, allowed = ((each.double() - true).abs().max() for each in (mine, torchs))
        assert error <= 2 * allowed + 8 * EPS


@pytest.mark.parametrize(
    ("error", "change", "message"),
    [
        (
            ValueError,
            lambda q, k, v, grad: (q, k, v, grad[:, :3]),
            "the gradient must have the shape of the output, "
            "got grad_output (5, 3) for an output (5, 11)",
        ),
        (
            TypeError,
            lambda q, k, v, grad: (q, k, v, grad.float()),
            "q and grad_output must have the same dtype, "
            "got q torch.float64, grad_output torch.float32",
        ),
        (
            TypeError,
            lambda q, k, v, grad: (q, k, v, None),
            "grad_output must be a torch.Tensor, got NoneType",
        ),
        (
            ValueError,
            lambda q, k, v, grad: (q[:, :2], k, v, grad),
            "q and k must have the same width, got q (5, 2), k (7, 3)",
        ),
    ],
)
def test_what_it_refuses(draw, refuses, unchecked, error, change, message):
    with refuses(error, message):
        attention_backward(*change(*inputs(draw)))
