import math
from dataclasses import FrozenInstanceError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention
from torch.utils._python_dispatch import TorchDispatchMode

import selfattn.streaming
from selfattn import Partial, attention, merge, streaming_attention, tile_walk

EPS = torch.finfo(torch.float64).eps
STEADY = settings(deadline=None, max_examples=50)
BATCHES = pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
CAUSAL = pytest.mark.parametrize("causal", [False, True])
LENGTHS = pytest.mark.parametrize(("T", "S"), [(1, 1), (11, 7), (7, 11), (1, 13), (13, 13)])
# Blocks that fit and that do not, larger than everything, longer than wide.
BLOCKS = pytest.mark.parametrize("blocks", [(3, 6), (2, 3), (4, 4), (5, 2), (1, 1), (64, 64)])


def inputs(draw, *batch, T=5, S=7, dtype=torch.float64):
    return [draw(*batch, *shape, dtype=dtype) for shape in ((T, 3), (S, 3), (S, 5))]


def plain(q, k, v, causal=False, scale=None):
    T, S = q.shape[-2], k.shape[-2]
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        scores = scores + torch.full((T, S), -torch.inf, dtype=q.dtype).triu(S - T + 1)
    weights = torch.softmax(scores, -1)
    return weights.nan_to_num(0) @ v  # NaN where T > S and a query sees no key


def assert_close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)


def assert_same(got, expected):
    assert_close(got.output, expected.output)
    assert_close(got.log_sum_exp, expected.log_sum_exp)


@st.composite
def parts(draw, count):
    """Give parts of the keys of the same queries, and the inputs that they were made from."""
    sizes = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    size = draw(st.sampled_from([0.1, 1, 30]))  # scores that hardly differ, and that differ a lot
    q, k, v = (
        torch.randn(shape, dtype=torch.float64, generator=generator)
        for shape in ((2, 3), (sum(sizes), 3), (sum(sizes), 5))
    )
    k *= size
    pairs = zip(k.split(sizes), v.split(sizes), strict=True)
    return [Partial.of(q, *pair) for pair in pairs], (q, k, v)


@STEADY
@given(made=parts(2))
def test_merge_is_commutative(made):
    (a, b), _ = made
    assert merge(a, b).output.equal(merge(b, a).output)
    assert merge(a, b).log_sum_exp.equal(merge(b, a).log_sum_exp)


@STEADY
@given(made=parts(3))
def test_merge_is_associative(made):
    (a, b, c), _ = made
    assert_same(merge(merge(a, b), c), merge(a, merge(b, c)))


@STEADY
@given(made=parts(5), data=st.data())
def test_any_split_in_any_order_gives_the_whole(made, data):
    several, (q, k, v) = made
    first, *rest = data.draw(st.permutations(several))
    total = first
    for part in rest:
        total = merge(total, part)
    assert_same(total, Partial.of(q, k, v))
    if len(k):
        assert_close(total.output, plain(q, k, v))


@STEADY
@given(made=parts(1))
def test_an_empty_part_is_neutral(made):
    (part,), (q, k, v) = made
    empty = Partial.of(q, k[:0], v[:0])
    assert empty.output.tolist() == [[0] * 5] * 2
    assert empty.log_sum_exp.tolist() == [-math.inf] * 2
    for merged in (merge(part, empty), merge(empty, part)):
        assert merged.output.equal(part.output)
        assert merged.log_sum_exp.equal(part.log_sum_exp)


def test_two_parts_by_hand():
    a = Partial(torch.tensor([[8.0]]), torch.tensor([math.log(1)]))
    b = Partial(torch.tensor([[4.0]]), torch.tensor([math.log(3)]))
    merged = merge(a, b)
    torch.testing.assert_close(merged.output, torch.tensor([[5.0]]))
    torch.testing.assert_close(merged.log_sum_exp, torch.tensor([math.log(4)]))


