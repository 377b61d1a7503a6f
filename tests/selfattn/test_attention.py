import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F  # noqa: N812

from selfattn import (
    attention,
    causal_mask,
    convert_mask,
    padding_mask,
    sliding_window_mask,
    softmax,
)

BOTH = pytest.mark.parametrize("readable", [False, True])
CLOSE = {"rtol": 1e-12, "atol": 1e-12}
# A busy machine is no failure.
STEADY = settings(deadline=None, max_examples=50)


@pytest.fixture
def kernel(monkeypatch):
    """Record what torch's kernel is called with."""
    calls, real = [], F.scaled_dot_product_attention

    def recorded(q, k, v, mask, dropout, causal, *, scale):
        calls.append({"q": q, "k": k, "v": v, "mask": mask, "causal": causal})
        return real(q, k, v, mask, dropout, causal, scale=scale)

    monkeypatch.setattr(F, "scaled_dot_product_attention", recorded)
    return calls


def attend(*tensors, readable, **options):
    """Take one of the two ways to the context vectors."""
    if readable:
        return attention(*tensors, return_weights=True, **options)[0]
    return attention(*tensors, **options)


def by_selection(q, k, v, allowed, scale=None):
    """Attend one query at a time, to a list of the keys it may attend to; nothing is masked."""
    allowed = allowed.expand(*q.shape[:-1], k.shape[-2])
    z = q.new_zeros(*q.shape[:-1], v.shape[-1])
    for index in itertools.product(*map(range, q.shape[:-1])):
        keys, values = k[index[:-1]][allowed[index]], v[index[:-1]][allowed[index]]
        if len(keys):
            factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
            z[index] = torch.softmax(keys @ q[index] * factor, 0) @ values
    return z


def random(seed, *shapes):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


@BOTH
def test_values_by_hand(readable):
    q = torch.tensor([[math.log(3), 0.0, 0.0, 0.0], [0.0] * 4])
    k = torch.tensor([[2.0, 0.0, 1.0, 1.0], [0.0, 5.0, 1.0, 0.0], [0.0, 0.0, 7.0, 0.0]])
    v = torch.tensor([[5.0, 0.0], [10.0, 5.0], [0.0, 10.0]])
    expected = torch.tensor([[5.0, 3.0], [5.0, 5.0]])
    torch.testing.assert_close(attend(q, k, v, readable=readable), expected)


def test_the_weights_by_hand():
    q = torch.tensor([[math.log(3), 0.0, 0.0, 0.0]])
    k = torch.tensor([[2.0, 0.0, 1.0, 1.0], [0.0, 5.0, 1.0, 0.0], [0.0, 0.0, 7.0, 0.0]])
    _, weights = attention(q, k, k, return_weights=True)
    torch.testing.assert_close(weights, torch.tensor([[0.6, 0.2, 0.2]]))
    _, weights = attention(q, k, k, mask=torch.tensor([[True, False, True]]), return_weights=True)
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.0, 0.25]]))


@BOTH
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("lengths", [(2, 5), (5, 5), (5, 3), (1, 5), (1, 1)])
@pytest.mark.parametrize("batch", [(), (1,), (2,), (2, 3), (2, 1, 3)])
def test_it_is_the_same_as_to_select_the_keys(draw, readable, causal, masked, lengths, batch):
    T, S = lengths
    q, k, v = draw(*batch, T, 7), draw(*batch, S, 7), draw(*batch, S, 11)
    mask = draw(*batch, T, S) > 0 if masked else None
    got = attend(q, k, v, mask=mask, causal=causal, readable=readable)
    allowed = torch.ones(T, S, dtype=torch.bool) if mask is None else mask
    if causal:
        allowed = allowed & (torch.arange(S) <= torch.arange(T)[:, None] + S - T)
    assert got.shape == (*batch, T, 11)
    torch.testing.assert_close(got, by_selection(q, k, v, allowed), **CLOSE)


@BOTH
@pytest.mark.parametrize("scale", [1, 0.3])
def test_a_scale_of_choice(draw, readable, scale):
    q, k, v = draw(2, 5, 7), draw(2, 5, 7), draw(2, 5, 11)
    got = attend(q, k, v, causal=True, scale=scale, readable=readable)
    torch.testing.assert_close(got, by_selection(q, k, v, causal_mask(5), scale), **CLOSE)


