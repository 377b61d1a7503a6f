r"""The lab: attention in a page, to be changed by hand.

Notation: $T$ words, width $d$ of an input, $d_k$ of a key and $d_v$ of a value, both over all of
the $H$ heads; rows are tokens.
"""

import json
from collections.abc import Sequence
from ctypes import c_float
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, NamedTuple
from unicodedata import category
from urllib.parse import quote

import torch
from jaxtyping import Float
from torch import Tensor

from . import _check
from .attention import causal_mask
from .context import context
from .figures import Figure, heatmap, heatmaps
from .figures.drawing import fixed, table
from .scores import similarity
from .weights import softmax, sum_normalize

Normalization = Literal["softmax", "sum"]
Step = Literal["scores", "weights", "contributions", "context"]

NORMALIZATIONS = ("softmax", "sum")
STEPS = ("scores", "weights", "contributions", "context")
CONTROLS = ("steps", "normalization", "scale", "causal", "temperature", "heads")
ROLES = ("query", "key", "value")
# What a link may hold, in its order, each with what it means to be left out.
LINKED: dict[str, Any] = {
    **{"words": [], "x": [], "w_query": None, "w_key": None, "w_value": None},
    **{"num_heads": 1, "scale": False, "causal": False, "temperature": 1},
    **{"normalization": "softmax", "query": 0, "step": "context"},
}
# What the script in the page can hold, and multiply without an overflow.
MOST = 64
LARGEST = 1e30


@dataclass(frozen=True)
class Link:
    """A link that sets the lab of its page to a state, shown in place as labs are.

    Attributes:
        title: What the state is called.
        address: The part of an address that holds the state, from its `#` on.
    """

    title: str
    address: str

    def __repr__(self) -> str:
        return f"Link({self.title!r})"

    def _repr_html_(self) -> str:
        text = "Show it in the lab"
        # With a target, the browser itself follows the link, and tells the lab of it.
        name = f'class="lab-link" target="_self" aria-label="{text}: {escape(self.title)}"'
        return f'<a {name} href="{escape(self.address)}">{text}</a>'


@dataclass(frozen=True)
class Lab:
    """A lab with a name, shown in place by whatever calls `_repr_html_`.

    Attributes:
        title: What the lab is called, also to a screen reader.
        state: The numbers and the settings that it starts with, ready for JSON.
        fallback: What stands in its place where no script runs.
        full: Whether it is the subject of its page.
    """

    title: str
    state: dict[str, Any]
    fallback: str
    full: bool

    def __repr__(self) -> str:
        return f"Lab({self.title!r})"

    def _repr_html_(self) -> str:
        attributes = f'role="group" aria-label="{escape(self.title)}"'
        # A page keeps room for what the script will show before it has come.
        attributes += f' words="{len(self.state["words"])}"'
        if "controls" in self.state:
            attributes += f' controls="{" ".join(self.state["controls"])}"'
        if self.full:
            attributes += " full"
        # As they are, these could end the template, or be taken for an attribute by what reads it.
        marks = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&'"}
        # No script: the theme would run it where it changes the page without loading another.
        state = f"<template>{json.dumps(self.state).translate(marks)}</template>"
        return f"<attention-lab {attributes}>{state}{self.fallback}</attention-lab>"

    def link(self) -> Link:
        """Give a link that puts this lab's state into the first lab of the page where it stands."""
        given = (
            (name, self.state[name])
            for name, default in LINKED.items()
            if self.state[name] != default
        )
        parts = (f"&{name}={_written(part)}" for name, part in given)
        return Link(self.title, f"#lab=0&v=1{''.join(parts)}")


