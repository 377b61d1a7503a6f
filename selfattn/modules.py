r"""Attention with trainable weights, and the memory that decoding needs.

Notation: $T$ queries, $S$ keys; $H$ heads of width $d_h$, $G$ of them for keys and values; $*B$ is
any number of batch axes. All layers are `nn.Linear`, which stores the transpose of its matrix.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from . import _check, positions
from .attention import attention


class SelfAttention(nn.Module):
    r"""One head of attention with learned projections `query`, `key`, `value`, made in this order.

    $$\begin{aligned}
    Q &= X W_q, \; K = X W_k, \; V = X W_v \\
    Z &= \operatorname{softmax}\biggl(\frac{Q K^\top}{\sqrt{d_k}}\biggr) V
    \end{aligned}$$

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.

    Args:
        d_in: The width of a token.
        d_out: The width of queries, keys, values and results.
        causal: Whether to hide later tokens.
        dropout: The probability of a weight to become zero, in training only.
        bias: Whether the projections add a bias.

    Examples:
        >>> import torch
        >>> head = SelfAttention(3, 2, causal=True)
        >>> head(torch.ones(6, 3)).shape
        torch.Size([6, 2])
    """

    def __init__(
        self,
        d_in: int,
        d_out: int,
        *,
        causal: bool = False,
        dropout: float = 0.0,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.causal, self.dropout = causal, dropout
        self.query = nn.Linear(d_in, d_out, bias=bias)
        self.key = nn.Linear(d_in, d_out, bias=bias)
        self.value = nn.Linear(d_in, d_out, bias=bias)

    def forward(
        self,
        x: Float[Tensor, "*B T d_in"],
        *,
        mask: Bool[Tensor, "*#B #T #T"] | None = None,
        return_weights: bool = False,
    ) -> Float[Tensor, "*B T d_out"] | tuple[Float[Tensor, "*B T d_out"], Float[Tensor, "*B T T"]]:
        """Let each token attend to all, as [attention][selfattn.attention.attention] does."""
        _check_tokens(x=(x, self.query))
        options = _options(self, mask, return_weights)
        return attention(self.query(x), self.key(x), self.value(x), **options)


class KVCache:
    """Keys and values of all tokens so far, in buffers made once.

    Source: Shazeer, "Fast Transformer Decoding" (2019), section 2.4.1.

    Args:
        batch: The batch size; a tuple for several batch axes, `()` for none.
        num_kv_heads: The number of heads of keys and values.
        capacity: The number of tokens that fit.
        head_dim: The width of a head.
        dtype: The dtype of the buffers, torch's default if None.
        device: Where the buffers are, torch's default if None.

    Attributes:
        length: The number of tokens in the cache. To forget the last ones, make it smaller.

    Examples:
        >>> import torch
        >>> cache = KVCache(1, num_kv_heads=2, capacity=8, head_dim=4)
        >>> new = torch.ones(1, 2, 3, 4)
        >>> keys, values = cache.append(new, new)
        >>> keys.shape, cache.length
        (torch.Size([1, 2, 3, 4]), 3)
    """

    length: int

    def __init__(
        self,
        batch: int | tuple[int, ...],
        num_kv_heads: int,
        capacity: int,
        head_dim: int,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        lead = (batch,) if isinstance(batch, int) else batch
        shape = (*lead, num_kv_heads, capacity, head_dim)
        if min(shape) < 1:
            raise ValueError(f"a cache must have positive sizes, got shape {shape}")
        self._keys = torch.zeros(shape, dtype=dtype, device=device)
        self._values = torch.zeros(shape, dtype=dtype, device=device)
        self.length = 0

    def append(
        self, k: Float[Tensor, "*B G T d_h"], v: Float[Tensor, "*B G T d_h"]
    ) -> tuple[Float[Tensor, "*B G S d_h"], Float[Tensor, "*B G S d_h"]]:
        """Add keys and values, and return views of all so far; a backward pass is an error.

        Raises:
            TypeError: The dtype is not that of the cache.
            ValueError: The shapes do not fit, or there is no room; then the cache is unchanged.
        """
        self._check(k, v)
        start, self.length = self.length, self.length + k.shape[-2]
        return self._stored(self._keys, k, start), self._stored(self._values, v, start)

    def reset(self) -> None:
        """Forget all tokens and keep the buffers."""
        self.length = 0

    def _stored(self, buffer: Tensor, new: Tensor, start: int) -> Tensor:
        buffer[..., start : self.length, :] = new.detach()
        so_far = buffer[..., : self.length, :].detach()
        # A gradient that ended here unnoticed would train the other weights only.
        if new.requires_grad:
            so_far.requires_grad_()
            so_far.register_hook(_refuse_gradient)  # type: ignore[no-untyped-call]
        return so_far

    def _check(self, k: Tensor, v: Tensor) -> None:
        _check.tensors(k=k, v=v, cache=self._keys)
        *lead, capacity, width = self._keys.shape
        if not (*lead, *k.shape[-2:-1], width) == k.shape == v.shape:
            expected = f"({', '.join(map(str, lead))}, T, {width})"
            got = f"k {tuple(k.shape)}, v {tuple(v.shape)}"
            raise ValueError(f"k and v must have the shape {expected} of the cache, got {got}")
        if self.length + k.shape[-2] > capacity:
            held = f"{self.length} of {capacity} tokens"
            raise ValueError(f"the cache holds {held}, so {k.shape[-2]} more do not fit")


class MultiHeadAttention(nn.Module):
    r"""Several heads side by side, each on its own columns of the projections.

    $$\begin{aligned}
    Z &= \bigl[ Z_0 \; Z_1 \; \cdots \; Z_{H-1} \bigr] W_o + b_o \\
    Z_h &= \operatorname{softmax}\biggl(\frac{Q_h K_g^\top}{\sqrt{d_h}}\biggr) V_g \\
    g &= \lfloor h G / H \rfloor
    \end{aligned}$$

    So $H / G$ consecutive heads share keys and values; multi-query attention has $G = 1$. The
    layers `query`, `key`, `value` and `out_proj` are made in this order.

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2; for $G < H$ Ainslie
    et al., "GQA" (2023), section 2.2.

    Args:
        d_in: The width of a token.
        d_out: The width of the result, and of all heads together: $d_h$ is `d_out / num_heads`.
        num_heads: $H$.
        num_kv_heads: $G$, by default $H$.
        causal: Whether to hide later tokens.
        dropout: The probability of a weight to become zero, in training only.
        bias: Whether `query`, `key` and `value` add a bias; `out_proj` always does.
        rope: Whether to turn queries and keys by their positions.
        d_memory: The width of a token of the memory, by default `d_in`.

    Raises:
        ValueError: `num_heads` does not divide `d_out`, or `num_kv_heads` not `num_heads`; or
            `rope` meets heads of odd width.

    Examples:
        >>> import torch
        >>> heads = MultiHeadAttention(3, 8, num_heads=4, num_kv_heads=2)
        >>> z, weights = heads(torch.ones(6, 3), return_weights=True)
        >>> z.shape, weights.shape
        (torch.Size([6, 8]), torch.Size([4, 6, 6]))
    """

    def __init__(
        self,
        d_in: int,
        d_out: int,
        num_heads: int,
        *,
        num_kv_heads: int | None = None,
        causal: bool = True,
        dropout: float = 0.0,
        bias: bool = False,
        rope: bool = False,
        d_memory: int | None = None,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        self.head_dim = _head_dim(d_out, self.num_heads, self.num_kv_heads, rope)
        self.causal, self.dropout, self.rope = causal, dropout, rope
        d_memory, d_kv = d_memory or d_in, self.num_kv_heads * self.head_dim
        self.query = nn.Linear(d_in, d_out, bias=bias)
        self.key = nn.Linear(d_memory, d_kv, bias=bias)
        self.value = nn.Linear(d_memory, d_kv, bias=bias)
        self.out_proj = nn.Linear(d_out, d_out)

    @classmethod
    def from_torch(
        cls, module: nn.MultiheadAttention, *, causal: bool = False
    ) -> "MultiHeadAttention":
        """Copy torch's own module. Batch axes come first here, whatever its `batch_first` says.

        Raises:
            ValueError: It adds keys of its own, or its keys and values differ in width.
        """
        d, weights = module.embed_dim, module.state_dict()
        if "bias_k" in weights or module.add_zero_attn or module.kdim != module.vdim:
            got = f"add_bias_kv={'bias_k' in weights}, add_zero_attn={module.add_zero_attn}"
            got = f"{got}, kdim={module.kdim}, vdim={module.vdim}"
            raise ValueError(f"the module must add no keys and have kdim equal to vdim, got {got}")
        bias = module.in_proj_bias is not None
        copy = cls(d, d, module.num_heads, causal=causal, bias=bias, d_memory=module.kdim)
        copy.to(module.out_proj.weight).load_state_dict(_renamed(weights))
        copy.dropout = module.dropout
        return copy.train(module.training)

    def forward(
        self,
        x: Float[Tensor, "*B T d_in"],
        memory: Float[Tensor, "*B S d_memory"] | None = None,
        *,
        mask: Bool[Tensor, "*M #T #S"] | None = None,
        cache: KVCache | None = None,
        return_weights: bool = False,
    ) -> (
        Float[Tensor, "*B T d_out"] | tuple[Float[Tensor, "*B T d_out"], Float[Tensor, "*B H T S"]]
    ):
        """Let each token of `x` attend to `x`, or to the cache and `x`, or to the memory.

        Args:
            x: Tokens, `(*B, T, d_in)`.
            memory: Tokens to make keys and values from in place of `x`, `(*B, S, d_memory)`.
            mask: True where a query may attend. One for all heads broadcasts to `(*B, T, S)`; one
                for each has an axis more than `x`, and broadcasts to `(*B, H, T, S)`.
            cache: Keys and values of the tokens before `x`, to which those of `x` are appended.
            return_weights: Whether to return the weights of all heads too, `(*B, H, T, S)`.

        Raises:
            TypeError: Tokens are not floating point, or the mask is not boolean.
            ValueError: Shapes do not fit, the cache is full, or a memory meets `causal`, `rope` or
                a cache.
        """
        self._check(x, memory, cache)
        source, past = x if memory is None else memory, 0 if cache is None else cache.length
        if mask is not None:
            mask = self._mask(mask, x, past + source.shape[-2])
        q = self._split(self.query(x))  # (*B, G, H / G, T, d_h)
        k, v = self._split(self.key(source)), self._split(self.value(source))  # (*B, G, 1, S, d_h)
        if self.rope:
            at = torch.arange(past, past + x.shape[-2], device=x.device)
            q, k = positions.rope(q, at), positions.rope(k, at)
        if cache is not None:
            k, v = (kept.unsqueeze(-3) for kept in cache.append(k.squeeze(-3), v.squeeze(-3)))
        k, v = (shared.expand(*q.shape[:-2], *shared.shape[-2:]) for shared in (k, v))
        found: Any = attention(q, k, v, **_options(self, mask, return_weights))
        z, weights = found if return_weights else (found, None)
        z = self.out_proj(z.movedim(-2, -4).flatten(-3))  # (*B, T, d_out)
        return z if weights is None else (z, weights.flatten(-4, -3))

    def _split(self, x: Tensor) -> Tensor:
        heads = x.reshape(*x.shape[:-1], self.num_kv_heads, -1, self.head_dim)
        return heads.movedim(-4, -2)

    def _mask(self, mask: Tensor, x: Tensor, keys: int) -> Tensor:
        """Give a mask the axes of the heads, (*B, G, H / G, T, S)."""
        each = isinstance(mask, Tensor) and mask.ndim > x.ndim
        heads = (self.num_heads,) if each else ()
        _check.boolean_mask(mask, (*x.shape[:-2], *heads, x.shape[-2], keys))
        groups = self.num_kv_heads if each and mask.shape[-3] > 1 else 1
        lead = mask.shape[: -3 if each else -2]
        return mask.reshape(*lead, groups, -1, *mask.shape[-2:])

    def _check(self, x: Tensor, memory: Tensor | None, cache: KVCache | None) -> None:
        _check_tokens(x=(x, self.query), memory=(x if memory is None else memory, self.key))
        if memory is not None and (self.causal or self.rope or cache is not None):
            got = f"causal={self.causal}, rope={self.rope}, {'no' if cache is None else 'a'} cache"
            raise ValueError(f"a memory needs causal=False, rope=False and no cache, got {got}")


def _options(module: Any, mask: Tensor | None, return_weights: bool) -> dict[str, Any]:
    dropout = module.dropout if module.training else 0.0
    options = {"mask": mask, "causal": module.causal, "dropout": dropout}
    return {**options, "return_weights": return_weights}


def _check_tokens(**named: tuple[Tensor, nn.Linear]) -> None:
    tokens = {name: tensor for name, (tensor, _) in named.items()}
    _check.tensors(**tokens)
    _check.sequences(**tokens)
    for name, (tensor, layer) in named.items():
        if tensor.shape[-1] != layer.in_features:
            got = f"shape {tuple(tensor.shape)}"
            raise ValueError(f"{name} must have width {layer.in_features}, got {got}")


def _head_dim(d_out: int, num_heads: int, num_kv_heads: int, rope: bool) -> int:
    got = f"d_out={d_out}, num_heads={num_heads}, num_kv_heads={num_kv_heads}"
    if min(d_out, num_heads, num_kv_heads) < 1 or d_out % num_heads or num_heads % num_kv_heads:
        raise ValueError(f"num_heads must divide d_out, and num_kv_heads num_heads, got {got}")
    if rope and d_out // num_heads % 2:
        raise ValueError(f"with rope, d_out / num_heads must be even, got {got}")
    return d_out // num_heads


def _refuse_gradient(grad: Tensor) -> None:
    raise RuntimeError("no gradient passes through a KVCache: train without one")


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name the weights of torch's own module as the layers here are named."""
    layers = ("query", "key", "value")
    packed = state.get("in_proj_weight")
    split = packed.chunk(3) if packed is not None else [state[f"{x}_proj_weight"] for x in "qkv"]
    weights = {f"{layer}.weight": weight for layer, weight in zip(layers, split, strict=True)}
    if "in_proj_bias" in state:
        split = state["in_proj_bias"].chunk(3)
        weights |= {f"{layer}.bias": bias for layer, bias in zip(layers, split, strict=True)}
    out = state["out_proj.weight"]
    bias = state.get("out_proj.bias", torch.zeros_like(out[0]))
    return {**weights, "out_proj.weight": out, "out_proj.bias": bias}