@BOTH
@pytest.mark.parametrize(
    "shape", [(3, 5), (1, 5), (3, 1), (1, 1), (2, 3, 5), (1, 3, 5), (4, 1, 1, 5), (4, 2, 3, 1)]
)
def test_a_mask_is_broadcast(draw, readable, shape):
    q, k, v, mask = draw(4, 2, 3, 7), draw(4, 2, 5, 7), draw(4, 2, 5, 7), draw(*shape) > 0
    for allowed in (mask, ~mask):
        got = attend(q, k, v, mask=allowed, readable=readable)
        torch.testing.assert_close(got, by_selection(q, k, v, allowed), **CLOSE)


@BOTH
@pytest.mark.parametrize("shape", [(5,), ()])
def test_a_mask_of_fewer_axes_than_two(draw, unchecked, readable, shape):
    q, k, v = draw(2, 3, 7), draw(2, 5, 7), draw(2, 5, 7)
    mask = draw(*shape) > 0
    got = attend(q, k, v, mask=mask, readable=readable)
    torch.testing.assert_close(got, by_selection(q, k, v, mask), **CLOSE)


@pytest.mark.parametrize("readable", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_as_exact_as_the_plain_steps_of_torch(draw, readable, causal, dtype):
    q, k, v = (draw(2, 101, 16, dtype=dtype) for _ in range(3))
    exact = attention(q.double(), k.double(), v.double(), causal=causal)
    hidden = torch.ones(101, 101).triu(1).bool() & causal
    plain = torch.softmax((q @ k.mT / 4).masked_fill(hidden, -torch.inf), -1) @ v
    got = attend(q, k, v, causal=causal, readable=readable)
    assert got.dtype == dtype
    assert (got - exact).abs().max() <= 2 * (plain - exact).abs().max()


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype_and_device_are_kept(readable, dtype):
    q, k, v = (torch.empty(2, *s, dtype=dtype, device="meta") for s in [(3, 7), (5, 7), (5, 11)])
    z = attend(q, k, v, causal=True, readable=readable)
    assert (z.dtype, z.device.type, z.shape) == (dtype, "meta", (2, 3, 11))


@BOTH
def test_an_empty_batch(readable):
    q, k = torch.ones(0, 2, 3, 7), torch.ones(0, 2, 5, 7)
    assert attend(q, k, k, causal=True, readable=readable).shape == (0, 2, 3, 7)


@BOTH
@pytest.mark.parametrize("causal", [False, True])
def test_an_empty_row_gives_zeros_forward_and_backward(draw, readable, causal):
    q, k, v = (draw(2, 5, 7).requires_grad_() for _ in range(3))
    mask = torch.ones(5, 5, dtype=torch.bool)
    mask[3] = False
    z = attend(q, k, v, mask=mask, causal=causal, readable=readable)
    assert (z[:, 3] == 0).all()
    assert (z[:, [0, 1, 2, 4]] != 0).all()
    of_empty = torch.autograd.grad(z[:, 3].sum(), (q, k, v), retain_graph=True)
    assert all((gradient == 0).all() for gradient in of_empty)
    of_all = torch.autograd.grad((z**2).sum(), (q, k, v))
    others = [0, 1, 2, 4]
    shown = attend(q[:, others], k, v, mask=(mask & causal_or_all(causal))[others], readable=True)
    expected = torch.autograd.grad((shown**2).sum(), (q, k, v))
    assert (of_all[0][:, 3] == 0).all()
    for got, wanted in zip(of_all, expected, strict=True):
        torch.testing.assert_close(got, wanted, **CLOSE)


def causal_or_all(causal):
    return torch.ones(5, 5, dtype=torch.bool).tril(0 if causal else 5)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_but_empty_rows(draw, readable, dtype):
    q, k, v = (draw(2, 3, 5, 8, dtype=dtype).requires_grad_() for _ in range(3))
    z = attend(q, k, v, mask=torch.zeros(5, 5, dtype=torch.bool), readable=readable)
    z.sum().backward()
    assert all((tensor == 0).all() for tensor in (z, q.grad, k.grad, v.grad))


def test_the_weights_of_an_empty_row_are_zeros(draw):
    x = draw(5, 3)
    _, weights = attention(x, x[:2], x[:2], causal=True, return_weights=True)
    assert (weights.sum(-1) > 0.999).tolist() == [False, False, False, True, True]
    assert (weights[:3] == 0).all()


@BOTH
@pytest.mark.parametrize("lengths", [(4, 4), (3, 4), (4, 3)])
@pytest.mark.parametrize("masked", [False, True])
def test_gradient(draw, readable, lengths, masked):
    T, S = lengths
    tensors = [draw(2, n, d).requires_grad_() for n, d in ((T, 3), (S, 3), (S, 2))]
    mask = torch.arange(S) != torch.arange(T)[:, None] if masked else None

    def steps(*tensors):
        return attend(*tensors, mask=mask, causal=True, readable=readable)

    assert torch.autograd.gradcheck(steps, tensors)


def test_the_weights_have_a_gradient(draw):
    x = draw(4, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: attention(x, x, x, causal=True, return_weights=True)[1], x
    )


@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (2, 3, 2), (2, 1, 3, 2)])
def test_the_kernel_gets_four_axes(draw, kernel, batch):
    x, mask = draw(*batch, 5, 8), torch.ones(5, 5, dtype=torch.bool)
    attention(x, x, x, mask=mask)
    assert {tensor.ndim for name, tensor in kernel[0].items() if name != "causal"} == {4}


