"""Rotations: pairs of coordinates as vectors on a circle."""

import math
from collections.abc import Iterable, Sequence
from itertools import combinations

from jaxtyping import Real
from torch import Tensor

from . import given
from .drawing import (
    ACCENT,
    FONT,
    GRID,
    SERIES,
    WIDTH,
    Figure,
    Point,
    fixed,
    frame,
    label,
    significant,
    table,
    width_of,
    written,
)

RADIUS, SIDE, HEIGHT = 60.0, WIDTH / 2, 200.0


def rotations(
    vectors: Real[Tensor, "T d"],
    *,
    rows: Sequence[str],
    title: str,
    description: str | None = None,
    digits: int = 2,
) -> Figure:
    r"""Draw each pair of neighboring coordinates as vectors in a plane of its own.

    Made for one vector that [`rope`][selfattn.positions.rope] has turned to several positions: in
    each pair its length stays, and its angle grows with the position. The first row is marked. The
    angle from row to row is measured, and stands over the plane if it is always the same, between
    $-\pi$ and $\pi$. Each plane has a scale of its own, in which the longest vector fills it.

    Args:
        vectors: One vector a row, of even width, `(T, d)`.
        rows: A word for each row, such as its position.
        title: The name of the figure.
        description: What a reader who cannot see the figure should know; by default how far the
            pairs turn from row to row.
        digits: Decimals of the numbers in the table.

    Returns:
        The figure.

    Raises:
        ValueError: The vectors are no matrix, or empty, or of odd width, or a number is not finite,
            or a row lacks its word.

    Examples:
        >>> import torch
        >>> from selfattn import rope
        >>> turned = rope(torch.ones(5, 4), torch.arange(5))
        >>> rotations(turned, rows=list("01234"), title="One vector, turned")
        Figure('One vector, turned')
    """
    matrix = given.plain("vectors", vectors, ndim=2)
    given.words("rows", rows, len(matrix))
    if matrix.shape[1] % 2:
        raise ValueError(f"vectors must have an even width, got shape {tuple(vectors.shape)}")
    pairs = matrix.reshape(len(matrix), -1, 2).unbind(1)
    names = [f"pair {number}{_turn(pair)}" for number, pair in enumerate(pairs)]
    parts = [
        part
        for number, (pair, name) in enumerate(zip(pairs, names, strict=True))
        for part in _plane(pair, rows, name, (number % 2 * SIDE, number // 2 * HEIGHT))
    ]
    if description is None:
        description = f"Vectors {', '.join(rows)}. {'; '.join(names)}."
    svg = frame(title, description, math.ceil(len(pairs) / 2) * HEIGHT, parts)
    columns = [f"coordinate {number}" for number in range(matrix.shape[1])]
    texts = [[fixed(number, digits) for number in row] for row in matrix.tolist()]
    return Figure(
        title, svg, table(title, "vector", columns, [("", zip(rows, texts, strict=True))])
    )


def _turn(pair: Tensor) -> str:
    """Say by what angle each step turns a pair, if it is the same angle."""
    if len(pair) < 2 or not pair.any(1).all():
        return ""
    steps = _wrapped(pair[:, 1].atan2(pair[:, 0]).diff())
    # Angles of float32 vectors are wrong by about 1e-7.
    if _wrapped(steps - steps[0]).abs().max() > 2e-6:
        return ""
    return f", {significant(steps[0].item(), 3)} rad a step"


def _wrapped(angles: Tensor) -> Tensor:
    return math.pi - (math.pi - angles) % math.tau


def _plane(pair: Tensor, rows: Sequence[str], name: str, corner: Point) -> Iterable[str]:
    center = (corner[0] + SIDE / 2, corner[1] + 106)
    scale = RADIUS / (pair.norm(dim=1).max().item() or 1.0)
    tips = [(center[0] + scale * x, center[1] - scale * y) for x, y in pair.tolist()]
    yield label(center[0], corner[1] + 18, name, text_anchor="middle")
    yield f"<circle{written(cx=center[0], cy=center[1], r=RADIUS, fill='none', stroke=GRID)}/>"
    # The first row lies on top of those that are drawn at the same place.
    for i, (x, y) in reversed([*enumerate(tips)]):
        color = SERIES[0] if i else ACCENT
        line = f"M{center[0]:.1f} {center[1]:.1f}L{x:.1f} {y:.1f}"
        yield f"<path{written(d=line, stroke=color, stroke_width='1.5')}/>"
        yield f"<circle{written(cx=x, cy=y, r=3, fill=color)}/>"
    for (x, y), word in _words(center, tips, rows):
        yield label(x, y + 4, word, text_anchor="middle")


def _words(
    center: Point, tips: Sequence[Point], rows: Sequence[str]
) -> Sequence[tuple[Point, str]]:
    """Place as many of the words as have room, or one for all rows."""
    for step in (1, 2, 5, 10):
        pairs = [*zip(tips, rows, strict=True)][::step]
        shown = [(_beyond(center, tip, word), word) for tip, word in pairs]
        if len(shown) > 1 and not any(_overlap(*pair) for pair in combinations(shown, 2)):
            return shown
    word = rows[0] if len(rows) == 1 else f"{rows[0]}–{rows[-1]}"
    return [(_beyond(center, tips[0], word), word)]


def _beyond(center: Point, tip: Point, word: str) -> Point:
    """Give a place for the middle of a word: past the tip, seen from the center."""
    x, y = tip[0] - center[0], tip[1] - center[1]
    length = math.hypot(x, y) or 1.0
    gap = 8 + (abs(x) * width_of(word) + abs(y) * FONT) / (2 * length)
    return tip[0] + gap * x / length, tip[1] + gap * y / length


def _overlap(a: tuple[Point, str], b: tuple[Point, str]) -> bool:
    across = 2 + (width_of(a[1]) + width_of(b[1])) / 2
    return abs(a[0][0] - b[0][0]) < across and abs(a[0][1] - b[0][1]) < FONT
