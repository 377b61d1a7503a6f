r"""Attention over parts of the keys, so that the $T \times S$ matrix of scores never exists.

Notation: $T$ queries, $S$ keys and values, widths $d_k$ of keys and $d_v$ of values; rows are
tokens; $*B$ is any number of batch axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from . import _check


@dataclass(frozen=True)
class Partial:
    r"""The attention of some queries to a part $P$ of the keys, to be merged with other parts.

    $$z_P = \frac{\sum_{j \in P} e^{\omega_j} v_j}{\sum_{j \in P} e^{\omega_j}}, \qquad
    \ell_P = \log \sum_{j \in P} e^{\omega_j}$$

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

    $$\ell = \log\bigl(e^{\ell_a} + e^{\ell_b}\bigr), \qquad
    z = e^{\ell_a - \ell} z_a + e^{\ell_b - \ell} z_b$$

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
    block_q: int = 256,
    block_k: int = 512,
) -> Float[Tensor, "*B T d_v"]:
    r"""Compute [attention][selfattn.attention.attention] tile by tile, in memory linear in $T + S$.

    The weights of a block of queries for a block of keys are made, used and overwritten; each
    tile's result is merged into what the queries have so far. The backward pass makes the tiles
    again from the log-sum-exp of each query; differentiated itself, it is a RuntimeError.

    Source: Dao et al., "FlashAttention" (2022), algorithms 1 and 4; Dao, "FlashAttention-2" (2023),
    section 3.1, for the outer loop over queries and the single log-sum-exp.

    Args:
        q: $Q$, `(*B, T, d_k)`.
        k: $K$, `(*B, S, d_k)`.
        v: $V$, `(*B, S, d_v)`.
        causal: Whether to hide later keys. The last query sits at the last key; a query before the
            first key gets zeros.
        scale: The factor of the scores, by default $1 / \sqrt{d_k}$.
        block_q: Queries in a tile. With `causal`, a tile has at most as many queries as keys.
        block_k: Keys in a tile.

    Returns:
        The context vectors $Z$, `(*B, T, d_v)`. Half precision is rounded once, at the end.

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
    _check.positive(block_q=block_q, block_k=block_k)
    wide = torch.promote_types(q.dtype, torch.float32)
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    options = factor, causal, block_q, block_k
    z = _Tiled.apply(q.to(wide), k.to(wide), v.to(wide), *options)  # type: ignore[no-untyped-call]
    return _check.no_nan(z.to(q.dtype), q=q, k=k, v=v)


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float | int, *blocks: Any
    ) -> Tensor:
        output = q.new_zeros(*q.shape[:-1], v.shape[-1])
        log_sum_exp = q.new_full((*q.shape[:-1], 1), -torch.inf)
        scratch, scratch_z = q.new_empty(0), q.new_empty(0)
        for rows, columns in _tiles(q.shape[-2], k.shape[-2], *blocks):
            q_ = q[..., rows, :] * scale
            z_a, lse_a = output[..., rows, :], log_sum_exp[..., rows, :]
            for keys, diagonal in columns:
                scores = _scores(q_, k[..., keys, :], diagonal, out=scratch)
                top = scores.amax(-1, keepdim=True)
                weights = torch.softmax(scores, -1, out=scores)
                z_b = torch.matmul(weights, v[..., keys, :], out=scratch_z.resize_(0))
                # The largest weight is the exponential of the largest score less the log-sum-exp.
                lse_b = top - weights.amax(-1, keepdim=True).log()
                # This is `merge` in place: the share of the new part is a sigmoid.
                z_a.lerp_(z_b, torch.sigmoid(lse_b - lse_a))
                torch.logaddexp(lse_a, lse_b, out=lse_a)
        ctx.save_for_backward(q, k, v, output, log_sum_exp)
        ctx.scale, ctx.blocks = scale, blocks
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # Asked for a graph, the gradients would silently count as constants.
        if torch.is_grad_enabled():
            raise RuntimeError("streaming_attention has no second derivative; use attention")
        q, k, v, output, log_sum_exp = ctx.saved_tensors
        dq, dk, dv = (torch.zeros_like(tensor) for tensor in (q, k, v))
        # Equal to the sum, over all keys, of the weight times its gradient.
        mean = (grad * output).sum(-1, keepdim=True)
        scratch = q.new_empty(0)
        for rows, columns in _tiles(q.shape[-2], k.shape[-2], *ctx.blocks):
            q_, grad_ = q[..., rows, :] * ctx.scale, grad[..., rows, :]
            for keys, diagonal in columns:
                k_, v_ = k[..., keys, :], v[..., keys, :]
                scores = _scores(q_, k_, diagonal, out=scratch)
                weights = scores.sub_(log_sum_exp[..., rows, :]).exp_()
                dv[..., keys, :] += weights.mT @ grad_
                d_scores = weights.mul_(grad_ @ v_.mT - mean[..., rows, :])
                dk[..., keys, :] += d_scores.mT @ q_
                dq[..., rows, :] += d_scores @ k_
        return dq.mul_(ctx.scale), dk, dv, None, None, None, None


def tile_walk(
    T: int, S: int, *, causal: bool = False, block_q: int = 256, block_k: int = 512
) -> Iterator[tuple[slice, slice]]:
    r"""Give the tiles of [`streaming_attention`][selfattn.streaming.streaming_attention] in order.

    Args:
        T: The number of queries.
        S: The number of keys.
        causal: Whether later keys are hidden. Tiles in which all would be hidden are left out.
        block_q: Queries in a tile.
        block_k: Keys in a tile.

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
    _check.positive(T=T, S=S, block_q=block_q, block_k=block_k)
    return (
        (queries, keys)
        for queries, columns in _tiles(T, S, causal, block_q, block_k)
        for keys, _ in columns
    )


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


def _scores(q: Tensor, k: Tensor, diagonal: bool, *, out: Tensor) -> Tensor:
    # Memory is used again, since the page faults of new memory cost more than the arithmetic.
    scores = torch.matmul(q, k.mT, out=out.resize_(0))
    if diagonal:
        size = q.shape[-2]
        scores[..., -size:] += scores.new_full((size, size), -torch.inf).triu(1)
    return scores
