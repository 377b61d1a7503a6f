r"""The gradient of attention, derived by hand.

Notation: $T$ queries, $S$ keys and values, widths $d_k$ of keys and $d_v$ of values; rows are
tokens; $*B$ is any number of batch axes; $\partial X$ is the gradient of a loss by $X$.
"""

from jaxtyping import Bool, Float
from torch import Tensor

from . import _check
from .attention import attention


def attention_backward(
    q: Float[Tensor, "*B T d_k"],
    k: Float[Tensor, "*B S d_k"],
    v: Float[Tensor, "*B S d_v"],
    grad_output: Float[Tensor, "*B T d_v"],
    *,
    mask: Bool[Tensor, "*#B #T #S"] | None = None,
    causal: bool = False,
    scale: float | int | None = None,
) -> tuple[Float[Tensor, "*B T d_k"], Float[Tensor, "*B S d_k"], Float[Tensor, "*B S d_v"]]:
    r"""Carry the gradient of the output of attention back to queries, keys and values.

    With $\Omega = s \, Q K^\top$, $A = \operatorname{softmax}(\Omega)$ and $Z = A V$,

    $$\begin{aligned}
    \partial V &= A^\top \, \partial Z \\
    \partial A &= \partial Z \, V^\top \\
    \partial \omega_{ij} &= \alpha_{ij} \Bigl(\partial \alpha_{ij}
        - \sum_{m=0}^{S-1} \alpha_{im} \, \partial \alpha_{im}\Bigr) \\
    \partial Q &= s \, \partial\Omega \, K \\
    \partial K &= s \, \partial\Omega^\top Q
    \end{aligned}$$

    The step from $\partial A$ to $\partial \Omega$ is the Jacobian of the softmax times a vector,
    without the Jacobian. A weight of zero stops it, so what a mask hides gets no gradient.

    Source: Dao et al., "FlashAttention" (2022), appendix B.2.

    Args:
        q: $Q$, `(*B, T, d_k)`.
        k: $K$, `(*B, S, d_k)`.
        v: $V$, `(*B, S, d_v)`.
        grad_output: $\partial Z$, `(*B, T, d_v)`.
        mask: As in [attention][selfattn.attention.attention].
        causal: As there.
        scale: $s$, by default $1 / \sqrt{d_k}$.

    Returns:
        $\partial Q$, $\partial K$ and $\partial V$, each in the shape of its tensor.

    Raises:
        TypeError: As in attention, or the gradient is of another dtype.
        ValueError: As in attention, or the gradient does not have the shape of the output.

    Examples:
        >>> import torch
        >>> q, k = torch.tensor([[0.0]]), torch.tensor([[1.0], [-1.0]])
        >>> v = torch.tensor([[8.0], [4.0]])
        >>> dq, dk, dv = attention_backward(q, k, v, torch.ones(1, 1))
        >>> dq, dv
        (tensor([[2.]]), tensor([[0.5000],
                [0.5000]]))
    """
    z, weights = attention(q, k, v, mask=mask, causal=causal, scale=scale, return_weights=True)
    _check.tensors(q=q, grad_output=grad_output)
    if grad_output.shape != z.shape:
        got = f"grad_output {tuple(grad_output.shape)} for an output {tuple(z.shape)}"
        raise ValueError(f"the gradient must have the shape of the output, got {got}")
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    d_weights = grad_output @ v.mT  # (*B, T, S)
    d_scores = weights * (d_weights - (weights * d_weights).sum(-1, keepdim=True)) * scale
    return d_scores @ k, d_scores.mT @ q, weights.mT @ grad_output