def test_log_sum_exps_that_would_overflow(draw):
    q, k, v = inputs(draw)
    k[3] *= 1e4
    merged = merge(Partial.of(q, k[:3], v[:3]), Partial.of(q, k[3:], v[3:]))
    assert merged.log_sum_exp.max() > 1000
    assert_close(merged.output, plain(q, k, v))


@BATCHES
def test_parts_have_the_shapes_of_attention(draw, batch):
    q, k, v = inputs(draw, *batch)
    part = Partial.of(q, k, v, scale=2)
    assert part.log_sum_exp.shape == (*batch, 5)
    assert_close(part.output, plain(q, k, v, scale=2))
    assert_close(part.log_sum_exp, (2 * q @ k.mT).exp().sum(-1).log())


def test_merging_can_be_differentiated(draw):
    def halves(q, k, v):
        return merge(
            merge(Partial.of(q, k[:2], v[:2]), Partial.of(q, k[2:2], v[2:2])),
            Partial.of(q, k[2:], v[2:]),
        ).output

    leaves = [tensor.requires_grad_() for tensor in inputs(draw, T=2, S=5)]
    assert torch.autograd.gradcheck(halves, leaves)


def test_a_part_is_a_value(draw):
    part = Partial.of(*inputs(draw))
    with pytest.raises(FrozenInstanceError):
        part.output = part.log_sum_exp


@BATCHES
@LENGTHS
@CAUSAL
@BLOCKS
def test_equals_the_plain_form(draw, batch, T, S, causal, blocks):
    q, k, v = inputs(draw, *batch, T=T, S=S)
    got = streaming_attention(q, k, v, causal=causal, block_q=blocks[0], block_k=blocks[1])
    assert_close(got, plain(q, k, v, causal))
    assert_close(got, attention(q, k, v, causal=causal))


@CAUSAL
@pytest.mark.parametrize("T", [300, 1025])
def test_equals_the_kernel_with_the_default_blocks(draw, causal, T):
    q, k, v = inputs(draw, 2, T=T, S=T)
    expected = scaled_dot_product_attention(q, k, v, is_causal=causal)
    assert_close(streaming_attention(q, k, v, causal=causal), expected)


@CAUSAL
@pytest.mark.parametrize("tile", [1, 23, 1000])
def test_heads_are_taken_together_or_not(draw, monkeypatch, causal, tile):
    monkeypatch.setattr(selfattn.streaming, "TILE", tile)
    leaves = [tensor.requires_grad_() for tensor in inputs(draw, 5, 1)]
    got = streaming_attention(*leaves, causal=causal, block_q=2, block_k=3)
    expected = attention(*leaves, causal=causal)
    assert_close(got, expected)
    weight = draw(*got.shape)
    gradients = (torch.autograd.grad(z, leaves, weight) for z in (got, expected))
    for mine, other in zip(*gradients, strict=True):
        assert_close(mine, other)


def test_an_empty_batch(draw):
    assert streaming_attention(*inputs(draw, 0, 2)).shape == (0, 2, 5, 5)


@pytest.mark.parametrize("scale", [2, 0.3])
def test_scale(draw, scale):
    q, k, v = inputs(draw)
    got = streaming_attention(q, k, v, scale=scale, block_k=3)
    assert_close(got, plain(q, k, v, scale=scale))


@CAUSAL
@LENGTHS
def test_gradients_equal_autograd(draw, causal, T, S):
    leaves = [tensor.requires_grad_() for tensor in inputs(draw, 2, T=T, S=S)]
    got = streaming_attention(*leaves, causal=causal, block_q=2, block_k=3)
    expected = attention(*leaves, causal=causal)
    weight = draw(*got.shape)
    for mine, other in zip(
        torch.autograd.grad(got, leaves, weight),
        torch.autograd.grad(expected, leaves, weight),
        strict=True,
    ):
        assert_close(mine, other)