def test_keys_shared_by_heads_reach_the_kernel_without_a_copy(draw, kernel):
    q, k = draw(2, 3, 4, 5, 8), draw(2, 3, 1, 5, 8)
    attention(q, *[k.expand(2, 3, 4, 5, 8)] * 2, mask=draw(2, 1, 1, 5, 5) > 0)
    assert kernel[0]["k"].data_ptr() == kernel[0]["v"].data_ptr() == k.data_ptr()
    assert kernel[0]["k"].shape == (6, 4, 5, 8)
    assert kernel[0]["mask"].shape == (6, 1, 5, 5)


@pytest.mark.parametrize(
    ("lengths", "masked", "own", "given"),
    [
        ((5, 5), False, True, False),
        ((5, 5), True, False, True),
        ((3, 5), False, False, True),
        ((5, 3), False, False, True),
        ((1, 5), False, False, False),
    ],
)
def test_the_triangle_of_the_kernel_is_used_only_where_it_is_ours(
    draw, kernel, lengths, masked, own, given
):
    T, S = lengths
    mask = torch.ones(T, S, dtype=torch.bool) if masked else None
    attention(draw(T, 7), draw(S, 7), draw(S, 7), mask=mask, causal=True)
    assert (kernel[0]["causal"], kernel[0]["mask"] is not None) == (own, given)


def test_the_weights_do_without_the_kernel(draw, kernel):
    x = draw(5, 3)
    attention(x, x, x, return_weights=True)
    assert kernel == []


@BOTH
def test_dropout_acts_on_the_weights(draw, readable):
    q, k = draw(4, 100, 7), draw(4, 100, 7)
    every = torch.eye(100).double().expand(4, 100, 100)
    whole = attention(q, k, every)
    torch.manual_seed(0)
    dropped = attend(q, k, every, dropout=0.25, readable=readable)
    zero = dropped == 0
    torch.testing.assert_close(dropped[~zero], (whole / 0.75)[~zero], **CLOSE)
    # 40,000 weights: 0.25 is 20 standard deviations away from either bound.
    assert 0.2 < zero.double().mean() < 0.3


def test_the_weights_are_returned_as_used(draw):
    x = draw(50, 7)
    z, weights = attention(x, x, x, dropout=0.5, return_weights=True)
    assert (weights == 0).any()
    torch.testing.assert_close(z, weights @ x, **CLOSE)


seeds = st.integers(0, 2**32)
sizes = st.integers(1, 6)


@STEADY
@given(seed=seeds, T=sizes, S=sizes, causal=st.booleans())
def test_a_row_of_weights_sums_to_one_or_is_zero(seed, T, S, causal):
    q, k, chance = random(seed, (2, T, 3), (2, S, 3), (2, T, S))
    mask = chance > 0.5
    _, weights = attention(q, k, k, mask=mask, causal=causal, return_weights=True)
    allowed = mask & causal_mask(T, S) if causal else mask
    assert (weights >= 0).all()
    assert (weights[~allowed] == 0).all()
    torch.testing.assert_close(weights.sum(-1), allowed.any(-1).double(), **CLOSE)


