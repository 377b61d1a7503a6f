"""Vectors in a plane: points, their convex hull, and what is marked among them."""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Real
from torch import Tensor

from . import given
from .drawing import (
    ACCENT,
    MUTED,
    SERIES,
    WIDTH,
    Box,
    Figure,
    Point,
    frame,
    label,
    path,
    significant,
    table,
    width_of,
    written,
)


def hull(
    points: Real[Tensor, "S d"],
    *,
    labels: Sequence[str],
    marked: Mapping[str, Real[Tensor, "d"]],
    title: str,
    description: str | None = None,
) -> Figure:
    r"""Draw vectors in a plane, their convex hull, and marked vectors such as weighted means.

    Vectors of more than two coordinates are projected on the first two principal axes of the
    points, the plane in which the points are spread most. The sign of an axis makes its largest
    coordinate positive. A projection keeps weighted means: what lies in the hull of the points is
    drawn in the hull of their pictures. Both axes have the same scale.

    Args:
        points: One vector a row, `(S, d)`.
        labels: A word for each point.
        marked: Further vectors by their labels, each `(d,)`.
        title: The name of the figure.
        description: What a reader who cannot see the figure should know; by default the points, the
            corners of the hull and the marked vectors by name.

    Returns:
        The figure.

    Raises:
        ValueError: The points are no matrix, or empty, or a number is not finite, or there is not
            one label for each point, or a marked vector has another width.

    Examples:
        >>> import torch
        >>> values = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 2.0]])
        >>> mean = {"mean": values.mean(0)}
        >>> hull(values, labels=["a", "b", "c"], marked=mean, title="A mean")
        Figure('A mean')
    """
    matrix = given.plain("points", points, ndim=2)
    given.words("labels", labels, len(matrix))
    extra = [given.sized(f"marked[{name!r}]", v, matrix.shape[1]) for name, v in marked.items()]
    origin, axes, names = _plane(matrix)
    pictures = (torch.stack([*matrix, *extra]) - origin) @ axes
    dots = _fit(pictures, (44.0, 32.0, 316.0, 258.0))
    corners = _corners(dots[: len(labels)])
    kinds = ["corner of the hull" if dot in corners else "point" for dot in dots[: len(labels)]]
    kinds += ["marked"] * len(marked)
    if description is None:
        ends = [word for word, dot in zip(labels, dots, strict=False) if dot in corners]
        description = (
            f"Points: {', '.join(labels)}. Corners of their convex hull: {', '.join(ends)}."
        )
        description += f" Marked: {', '.join(marked)}." if marked else ""
    parts = [
        label(WIDTH - 4, 284.0, f"{names[0]} →", fill=MUTED, text_anchor="end"),
        label(4.0, 14.0, f"↑ {names[1]}", fill=MUTED),
        path(corners, SERIES[0], closed=True),
        *_named_dots(dots, [*labels, *marked], len(labels), _along(corners)),
    ]
    rows = [
        (word, [*map(significant, picture), kind])
        for word, picture, kind in zip([*labels, *marked], pictures.tolist(), kinds, strict=True)
    ]
    numbers = table(title, "vector", [*names, "drawn as"], [("", rows)])
    return Figure(title, frame(title, description, 292.0, parts), numbers)


def _named_dots(
    dots: Sequence[Point], names: Sequence[str], plain: int, edges: Sequence[Point]
) -> Iterable[str]:
    """Draw dots, those after the first plain ones marked, and their names where there is room.

    A name that stands near another dot too is joined to its own by a line.
    """
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in dots]
    taken += [(x - 1, y - 1, x + 1, y + 1) for x, y in edges]
    for i, (dot, name) in enumerate(zip(dots, names, strict=True)):
        color = SERIES[0] if i < plain else ACCENT
        yield f"<circle{written(cx=dot[0], cy=dot[1], r=4, fill=color)}/>"
        places = _places(dot, width_of(name))
        others = [other for other in dots if other != dot]
        x, y, anchor, box = min(
            places, key=lambda place: (_crowd(place[3], taken), _strays(place[3], dot, others))
        )
        taken.append(box)
        ink = {} if i < plain else {"fill": color, "font_weight": "bold"}
        yield label(x, y, name, text_anchor=anchor, **ink)
        if _strays(box, dot, others):
            yield path([_nearest(box, dot), dot], color)


