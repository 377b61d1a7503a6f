"""Lines over a common axis."""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Real
from torch import Tensor

from . import given
from .axis import Ticks, axis
from .drawing import (
    FONT,
    GRID,
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
    widest,
    width_of,
    written,
)

TOP, BOTTOM = 30.0, 224.0
# Of a table, beside those where a line is lowest or highest.
ROWS = 12


def lines(
    x: Real[Tensor, "N"],
    series: Mapping[str, Real[Tensor, "N"]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    description: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> Figure:
    r"""Draw up to five series as lines over a common axis, each named at its right end.

    Args:
        x: Where the values lie, `(N,)`, ascending.
        series: The values by the name of their line, each `(N,)`.
        title: The name of the figure.
        x_label: What x is.
        y_label: What the values are.
        description: What a reader who cannot see the figure should know; by default where each line
            begins and ends.
        log_x: Whether to draw x on a logarithmic scale.
        log_y: Whether to draw the values on a logarithmic scale.

    Returns:
        The figure.

    Raises:
        ValueError: There is no series or more than five, or a length differs, or a number is not
            finite, or not positive on a logarithmic scale.

    Examples:
        >>> import torch
        >>> x = torch.linspace(-2, 2, 41)
        >>> curves = {"exp": x.exp(), "line": 1 + x}
        >>> lines(x, curves, title="A tangent", x_label="x", y_label="y")
        Figure('A tangent')
    """
    if not 1 <= len(series) <= len(SERIES):
        raise ValueError(f"series must hold 1 to {len(SERIES)} lines, got {len(series)}")
    xs = given.plain("x", x, ndim=1)
    ys = {name: given.sized(f"series[{name!r}]", y, len(xs)) for name, y in series.items()}
    across = axis("x", xs, log_x)
    up = axis("series", torch.stack([*ys.values()]), log_y)
    rows = up.ticks(BOTTOM - TOP, lambda _: FONT + 4)
    left = 8 + widest(name for _, name in rows)
    # Half of the last number of the axis may stick out, as wide as 100,000.
    right = WIDTH - 8 - max(widest(series), 24)
    columns = across.ticks(right - left, lambda name: width_of(name) + 8)
    box = (left, TOP, right, BOTTOM)
    curves = [_onto(box, across.shares(xs), up.shares(values)) for values in ys.values()]
    parts = [
        label(4.0, 14.0, f"↑ {y_label}", fill=MUTED),
        label(right, BOTTOM + 36, f"{x_label} →", fill=MUTED, text_anchor="end"),
        *_grid(box, columns, rows),
        *(path(curve, color) for curve, color in zip(curves, SERIES, strict=False)),
        *_end_names([curve[-1] for curve in curves], list(series), box),
    ]
    svg = frame(title, _told(xs, ys) if description is None else description, BOTTOM + 44, parts)
    return Figure(title, svg, _table(title, (x_label, y_label), xs, ys))


def _grid(box: Box, across: Ticks, up: Ticks) -> Iterable[str]:
    left, top, right, bottom = box
    for share, name in up:
        y = bottom + share * (top - bottom)
        yield f"<path{written(d=f'M{left:.1f} {y:.1f}H{right:.1f}', stroke=GRID)}/>"
        yield label(left - 5, y + 4, name, text_anchor="end")
    yield f"<path{written(d=f'M{left:.1f} {bottom:.1f}H{right:.1f}', stroke=MUTED)}/>"
    for share, name in across:
        x = left + share * (right - left)
        yield f"<path{written(d=f'M{x:.1f} {bottom:.1f}v4', stroke=MUTED)}/>"
        yield label(x, bottom + 18, name, text_anchor="middle")


def _end_names(ends: Sequence[Point], names: Sequence[str], box: Box) -> Iterable[str]:
    """Name each line at its end, in its color, moved up or down where two would overlap."""
    order = sorted(range(len(ends)), key=lambda i: ends[i][1])
    floor = box[3] - 15 * len(ends)
    above = -math.inf
    for rank, i in enumerate(order):
        above = max(above + 15, min(ends[i][1], floor + 15 * (rank + 1)))
        yield label(ends[i][0] + 5, above + 4, names[i], fill=SERIES[i])


def _told(xs: Tensor, ys: Mapping[str, Tensor]) -> str:
    ends = [(0, "from {} at {}"), (-1, "to {} at {}")]
    return " ".join(
        f"{name}: {', '.join(form.format(*map(_text, (y[i], xs[i]))) for i, form in ends)}."
        for name, y in ys.items()
    )


def _text(number: Tensor) -> str:
    return significant(number.item())


def _table(title: str, names: tuple[str, str], xs: Tensor, ys: Mapping[str, Tensor]) -> str:
    """Write some of the points: evenly spaced ones, and where each line is lowest and highest."""
    places = set(torch.linspace(0, len(xs) - 1, ROWS).round().int().tolist())
    places |= {int(place) for y in ys.values() for place in (y.argmin(), y.argmax())}
    rows = [(_text(xs[i]), [_text(y[i]) for y in ys.values()]) for i in sorted(places)]
    part = "" if len(places) == len(xs) else f", {len(places)} of {len(xs)} points"
    return table(f"{title} ({names[1]}{part})", names[0], list(ys), [("", rows)])


def _onto(box: Box, across: Sequence[float], up: Sequence[float]) -> list[Point]:
    left, top, right, bottom = box
    pairs = zip(across, up, strict=True)
    return [(left + x * (right - left), bottom + y * (top - bottom)) for x, y in pairs]