@STEADY
@given(seed=seeds, T=sizes, S=sizes, data=st.data())
def test_permuted_queries_and_keys(seed, T, S, data):
    q, k, v, chance = random(seed, (T, 3), (S, 3), (S, 2), (T, S))
    mask = chance > 0
    rows, columns = (data.draw(st.permutations(range(n))) for n in (T, S))
    expected = attention(q, k, v, mask=mask)[rows]
    got = attention(q[rows], k[columns], v[columns], mask=mask[rows][:, columns])
    torch.testing.assert_close(got, expected, **CLOSE)


@pytest.mark.parametrize("readable", [False, True])
@STEADY
@given(seed=seeds, T=sizes, S=sizes, future=sizes)
def test_a_later_key_changes_no_earlier_result(readable, seed, T, S, future):
    q, k, v, noise = random(seed, (T, 3), (S, 3), (S, 2), (S, 1))
    hidden = torch.arange(S)[:, None] >= future
    k_, v_ = k + noise * hidden, v - noise * hidden
    got = attend(q, k_, v_, causal=True, readable=readable)
    expected = attend(q, k, v, causal=True, readable=readable)
    unchanged = torch.arange(T) + S - T < future
    torch.testing.assert_close(got[unchanged], expected[unchanged], rtol=0, atol=0)


@STEADY
@given(seed=seeds, shift=st.floats(-10, 10))
def test_a_shift_of_all_keys_does_not_show(seed, shift):
    q, k, v = random(seed, (3, 7), (5, 7), (5, 2))
    torch.testing.assert_close(attention(q, k + shift, v), attention(q, k, v), atol=1e-9, rtol=0)


@pytest.mark.parametrize("T", [1, 3, 5])
@pytest.mark.parametrize("S", [1, 3, 5])
def test_masks_as_they_are_defined(T, S):
    def table(rule):
        return [[rule(t + S - T, s) for s in range(S)] for t in range(T)]

    assert causal_mask(T, S).tolist() == table(lambda own, s: s <= own)
    for window in (1, 2, 7):
        expected = table(lambda own, s, w=window: own - w < s <= own)
        assert sliding_window_mask(T, S, window).tolist() == expected


def test_a_causal_mask_is_square_by_default():
    assert causal_mask(3).equal(causal_mask(3, 3))


def test_a_padding_mask_hides_what_is_not_there(draw):
    x, lengths = draw(3, 5, 7), torch.tensor([2, 5, 0])
    mask = padding_mask(lengths, 5)
    assert mask.shape == (3, 1, 5)
    z = attention(x, x, x, mask=mask)
    for z_, x_, length in zip(z, x, [2, 5, 0], strict=True):
        expected = attention(x_, x_[:length], x_[:length]) if length else torch.zeros(5, 7).double()
        torch.testing.assert_close(z_, expected, **CLOSE)


def test_a_padding_mask_of_any_batch():
    assert padding_mask(torch.tensor(2), 3).tolist() == [[True, True, False]]
    assert padding_mask(torch.ones(2, 4, dtype=torch.int32), 3).shape == (2, 4, 1, 3)


@pytest.mark.parametrize("source", ["keep", "drop", "additive"])
@pytest.mark.parametrize("target", ["keep", "drop", "additive"])
def test_masks_stay_on_their_device(source, target):
    lengths = torch.ones(2, dtype=torch.int64, device="meta")
    assert padding_mask(lengths, 3).device.type == "meta"
    dtype = torch.float32 if source == "additive" else torch.bool
    mask = torch.empty(2, 3, dtype=dtype, device="meta")
    assert convert_mask(mask, source=source, target=target).device.type == "meta"


CONVENTIONS = ["keep", "drop", "additive"]
MASKS = {
    "keep": torch.tensor([[True, False], [True, True]]),
    "drop": torch.tensor([[False, True], [False, False]]),
    "additive": torch.tensor([[0.0, -torch.inf], [0.0, 0.0]]),
}