def lab(
    words: Sequence[str],
    x: Float[Tensor, "T d"],
    *,
    title: str,
    w_query: Float[Tensor, "d d_k"] | None = None,
    w_key: Float[Tensor, "d d_k"] | None = None,
    w_value: Float[Tensor, "d d_v"] | None = None,
    num_heads: int = 1,
    scale: bool = False,
    causal: bool = False,
    temperature: float | int = 1.0,
    normalization: Normalization = "softmax",
    query: int = 0,
    step: Step = "context",
    controls: Sequence[str] | None = None,
    full: bool = False,
) -> Lab:
    r"""Give attention to play with: on a page, an element whose numbers the reader may change.

    $$\begin{aligned}
    Q &= X W_q, \; K = X W_k, \; V = X W_v \\
    \Omega &= Q K^\top \text{ or } \frac{Q K^\top}{\sqrt{d_k / H}} \\
    Z &= \operatorname{softmax}\biggl(\frac{\Omega}{\tau}\biggr) V
    \end{aligned}$$

    With several heads, each works on its share of the columns of $Q$, $K$ and $V$, as in
    `torch.nn.MultiheadAttention`, and $Z$ holds their results side by side. The lab starts with the
    arguments. Where no script runs, it shows the steps of one query in a table, and the weights of
    all queries as heatmaps.

    Args:
        words: A word for each input, `(T,)`.
        x: $X$, `(T, d)`. It is stored as float32, as all numbers here.
        title: The name of the lab.
        w_query: $W_q$, `(d, d_k)`; without it, the queries are the inputs.
        w_key: $W_k$, `(d, d_k)`; without it, the keys are the inputs.
        w_value: $W_v$, `(d, d_v)`; without it, the values are the inputs.
        num_heads: $H$, which divides $d_k$ and $d_v$.
        scale: Whether to divide the scores by the root of the width of a head's keys.
        causal: Whether to hide later words.
        temperature: $\tau$, which divides the scores.
        normalization: How scores become weights, by `"softmax"` or divided by their `"sum"`.
        query: The index of the word that asks, from 0 to $T - 1$.
        step: The last step that is shown, of `scores`, `weights`, `contributions`, `context`.
        controls: What the reader can change beside the words and their numbers, by default all of
            `steps`, `normalization`, `scale`, `causal`, `temperature`, `heads`.
        full: Whether the lab is the subject of its page.

    Returns:
        The lab.

    Raises:
        TypeError: A tensor is not floating point, or a word is not a string.
        ValueError: A tensor is no matrix, or empty, or not finite, or shapes do not fit, or an
            option is none of those above, or the words have no weights.

    Examples:
        >>> import torch
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> three = lab(["red", "blue", "violet"], x, title="Three colors", query=2)
        >>> three
        Lab('Three colors')
        >>> three.state["x"]
        [[1, 0], [0, 1], [1, 1]]
        >>> lab(["red", "blue"], x, title="Three colors")
        Traceback (most recent call last):
            ...
        ValueError: words must be 3 strings, one for each row of x, got 2
    """
    given = {"x": x, "w_query": w_query, "w_key": w_key, "w_value": w_value}
    matrices = _stored({name: matrix for name, matrix in given.items() if matrix is not None})
    _check_words(words, len(x))
    _check.index("query", query, len(x))
    _check_options(temperature, normalization, step, controls)
    settings: dict[str, Any] = {
        "num_heads": num_heads,
        "scale": scale,
        "causal": causal,
        "temperature": temperature,
        "normalization": normalization,
    }
    steps = _attend(*_heads(matrices, num_heads), **settings)
    state = {
        "words": list(words),
        **{name: _numbers(matrices[name]) if name in matrices else None for name in given},
        **settings,
        "query": query,
        "step": step,
        "title": title,
    }
    if controls is not None:
        state["controls"] = list(controls)
    return Lab(title, state, _fallback(state, steps), full)


# What is computed: all heads at once, in double precision, as the script in the page does.


class _Steps(NamedTuple):
    scores: Float[Tensor, "H T T"]
    weights: Float[Tensor, "H T T"]
    values: Float[Tensor, "H T d_h"]


def _heads(matrices: dict[str, Tensor], num_heads: int) -> list[Tensor]:
    """Make queries, keys and values of the inputs, each cut into heads, `(H, T, width / H)`."""
    x = matrices["x"].double()
    roles = {role: _projected(x, role, matrices.get(f"w_{role}")) for role in ROLES}
    _check.same("width", lambda role: role.shape[-1], query=roles["query"], key=roles["key"])
    widths = roles["key"].shape[1], roles["value"].shape[1]
    if num_heads < 1 or any(width % num_heads for width in widths):
        sizes = f"the widths of keys, {widths[0]}, and values, {widths[1]}"
        raise ValueError(f"num_heads must divide {sizes}, got {num_heads}")
    return [torch.stack(role.chunk(num_heads, -1)) for role in roles.values()]


def _projected(x: Tensor, role: str, w: Tensor | None) -> Tensor:
    if w is not None and len(w) != x.shape[1]:
        got = f"x {tuple(x.shape)}, w_{role} {tuple(w.shape)}"
        raise ValueError(f"w_{role} must have a row for each column of x, got {got}")
    return x if w is None else x @ w.double()


def _attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    num_heads: int,
    scale: bool,
    causal: bool,
    temperature: float | int,
    normalization: Normalization,
) -> _Steps:
    scores = similarity(q, k) * (k.shape[-1] ** -0.5 if scale else 1.0)
    seen = causal_mask(len(scores[0])) | (not causal)
    if normalization == "sum":
        # A hidden score adds nothing to the sum; the temperature would divide out.
        weights = sum_normalize(scores.where(seen, 0))
    else:
        weights = softmax(scores.where(seen, -torch.inf) / temperature)
    return _Steps(scores.where(seen, -torch.inf), weights, v)


# What is written: the state, and what stands in the lab's place without a script.


