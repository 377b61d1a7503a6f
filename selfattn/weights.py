r"""Attention weights: scores made into shares that sum to one.

Notation: $\omega_i$ is one of the $S$ scores of a query, $\alpha_i$ its weight. All functions work
on the last axis; the axes before it are $*A$.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from . import _check


def sum_normalize(scores: Float[Tensor, "*A S"]) -> Float[Tensor, "*A S"]:
    r"""Divide every score by the sum of its row.

    $$\alpha_i = \frac{\omega_i}{\sum_{j=0}^{S-1} \omega_j}$$

    The weights sum to one, but a negative score gives a negative weight (or, where the sum is
    negative too, turns the order around), and a sum near zero gives huge ones.

    Args:
        scores: `(*A, S)`.

    Returns:
        The weights, `(*A, S)`, in the dtype of the scores.

    Raises:
        TypeError: The scores are not floating point.
        ValueError: The last axis is empty, a score is not finite, or a row sums to zero: to less
            than the rounding of its own scores, $\varepsilon \sum_i |\omega_i|$ with the machine
            epsilon $\varepsilon$ of the dtype.

    Examples:
        >>> import torch
        >>> sum_normalize(torch.tensor([1.0, 2.0, 5.0]))
        tensor([0.1250, 0.2500, 0.6250])
        >>> sum_normalize(torch.tensor([1.0, 2.0, -2.0]))
        tensor([ 1.,  2., -2.])
        >>> sum_normalize(torch.tensor([[1.0, 3.0], [2.0, -2.0]]))
        Traceback (most recent call last):
            ...
        ValueError: scores[1] sums to 0.0, and nothing can be divided by that
    """
    _check.tensors(scores=scores)
    _check.rows("scores", scores)
    _check.finite(scores=scores)
    wide = _wide(scores)
    total = wide.sum(-1, keepdim=True)
    _check_divisor(total, torch.finfo(scores.dtype).eps * wide.abs().sum(-1, keepdim=True))
    return (wide / total).to(scores.dtype)


def softmax_naive(scores: Float[Tensor, "*A S"]) -> Float[Tensor, "*A S"]:
    r"""Compute the softmax as its formula is written.

    $$\alpha_i = \frac{e^{\omega_i}}{\sum_{j=0}^{S-1} e^{\omega_j}}$$

    This form is here to be looked at. The exponential of a large score overflows to infinity, and
    infinity over infinity is NaN; where all exponentials underflow it is zero over zero. Both
    happen with perfectly good scores, and the NaN is returned. The stable form,
    [softmax][selfattn.weights.softmax], has the same value and neither weakness.

    Args:
        scores: `(*A, S)`. A score of $-\infty$ beside finite ones gets the weight 0.

    Returns:
        The weights, `(*A, S)`, in the dtype of the scores.

    Raises:
        TypeError: The scores are not floating point.
        ValueError: The last axis is empty, or a score is NaN or $+\infty$, or all scores of a row
            are $-\infty$.

    Examples:
        >>> import torch
        >>> softmax_naive(torch.tensor([0.0, 1.0, 2.0]))
        tensor([0.0900, 0.2447, 0.6652])
        >>> softmax_naive(torch.tensor([0.0, 1.0, 100.0]))
        tensor([0., 0., nan])
    """
    _check.tensors(scores=scores)
    _check.rows("scores", scores)
    wide = _wide(scores)
    _check_maximum(scores, wide.amax(-1, keepdim=True))
    exponentials = wide.exp()
    return (exponentials / exponentials.sum(-1, keepdim=True)).to(scores.dtype)


def softmax(scores: Float[Tensor, "*A S"]) -> Float[Tensor, "*A S"]:
    r"""Compute the softmax in its stable form.

    $$\begin{aligned}
    m &= \max_j \omega_j \\
    \alpha_i &= \frac{e^{\omega_i - m}}{\sum_{j=0}^{S-1} e^{\omega_j - m}}
    \end{aligned}$$

    The factor $e^{-m}$ cancels, so the value is that of the plain formula. No exponent is positive,
    so nothing overflows; the largest term is $e^0 = 1$, so the sum is never zero. Half-precision
    scores are computed in float32 and rounded once, at the end.

    Source: Blanchard, Higham, Higham, "Accurately computing the log-sum-exp and softmax functions",
    IMA Journal of Numerical Analysis (2021), section 1, the shifted form.

    Args:
        scores: `(*A, S)`. A score of $-\infty$ beside finite ones gets the weight 0.

    Returns:
        The weights, `(*A, S)`: none negative, each row summing to one, in the dtype of the scores.

    Raises:
        TypeError: The scores are not floating point.
        ValueError: The last axis is empty, or a score is NaN or $+\infty$, or all scores of a row
            are $-\infty$.

    Examples:
        >>> import torch
        >>> softmax(torch.tensor([0.0, 1.0, 2.0]))
        tensor([0.0900, 0.2447, 0.6652])
        >>> softmax(torch.tensor([1000.0, 1001.0, 1002.0]))
        tensor([0.0900, 0.2447, 0.6652])
        >>> softmax(torch.tensor([0.0, float("-inf"), 0.0]))
        tensor([0.5000, 0.0000, 0.5000])
        >>> softmax(torch.tensor([0.0, float("nan")]))
        Traceback (most recent call last):
            ...
        ValueError: scores[1] is nan, which makes the result NaN
    """
    _check.tensors(scores=scores)
    _check.rows("scores", scores)
    wide = _wide(scores)
    maximum = wide.amax(-1, keepdim=True)
    _check_maximum(scores, maximum)
    # The value does not depend on the shift, so neither does the gradient.
    exponentials = (wide - maximum.detach()).exp()
    return (exponentials / exponentials.sum(-1, keepdim=True)).to(scores.dtype)


def softmax_jacobian(p: Float[Tensor, "*A S"]) -> Float[Tensor, "*A S S"]:
    r"""Differentiate the softmax, given its weights.

    $$\frac{\partial \alpha_i}{\partial \omega_j} = \alpha_i (\delta_{ij} - \alpha_j)$$

    Here $\delta_{ij}$ is 1 where $i = j$ and 0 elsewhere. All of them together are the matrix
    $J = \operatorname{diag}(\alpha) - \alpha \alpha^\top$. $J$ is symmetric, and its rows sum to
    zero: a score common to all changes no weight.

    Args:
        p: $\alpha$, the softmax of some scores, `(*A, S)`.

    Returns:
        $J$, `(*A, S, S)`, in the dtype of the weights.

    Raises:
        TypeError: The weights are not floating point.
        ValueError: The last axis is empty.

    Examples:
        >>> import torch
        >>> softmax_jacobian(torch.tensor([0.75, 0.25]))
        tensor([[ 0.1875, -0.1875],
                [-0.1875,  0.1875]])
    """
    _check.tensors(p=p)
    _check.rows("p", p)
    return p.diag_embed() - p.unsqueeze(-1) * p.unsqueeze(-2)


def _wide(scores: Tensor) -> Tensor:
    """Give half-precision scores the float32 that sums and exponentials need."""
    return scores.float() if scores.dtype.itemsize < 4 else scores


def _check_divisor(total: Tensor, rounding: Tensor) -> None:
    """Refuse a sum no larger than the rounding of its terms: zero, or infinity beside infinity."""
    index = _check.first(total.abs() <= rounding)
    if index is not None:
        row = _check.at("scores", index[:-1])
        raise ValueError(f"{row} sums to {total[index]}, and nothing can be divided by that")


def _check_maximum(scores: Tensor, maximum: Tensor) -> None:
    """Refuse rows whose maximum is not finite: exactly those have no softmax."""
    index = _check.first(~maximum.isfinite())
    if index is None:
        return
    row = index[:-1]
    if maximum[index] == -torch.inf:
        raise ValueError(f"{_check.at('scores', row)} is -inf throughout, so it has no weights")
    _check.finite(scores=scores.where(scores != -torch.inf, 0))
