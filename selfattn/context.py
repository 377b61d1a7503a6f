"""Context vectors: weighted sums of the values, and the record of how one of them arises.

Notation: $T$ queries, $S$ keys and values, width $d$ of queries and keys, $d_v$ of values; rows are
tokens; $*B$ is any number of batch axes.
"""

from dataclasses import dataclass
from typing import TypeVar

from jaxtyping import Float
from torch import Tensor

from . import _check
from .scores import similarity
from .weights import softmax

Item = TypeVar("Item")


def context(
    weights: Float[Tensor, "*B T S"], values: Float[Tensor, "*B S d_v"]
) -> Float[Tensor, "*B T d_v"]:
    r"""Sum the values, each times its weight.

    $$z_i = \sum_{j=0}^{S-1} \alpha_{ij} \, v_j$$

    All of them together are $Z = A V$. Where the weights of a query are positive and sum to one,
    its context vector is a weighted mean: it lies in the convex hull of the values.

    Source: Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and
    Translate" (2015), section 3.1, equation 5.

    Args:
        weights: $A$, one row for each query, `(*B, T, S)`.
        values: $V$, one value a row, `(*B, S, d_v)`, with the batch axes of the weights.

    Returns:
        The context vectors $Z$, one for each query, `(*B, T, d_v)`.

    Raises:
        TypeError: An argument is not floating point, or the dtypes differ.
        ValueError: An argument is empty, or there is not one weight for each value, or the batch
            axes differ, or a number that is not finite makes the result NaN.

    Examples:
        >>> import torch
        >>> weights = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])
        >>> values = torch.tensor([[1.0, 0.0], [3.0, 4.0], [-1.0, 8.0]])
        >>> context(weights, values)
        tensor([[2., 2.],
                [0., 7.]])
        >>> context(weights, values[:2])
        Traceback (most recent call last):
            ...
        ValueError: each value needs one weight, got weights (2, 3) for values (2, 2)
    """
    _check.tensors(weights=weights, values=values)
    _check.sequences(weights=weights, values=values)
    if weights.shape[-1] != values.shape[-2]:
        got = f"weights {tuple(weights.shape)} for values {tuple(values.shape)}"
        raise ValueError(f"each value needs one weight, got {got}")
    return _check.no_nan(weights @ values, weights=weights, values=values)


def simple_self_attention(x: Float[Tensor, "*B T d"]) -> Float[Tensor, "*B T d"]:
    r"""Let every token attend to all tokens, with nothing to learn.

    $$Z = \operatorname{softmax}(X X^\top) \, X$$

    Each token is query, key and value at once, and the softmax is taken over each row of scores.

    Args:
        x: $X$, one token a row, `(*B, T, d)`.

    Returns:
        The context vectors $Z$, one for each token, `(*B, T, d)`.

    Raises:
        TypeError: The tokens are not floating point.
        ValueError: The sequence is empty, or holds a value that is not finite.

    Examples:
        >>> import torch
        >>> simple_self_attention(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        tensor([[0.7311, 0.2689],
                [0.2689, 0.7311]])
    """
    _check.tensors(x=x)
    _check.sequences(x=x)
    _check.finite(x=x)
    return context(softmax(similarity(x, x)), x)


@dataclass(frozen=True, eq=False)
class Trace:
    r"""How one query gets its context vector, step by step.

    It prints as a table: a row for each key, and below it the sums of the weights and of the
    contributions. The second sum is the context vector.

    Attributes:
        position: $i$, the index of the query.
        query: $q_i$, `(d,)`.
        scores: $\omega_{ij}$, `(S,)`.
        weights: $\alpha_{ij}$, `(S,)`.
        contributions: $\alpha_{ij} \, v_j$, one a row, `(S, d_v)`.
        context: $z_i$, `(d_v,)`.
    """

    position: int
    query: Float[Tensor, "d"]
    scores: Float[Tensor, "S"]
    weights: Float[Tensor, "S"]
    contributions: Float[Tensor, "S d_v"]
    context: Float[Tensor, "d_v"]

    def __repr__(self) -> str:
        *contributions, summed = _vectors([*self.contributions, self.context])
        steps = zip(self.scores, self.weights, contributions, strict=True)
        rows = [(str(i), f"{s:z.4f}", f"{w:.4f}", vector) for i, (s, w, vector) in enumerate(steps)]
        head = ("position", "score", "weight", "contribution")
        foot = ("sum", "", f"{self.weights.sum():.4f}", f"{summed} = context")
        (query,) = _vectors([self.query])
        title = f"Trace of query {self.position}: {query}"
        return "\n".join([title, *_table([head, *_shortened(rows, ("...",) * 4, 24), foot])])