@pytest.mark.parametrize("source", CONVENTIONS)
@pytest.mark.parametrize("target", CONVENTIONS)
def test_a_mask_in_every_convention(source, target):
    got = convert_mask(MASKS[source], source=source, target=target)
    assert got.dtype == MASKS[target].dtype
    assert got.equal(MASKS[target])


def test_the_conventions_are_those_of_torch(draw):
    x, mask = draw(2, 5, 6, dtype=torch.float32), (draw(5, 5) > 0) | torch.eye(5).bool()
    expected = attention(x, x, x, mask=mask)
    additive = convert_mask(mask, source="keep", target="additive")
    got = F.scaled_dot_product_attention(x, x, x, attn_mask=additive)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(F.scaled_dot_product_attention(x, x, x, attn_mask=mask), expected)
    theirs = torch.nn.MultiheadAttention(6, 1, bias=False, batch_first=True)
    theirs.in_proj_weight.data = torch.eye(6).repeat(3, 1)
    theirs.out_proj.weight.data = torch.eye(6)
    drop = convert_mask(mask, source="keep", target="drop")
    torch.testing.assert_close(theirs(x, x, x, attn_mask=drop)[0], expected)


@pytest.mark.parametrize(
    ("q", "k", "v", "message"),
    [
        (
            (3, 7),
            (5, 6),
            (5, 11),
            "q and k must have the same width, got q (3, 7), k (5, 6)",
        ),
        ((3, 7), (5, 7), (4, 7), "k and v must have the same length, got k (5, 7), v (4, 7)"),
        (
            (2, 3, 7),
            (2, 5, 7),
            (1, 5, 7),
            "q, k and v must have the same batch axes, got q (2, 3, 7), k (2, 5, 7), v (1, 5, 7)",
        ),
        ((7,), (5, 7), (5, 7), "q must have shape (*B, length, width), got (7,)"),
        ((3, 7), (0, 7), (0, 7), "k must not be an empty sequence, got shape (0, 7)"),
    ],
)
def test_wrong_shapes(refuses, unchecked, q, k, v, message):
    with refuses(ValueError, message):
        attention(torch.ones(q), torch.ones(k), torch.ones(v))


