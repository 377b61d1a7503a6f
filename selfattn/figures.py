"""Figures: tensors drawn as SVG text, without a plotting library.

A figure takes its colors from CSS variables of the page: `--fig-ink`, `--fig-muted`, `--fig-grid`,
`--fig-accent`, `--fig-1` to `--fig-5`, and for heat `--fig-low`, `--fig-high`, `--fig-on-low`,
`--fig-on-high`; its font from `--fig-font`. Each has a fallback that suits a light page. The text
is made for a figure 360 pixels wide, as on a phone.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

import torch
from jaxtyping import Real
from torch import Tensor

from . import _check

WIDTH = 360.0
FONT = 12.0
INK = "var(--fig-ink, #1f2328)"
MUTED = "var(--fig-muted, #57606a)"
GRID = "var(--fig-grid, #d0d7de)"
ACCENT = "var(--fig-accent, #b3261e)"
LOW, HIGH = "var(--fig-low, #edf2fc)", "var(--fig-high, #092a6c)"
ON_LOW, ON_HIGH = "var(--fig-on-low, #000)", "var(--fig-on-high, #fff)"
# Up to this percentage of the high color a text in ON_LOW has a contrast of 4.5, and above it one
# in ON_HIGH; the four colors of a scheme have to be chosen for it.
SWITCH = 60
SERIES = (
    "var(--fig-1, #1a5fb4)",
    "var(--fig-2, #b3420a)",
    "var(--fig-3, #1b7340)",
    "var(--fig-4, #8434a8)",
    "var(--fig-5, #6b5d00)",
)

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Figure:
    """A drawing with a name, shown in place by whatever calls `_repr_svg_`.

    Attributes:
        title: What the drawing is called, also to a screen reader.
        svg: The drawing, a complete SVG document.
    """

    title: str
    svg: str = field(repr=False)

    def __repr__(self) -> str:
        return f"Figure({self.title!r})"

    def _repr_svg_(self) -> str:
        return self.svg


def heatmap(
    values: Real[Tensor, "rows columns"],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    description: str | None = None,
    digits: int | None = 2,
    row_axis: str = "query",
    column_axis: str = "key",
    limits: tuple[float | int, float | int] | None = None,
) -> Figure:
    r"""Draw a matrix as a table of colored cells.

    Args:
        values: One number a cell, `(rows, columns)`. A score of $-\infty$ gets the lowest color.
        rows: A word for each row.
        columns: A word for each column.
        title: The name of the figure.
        description: What a reader who cannot see the figure should know; by default the words, and
            where the smallest and the largest value are.
        digits: Decimals of the numbers in the cells, or None for cells without numbers.
        row_axis: What a row is.
        column_axis: What a column is.
        limits: The values of the lowest and the highest color, to draw several matrices on one
            scale; by default the smallest and the largest finite value.

    Returns:
        The figure.

    Raises:
        ValueError: The values are no matrix, or empty, or hold NaN or $+\infty$, or a row or column
            lacks its word.

    Examples:
        >>> import torch
        >>> words = ["Your", "journey"]
        >>> weights = torch.tensor([[0.6, 0.4], [0.3, 0.7]])
        >>> heatmap(weights, rows=words, columns=words, title="Attention weights")
        Figure('Attention weights')
    """
    matrix = _plain("values", values, ndim=2, lowest=-math.inf)
    _check_words("rows", rows, matrix.shape[0])
    _check_words("columns", columns, matrix.shape[1])
    low, high = map(float, limits or _limits(matrix))
    if description is None:
        axes = (row_axis, column_axis)
        description = _describe_matrix(matrix, rows, columns, axes, 2 if digits is None else digits)
    texts = [["" if digits is None else _fixed(v, digits) for v in row] for row in matrix.tolist()]
    least = 10.0 if digits is None else 8 + max(_width(text) for row in texts for text in row)
    left = 8 + max(_width(text) for text in (*rows, f"{row_axis} ↓"))
    width = max(least, min(64.0, (WIDTH - left) / len(columns)))
    height = min(width, 30.0)
    top, names = _column_names(columns, left, width)
    parts = [
        _text(left, FONT, f"{column_axis} →", fill=MUTED),
        _text(left - 6, top - 6, f"{row_axis} ↓", fill=MUTED, text_anchor="end"),
        *names,
    ]
    for i, (row, shares) in enumerate(zip(texts, _percentages(matrix, low, high), strict=True)):
        y = top + i * height
        parts.append(_text(left - 6, y + height / 2 + 4, rows[i], text_anchor="end"))
        for j, (text, share) in enumerate(zip(row, shares, strict=True)):
            parts += _cell((left + j * width, y, width, height), share, text)
    right = max(WIDTH, left + len(columns) * width)
    return _figure(title, description, top + len(rows) * height, parts, right)


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
    matrix = _plain("points", points, ndim=2)
    _check_words("labels", labels, len(matrix))
    extra = [_sized(f"marked[{name!r}]", v, matrix.shape[1]) for name, v in marked.items()]
    origin, axes, names = _plane(matrix)
    dots = _fit((torch.stack([*matrix, *extra]) - origin) @ axes, (44.0, 32.0, 316.0, 258.0))
    corners = _corners(dots[: len(labels)])
    if description is None:
        ends = ", ".join(label for label, dot in zip(labels, dots, strict=False) if dot in corners)
        description = f"Points: {', '.join(labels)}. Corners of their convex hull: {ends}."
        description += f" Marked: {', '.join(marked)}." if marked else ""
    parts = [
        _text(WIDTH - 4, 284.0, f"{names[0]} →", fill=MUTED, text_anchor="end"),
        _text(4.0, 14.0, f"↑ {names[1]}", fill=MUTED),
        _path(corners, SERIES[0], closed=True),
        *_named_dots(dots, [*labels, *marked], len(labels), _along(corners)),
    ]
    return _figure(title, description, 292.0, parts)


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
    xs = _plain("x", x, ndim=1)
    ys = {name: _sized(f"series[{name!r}]", values, len(xs)) for name, values in series.items()}
    across = _axis("x", xs, log_x)
    up = _axis("series", torch.stack([*ys.values()]), log_y)
    left = 8 + max(_width(label) for _, label in up.ticks())
    right = WIDTH - 8 - max(_width(name) for name in series)
    box = (left, 30.0, right, 224.0)
    curves = [_onto(box, across.shares(xs), up.shares(values)) for values in ys.values()]
    if description is None:
        description = _describe_lines(xs, ys)
    parts = [
        _text(4.0, 14.0, f"↑ {y_label}", fill=MUTED),
        _text(right, 260.0, f"{x_label} →", fill=MUTED, text_anchor="end"),
        *_grid(box, across, up),
        *(_path(curve, color) for curve, color in zip(curves, SERIES, strict=False)),
        *_end_names([curve[-1] for curve in curves], list(series), box),
    ]
    return _figure(title, description, 268.0, parts)


# What is drawn: text, cells, dots, lines.


def _figure(
    title: str, description: str, height: float, parts: Iterable[str], width: float = WIDTH
) -> Figure:
    size = f"{math.ceil(width)} {math.ceil(height)}"
    frame = _attributes(
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {size}",
        width=math.ceil(width),
        height=math.ceil(height),
        role="img",
        fill=INK,
        font_size=FONT,
        font_family="var(--fig-font, sans-serif)",
        style="font-variant-numeric:tabular-nums",
    )
    name = f"<title>{_escape(title)}</title><desc>{_escape(description)}</desc>"
    return Figure(title, f"<svg{frame}>{name}{''.join(parts)}</svg>")


def _attributes(**attributes: str | float | int) -> str:
    """Write attributes; a number has at most one decimal, so that drawings are small and stable."""
    texts = {
        name.replace("_", "-"): text if isinstance(text, str) else f"{text:z.1f}".removesuffix(".0")
        for name, text in attributes.items()
    }
    return "".join(f' {name}="{text}"' for name, text in texts.items())


def _escape(text: str) -> str:
    """Escape markup, and replace the characters that XML cannot hold at all."""
    return escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))


def _text(x: float, y: float, text: str, **attributes: str | float | int) -> str:
    return f"<text{_attributes(x=x, y=y, **attributes)}>{_escape(text)}</text>"


def _width(text: str) -> float:
    """Estimate the width of a text, whose font is not known here."""
    return FONT * sum(1.0 if east_asian_width(char) in "WF" else 0.56 for char in text)


def _fixed(number: float, digits: int) -> str:
    """Write a number with a real minus sign, and none before zeros."""
    return f"{number:z.{digits}f}".replace("-", "\N{MINUS SIGN}").replace("inf", "∞")


def _path(points: Sequence[Point], color: str, closed: bool = False) -> str:
    name = "polygon" if closed else "polyline"
    pairs = " ".join(f"{x:z.1f},{y:z.1f}" for x, y in points)
    style = {"stroke": color, "stroke_width": "1.5", "stroke_linejoin": "round"}
    style |= {"fill": color, "fill_opacity": "0.12"} if closed else {"fill": "none"}
    return f"<{name}{_attributes(points=pairs, **style)}/>"


def _column_names(names: Sequence[str], left: float, width: float) -> tuple[float, list[str]]:
    """Write the names over the columns, upright where one is too wide, and say where they end."""
    widest = max(_width(name) for name in names)
    middles = [(left + (j + 0.5) * width, name) for j, name in enumerate(names)]
    if widest < width:
        return 40.0, [_text(x, 34.0, name, text_anchor="middle") for x, name in middles]
    foot = 22 + widest
    return foot + 6, [
        _text(0.0, 4.0, name, transform=f"translate({x:.1f} {foot:.1f}) rotate(-90)")
        for x, name in middles
    ]


def _cell(box: Box, percentage: int, text: str) -> Iterable[str]:
    x, y, width, height = box
    color = f"fill:color-mix(in oklab, {HIGH} {percentage}%, {LOW})"
    yield f"<rect{_attributes(x=x, y=y, width=width - 1, height=height - 1, style=color)}/>"
    if text:
        ink = ON_LOW if percentage <= SWITCH else ON_HIGH
        middle = (x + (width - 1) / 2, y + (height - 1) / 2 + 4)
        yield _text(*middle, text, fill=ink, text_anchor="middle")


def _named_dots(
    dots: Sequence[Point], names: Sequence[str], plain: int, edges: Sequence[Point]
) -> Iterable[str]:
    """Draw dots, those after the first plain ones marked, and their names where there is room."""
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in dots]
    taken += [(x - 1, y - 1, x + 1, y + 1) for x, y in edges]
    for i, (dot, name) in enumerate(zip(dots, names, strict=True)):
        color = SERIES[0] if i < plain else ACCENT
        yield f"<circle{_attributes(cx=dot[0], cy=dot[1], r=4, fill=color)}/>"
        places = _places(dot, _width(name))
        x, y, anchor, box = min(places, key=lambda place: _crowd(place[3], taken))
        taken.append(box)
        ink = {} if i < plain else {"fill": color, "font_weight": "bold"}
        yield _text(x, y, name, text_anchor=anchor, **ink)


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


def _grid(box: Box, across: "_Axis", up: "_Axis") -> Iterable[str]:
    left, top, right, bottom = box
    for share, label in up.ticks():
        y = bottom + share * (top - bottom)
        yield f"<path{_attributes(d=f'M{left:.1f} {y:.1f}H{right:.1f}', stroke=GRID)}/>"
        yield _text(left - 5, y + 4, label, text_anchor="end")
    yield f"<path{_attributes(d=f'M{left:.1f} {bottom:.1f}H{right:.1f}', stroke=MUTED)}/>"
    for share, label in across.ticks():
        x = left + share * (right - left)
        yield f"<path{_attributes(d=f'M{x:.1f} {bottom:.1f}v4', stroke=MUTED)}/>"
        yield _text(x, bottom + 18, label, text_anchor="middle")


def _end_names(ends: Sequence[Point], names: Sequence[str], box: Box) -> Iterable[str]:
    """Name each line at its end, in its color, moved up or down where two would overlap."""
    order = sorted(range(len(ends)), key=lambda i: ends[i][1])
    floor = box[3] - 15 * len(ends)
    above = -math.inf
    for rank, i in enumerate(order):
        above = max(above + 15, min(ends[i][1], floor + 15 * (rank + 1)))
        yield _text(ends[i][0] + 5, above + 4, names[i], fill=SERIES[i])


# What is computed: checks, descriptions, axes, the plane and the hull.


def _plain(name: str, values: Tensor, ndim: int, lowest: float = math.nan) -> Tensor:
    """Check a tensor, and take it off its graph and its device, in float64."""
    if values.ndim != ndim or not values.numel():
        raise ValueError(f"{name} must have {ndim} non-empty axes, got shape {tuple(values.shape)}")
    index = _check.first(~values.isfinite() & (values != lowest))
    if index is not None:
        raise ValueError(f"{_check.at(name, index)} is {values[index].item()}, which has no place")
    return values.detach().double().cpu()


def _sized(name: str, values: Tensor, length: int) -> Tensor:
    vector = _plain(name, values, ndim=1)
    if len(vector) != length:
        raise ValueError(f"{name} must have length {length}, got shape {tuple(values.shape)}")
    return vector


def _check_words(name: str, words: Sequence[str], count: int) -> None:
    if len(words) != count:
        raise ValueError(f"{name} must be {count} words, got {len(words)}")


def _limits(matrix: Tensor) -> tuple[float, float]:
    finite = matrix[matrix.isfinite()]
    if not finite.numel():
        raise ValueError("values must hold a finite number, got -inf throughout")
    return finite.min().item(), finite.max().item()


def _percentages(matrix: Tensor, low: float, high: float) -> list[list[int]]:
    shares = ((matrix - low) / ((high - low) or 1.0)).clamp(0, 1)
    return [[round(100 * share) for share in row] for row in shares.tolist()]


def _describe_matrix(
    matrix: Tensor, rows: Sequence[str], columns: Sequence[str], axes: tuple[str, str], digits: int
) -> str:
    def at(place: Tensor) -> str:
        i, j = divmod(int(place), len(columns))
        return f"{_fixed(matrix[i, j].item(), digits)} at {rows[i]}, {columns[j]}"

    words = f"Rows ({axes[0]}): {', '.join(rows)}. Columns ({axes[1]}): {', '.join(columns)}."
    return f"{words} Smallest value {at(matrix.argmin())}; largest {at(matrix.argmax())}."


def _describe_lines(xs: Tensor, ys: Mapping[str, Tensor]) -> str:
    ends = [(0, "from {:.4g} at {:.4g}"), (-1, "to {:.4g} at {:.4g}")]
    return " ".join(
        f"{name}: {', '.join(form.format(y[i].item(), xs[i].item()) for i, form in ends)}."
        for name, y in ys.items()
    )


@dataclass(frozen=True)
class _Axis:
    """A range of numbers, or of their decimal logarithms."""

    low: float
    high: float
    log: bool

    def shares(self, numbers: Tensor) -> list[float]:
        """Say how far along the axis numbers lie, from 0 to 1."""
        places = numbers.log10() if self.log else numbers
        return [self._share(place) for place in places.tolist()]

    def ticks(self) -> list[tuple[float, str]]:
        """Give round numbers on the axis: how far along each lies, and its label."""
        ticks = _powers(self.low, self.high) if self.log else _multiples(self.low, self.high)
        return [(self._share(place), label) for place, label in ticks]

    def _share(self, place: float) -> float:
        return (place - self.low) / (self.high - self.low)


def _axis(name: str, numbers: Tensor, log: bool) -> _Axis:
    if log and numbers.min() <= 0:
        least = numbers.min().item()
        raise ValueError(f"{name} must be positive on a logarithmic scale, got {least}")
    places = numbers.log10() if log else numbers
    low, high = places.min().item(), places.max().item()
    return _Axis(low - 0.5, high + 0.5, log) if low == high else _Axis(low, high, log)


def _multiples(low: float, high: float) -> list[tuple[float, str]]:
    """Give about five multiples of 1, 2 or 5 times a power of ten."""
    exponent = math.floor(math.log10((high - low) / 3))
    step = 10.0**exponent
    step *= next(factor for factor in (5, 2, 1) if high - low >= 2.5 * factor * step)
    counts = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [(count * step, _fixed(count * step, max(0, -exponent))) for count in counts]


def _powers(low: float, high: float) -> list[tuple[float, str]]:
    """Give powers of ten where there are enough of them, else 1, 2 and 5 times those."""
    # A float32 power of ten is not exact, and should get its tick at the end of the axis.
    low, high = low - 1e-6, high + 1e-6
    exponents = range(math.floor(low), math.ceil(high) + 1)
    decades = [exponent for exponent in exponents if low <= exponent <= high]
    if len(decades) >= 3:
        chosen = [(1, exponent) for exponent in decades[:: math.ceil(len(decades) / 6)]]
    else:
        chosen = [(factor, exponent) for exponent in exponents for factor in (1, 2, 5)]
    places = [(exponent + math.log10(factor), factor, exponent) for factor, exponent in chosen]
    return [(place, _power(f, e)) for place, f, e in places if low <= place <= high]


def _power(factor: int, exponent: int) -> str:
    if -4 <= exponent <= 4:
        return _fixed(factor * 10.0**exponent, max(0, -exponent))
    ten = "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return ten if factor == 1 else f"{factor}·{ten}"


def _onto(box: Box, across: Sequence[float], up: Sequence[float]) -> list[Point]:
    left, top, right, bottom = box
    pairs = zip(across, up, strict=True)
    return [(left + x * (right - left), bottom + y * (top - bottom)) for x, y in pairs]


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