@CAUSAL
def test_gradient(draw, causal):
    leaves = [tensor.requires_grad_() for tensor in inputs(draw, 2, T=4, S=3)]
    options = {"causal": causal, "scale": 0.7, "block_q": 2, "block_k": 2}
    assert torch.autograd.gradcheck(lambda *args: streaming_attention(*args, **options), leaves)


def test_a_second_derivative_is_refused(draw, refuses):
    q, k, v = inputs(draw)
    z = streaming_attention(q.requires_grad_(), k, v)
    with refuses(RuntimeError, "streaming_attention has no second derivative; use attention"):
        torch.autograd.grad(z.sum(), q, create_graph=True)


def test_inputs_are_left_as_they_are(draw):
    tensors = inputs(draw)
    copies = [tensor.clone() for tensor in tensors]
    streaming_attention(*tensors, causal=True, block_q=2, block_k=2)
    assert all(map(torch.equal, tensors, copies))


def test_views_are_as_good_as_copies(draw):
    q, k, v = (draw(2, 9, 3, 4).transpose(1, 2) for _ in range(3))
    shared = k[:, :1].expand(2, 3, 9, 4)
    leaves = [q.requires_grad_(), shared.requires_grad_(), v.requires_grad_()]
    got = streaming_attention(*leaves, causal=True, block_q=2, block_k=4)
    expected = attention(*leaves, causal=True)
    assert_close(got, expected)
    got, expected = (torch.autograd.grad(z.sum(), leaves) for z in (got, expected))
    for mine, other in zip(got, expected, strict=True):
        assert_close(mine, other)


