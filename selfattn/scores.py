"""Attention scores: how well each query matches each key.

Notation: $T$ queries, $S$ keys, width $d$; rows are tokens; $*B$ is any number of batch axes.
"""

from jaxtyping import Float
from torch import Tensor

from . import _check


def similarity(
    queries: Float[Tensor, "*B T d"], keys: Float[Tensor, "*B S d"]
) -> Float[Tensor, "*B T S"]:
    r"""Score every query against every key by their dot product.

    $$\omega_{ij} = q_i \cdot k_j = \sum_{m=0}^{d-1} q_{im} \, k_{jm}$$

    All of them together are $\Omega = Q K^\top$. Row $i$ of the result holds the scores of query
    $i$. With the same tensor as queries and keys it is the Gram matrix of the tokens, hence
    symmetric.

    Source: Luong, Pham, Manning, "Effective Approaches to Attention-based Neural Machine
    Translation" (2015), section 3.1, the score named *dot*.

    Args:
        queries: $Q$, one query a row, `(*B, T, d)`.
        keys: $K$, one key a row, `(*B, S, d)`, with the batch axes of the queries.

    Returns:
        The scores $\Omega$, `(*B, T, S)`.

    Raises:
        TypeError: An argument is not floating point, or the dtypes differ.
        ValueError: A sequence is empty, or widths or batch axes differ, or a value that is not
            finite makes a score NaN.

    Examples:
        >>> import torch
        >>> queries = torch.tensor([[1.0, 0.0], [1.0, 2.0]])
        >>> keys = torch.tensor([[3.0, 4.0], [0.5, -0.5], [0.0, 1.0]])
        >>> similarity(queries, keys)
        tensor([[ 3.0000,  0.5000,  0.0000],
                [11.0000, -0.5000,  2.0000]])
        >>> similarity(queries, keys[:, :1])
        Traceback (most recent call last):
            ...
        ValueError: queries and keys must have the same width, got queries (2, 2), keys (3, 1)
    """
    _check.tensors(queries=queries, keys=keys)
    _check.sequences(queries=queries, keys=keys)
    _check.same("width", lambda tensor: tensor.shape[-1], queries=queries, keys=keys)
    return _check.no_nan(queries @ keys.mT, queries=queries, keys=keys)