def _along(corners: Sequence[Point]) -> list[Point]:
    """Give points along the edges of a polygon, for its names to keep away from."""
    edges = zip(corners, [*corners[1:], *corners[:1]], strict=True)
    steps = [step / 20 for step in range(20)]
    return [(x + s * (u - x), y + s * (v - y)) for (x, y), (u, v) in edges for s in steps]


def _places(dot: Point, width: float) -> Iterable[tuple[float, float, str, Box]]:
    """Give the places for a name around a dot, the best first: position, anchor and extent."""
    sides = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))
    anchors = {1: ("start", 0.0), 0: ("middle", 0.5), -1: ("end", 1.0)}
    for gap in (8, 20):
        for across, down in sides:
            x, y = dot[0] + gap * across, dot[1] + 4 + (gap + 4) * down
            anchor, part = anchors[across]
            yield x, y, anchor, (x - part * width, y - 10, x + (1 - part) * width, y + 3)


def _crowd(box: Box, taken: Sequence[Box]) -> int:
    """Count what a box would overlap, the outside of the drawing above all."""
    left, top, right, bottom = box
    outside = left < 2 or right > WIDTH - 2 or top < 18 or bottom > 272
    overlaps = (left < r and lo < right and top < b and t < bottom for lo, t, r, b in taken)
    return len(taken) * outside + sum(overlaps)


def _strays(box: Box, dot: Point, others: Sequence[Point]) -> int:
    """Count the dots that a name is nearer to than to its own, or hardly farther from."""
    return sum(_apart(box, other) < _apart(box, dot) + 3 for other in others)


def _apart(box: Box, dot: Point) -> float:
    return math.dist(_nearest(box, dot), dot)


def _nearest(box: Box, dot: Point) -> Point:
    """Find the point of a box that is nearest to a dot."""
    left, top, right, bottom = box
    return min(max(dot[0], left), right), min(max(dot[1], top), bottom)


def _plane(points: Tensor) -> tuple[Tensor, Tensor, tuple[str, str]]:
    """Choose an origin and two axes to draw points in, and name the axes."""
    width = points.shape[1]
    if width <= 2:
        axes = torch.eye(width, 2, dtype=points.dtype)
        return torch.zeros_like(points[0]), axes, ("coordinate 0", "coordinate 1")
    origin = points.mean(0)
    axes = torch.linalg.svd(points - origin).Vh[:2]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return origin, (axes * largest.sign()).T, ("first principal axis", "second principal axis")


def _fit(points: Tensor, box: Box) -> list[Point]:
    """Scale points, both axes alike, so that they fill a box, with the second axis upward."""
    left, top, right, bottom = box
    low, high = points.amin(0), points.amax(0)
    room = torch.tensor([right - left, bottom - top], dtype=points.dtype)
    scale = (room / (high - low)).min().nan_to_num(posinf=1.0)
    middle = torch.tensor([left + right, top + bottom], dtype=points.dtype) / 2
    moved = (points - (low + high) / 2) * scale * torch.tensor([1, -1]) + middle
    return [(x, y) for x, y in moved.tolist()]


def _corners(points: Sequence[Point]) -> list[Point]:
    """Find the corners of the convex hull, in order around it (Andrew's monotone chain)."""
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered
    return [*_chain(ordered)[:-1], *_chain(ordered[::-1])[:-1]]


def _chain(points: Sequence[Point]) -> list[Point]:
    chain: list[Point] = []
    for point in points:
        while len(chain) >= 2 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