@STEADY
@given(
    position=st.integers(0, 8),
    blocks=st.tuples(st.integers(1, 10), st.integers(1, 10)),
    seed=st.integers(0, 99),
)
def test_the_future_changes_nothing_before_it(position, blocks, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(9, 4, dtype=torch.float64, generator=generator)
    other = x.clone()
    other[position:] += 10
    z, changed = (
        streaming_attention(y, y, y, causal=True, block_q=blocks[0], block_k=blocks[1])
        for y in (x, other)
    )
    assert z[:position].equal(changed[:position])
    assert not z[position:].equal(changed[position:])


@CAUSAL
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_as_exact_as_the_plain_form(draw, causal, dtype):
    q, k, v = inputs(draw, 3, T=130, S=201, dtype=dtype)
    exact = plain(q.double(), k.double(), v.double(), causal)
    got = streaming_attention(q, k, v, causal=causal, block_q=32, block_k=64)
    assert got.dtype == dtype
    error, allowed = ((z.double() - exact).abs().max() for z in (got, plain(q, k, v, causal)))
    assert error <= 2 * allowed + 8 * EPS


def test_products_may_leave_the_range_of_float16(draw):
    q, k, v = inputs(draw, dtype=torch.float16)
    q, k = q.sign() * 200, k.sign() * 200
    assert (q @ k.mT).isinf().any()
    expected = plain(q.float(), k.float(), v.float())
    torch.testing.assert_close(streaming_attention(q, k, v), expected.half(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_gradients_of_half_precision(draw, dtype):
    leaves = [t.requires_grad_() for t in inputs(draw, dtype=dtype)]
    exact = [leaf.detach().double().requires_grad_() for leaf in leaves]
    got, expected, plains = (
        torch.autograd.grad(z.sum(), tensors)
        for z, tensors in (
            (streaming_attention(*leaves, block_k=2), leaves),
            (plain(*exact), exact),
            (plain(*leaves), leaves),
        )
    )
    for mine, other, rough in zip(got, expected, plains, strict=True):
        error, allowed = ((each.double() - other).abs().max() for each in (mine, rough))
        assert error <= 2 * allowed


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_gradients_are_summed_in_float32(draw, dtype):
    q, k, v = draw(61, 3, dtype=dtype), draw(7, 3, dtype=dtype), draw(7, 5, dtype=dtype)
    v.requires_grad_()
    in_one, in_many = (
        torch.autograd.grad(streaming_attention(q, k, v, block_q=block_q).sum(), v)[0]
        for block_q in (61, 1)
    )
    # Rounded once, and not with each block of queries.
    torch.testing.assert_close(in_many, in_one, rtol=torch.finfo(dtype).eps, atol=0)


def test_device_is_kept():
    q, k, v = (torch.empty(2, 700, 4, device="meta") for _ in range(3))
    assert streaming_attention(q, k, v).device.type == "meta"


class Largest(TorchDispatchMode):
    """The size of the largest tensor that any operation gave, of one dtype or of any."""

    numbers = 0

    def __init__(self, dtype=None):
        super().__init__()
        self.dtype = dtype

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor) and self.dtype in (None, tensor.dtype):
                storage = tensor.untyped_storage().nbytes() // tensor.itemsize
                self.numbers = max(self.numbers, storage)
        return result


def largest(function, *args, **options):
    leaves = [tensor.requires_grad_() for tensor in args]
    with Largest() as mode:
        function(*leaves, **options).sum().backward()
    return mode.numbers


@CAUSAL
def test_no_matrix_of_scores_is_made(draw, causal):
    tensors = inputs(draw, 2, T=512, S=512, dtype=torch.float32)
    options = {"causal": causal, "block_q": 16, "block_k": 32}
    assert largest(streaming_attention, *tensors, **options) == 2 * 512 * 5
    assert largest(plain, *tensors, causal=causal) >= 2 * 512 * 512


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_no_input_is_converted_as_a_whole(draw, dtype):
    tensors = inputs(draw, 2, T=512, S=512, dtype=dtype)
    with Largest(torch.float32) as mode:
        streaming_attention(*tensors, block_q=16, block_k=32)
    assert mode.numbers == 2 * 16 * 32


@pytest.mark.parametrize("T", [64, 512])
def test_a_tile_is_as_large_as_its_blocks(draw, T):
    tensors = inputs(draw, 2, T=T, S=T, dtype=torch.float32)
    tile = 2 * 48 * 64
    assert largest(streaming_attention, *tensors, block_q=48, block_k=64) == tile


def test_a_tile_has_one_head_where_one_fills_it(draw, monkeypatch):
    monkeypatch.setattr(selfattn.streaming, "TILE", 48 * 64 - 1)
    tensors = inputs(draw, 2, T=512, S=512, dtype=torch.bfloat16)
    with Largest(torch.float32) as mode:
        streaming_attention(*tensors, block_q=48, block_k=64)
    assert mode.numbers == 48 * 64


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (ValueError, {"block_q": 0}, "block_q must be positive, got 0"),
        (ValueError, {"block_k": -1}, "block_k must be positive, got -1"),
        (ValueError, {"scale": -1}, "scale must be positive and finite, got -1"),
        (
            ValueError,
            {"q": torch.ones(5, 4)},
            "q and k must have the same width, got q (5, 4), k (7, 3)",
        ),
        (
            ValueError,
            {"v": torch.ones(6, 5)},
            "k and v must have the same length, got k (7, 3), v (6, 5)",
        ),
        (
            TypeError,
            {"q": torch.ones(5, 3).double()},
            "q, k and v must have the same dtype, "
            "got q torch.float64, k torch.float32, v torch.float32",
        ),
        (
            ValueError,
            {"q": torch.full((5, 3), torch.nan)},
            "q[0, 0] is nan, which makes the result NaN",
        ),
        (
            ValueError,
            {"k": torch.full((7, 3), torch.nan)},
            "k[0, 0] is nan, which makes the result NaN",
        ),
        (
            ValueError,
            {"v": torch.full((7, 5), torch.nan)},
            "v[0, 0] is nan, which makes the result NaN",
        ),
    ],
)
def test_what_it_refuses(refuses, unchecked, error, options, message):
    tensors = {"q": torch.ones(5, 3), "k": torch.ones(7, 3), "v": torch.ones(7, 5)}
    with refuses(error, message):
        streaming_attention(**(tensors | options))


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (TypeError, {"q": None}, "q must be a torch.Tensor, got NoneType"),
        (TypeError, {"k": None}, "k must be a torch.Tensor, got NoneType"),
        (TypeError, {"v": None}, "v must be a torch.Tensor, got NoneType"),
        (
            ValueError,
            {"q": torch.ones(5, 4)},
            "q and k must have the same width, got q (5, 4), k (7, 3)",
        ),
        (
            ValueError,
            {"v": torch.ones(0, 5)},
            "k and v must have the same length, got k (7, 3), v (0, 5)",
        ),
        (
            ValueError,
            {"q": torch.ones(2, 5, 3)},
            "q, k and v must have the same batch axes, got q (2, 5, 3), k (7, 3), v (7, 5)",
        ),
    ],
)
def test_what_a_part_refuses(refuses, unchecked, error, options, message):
    tensors = {"q": torch.ones(5, 3), "k": torch.ones(7, 3), "v": torch.ones(7, 5)}
    with refuses(error, message):
        Partial.of(**(tensors | options))


