r"""Attention over parts of the keys, so that the $T \times S$ matrix of scores never exists.

Notation: $T$ queries, $S$ keys and values, widths $d_k$ of keys and $d_v$ of values; rows are
tokens; $*B$ is any number of batch axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from . import _check

LOG2_E = math.log2(math.e)
# Heads are taken together until a tile has this many numbers, 4 MiB in float32.
TILE = 2**20

Part = tuple[Tensor, Tensor, bool]


@dataclass(frozen=True)
class Partial:
    r"""The attention of some queries to a part $P$ of the keys, to be merged with other parts.

    $$\begin{aligned}
    z_P &= \frac{\sum_{j \in P} e^{\omega_j} v_j}{\sum_{j \in P} e^{\omega_j}} \\
    \ell_P &= \ln \sum_{j \in P} e^{\omega_j}
    \end{aligned}$$

    An empty part has $z = 0$ and $\ell = -\infty$; it changes nothing that it is merged with.

    Attributes:
        output: $z_P$, `(*B, T, d_v)`.
        log_sum_exp: $\ell_P$, `(*B, T)`.
    """

    output: Float[Tensor, "*B T d_v"]
    log_sum_exp: Float[Tensor, "*B T"]

    @classmethod
    def of(
        cls,
        q: Float[Tensor, "*B T d_k"],
        k: Float[Tensor, "*B P d_k"],
        v: Float[Tensor, "*B P d_v"],
        *,
        scale: float | int | None = None,
    ) -> Partial:
        r"""Attend to some keys, of which there may be none; `scale` is by default $1/\sqrt{d_k}$.

        Examples:
            >>> import torch
            >>> v = torch.tensor([[8.0]] * 4)
            >>> Partial.of(torch.zeros(1, 2), torch.ones(4, 2), v)
            Partial(output=tensor([[8.]]), log_sum_exp=tensor([1.3863]))
        """
        _check.tensors(q=q, k=k, v=v)
        _check.same("batch axes", lambda tensor: tensor.shape[:-2], q=q, k=k, v=v)
        _check.same("width", lambda tensor: tensor.shape[-1], q=q, k=k)
        _check.same("length", lambda tensor: tensor.shape[-2], k=k, v=v)
        scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
        return cls(scores.softmax(-1) @ v, scores.logsumexp(-1))


def merge(a: Partial, b: Partial) -> Partial:
    r"""Join the attention to two disjoint parts of the keys into that to their union.

    $$\begin{aligned}
    \ell &= \ln\bigl(e^{\ell_a} + e^{\ell_b}\bigr) \\
    z &= e^{\ell_a - \ell} z_a + e^{\ell_b - \ell} z_b
    \end{aligned}$$

    It is commutative and associative, so parts may be computed in any order and anywhere.

    Source: Milakov, Gimelshein, "Online normalizer calculation for softmax" (2018), section 3.1,
    for the normalizer; Rabe, Staats, "Self-attention Does Not Need $O(n^2)$ Memory" (2021), section
    2, for the output.

    Raises:
        ValueError: The parts are not of the same queries, or of values of different widths.

    Examples:
        >>> import torch
        >>> a = Partial(torch.tensor([[8.0]]), torch.tensor([0.0]))
        >>> b = Partial(torch.tensor([[4.0]]), torch.tensor([3.0]).log())
        >>> merge(a, b)
        Partial(output=tensor([[5.]]), log_sum_exp=tensor([1.3863]))
    """
    _check.same("shape", lambda output: output.shape, a=a.output, b=b.output)
    log_sum_exp = torch.logaddexp(a.log_sum_exp, b.log_sum_exp)
    # Infinity less infinity is NaN, where both parts are empty.
    shift = log_sum_exp.where(log_sum_exp > -torch.inf, 0)
    share_a, share_b = ((part.log_sum_exp - shift).exp().unsqueeze(-1) for part in (a, b))
    return Partial(share_a * a.output + share_b * b.output, log_sum_exp)


def streaming_attention(
    q: Float[Tensor, "*B T d_k"],
    k: Float[Tensor, "*B S d_k"],
    v: Float[Tensor, "*B S d_v"],
    *,
    causal: bool = False,
    scale: float | int | None = None,
    block_q: int | None = None,
    block_k: int | None = None,
) -> Float[Tensor, "*B T d_v"]:
    r"""Compute [attention][selfattn.attention.attention] tile by tile, in memory linear in $T + S$.

    The exponentials of a block of queries for a block of keys are made, added to the sums that the
    queries have so far, and overwritten. The backward pass makes the tiles again from the
    log-sum-exp of each query; to differentiate it in turn raises a RuntimeError.

    Source: Dao et al., "FlashAttention" (2022), algorithms 1 and 4; Dao, "FlashAttention-2" (2023),
    section 3.1, for the outer loop over queries, one division at its end and one log-sum-exp.

    Args:
        q: $Q$, `(*B, T, d_k)`.
        k: $K$, `(*B, S, d_k)`.
        v: $V$, `(*B, S, d_v)`.
        causal: Whether to hide later keys. The last query sits at the last key; a query before the
            first key gets zeros.
        scale: The factor of the scores, by default $1 / \sqrt{d_k}$.
        block_q: Queries in a tile, by default 1024, or 256 with `causal`, where a tile has at most
            as many queries as keys.
        block_k: Keys in a tile, by default 512, or 256 with `causal` and at most 2048 keys.

    Returns:
        The context vectors $Z$, `(*B, T, d_v)`. In bfloat16, products are rounded, and sums over
        tiles are not; float16 is rounded once, at the end.

    Raises:
        TypeError: A tensor is not floating point, or the dtypes differ.
        ValueError: A sequence is empty, shapes do not fit, the scale is not positive, a block is
            not positive, or a value that is not finite makes the result NaN.

    Examples:
        >>> import torch
        >>> q = k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> v = torch.tensor([[8.0], [4.0], [0.0]])
        >>> streaming_attention(q, k, v, causal=True, block_k=2)
        tensor([[8.0000],
                [5.3210],
                [2.9791]])
    """
    _check.attention(q, k, v, scale=scale)
    block_q, block_k = _sizes(k.shape[-2], causal, block_q, block_k)
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    flat = (x.reshape(-1, *x.shape[-2:]) for x in (q, k, v))
    options = factor, causal, block_q, block_k
    z = _Tiled.apply(*flat, *options)  # type: ignore[no-untyped-call]
    return _check.no_nan(z.view(*q.shape[:-1], v.shape[-1]), q=q, k=k, v=v)


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float | int, *blocks: Any
    ) -> Tensor:
        output = q.new_zeros(*q.shape[:-1], v.shape[-1])
        log_sum_exp = q.new_full((*q.shape[:-1], 1), -torch.inf, dtype=_wide(q))
        # Float16 has not the range of float32: its products could overflow.
        products = q.new_empty(0, dtype=q.dtype if q.dtype == torch.bfloat16 else _wide(q))
        room = products, products.to(_wide(q))
        for heads, rows, columns in _blocks(q, k, *blocks):
            parts = [(k[heads, keys], v[heads, keys], diagonal) for keys, diagonal in columns]
            found = _stream(q[heads, rows], parts, scale, *room)
            output[heads, rows], log_sum_exp[heads, rows] = found
        ctx.save_for_backward(q, k, v, output, log_sum_exp)
        ctx.scale, ctx.blocks = scale, blocks
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # Asked for a graph, the gradients would silently count as constants.
        if torch.is_grad_enabled():
            raise RuntimeError("streaming_attention has no second derivative; use attention")
        q, k, v, output, log_sum_exp = ctx.saved_tensors
        wide = log_sum_exp.dtype
        dq, dk, dv = (torch.zeros_like(x, dtype=wide) for x in (q, k, v))
        scratch = q.new_empty(0, dtype=wide)
        for heads, rows, columns in _blocks(q, k, *ctx.blocks):
            q_, grad_ = q[heads, rows].to(wide), grad[heads, rows].to(wide)
            # Equal to the sum, over all keys, of the weight times its gradient.
            mean = (grad_ * output[heads, rows]).sum(-1, keepdim=True)
            for keys, diagonal in columns:
                k_, v_ = k[heads, keys].to(wide), v[heads, keys].to(wide)
                scores = _scores(q_, k_, ctx.scale, diagonal, out=scratch)
                weights = scores.sub_(log_sum_exp[heads, rows]).exp2_()
                dv[heads, keys] += weights.mT @ grad_
                d_scores = weights.mul_((grad_ @ v_.mT).sub_(mean)).mul_(ctx.scale)
                dk[heads, keys] += d_scores.mT @ q_
                dq[heads, rows] += d_scores @ k_
        return dq, dk, dv, None, None, None, None  # rounded to the dtype of q, k and v by torch


def _stream(
    q: Tensor, parts: list[Part], scale: float | int, products: Tensor, scores: Tensor
) -> tuple[Tensor, Tensor]:
    """Let some queries attend to the keys part by part; give output and log-sum-exp, in base 2."""
    top = scores.new_full((*q.shape[:-1], 1), -torch.inf)
    total, z = torch.zeros_like(top), scores.new_zeros(*q.shape[:-1], parts[0][1].shape[-1])
    for k, v, diagonal in parts:
        _scores(q.to(products.dtype), k.to(products.dtype), scale, diagonal, out=products)
        # In float32 both are one tensor, and nothing is copied here or below.
        scores.resize_(products.shape).copy_(products)
        above = torch.maximum(top, scores.amax(-1, keepdim=True))
        shrink = (top - above).exp2_()
        weights = scores.sub_(above).exp2_()
        total.mul_(shrink).add_(weights.sum(-1, keepdim=True))
        z.mul_(shrink).add_(products.copy_(weights) @ v.to(products.dtype))
        top = above
    return z.div_(total), top + total.log2()


def _scores(q: Tensor, k: Tensor, scale: float | int, diagonal: bool, *, out: Tensor) -> Tensor:
    r"""Write scores in units of $\ln 2$: powers of two are computed faster than those of $e$."""
    # Memory is used again, since the page faults of new memory cost more than the arithmetic.
    out.resize_(*q.shape[:-1], k.shape[-2])
    torch.baddbmm(out, q, k.mT, beta=0, alpha=LOG2_E * scale, out=out)
    if diagonal:
        size = q.shape[-2]
        out[..., -size:] += out.new_full((size, size), -torch.inf).triu(1)
    return out


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def tile_walk(
    T: int, S: int, *, causal: bool = False, block_q: int | None = None, block_k: int | None = None
) -> Iterator[tuple[slice, slice]]:
    r"""Give the tiles of [`streaming_attention`][selfattn.streaming.streaming_attention] in order.

    Args:
        T: The number of queries.
        S: The number of keys.
        causal: Whether later keys are hidden. Tiles in which all would be hidden are left out.
        block_q: Queries in a tile, by default 1024, or 256 with `causal`.
        block_k: Keys in a tile, by default 512, or 256 with `causal` and at most 2048 keys.

    Yields:
        The queries and the keys of a tile, as slices.

    Raises:
        ValueError: A number is not positive.

    Examples:
        >>> for queries, keys in tile_walk(6, 6, causal=True, block_q=3, block_k=4):
        ...     print(queries.start, queries.stop, keys.start, keys.stop)
        0 3 0 3
        3 6 2 6
        3 6 0 2
    """
    _check.positive(T=T, S=S)
    block_q, block_k = _sizes(S, causal, block_q, block_k)
    return (
        (queries, keys)
        for queries, columns in _tiles(T, S, causal, block_q, block_k)
        for keys, _ in columns
    )


def _sizes(S: int, causal: bool, block_q: int | None, block_k: int | None) -> tuple[int, int]:
    """Fill in defaults. Half of a tile on the diagonal is hidden: smaller ones waste less."""
    if block_q is None:
        block_q = 256 if causal else 1024
    if block_k is None:
        block_k = 256 if causal and S <= 2048 else 512
    _check.positive(block_q=block_q, block_k=block_k)
    return block_q, block_k


def _blocks(
    q: Tensor, k: Tensor, causal: bool, block_q: int, block_k: int
) -> Iterator[tuple[slice, slice, list[tuple[slice, bool]]]]:
    T, S = q.shape[-2], k.shape[-2]
    heads = max(1, TILE // (min(block_q, T) * min(block_k, S)))
    for head in range(0, len(q), heads):
        for rows, columns in _tiles(T, S, causal, block_q, block_k):
            yield slice(head, head + heads), rows, columns


def _tiles(
    T: int, S: int, causal: bool, block_q: int, block_k: int
) -> Iterator[tuple[slice, list[tuple[slice, bool]]]]:
    """Give blocks of queries, each with its blocks of keys, and whether the diagonal cuts these."""
    # Cut from the diagonal backwards, only the first block of keys needs a mask. As it is at least
    # as wide as the block of queries is long, each of these sees a key in it.
    block_q = min(block_q, block_k) if causal else block_q
    for start in range(max(T - S, 0) if causal else 0, T, block_q):
        stop = min(start + block_q, T)
        ends = range(stop + S - T if causal else S, 0, -block_k)
        columns = [(slice(max(end - block_k, 0), end), causal and end == ends[0]) for end in ends]
        yield slice(start, stop), columns
