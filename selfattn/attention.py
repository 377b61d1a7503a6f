r"""Scaled dot-product attention and its masks.

Notation: $T$ queries, $S$ keys and values, widths $d_k$ of keys and $d_v$ of values; rows are
tokens; $*B$ is any number of batch axes, heads included. In a mask, True means: may attend.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from . import _check
from .context import context
from .scores import similarity
from .weights import softmax

Convention = Literal["keep", "drop", "additive"]


def attention(
    q: Float[Tensor, "*B T d_k"],
    k: Float[Tensor, "*B S d_k"],
    v: Float[Tensor, "*B S d_v"],
    *,
    mask: Bool[Tensor, "*#B #T #S"] | None = None,
    causal: bool = False,
    scale: float | int | None = None,
    dropout: float | int = 0.0,
    return_weights: bool = False,
) -> Float[Tensor, "*B T d_v"] | tuple[Float[Tensor, "*B T d_v"], Float[Tensor, "*B T S"]]:
    r"""Mix the values, for each query by the softmax of its scaled scores.

    $$Z = \operatorname{softmax}\biggl(\frac{Q K^\top}{\sqrt{d_k}} + M\biggr) V$$

    $$M_{ij} = \begin{cases} 0 & i \text{ may attend to } j \\ -\infty & \text{otherwise}
    \end{cases}$$

    A query that may attend to nothing gets zeros, and passes zeros back as gradients. The weights
    are made only where they are asked for: otherwise torch's fused kernel gives the same result.

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.1, equation 1.

    Args:
        q: $Q$, `(*B, T, d_k)`.
        k: $K$, `(*B, S, d_k)`. Keys that several heads share are expanded, which copies nothing.
        v: $V$, `(*B, S, d_v)`.
        mask: True where a query may attend, of any shape that broadcasts to `(*B, T, S)`.
        causal: Whether to hide later keys. The last query sits at the last key, whatever $T$ and
            $S$ are. Where a mask is given too, both have to allow.
        scale: The factor of the scores, by default $1 / \sqrt{d_k}$.
        dropout: The probability of a weight to become zero; the others are divided by one minus it.
            It acts in every call: pass 0 for evaluation.
        return_weights: Whether to return the weights too, as used, after dropout: `(*B, T, S)`.

    Returns:
        The context vectors $Z$, `(*B, T, d_v)`; with `return_weights`, these and the weights.

    Raises:
        TypeError: A tensor is not floating point, the dtypes differ, or the mask is not boolean.
        ValueError: A sequence is empty, shapes do not fit, the scale is not positive, the dropout
            is not a probability below one, or a value that is not finite makes the result NaN.

    Examples:
        >>> import torch
        >>> q = k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> v = torch.tensor([[8.0], [4.0], [0.0]])
        >>> attention(q, k, v, causal=True)
        tensor([[8.0000],
                [5.3210],
                [2.9791]])
        >>> attention(q, k, v, mask=torch.tensor([[True], [False], [True]]))
        tensor([[4.0000],
                [0.0000],
                [2.9791]])
    """
    _check.attention(q, k, v, mask=mask, scale=scale, dropout=dropout)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    # The kernel's own triangle starts at the first key, and it is not to be given a mask as well.
    own = causal and mask is None and q.shape[-2] == k.shape[-2] and not return_weights
    limits = _limits(q, k, mask, causal and not own)
    if return_weights:
        weights = F.dropout(_weights(similarity(q, k) * scale, limits), dropout)
        return context(weights, v), weights
    mask, empty = limits or (None, None)
    q_, k_, v_ = (_folded(tensor, q.shape[:-3]) for tensor in (q, k, v))
    allowed = None if mask is None else _folded(mask, q.shape[:-3])
    z = F.scaled_dot_product_attention(q_, k_, v_, allowed, dropout, own, scale=scale)
    z = z.reshape(*q.shape[:-1], v.shape[-1])
    # The kernel takes a row of NaN scores for a masked one, and gives zeros. NaN > 0 is false, too.
    if _check.first(~(z.abs().sum(-1) > 0)) is not None:
        _check.finite(q=q, k=k, v=v)
    return z if empty is None else z.masked_fill(empty, 0)


def causal_mask(T: int, S: int | None = None) -> Bool[Tensor, "T S"]:
    r"""Let query $i$ attend to keys up to its own position, $i + S - T$; $S$ is by default $T$.

    So the last query sees every key. Where $T > S$, the first $T - S$ queries see none.

    Examples:
        >>> causal_mask(2, 4)
        tensor([[ True,  True,  True, False],
                [ True,  True,  True,  True]])
    """
    S = T if S is None else S
    _check.positive(T=T, S=S)
    return torch.ones(T, S, dtype=torch.bool).tril(S - T)


def sliding_window_mask(T: int, S: int, window: int) -> Bool[Tensor, "T S"]:
    r"""Let query $i$ attend to `window` keys up to its own position, $i + S - T$.

    Source: Beltagy, Peters, Cohan, "Longformer" (2020), section 3.1, here causal.

    Examples:
        >>> sliding_window_mask(3, 3, window=2)
        tensor([[ True, False, False],
                [ True,  True, False],
                [False,  True,  True]])
    """
    _check.positive(window=window)
    return causal_mask(T, S).triu(S - T - window + 1)


def padding_mask(lengths: Int[Tensor, "*B"], S: int) -> Bool[Tensor, "*B 1 S"]:
    r"""Let all queries of a sequence attend to its first keys, as many as `lengths` says.

    The other ones of the $S$ keys are padding. Heads need one more axis: `mask.unsqueeze(-3)`.

    Examples:
        >>> import torch
        >>> padding_mask(torch.tensor([1, 3]), 3).squeeze(-2)
        tensor([[ True, False, False],
                [ True,  True,  True]])
    """
    if lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise TypeError(f"lengths must be integers, got {lengths.dtype}")
    index = _check.first((lengths < 0) | (lengths > S))
    if index is not None:
        got = f"{_check.at('lengths', index)} = {lengths[index]}"
        raise ValueError(f"lengths must be from 0 to {S}, got {got}")
    return torch.arange(S, device=lengths.device) < lengths[..., None, None]


def convert_mask(
    mask: Shaped[Tensor, "*M"], *, source: Convention, target: Convention
) -> Shaped[Tensor, "*M"]:
    r"""Translate a mask of any shape between the three conventions in use.

    - `"keep"`: True where a query may attend, here and in torch's `scaled_dot_product_attention`;
    - `"drop"`: True where it may not, in `torch.nn.MultiheadAttention`;
    - `"additive"`: $0$ where it may and $-\infty$ where it may not, to be added to the scores; made
      in torch's default dtype.

    Raises:
        TypeError: The dtype is not that of the source convention.
        ValueError: There is no such convention, or an additive mask holds any other number.

    Examples:
        >>> convert_mask(causal_mask(2), source="keep", target="drop")
        tensor([[False,  True],
                [False, False]])
        >>> convert_mask(causal_mask(2), source="keep", target="additive")
        tensor([[0., -inf],
                [0., 0.]])
    """
    for name, convention in (("source", source), ("target", target)):
        if convention not in ("keep", "drop", "additive"):
            raise ValueError(f"{name} must be keep, drop or additive, got {convention!r}")
    if not (mask.is_floating_point() if source == "additive" else mask.dtype == torch.bool):
        raise TypeError(f"a mask of {mask.dtype} is not of the convention {source!r}")
    keep = _keep(mask) if source == "additive" else mask ^ (source == "drop")
    if target == "additive":
        return torch.zeros(keep.shape, device=keep.device).masked_fill(~keep, -torch.inf)
    return keep ^ (target == "drop")


def _limits(
    q: Tensor, k: Tensor, mask: Tensor | None, causal: bool
) -> tuple[Tensor, Tensor] | None:
    """Join mask and triangle, and fill the empty rows, which have no softmax: they come second."""
    T, S = q.shape[-2], k.shape[-2]
    # A single query is the last one, and sees every key.
    if causal and T > 1:
        triangle = causal_mask(T, S).to(q.device)
        mask = triangle if mask is None else mask & triangle
    if mask is None:
        return None
    empty = ~mask.any(-1, keepdim=True)
    return mask | empty, empty


def _weights(scores: Tensor, limits: tuple[Tensor, Tensor] | None) -> Tensor:
    if limits is None:
        return softmax(scores)
    mask, empty = limits
    return softmax(scores.masked_fill(~mask, -torch.inf)).masked_fill(empty, 0)


def _folded(x: Tensor, lead: torch.Size) -> Tensor:
    """Bring a tensor to four axes, since with more or fewer torch takes its slow path."""
    x = x[(None,) * (len(lead) + 3 - x.ndim)]
    return x.expand(*lead, *x.shape[-3:]).reshape(math.prod(lead), *x.shape[-3:])


def _keep(additive: Tensor) -> Tensor:
    index = _check.first((additive != 0) & (additive != -torch.inf))
    if index is not None:
        got = f"{_check.at('mask', index)} = {additive[index]}"
        raise ValueError(f"an additive mask must hold 0 and -inf only, got {got}")
    return additive == 0