def test_wrong_dtypes(refuses, unchecked):
    x = torch.ones(5, 3)
    with refuses(TypeError, "k must be floating point, got torch.int64; try k.float()"):
        attention(x, x.long(), x)
    message = (
        "q, k and v must have the same dtype, got q torch.float32, k torch.float32, v torch.float64"
    )
    with refuses(TypeError, message):
        attention(x, x, x.double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_a_mask_that_is_not_boolean(refuses, unchecked, dtype):
    x = torch.ones(5, 3)
    message = f"mask must be boolean, True where a query may attend, got {dtype}; see convert_mask"
    with refuses(TypeError, message):
        attention(x, x, x, mask=torch.ones(5, 5, dtype=dtype))


def test_a_mask_that_is_no_tensor(refuses, unchecked):
    x = torch.ones(2, 3)
    with refuses(TypeError, "mask must be a torch.Tensor, got list"):
        attention(x, x, x, mask=[[True, False], [True, True]])


@pytest.mark.parametrize("shape", [(3, 4), (5, 3), (2, 3, 5), (1, 4, 3, 5)])
def test_a_mask_that_does_not_broadcast(refuses, unchecked, shape):
    q, k = torch.ones(4, 3, 7), torch.ones(4, 5, 7)
    with refuses(ValueError, f"mask must broadcast to (4, 3, 5), got shape {shape}"):
        attention(q, k, k, mask=torch.ones(shape, dtype=torch.bool))


@pytest.mark.parametrize("scale", [0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_not_positive(refuses, scale):
    x = torch.ones(5, 3)
    with refuses(ValueError, f"scale must be positive and finite, got {scale}"):
        attention(x, x, x, scale=scale)


@pytest.mark.parametrize("dropout", [1, -0.1, math.nan])
def test_a_dropout_that_is_no_probability_below_one(refuses, dropout):
    x = torch.ones(5, 3)
    with refuses(ValueError, f"dropout must be at least 0 and less than 1, got {dropout}"):
        attention(x, x, x, dropout=dropout)


@BOTH
@pytest.mark.parametrize("name", ["q", "k", "v"])
def test_a_number_that_is_not_finite_is_named(refuses, readable, name):
    tensors = {"q": torch.ones(2, 3, 7), "k": torch.ones(2, 5, 7), "v": torch.ones(2, 5, 7)}
    tensors[name][1, 2, 4] = torch.nan
    long = {"q": "queries", "k": "keys", "v": "values"}[name] if readable else name
    with refuses(ValueError, f"{long}[1, 2, 4] is nan, which makes the result NaN"):
        attend(*tensors.values(), readable=readable)


@BOTH
@pytest.mark.parametrize("number", [torch.nan, -torch.inf])
def test_keys_that_are_nan_throughout_are_no_masked_ones(readable, number):
    q, v = torch.ones(2, 3, 7), torch.ones(2, 5, 7)
    with pytest.raises(ValueError, match=r"is nan, which|is -inf"):
        attend(q, torch.full((2, 5, 7), number), v, readable=readable)


@BOTH
def test_an_infinity_that_makes_no_nan_is_let_through(readable):
    # A key that no query attends to; the results are small, negative, or zero.
    q, k = torch.tensor([[1.0], [2.0]]), torch.tensor([[-torch.inf], [0.0]])
    v = torch.tensor([[7.0, 5.0], [-0.25, 0.0]])
    assert attend(q, k, v, readable=readable).tolist() == [[-0.25, 0.0], [-0.25, 0.0]]


@BOTH
def test_values_of_zero_are_nothing_to_complain_about(readable):
    x = torch.ones(5, 3)
    assert attend(x, x, torch.zeros(5, 3), readable=readable).equal(torch.zeros(5, 3))


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (-1, 3)])
@pytest.mark.parametrize("make", [causal_mask, lambda T, S: sliding_window_mask(T, S, 2)])
def test_a_mask_without_rows_or_columns(refuses, make, sizes):
    name, number = ("T", sizes[0]) if sizes[0] < 1 else ("S", sizes[1])
    with refuses(ValueError, f"{name} must be positive, got {number}"):
        make(*sizes)


def test_a_window_without_a_key(refuses):
    with refuses(ValueError, "window must be positive, got 0"):
        sliding_window_mask(3, 3, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
def test_lengths_that_are_no_integers(refuses, unchecked, dtype):
    with refuses(TypeError, f"lengths must be integers, got {dtype}"):
        padding_mask(torch.ones(3, dtype=dtype), 5)


@pytest.mark.parametrize("length", [-1, 6])
def test_a_length_out_of_range(refuses, length):
    with refuses(ValueError, f"lengths must be from 0 to 5, got lengths[1] = {length}"):
        padding_mask(torch.tensor([3, length]), 5)


def test_a_convention_that_does_not_exist(refuses, unchecked):
    mask = causal_mask(2)
    with refuses(ValueError, "source must be keep, drop or additive, got 'true'"):
        convert_mask(mask, source="true", target="keep")
    with refuses(ValueError, "target must be keep, drop or additive, got 'hide'"):
        convert_mask(mask, source="keep", target="hide")


@pytest.mark.parametrize(
    ("source", "dtype"),
    [("keep", "float32"), ("drop", "int64"), ("additive", "bool"), ("additive", "int64")],
)
def test_a_mask_of_another_dtype_than_its_convention(refuses, source, dtype):
    mask = torch.ones(2, 2).to(getattr(torch, dtype))
    with refuses(TypeError, f"a mask of torch.{dtype} is not of the convention {source!r}"):
        convert_mask(mask, source=source, target="keep")


@pytest.mark.parametrize("number", [-1e9, 1.0, torch.inf, torch.nan])
def test_an_additive_mask_with_another_number(refuses, number):
    mask = torch.tensor([[0.0, -torch.inf], [number, 0.0]])
    message = f"an additive mask must hold 0 and -inf only, got mask[1, 0] = {float(number)}"
    with refuses(ValueError, message):
        convert_mask(mask, source="additive", target="keep")


def test_mask_before_softmax_is_division_by_what_is_left_after_it(draw):
    x, mask = draw(5, 3), causal_mask(5)
    _, got = attention(x, x, x, causal=True, scale=1.0, return_weights=True)
    after = softmax(x @ x.T) * mask
    torch.testing.assert_close(got, after / after.sum(-1, keepdim=True), **CLOSE)
