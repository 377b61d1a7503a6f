import gc
import math
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from selfattn import (
    KVCache,
    MultiHeadAttention,
    SelfAttention,
    attention,
    causal_mask,
    convert_mask,
    padding_mask,
    rope,
    sliding_window_mask,
)

CLOSE = {"rtol": 1e-11, "atol": 1e-12}
# A busy machine is no failure.
STEADY = settings(deadline=None, max_examples=50)
GROUPS = pytest.mark.parametrize("num_kv_heads", [None, 4, 2, 1])
BATCHES = pytest.mark.parametrize("batch", [(), (3,), (2, 3)])


def heads_of(*args, seed=0, **options):
    torch.manual_seed(seed)
    return MultiHeadAttention(*args, **options).double()


def fresh(module, batch, capacity):
    return KVCache(
        batch, module.num_kv_heads, capacity, module.head_dim, dtype=module.query.weight.dtype
    )


def decoded(module, x, cache, chunks):
    """Feed the tokens piece by piece."""
    with torch.no_grad():
        pieces = x.split(chunks, dim=-2)
        return torch.cat([module(piece, cache=cache) for piece in pieces], dim=-2)


def by_head(module, x, **options):
    """Compute each head by itself, from its own columns of the weights."""
    d, shared = module.head_dim, module.num_heads // module.num_kv_heads
    q, k, v = module.query(x), module.key(x), module.value(x)
    heads = []
    for h in range(module.num_heads):
        own, group = slice(h * d, (h + 1) * d), slice(h // shared * d, (h // shared + 1) * d)
        q_, k_ = q[..., own], k[..., group]
        if module.rope:
            at = torch.arange(x.shape[-2])
            q_, k_ = rope(q_, at), rope(k_, at)
        heads.append(attention(q_, k_, v[..., group], causal=module.causal, **options))
    return module.out_proj(torch.cat(heads, -1))


def test_one_head_is_attention_of_three_projections(inputs):
    torch.manual_seed(0)
    head = SelfAttention(3, 2, causal=True)
    q, k, v = (inputs @ layer.weight.T for layer in (head.query, head.key, head.value))
    weights = torch.softmax((q @ k.T / math.sqrt(2)).masked_fill(~causal_mask(6), -torch.inf), -1)
    got = head(inputs, return_weights=True)
    torch.testing.assert_close(got, (weights @ v, weights))
    torch.testing.assert_close(head(inputs), weights @ v)


@pytest.mark.parametrize("bias", [False, True])
def test_a_seed_gives_the_same_weights_as_layers_made_in_order(bias):
    torch.manual_seed(0)
    layers = [nn.Linear(3, 4, bias=bias) for _ in range(3)]
    out = nn.Linear(4, 4)
    torch.manual_seed(0)
    head = SelfAttention(3, 4, bias=bias)
    torch.manual_seed(0)
    heads = MultiHeadAttention(3, 4, 2, bias=bias)
    for module in (head, heads):
        names = ["query", "key", "value", "out_proj"][: 4 if module is heads else 3]
        assert [name for name, _ in module.named_children()] == names
        for name, layer in zip(names, [*layers, out], strict=False):
            for got, expected in zip(
                getattr(module, name).parameters(), layer.parameters(), strict=True
            ):
                assert got.equal(expected)


def test_the_default_is_not_causal_for_one_head_and_causal_for_many():
    assert (SelfAttention(3, 2).causal, MultiHeadAttention(3, 2, 1).causal) == (False, True)


def test_one_head_takes_a_mask(draw):
    head, x = SelfAttention(3, 2).double(), draw(2, 5, 3)
    mask = padding_mask(torch.tensor([3, 5]), 5)
    torch.testing.assert_close(head(x, mask=mask)[0], head(x[0], mask=mask[0]), **CLOSE)
    assert (head(x, mask=mask, return_weights=True)[1][0, :, 3:] == 0).all()


@GROUPS
@BATCHES
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("with_rope", [False, True])
def test_many_heads_are_a_list_of_heads(draw, num_kv_heads, batch, causal, with_rope):
    module = heads_of(5, 8, 4, num_kv_heads=num_kv_heads, causal=causal, bias=True, rope=with_rope)
    x = draw(*batch, 7, 5)
    z, weights = module(x, return_weights=True)
    assert (z.shape, weights.shape) == ((*batch, 7, 8), (*batch, 4, 7, 7))
    torch.testing.assert_close(z, by_head(module, x), **CLOSE)
    torch.testing.assert_close(module(x), z, **CLOSE)


def test_the_weights_are_in_the_order_of_the_heads(draw):
    module, x = heads_of(5, 8, 4, num_kv_heads=2), draw(3, 7, 5)
    _, weights = module(x, return_weights=True)
    for h in range(4):
        q = module.query(x)[..., 2 * h : 2 * h + 2]
        k = module.key(x)[..., h // 2 * 2 : h // 2 * 2 + 2]
        _, expected = attention(q, k, k, causal=True, return_weights=True)
        torch.testing.assert_close(weights[:, h], expected, **CLOSE)


def test_one_head_of_many_is_self_attention(draw):
    many, x = heads_of(5, 4, 1, causal=True), draw(2, 7, 5)
    one = SelfAttention(5, 4, causal=True).double()
    one.load_state_dict({k: v for k, v in many.state_dict().items() if "out" not in k})
    torch.testing.assert_close(many(x), many.out_proj(one(x)), **CLOSE)


def test_groups_are_repeated_heads(draw):
    grouped, full = heads_of(5, 8, 4, num_kv_heads=2), heads_of(5, 8, 4)
    state = grouped.state_dict()
    for name in ("key.weight", "value.weight"):
        state[name] = state[name].unflatten(0, (2, 2)).repeat_interleave(2, 0).flatten(0, 1)
    full.load_state_dict(state)
    x = draw(3, 7, 5)
    torch.testing.assert_close(grouped(x), full(x), **CLOSE)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torchs_own_module_gives_the_same(draw, bias, batch_first, dtype):
    theirs = nn.MultiheadAttention(8, 4, bias=bias, batch_first=batch_first, dtype=dtype)
    if bias:
        nn.init.normal_(theirs.in_proj_bias)
        nn.init.normal_(theirs.out_proj.bias)
    ours = MultiHeadAttention.from_torch(theirs)
    x, y = draw(3, 7, 8, dtype=dtype), draw(3, 5, 8, dtype=dtype)
    for memory in (x, y):
        given = (x, memory, memory)
        given = given if batch_first else [t.transpose(0, 1) for t in given]
        z, weights = theirs(*given, average_attn_weights=False)
        got = ours(x, memory, return_weights=True)
        torch.testing.assert_close(got, (z if batch_first else z.transpose(0, 1), weights))
    torch.testing.assert_close(ours(x[0]), theirs(x[0], x[0], x[0])[0])
    assert ours.query.weight.dtype == dtype


def test_torchs_own_module_of_width_one(draw):
    theirs = nn.MultiheadAttention(1, 1, bias=False)
    x = draw(3, 1, dtype=torch.float32)
    torch.testing.assert_close(MultiHeadAttention.from_torch(theirs)(x), theirs(x, x, x)[0])


def test_torchs_own_module_with_masks(draw):
    theirs = nn.MultiheadAttention(8, 4, batch_first=True, dtype=torch.float64)
    x, keep = draw(3, 7, 8), padding_mask(torch.tensor([4, 7, 1]), 7)
    options = {
        "attn_mask": convert_mask(causal_mask(7), source="keep", target="drop"),
        "key_padding_mask": convert_mask(keep.squeeze(-2), source="keep", target="drop"),
    }
    ours = MultiHeadAttention.from_torch(theirs, causal=True)
    torch.testing.assert_close(ours(x, mask=keep), theirs(x, x, x, **options)[0], **CLOSE)


@pytest.mark.parametrize("bias", [False, True])
def test_torchs_own_module_with_a_memory_of_another_width(draw, bias):
    theirs = nn.MultiheadAttention(
        8, 2, bias=bias, kdim=5, vdim=5, batch_first=True, dtype=torch.float64
    )
    x, memory = draw(3, 7, 8), draw(3, 4, 5)
    expected = theirs(x, memory, memory)[0]
    got = MultiHeadAttention.from_torch(theirs)(x, memory)
    torch.testing.assert_close(got, expected, **CLOSE)


def test_a_copy_of_torchs_own_module_shares_nothing_but_settings():
    theirs = nn.MultiheadAttention(8, 2, dropout=0.25).eval()
    ours = MultiHeadAttention.from_torch(theirs)
    assert (ours.dropout, ours.training, ours.causal) == (0.25, False, False)
    before = ours.query.weight.clone()
    theirs.in_proj_weight.data.zero_()
    assert ours.query.weight.equal(before)
    assert all(parameter.requires_grad for parameter in ours.parameters())


@pytest.mark.parametrize(
    ("options", "got"),
    [
        ({"add_bias_kv": True}, "add_bias_kv=True, add_zero_attn=False, kdim=8, vdim=8"),
        ({"add_zero_attn": True}, "add_bias_kv=False, add_zero_attn=True, kdim=8, vdim=8"),
        ({"kdim": 5, "vdim": 6}, "add_bias_kv=False, add_zero_attn=False, kdim=5, vdim=6"),
    ],
)
def test_a_module_of_torch_that_has_no_copy(refuses, options, got):
    message = f"the module must add no keys and have kdim equal to vdim, got {got}"
    with refuses(ValueError, message):
        MultiHeadAttention.from_torch(nn.MultiheadAttention(8, 2, **options))


@GROUPS
@BATCHES
@pytest.mark.parametrize("with_rope", [False, True])
@pytest.mark.parametrize("chunks", [1, 3, [4, 1, 2]])
def test_decoding_equals_the_full_pass(draw, num_kv_heads, batch, with_rope, chunks):
    module = heads_of(5, 8, 4, num_kv_heads=num_kv_heads, rope=with_rope)
    x = draw(*batch, 7, 5)
    cache = fresh(module, batch[0] if len(batch) == 1 else batch, capacity=9)
    torch.testing.assert_close(decoded(module, x, cache, chunks), module(x), **CLOSE)
    assert cache.length == 7


@STEADY
@given(
    seed=st.integers(0, 2**32),
    chunks=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    with_rope=st.booleans(),
)
def test_decoding_in_any_pieces_equals_the_full_pass(seed, chunks, with_rope):
    module = heads_of(3, 4, 2, num_kv_heads=1, rope=with_rope, seed=seed)
    x = torch.randn(2, sum(chunks), 3, dtype=torch.float64)
    cache = fresh(module, 2, capacity=sum(chunks))
    torch.testing.assert_close(decoded(module, x, cache, chunks), module(x), **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_decoding_in_other_dtypes(draw, dtype):
    module, x = heads_of(5, 8, 4).to(dtype), draw(2, 7, 5, dtype=dtype)
    got = decoded(module, x, fresh(module, 2, 7), 1)
    assert got.dtype == dtype
    torch.testing.assert_close(got, module(x), rtol=1.6e-2, atol=1e-2)


def test_decoding_with_a_window(draw):
    module, x = heads_of(5, 8, 4), draw(2, 7, 5)
    cache, got = fresh(module, 2, 7), []
    with torch.no_grad():
        for t in range(7):
            mask = sliding_window_mask(1, t + 1, 3)
            got.append(module(x[:, t : t + 1], cache=cache, mask=mask))
    expected = module(x, mask=sliding_window_mask(7, 7, 3))
    torch.testing.assert_close(torch.cat(got, 1), expected, **CLOSE)


def test_a_cache_that_is_reset_or_shortened_forgets(draw):
    module, x = heads_of(5, 8, 4, rope=True), draw(2, 7, 5)
    cache = fresh(module, 2, 7)
    expected = decoded(module, x, cache, 1)
    cache.reset()
    assert cache.length == 0
    assert decoded(module, x, cache, 1).equal(expected)
    cache.length = 4
    torch.testing.assert_close(decoded(module, x[:, 4:], cache, 1), expected[:, 4:], **CLOSE)


def test_a_cache_returns_views_of_buffers_that_stay(draw):
    cache = KVCache(2, 3, 5, 4, dtype=torch.float64)
    k, v = draw(2, 3, 2, 4), draw(2, 3, 2, 4)
    keys, values = cache.append(k, v)
    assert keys.equal(k)
    assert values.equal(v)
    more, _ = cache.append(v, k)
    assert more.equal(torch.cat([k, v], -2))
    assert more.data_ptr() == keys.data_ptr() == cache._keys.data_ptr()


def test_a_cache_is_of_the_dtype_and_on_the_device_it_was_asked_for():
    cache = KVCache((2, 7), 3, 5, 4, dtype=torch.bfloat16, device="meta")
    new = torch.ones(2, 7, 3, 1, 4, dtype=torch.bfloat16, device="meta")
    keys, values = cache.append(new, new)
    assert (keys.dtype, values.device.type) == (torch.bfloat16, "meta")
    assert KVCache(1, 1, 1, 1).append(*[torch.ones(1, 1, 1, 1)] * 2)[0].dtype == torch.float32


def test_a_full_cache_is_left_as_it_was(draw, refuses):
    cache = KVCache(1, 2, 5, 4, dtype=torch.float64)
    cache.append(draw(1, 2, 3, 4), draw(1, 2, 3, 4))
    before = cache._keys.clone(), cache._values.clone(), cache.length
    with refuses(ValueError, "the cache holds 3 of 5 tokens, so 3 more do not fit"):
        cache.append(draw(1, 2, 3, 4), draw(1, 2, 3, 4))
    assert cache._keys.equal(before[0])
    assert cache._values.equal(before[1])
    assert cache.length == before[2]
    cache.append(draw(1, 2, 2, 4), draw(1, 2, 2, 4))
    assert cache.length == 5


def test_a_full_cache_without_batch_axes(refuses):
    cache, new = KVCache((), 2, 5, 4), torch.ones(2, 7, 4)
    with refuses(ValueError, "the cache holds 0 of 5 tokens, so 7 more do not fit"):
        cache.append(new, new)


def test_a_refused_call_leaves_the_cache_as_it_was(draw, refuses, unchecked):
    module, x = heads_of(5, 8, 4), draw(2, 3, 5)
    cache = fresh(module, 2, 7)
    with refuses(ValueError, "mask must broadcast to (2, 3, 3), got shape (4, 4)"):
        module(x, cache=cache, mask=torch.ones(4, 4, dtype=torch.bool))
    assert cache.length == 0


def test_a_cache_keeps_no_graph(draw):
    k, v = draw(1, 2, 3, 4).requires_grad_(), draw(1, 2, 3, 4)
    cache, kept = KVCache(1, 2, 5, 4, dtype=torch.float64), weakref.ref(k)
    keys, values = cache.append(k, v)
    assert (keys.requires_grad, values.requires_grad) == (True, False)
    del k, keys
    gc.collect()
    assert kept() is None


def test_a_backward_pass_into_a_cache_is_an_error(draw):
    module, x = heads_of(5, 8, 4), draw(2, 3, 5)
    z = module(x, cache=fresh(module, 2, 7))
    message = "no gradient passes through a KVCache: train without one"
    with pytest.raises(RuntimeError, match=f"^{message}$"):
        z.sum().backward()


@pytest.mark.parametrize(
    ("k", "v"),
    [((2, 3, 1, 4), (2, 3, 2, 4)), ((3, 1, 4), (3, 1, 4)), ((2, 3, 1, 5),) * 2, ((4,),) * 2],
)
def test_keys_that_do_not_fit_a_cache(refuses, unchecked, k, v):
    message = f"k and v must have the shape (2, 3, T, 4) of the cache, got k {k}, v {v}"
    with refuses(ValueError, message):
        KVCache(2, 3, 5, 4).append(torch.ones(k), torch.ones(v))


def test_keys_of_another_dtype_than_the_cache(refuses):
    message = (
        "k, v and cache must have the same dtype, "
        "got k torch.float64, v torch.float64, cache torch.float32"
    )
    new = torch.ones(1, 1, 1, 1).double()
    with refuses(TypeError, message):
        KVCache(1, 1, 1, 1).append(new, new)


def test_a_cache_without_room(refuses):
    with refuses(ValueError, "a cache must have positive sizes, got shape (2, 3, 0, 4)"):
        KVCache(2, 3, 0, 4)


@BATCHES
@GROUPS
def test_queries_from_one_sequence_and_keys_from_another(draw, batch, num_kv_heads):
    module = heads_of(5, 8, 4, num_kv_heads=num_kv_heads, causal=False, d_memory=11)
    x, memory, mask = draw(*batch, 3, 5), draw(*batch, 7, 11), draw(*batch, 3, 7) > 0
    z, weights = module(x, memory, mask=mask, return_weights=True)
    assert weights.shape == (*batch, 4, 3, 7)
    q, k, v = module.query(x), module.key(memory), module.value(memory)
    shared = 4 // module.num_kv_heads
    parts = []
    for h in range(4):
        own, group = slice(2 * h, 2 * h + 2), slice(h // shared * 2, h // shared * 2 + 2)
        parts.append(attention(q[..., own], k[..., group], v[..., group], mask=mask))
    torch.testing.assert_close(z, module.out_proj(torch.cat(parts, -1)), **CLOSE)


def test_a_memory_of_itself_is_self_attention(draw):
    module, x = heads_of(5, 8, 4, causal=False), draw(2, 7, 5)
    assert module(x, x).equal(module(x))


@GROUPS
def test_a_mask_for_all_heads_or_for_each(draw, num_kv_heads):
    module, x = heads_of(5, 8, 4, num_kv_heads=num_kv_heads), draw(2, 7, 5)
    every, each = draw(2, 7, 7) > 0, draw(2, 4, 7, 7) > 0
    _, weights = module(x, mask=each, return_weights=True)
    assert (weights[~each] == 0).all()
    for h in range(4):
        _, expected = module(x, mask=each[:, h], return_weights=True)
        torch.testing.assert_close(weights[:, h], expected[:, h], **CLOSE)
    expected = module(x, mask=every)
    for mask in (every[:, None], every[:, None].expand(2, 4, 7, 7)):
        torch.testing.assert_close(module(x, mask=mask), expected, **CLOSE)
    torch.testing.assert_close(module(x, mask=each), module(x, mask=each, return_weights=True)[0])


@pytest.mark.parametrize("num_kv_heads", [1, 2])
def test_a_mask_for_each_of_two_heads(draw, num_kv_heads):
    module, x = heads_of(5, 8, 2, num_kv_heads=num_kv_heads), draw(3, 7, 5)
    each = draw(3, 2, 7, 7) > 0
    _, weights = module(x, mask=each, return_weights=True)
    for h in range(2):
        _, expected = module(x, mask=each[:, h], return_weights=True)
        torch.testing.assert_close(weights[:, h], expected[:, h], **CLOSE)


@pytest.mark.parametrize("shape", [(7, 7), (1, 7), (7, 1), (2, 1, 7), (1, 7, 7), (1, 4, 7, 7)])
def test_a_mask_is_broadcast(draw, shape):
    module, x, mask = heads_of(5, 8, 4, num_kv_heads=2), draw(2, 7, 5), draw(*shape) > 0
    whole = mask.expand(2, *((4,) if mask.ndim == 4 else ()), 7, 7)
    torch.testing.assert_close(module(x, mask=mask), module(x, mask=whole), **CLOSE)


def test_a_batch_as_large_as_the_number_of_heads_is_not_taken_for_heads(draw):
    module, x, mask = heads_of(5, 8, 4), draw(4, 7, 5), draw(4, 7, 7) > 0
    expected = torch.stack([module(x_, mask=m) for x_, m in zip(x, mask, strict=True)])
    torch.testing.assert_close(module(x, mask=mask), expected, **CLOSE)


def test_a_token_that_may_attend_to_nothing_gets_the_bias(draw):
    module, x = heads_of(5, 8, 4), draw(7, 5).requires_grad_()
    mask = torch.ones(7, 7, dtype=torch.bool)
    mask[2] = False
    z = module(x, mask=mask)
    assert z[2].equal(module.out_proj.bias)
    z.sum().backward()
    assert all(p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("make", [SelfAttention, lambda *a, **o: MultiHeadAttention(*a, 2, **o)])
def test_dropout_acts_in_training_only(draw, make):
    module, x = make(5, 8, dropout=0.5).double(), draw(50, 5)
    assert (module(x, return_weights=True)[1].diagonal(dim1=-2, dim2=-1) == 0).any()
    module.eval()
    expected = make(5, 8).double()
    expected.load_state_dict(module.state_dict())
    torch.testing.assert_close(module(x), expected(x), **CLOSE)


@pytest.mark.parametrize("with_rope", [False, True])
def test_results_are_on_the_device_of_the_tokens(with_rope):
    module = MultiHeadAttention(5, 8, 4, rope=with_rope).to("meta")
    z, weights = module(torch.empty(2, 3, 5, device="meta"), return_weights=True)
    assert (z.device.type, weights.device.type) == ("meta", "meta")


def test_gradient(draw):
    x = draw(2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(SelfAttention(3, 2, causal=True).double(), x)
    assert torch.autograd.gradcheck(heads_of(3, 4, 2, num_kv_heads=1, rope=True), x)


@STEADY
@given(seed=st.integers(0, 2**32), order=st.permutations(range(6)))
def test_permuted_tokens_give_permuted_results(seed, order):
    module = heads_of(3, 8, 4, num_kv_heads=2, causal=False, seed=seed)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    torch.testing.assert_close(module(x[:, order]), module(x)[:, order], **CLOSE)


@STEADY
@given(seed=st.integers(0, 2**32), future=st.integers(1, 5), with_rope=st.booleans())
def test_a_later_token_changes_no_earlier_result(seed, future, with_rope):
    module = heads_of(3, 8, 4, num_kv_heads=2, rope=with_rope, seed=seed)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    expected = module(x)[:, :future]
    x[:, future:] += 1
    torch.testing.assert_close(module(x)[:, :future], expected, rtol=0, atol=1e-15)


def test_rope_tells_the_order(draw):
    x, order = draw(6, 3), [3, 0, 5, 1, 2, 4]
    module = heads_of(3, 8, 2, causal=False, rope=True)
    assert not torch.allclose(module(x[order]), module(x)[order])


@pytest.mark.parametrize(
    ("d_out", "num_heads", "num_kv_heads"), [(10, 4, 4), (8, 4, 3), (8, 4, 8), (8, 0, 1), (8, 4, 0)]
)
def test_heads_that_do_not_divide(refuses, d_out, num_heads, num_kv_heads):
    got = f"d_out={d_out}, num_heads={num_heads}, num_kv_heads={num_kv_heads}"
    message = f"num_heads must divide d_out, and num_kv_heads num_heads, got {got}"
    with refuses(ValueError, message):
        MultiHeadAttention(5, d_out, num_heads, num_kv_heads=num_kv_heads)


def test_rope_with_heads_of_odd_width(refuses):
    got = "d_out=6, num_heads=2, num_kv_heads=2"
    with refuses(ValueError, f"with rope, d_out / num_heads must be even, got {got}"):
        MultiHeadAttention(5, 6, 2, rope=True)


@pytest.mark.parametrize("make", [SelfAttention, lambda *a: MultiHeadAttention(*a, 2)])
def test_wrong_tokens(refuses, unchecked, make):
    module = make(5, 8)
    with refuses(ValueError, "x must have width 5, got shape (2, 7, 4)"):
        module(torch.ones(2, 7, 4))
    with refuses(ValueError, "x must have shape (*B, length, width), got (5,)"):
        module(torch.ones(5))
    with refuses(ValueError, "x must not be an empty sequence, got shape (0, 5)"):
        module(torch.ones(0, 5))
    with refuses(TypeError, "x must be floating point, got torch.int64; try x.float()"):
        module(torch.ones(7, 5, dtype=torch.int64))


def test_a_wrong_memory(refuses, unchecked):
    module = MultiHeadAttention(5, 8, 2, causal=False, d_memory=6)
    with refuses(ValueError, "memory must have width 6, got shape (4, 5)"):
        module(torch.ones(7, 5), torch.ones(4, 5))
    with refuses(ValueError, "memory must have width 6, got shape (7, 5)"):
        module(torch.ones(7, 5))
    message = "x and memory must have the same batch axes, got x (2, 7, 5), memory (3, 4, 6)"
    with refuses(ValueError, message):
        module(torch.ones(2, 7, 5), torch.ones(3, 4, 6))


@pytest.mark.parametrize(
    ("causal", "with_rope", "cached"),
    [(True, False, False), (False, True, False), (False, False, True)],
)
def test_a_memory_beside_what_it_does_not_go_with(refuses, causal, with_rope, cached):
    module = MultiHeadAttention(5, 8, 2, causal=causal, rope=with_rope)
    got = f"causal={causal}, rope={with_rope}, {'a' if cached else 'no'} cache"
    message = f"a memory needs causal=False, rope=False and no cache, got {got}"
    cache = KVCache(2, 2, 5, 4) if cached else None
    with refuses(ValueError, message):
        module(torch.ones(2, 7, 5), torch.ones(2, 4, 5), cache=cache)


def test_a_mask_that_is_not_boolean(refuses, unchecked):
    message = (
        "mask must be boolean, True where a query may attend, got torch.float32; see convert_mask"
    )
    for module in (SelfAttention(5, 8), MultiHeadAttention(5, 8, 2)):
        with refuses(TypeError, message):
            module(torch.ones(7, 5), mask=torch.ones(7, 7))
    with refuses(TypeError, "mask must be a torch.Tensor, got list"):
        MultiHeadAttention(5, 8, 2)(torch.ones(7, 5), mask=[True])


@pytest.mark.parametrize(
    ("shape", "whole"),
    [((3, 7, 7), (2, 7, 7)), ((7, 6), (2, 7, 7)), ((2, 3, 7, 7), (2, 4, 7, 7))],
)
def test_a_mask_that_does_not_broadcast(refuses, shape, whole):
    with refuses(ValueError, f"mask must broadcast to {whole}, got shape {shape}"):
        heads_of(5, 8, 4)(torch.ones(2, 7, 5).double(), mask=torch.ones(shape, dtype=torch.bool))