def _stored(matrices: dict[str, Tensor]) -> dict[str, Tensor]:
    """Check matrices, and take them off their device, in float32."""
    _check.tensors(**matrices)
    for name, matrix in matrices.items():
        if matrix.ndim != 2 or not 0 < min(matrix.shape) <= max(matrix.shape) <= MOST:
            got = f"shape {tuple(matrix.shape)}"
            raise ValueError(f"{name} must have 1 to {MOST} rows and columns, got {got}")
    stored = {name: matrix.cpu().float() for name, matrix in matrices.items()}
    for name, matrix in stored.items():
        index = _check.first(~(matrix.abs() <= LARGEST))
        if index is not None:
            got = f"{_check.at(name, index)} = {matrix[index]:.4g}"
            raise ValueError(f"{name} must hold numbers of at most {LARGEST} in size, got {got}")
    return stored


def _numbers(matrix: Tensor) -> list[list[float | int]]:
    """Give each number by the shortest decimal that is rounded to the same float32."""
    return [[_shortest(number) for number in row] for row in matrix.tolist()]


def _shortest(number: float) -> float | int:
    decimals = (float(f"{number:z.{digits}g}") for digits in range(1, 10))
    decimal = next(decimal for decimal in decimals if c_float(decimal).value == number)
    return int(decimal) if decimal.is_integer() and abs(decimal) < 1e6 else decimal


def _written(part: Any) -> str:
    """Write a part of the state as the script does in its own links."""
    if isinstance(part, list):
        return ",".join(map(_written, part))
    if isinstance(part, str):
        return quote(part, safe="").replace("_", "%5F").replace("~", "%7E")
    return f"{part:.9g}"


def _fallback(state: dict[str, Any], steps: _Steps) -> str:
    rank = STEPS.index(state["step"])
    shown = _table(state["words"], state["query"], steps, rank)
    return (
        "<p>On the site, with JavaScript, these numbers can be changed.</p>"
        f'<div class="lab-steps" role="group" tabindex="0" aria-label="Steps">{shown}</div>'
        f'<div class="lab-maps">{_map(state["words"], steps, rank).svg}</div>'
    )


def _table(words: Sequence[str], query: int, steps: _Steps, rank: int) -> str:
    """Write the steps of one query, a row for each key, and below them the sums."""
    columns = []
    for h, (scores, weights) in enumerate(zip(steps.scores, steps.weights, strict=True)):
        head = f" {h}" if len(steps.scores) > 1 else ""
        columns.append((f"score{head}", [_fixed(s) for s in scores[query].tolist()], ""))
        if rank > 0:
            shares = weights[query].tolist()
            columns.append((f"weight{head}", [_fixed(a) for a in shares], _fixed(sum(shares))))
    if rank > 1:
        # Heads side by side make a row as wide as a value.
        rows = (steps.weights[:, query, :, None] * steps.values).movedim(0, 1).flatten(1)
        total = _vector(context(steps.weights, steps.values)[:, query].flatten())
        columns.append(("contribution", [_vector(row) for row in rows], total if rank > 2 else ""))
    heads, cells, sums = zip(*columns, strict=True)
    body = zip(words, zip(*cells, strict=True), strict=True)
    foot = [("", [("sum", sums)])] if rank > 0 else []
    return table(f"Query: {words[query]}", "key", heads, [("", body), *foot])


def _map(words: Sequence[str], steps: _Steps, rank: int) -> Figure:
    """Draw the scores or the weights of all queries, those of all heads on one scale."""
    title, maps = ("Weights", steps.weights) if rank > 0 else ("Scores", steps.scores)
    digits = 2 if len(words) < 9 else None
    if len(maps) == 1:
        return heatmap(maps[0], rows=words, columns=words, title=title, digits=digits)
    names = [f"head {h}" for h in range(len(maps))]
    return heatmaps(maps, names=names, rows=words, columns=words, title=title, digits=digits)


def _vector(row: Tensor) -> str:
    return f"[{', '.join(map(_fixed, row.tolist()))}]"


def _fixed(number: float) -> str:
    return fixed(number, 4)


# What is refused.


def _check_words(words: Sequence[str], count: int) -> None:
    if isinstance(words, str) or len(words) != count:
        got = repr(words) if isinstance(words, str) else len(words)
        raise ValueError(f"words must be {count} strings, one for each row of x, got {got}")
    for i, word in enumerate(words):
        if not isinstance(word, str):
            raise TypeError(f"words[{i}] must be a string, got {word!r}")
        # Control characters and surrogates have no place in a page.
        if any(category(letter) in ("Cc", "Cs") for letter in word):
            raise ValueError(f"words[{i}] must be printable, got {word!r}")


def _check_options(
    temperature: float | int, normalization: str, step: str, controls: Sequence[str] | None
) -> None:
    if not 1 / LARGEST <= temperature <= LARGEST:
        bounds = f"from {1 / LARGEST:g} to {LARGEST}"
        raise ValueError(f"temperature must be {bounds}, got {temperature}")
    _one_of("normalization", normalization, NORMALIZATIONS)
    _one_of("step", step, STEPS)
    for control in controls or ():
        _one_of("controls", control, CONTROLS)


def _one_of(name: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        raise ValueError(f"{name} must be of {', '.join(known)}, got {given!r}")