def test_parts_of_other_queries_are_not_merged(refuses, unchecked):
    a, b = (Partial(torch.ones(T, 2), torch.ones(T)) for T in (3, 1))
    with refuses(ValueError, "a and b must have the same shape, got a (3, 2), b (1, 2)"):
        merge(a, b)


def test_a_walk_is_by_default_not_causal():
    assert list(tile_walk(7, 5)) == [(slice(0, 7), slice(0, 5))]


@LENGTHS
@BLOCKS
@CAUSAL
def test_the_walk_makes_each_visible_score_once_and_no_tile_that_is_hidden(T, S, blocks, causal):
    made = torch.zeros(T, S, dtype=torch.int)
    visible = torch.ones(T, S).tril(S - T if causal else S).bool()
    for queries, keys in tile_walk(T, S, causal=causal, block_q=blocks[0], block_k=blocks[1]):
        assert 0 < queries.stop - queries.start <= blocks[0]
        assert 0 < keys.stop - keys.start <= blocks[1]
        assert visible[queries, keys].any(1).all()
        made[queries, keys] += 1
    assert made.max() == 1
    assert made[visible].eq(1).all()


@LENGTHS
@CAUSAL
def test_streaming_attention_takes_the_walk(draw, monkeypatch, T, S, causal):
    taken = []

    def scores(q, k, *rest, out):
        taken.append((q.shape[-2], k.shape[-2]))
        return original(q, k, *rest, out=out)

    original = selfattn.streaming._scores
    monkeypatch.setattr(selfattn.streaming, "_scores", scores)
    options = {"causal": causal, "block_q": 2, "block_k": 3}
    streaming_attention(*inputs(draw, T=T, S=S), **options)
    walk = tile_walk(T, S, **options)
    assert taken == [(q.stop - q.start, k.stop - k.start) for q, k in walk]


@pytest.mark.parametrize(
    ("S", "causal", "sizes"),
    [(2048, True, (256, 256)), (2049, True, (256, 512)), (2048, False, (1024, 512))],
)
def test_default_sizes_of_a_tile(S, causal, sizes):
    widths = [(q.stop - q.start, k.stop - k.start) for q, k in tile_walk(2048, S, causal=causal)]
    assert max(widths) == sizes


@pytest.mark.parametrize("name", ["T", "S", "block_q", "block_k"])
def test_a_walk_needs_positive_numbers(refuses, name):
    with refuses(ValueError, f"{name} must be positive, got 0"):
        tile_walk(**{"T": 5, "S": 7, "block_q": 2, "block_k": 3} | {name: 0})