def trace(
    queries: Float[Tensor, "T d"],
    keys: Float[Tensor, "S d"],
    values: Float[Tensor, "S d_v"],
    query: int,
) -> Trace:
    r"""Follow one query through scores, weights and contributions to its context vector.

    $$\begin{aligned}
    \omega_{ij} &= q_i \cdot k_j \\
    \alpha_{i} &= \operatorname{softmax}(\omega_{i}) \\
    z_i &= \sum_{j=0}^{S-1} \alpha_{ij} \, v_j
    \end{aligned}$$

    It takes one sequence, without batch axes; of a batch, take one element first.

    Args:
        queries: $Q$, `(T, d)`.
        keys: $K$, `(S, d)`.
        values: $V$, `(S, d_v)`, one for each key.
        query: $i$, the index of the query to follow, from 0 to $T - 1$.

    Returns:
        The record of the query, which prints as a table.

    Raises:
        TypeError: A tensor is not floating point, or the dtypes differ, or the index is not an
            integer.
        ValueError: A tensor has batch axes or is empty, or the widths of queries and keys or the
            lengths of keys and values differ, or a value that is not finite makes a result NaN.
        ValueError: There is no such query.

    Examples:
        >>> import torch
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> trace(x, x, x, query=1)
        Trace of query 1: [0.0000, 1.0000]
        position   score  weight  contribution
               0  0.0000  0.1554  [0.1554, 0.0000]
               1  1.0000  0.4223  [0.0000, 0.4223]
               2  1.0000  0.4223  [0.4223, 0.4223]
             sum          1.0000  [0.5777, 0.8446] = context
        >>> trace(x, x, x, query=3)
        Traceback (most recent call last):
            ...
        ValueError: query must be an index from 0 to 2, got 3
    """
    _check_trace(queries, keys, values, query)
    # All queries are scored, so that an error names a query by its own index.
    scores = similarity(queries, keys)[query]
    weights = softmax(scores)
    (summed,) = context(weights.unsqueeze(0), values)
    return Trace(query, queries[query], scores, weights, weights.unsqueeze(-1) * values, summed)


def _check_trace(queries: Tensor, keys: Tensor, values: Tensor, query: int) -> None:
    named = {"queries": queries, "keys": keys, "values": values}
    _check.tensors(**named)
    for name, tensor in named.items():
        if tensor.ndim > 2:
            raise ValueError(f"{name} must have no batch axes, got shape {tuple(tensor.shape)}")
    _check.sequences(**named)
    _check.same("length", lambda tensor: tensor.shape[-2], keys=keys, values=values)
    _check.index("query", query, len(queries))


def _vectors(vectors: list[Tensor]) -> list[str]:
    """Write vectors so that they align when they stand below each other."""
    # The z turns a minus sign off where all that is left of a number is zeros.
    texts = [[f"{number:z.4f}" for number in vector] for vector in vectors]
    width = max(len(text) for row in texts for text in row)
    rows = [_shortened([text.rjust(width) for text in row], "...", 8) for row in texts]
    return [f"[{', '.join(row)}]" for row in rows]


def _shortened(items: list[Item], gap: Item, limit: int) -> list[Item]:
    """Keep the first and the last few of many items."""
    if len(items) <= limit:
        return items
    return [*items[: limit // 2], gap, *items[-limit // 2 :]]


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    """Align the columns of numbers to the right, and the last one to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
