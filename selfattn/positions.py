r"""Positions: what tells attention the order of the tokens, which it cannot see by itself.

Notation: $T$ queries, $S$ keys, even width $d$, $H$ heads; $*B$ is any number of batch axes.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from . import _check


def sinusoidal(T: int, d: int) -> Float[Tensor, "T d"]:
    r"""Write each position as sines and cosines of geometrically spaced frequencies.

    $$\begin{aligned}
    p_{i,2c} &= \sin(i \, \theta_c) \\
    p_{i,2c+1} &= \cos(i \, \theta_c) \\
    \theta_c &= 10000^{-2c/d}
    \end{aligned}$$

    A row $n$ places on is the same row with each of its pairs turned by the angle $n \theta_c$: the
    shift is a rotation, and the same one from every position.

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.5.

    Returns:
        A row for each position from 0 to $T - 1$, in torch's default dtype, to be added to tokens.

    Raises:
        ValueError: $T$ is not positive, or the width is not a positive even number.

    Examples:
        >>> sinusoidal(3, 4)
        tensor([[ 0.0000,  1.0000,  0.0000,  1.0000],
                [ 0.8415,  0.5403,  0.0100,  0.9999],
                [ 0.9093, -0.4161,  0.0200,  0.9998]])
    """
    _check.positive(T=T)
    angles = _angles(torch.arange(T), d)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(-2).to(torch.get_default_dtype())


def rope(x: Float[Tensor, "*B T d"], positions: Int[Tensor, "*#B #T"]) -> Float[Tensor, "*B T d"]:
    r"""Turn each pair of neighboring coordinates by an angle proportional to the position.

    $$\begin{pmatrix} y_{i,2c} \\ y_{i,2c+1} \end{pmatrix} =
    \begin{pmatrix} \cos n_i \theta_c & -\sin n_i \theta_c \\
    \sin n_i \theta_c & \cos n_i \theta_c \end{pmatrix}
    \begin{pmatrix} x_{i,2c} \\ x_{i,2c+1} \end{pmatrix}$$

    Here $n_i$ is the position of row $i$, and $\theta_c = 10000^{-2c/d}$. Norms are kept, and the
    dot product of a turned query and a turned key depends on their positions only through the
    difference of these. The pairs are $(0, 1), (2, 3), \dots$ as in the paper; code that pairs
    $(c, c + d/2)$ computes the same for permuted coordinates, but its trained weights do not fit
    without that permutation.

    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021),
    section 3.2, equations 13 to 15.

    Args:
        x: Queries or keys, `(*B, T, d)` with even width.
        positions: Integers $n_i$, `(T,)` or any shape that broadcasts to `(*B, T)`.

    Returns:
        The turned rows, `(*B, T, d)`, in the dtype of `x`; half precision is rounded once.

    Raises:
        TypeError: `x` is not floating point, or the positions are not integers.
        ValueError: `x` is empty or of odd width, or the positions do not broadcast.

    Examples:
        >>> import torch
        >>> rope(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
        tensor([[1.0000, 0.0000],
                [0.5403, 0.8415]])
    """
    _check.tensors(x=x)
    _check.sequences(x=x)
    _check_positions(positions, x.shape[:-1])
    angles = _angles(positions, x.shape[-1])
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    cos, sin = angles.cos().to(wide.dtype), angles.sin().to(wide.dtype)
    even, odd = wide[..., ::2], wide[..., 1::2]
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1)
    return turned.flatten(-2).to(x.dtype)


def alibi_bias(num_heads: int, T: int, S: int) -> Float[Tensor, "num_heads T S"]:
    r"""Penalize a score in proportion to the distance of the key from the query.

    $$b_{hij} = -m_h \, |i + S - T - j|$$

    with the slope $m_h = 2^{-8 (h + 1) / H}$ of head $h$.

    The last query sits at the last key, as in causal attention. Where $H$ is not a power of two,
    the slopes are those of the next smaller power, followed by every other one of the next larger.
    The paper's attention is causal. A key after its query gets the penalty of its distance too, so
    the bias replaces no mask.

    Source: Press, Smith, Lewis, "Train Short, Test Long: Attention with Linear Biases Enables Input
    Length Extrapolation" (2021), section 3; the slopes for other $H$ are in its published code.

    Returns:
        The bias $b$, `(H, T, S)`, in torch's default dtype, to be added to the scaled scores.

    Raises:
        ValueError: A number is not positive.

    Examples:
        >>> alibi_bias(2, 2, 3)[0]
        tensor([[-0.0625,  0.0000, -0.0625],
                [-0.1250, -0.0625,  0.0000]])
    """
    _check.positive(num_heads=num_heads, T=T, S=S)
    distance = (torch.arange(T)[:, None] + (S - T) - torch.arange(S)).abs()
    return torch.tensor(_slopes(num_heads))[:, None, None] * -distance


def _angles(positions: Tensor, d: int) -> Tensor:
    if d < 1 or d % 2:
        raise ValueError(f"the width must be a positive even number, got {d}")
    # In float64: at position 100,000 a float32 angle is wrong in its third decimal.
    exponents = torch.arange(0, d, 2, dtype=torch.float64, device=positions.device) / d
    return positions[..., None] * 10000.0**-exponents


def _slopes(num_heads: int) -> list[float]:
    power = 2 ** int(math.log2(num_heads))
    slopes = [2.0 ** (-8 * (h + 1) / power) for h in range(power)]
    return slopes if power == num_heads else slopes + _slopes(2 * power)[::2][: num_heads - power]


def _check_positions(positions: Tensor, shape: torch.Size) -> None:
    if not isinstance(positions, Tensor):
        raise TypeError(f"positions must be a torch.Tensor, got {type(positions).__name__}")
    if positions.is_floating_point() or positions.dtype == torch.bool:
        raise TypeError(f"positions must be integers, got {positions.dtype}")
    try:
        positions.expand(shape)
    except RuntimeError as error:
        got = f"positions {tuple(positions.shape)} for {tuple(shape)}"
        message = f"positions must broadcast to the axes of x before its width, got {got}"
        raise ValueError(message) from error
