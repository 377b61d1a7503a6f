"""Matrices as tables of colored cells: one alone, or several on one scale."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jaxtyping import Real
from torch import Tensor

from . import given
from .drawing import (
    FONT,
    HIGH,
    LOW,
    MUTED,
    ON_HIGH,
    ON_LOW,
    SWITCH,
    WIDTH,
    Figure,
    Point,
    fixed,
    frame,
    label,
    table,
    widest,
    written,
)

GAP = 14.0
# A map without numbers is at least this wide where there is room, unless its cells are this wide.
MAP, CELL = 140.0, 18.0


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
        rows: A word for each row. Of numbers, narrow rows show only some; columns do the same.
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
    matrix = given.plain("values", values, ndim=2, lowest=-math.inf)
    axes = _axes(matrix, (rows, columns), (row_axis, column_axis), digits)
    one = _Map("", matrix, _texts(matrix, digits), _limits(matrix, limits))
    narrowest = 10.0 if digits is None else 8 + one.widest
    width = max(narrowest, min(64.0, (WIDTH - axes.left) / len(columns)))
    if description is None:
        least, most = axes.at(matrix, matrix.argmin()), axes.at(matrix, matrix.argmax())
        description = f"{axes.told} Smallest value {least}; largest {most}."
    svg = _drawn(title, description, axes, [[one]], axes.size(width))
    return Figure(title, svg, axes.table(title, [one]))


def heatmaps(
    values: Real[Tensor, "N rows columns"],
    *,
    names: Sequence[str],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    description: str | None = None,
    digits: int | None = 2,
    row_axis: str = "query",
    column_axis: str = "key",
    limits: tuple[float | int, float | int] | None = None,
) -> Figure:
    r"""Draw several matrices of one shape, such as those of all heads, on one scale of colors.

    As many stand side by side as there is room for. To save room, a number less than one is written
    without the zero before its point, and a larger one with one decimal less.

    Args:
        values: One matrix for each map, `(N, rows, columns)`.
        names: What stands over each map.
        rows: A word for each row.
        columns: A word for each column.
        title: The name of the figure.
        description: What a reader who cannot see the figure should know; by default the words, and
            where the largest value of each map is.
        digits: Decimals of the numbers in the cells, or None for cells without numbers.
        row_axis: What a row is.
        column_axis: What a column is.
        limits: The values of the lowest and the highest color; by default the smallest and the
            largest finite value of all maps.

    Returns:
        The figure.

    Raises:
        ValueError: The values are no matrices, or empty, or hold NaN or $+\infty$, or a map, row or
            column lacks its word.

    Examples:
        >>> import torch
        >>> words = ["Your", "journey"]
        >>> heads = torch.tensor([[[0.6, 0.4], [0.3, 0.7]],
        ...                       [[0.9, 0.1], [0.2, 0.8]]])
        >>> names = ["head 0", "head 1"]
        >>> heatmaps(heads, names=names, rows=words, columns=words,
        ...          title="Two heads")
        Figure('Two heads')
    """
    tensor = given.plain("values", values, ndim=3, lowest=-math.inf)
    given.words("names", names, len(tensor))
    axes = _axes(tensor[0], (rows, columns), (row_axis, column_axis), digits)
    scale = _limits(tensor, limits)
    maps = [
        _Map(name, matrix, [[*map(_short, row)] for row in _texts(matrix, digits)], scale)
        for name, matrix in zip(names, tensor, strict=True)
    ]
    least = max(4 + each.widest for each in maps)
    if digits is None:
        least = max(6.0, min(CELL, MAP / len(columns)))
    across, width = _arrangement(len(maps), len(columns), least, WIDTH - axes.left)
    if description is None:
        most = [axes.at(each.matrix, each.matrix.argmax()) for each in maps]
        told = "; ".join(f"{name}: {value}" for name, value in zip(names, most, strict=True))
        description = f"{axes.told} Largest values: {told}."
    lines = [maps[first : first + across] for first in range(0, len(maps), across)]
    svg = _drawn(title, description, axes, lines, axes.size(width))
    return Figure(title, svg, axes.table(title, maps))


@dataclass(frozen=True)
class _Map:
    """A matrix, its name, what its cells say, and the values of the lowest and highest color."""

    name: str
    matrix: Tensor
    texts: list[list[str]]
    limits: tuple[float, float]

    @property
    def widest(self) -> float:
        return widest(text for row in self.texts for text in row)

    def cells(self, corner: Point, size: Point) -> Iterable[str]:
        """Draw the cells from the upper left corner on, all those of one color as one path."""
        width, height = size[0] - 1, size[1] - 1
        around = f"h{width:.1f}v{height:.1f}h-{width:.1f}z"
        colors: defaultdict[int, list[str]] = defaultdict(list)
        numbers: list[str] = []
        for i, (row, shares) in enumerate(zip(self.texts, self._percentages(), strict=True)):
            for j, (text, share) in enumerate(zip(row, shares, strict=True)):
                x, y = corner[0] + j * size[0], corner[1] + i * size[1]
                colors[share].append(f"M{x:.1f} {y:.1f}{around}")
                numbers += _number((x + width / 2, y + height / 2 + 4), share, text)
        return [*(_colored(share, "".join(colors[share])) for share in sorted(colors)), *numbers]

    def _percentages(self) -> list[list[int]]:
        low, high = self.limits
        shares = ((self.matrix - low) / ((high - low) or 1.0)).clamp(0, 1)
        return [[round(100 * share) for share in row] for row in shares.tolist()]


@dataclass(frozen=True)
class _Axes:
    """What rows and columns are, the word of each, and the decimals of numbers in words."""

    rows: Sequence[str]
    columns: Sequence[str]
    row_axis: str
    column_axis: str
    digits: int

    @property
    def left(self) -> float:
        """How much room the words of the rows need."""
        return 8 + widest([*self.rows, f"{self.row_axis} ↓"])

    @property
    def told(self) -> str:
        """What a description says of the words."""
        rows, columns = ", ".join(self.rows), ", ".join(self.columns)
        return f"Rows ({self.row_axis}): {rows}. Columns ({self.column_axis}): {columns}."

    def size(self, width: float) -> Point:
        """Say how wide and high cells are: a row whose word is always shown has room for it."""
        return width, max(min(width, 30.0), 0.0 if _numbers(self.rows) else FONT + 2)

    def at(self, matrix: Tensor, place: Tensor) -> str:
        """Say what stands at a place of a matrix, counted from cell to cell."""
        i, j = divmod(int(place), len(self.columns))
        return f"{fixed(matrix[i, j].item(), self.digits)} at {self.rows[i]}, {self.columns[j]}"

    def beside(self, top: float, height: float) -> Iterable[str]:
        """Write the words of the rows to the left of the cells."""
        right = self.left - 6
        yield label(right, top - 6, f"{self.row_axis} ↓", fill=MUTED, text_anchor="end")
        step = _step(self.rows, FONT / height)
        for i, word in enumerate(self.rows):
            if i % step == 0:
                yield label(right, top + (i + 0.5) * height + 4, word, text_anchor="end")

    def table(self, title: str, maps: Sequence[_Map]) -> str:
        """Write the numbers of all maps as one table."""
        groups = [
            (each.name, zip(self.rows, _texts(each.matrix, self.digits), strict=True))
            for each in maps
        ]
        caption = f"{title} (rows: {self.row_axis}, columns: {self.column_axis})"
        return table(caption, self.row_axis, self.columns, groups)


def _axes(
    matrix: Tensor,
    words: tuple[Sequence[str], Sequence[str]],
    axes: tuple[str, str],
    digits: int | None,
) -> _Axes:
    given.words("rows", words[0], matrix.shape[0])
    given.words("columns", words[1], matrix.shape[1])
    return _Axes(*words, *axes, digits=2 if digits is None else digits)


def _limits(values: Tensor, limits: tuple[float | int, float | int] | None) -> tuple[float, float]:
    finite = values[values.isfinite()]
    if not finite.numel():
        raise ValueError("values must hold a finite number, got -inf throughout")
    low, high = limits or (finite.min().item(), finite.max().item())
    return float(low), float(high)


def _texts(matrix: Tensor, digits: int | None) -> list[list[str]]:
    return [["" if digits is None else fixed(v, digits) for v in row] for row in matrix.tolist()]


def _arrangement(count: int, columns: int, least: float, room: float) -> tuple[int, float]:
    """Say how many maps stand side by side, and how wide their cells are."""
    most = max(1, (room + GAP) // (columns * least + GAP))
    # Four maps of which three would fit look better as two and two.
    across = math.ceil(count / math.ceil(count / most))
    return across, max(least, min(30.0, ((room + GAP) / across - GAP) / columns))


def _drawn(
    title: str, description: str, axes: _Axes, lines: Sequence[Sequence[_Map]], size: Point
) -> str:
    parts = [label(axes.left, FONT, f"{axes.column_axis} →", fill=MUTED)]
    bottom = FONT
    for maps in lines:
        bottom, drawn = _line(axes, maps, bottom, size)
        parts += drawn
    right = axes.left + len(lines[0]) * (len(axes.columns) * size[0] + GAP) - GAP
    return frame(title, description, bottom, parts, max(WIDTH, right))


def _line(axes: _Axes, maps: Sequence[_Map], y: float, size: Point) -> tuple[float, list[str]]:
    """Draw maps side by side below y, and say where they end."""
    heading = 20.0 if maps[0].name else 0.0
    step = len(axes.columns) * size[0] + GAP
    parts: list[str] = []
    for number, each in enumerate(maps):
        left = axes.left + number * step
        top, words = _column_names(axes.columns, left, y + heading, size[0])
        if each.name:
            parts.append(label(left, y + heading, each.name, font_weight="bold"))
        parts += [*words, *each.cells((left, top), size)]
    return top + len(axes.rows) * size[1], [*axes.beside(top, size[1]), *parts]


def _column_names(
    names: Sequence[str], left: float, y: float, width: float
) -> tuple[float, list[str]]:
    """Write the words of the columns below y, upright where one is too wide; say where they end."""
    room = widest(names)
    step = _step(names, (room + 8) / width)
    shown = [(left + (j + 0.5) * width, name) for j, name in enumerate(names) if j % step == 0]
    if room < step * width:
        return y + 28, [label(x, y + 22, name, text_anchor="middle") for x, name in shown]
    foot = y + 10 + room
    return foot + 6, [
        label(0.0, 4.0, name, transform=f"translate({x:.1f} {foot:.1f}) rotate(-90)")
        for x, name in shown
    ]


def _step(names: Sequence[str], least: float) -> int:
    """Say which of some words to show where only every so many have room: of numbers not all."""
    if not _numbers(names):
        return 1
    return next((step for step in (1, 2, 5, 10, 20, 50) if step >= least), len(names))


def _numbers(names: Sequence[str]) -> bool:
    return all(name.isdigit() for name in names)


def _short(text: str) -> str:
    """Write a number in less room: .24 for 0.24, and 1.0 for 1.00."""
    sign, digits = ("\N{MINUS SIGN}", text[1:]) if text.startswith("\N{MINUS SIGN}") else ("", text)
    if digits.startswith("0."):
        return sign + digits[1:]
    return sign + digits[:-1].removesuffix(".") if "." in digits else text


def _colored(percentage: int, line: str) -> str:
    color = f"fill:color-mix(in oklab, {HIGH} {percentage}%, {LOW})"
    return f"<path{written(d=line, style=color)}/>"


def _number(place: Point, percentage: int, text: str) -> Iterable[str]:
    if text:
        ink = ON_LOW if percentage <= SWITCH else ON_HIGH
        yield label(*place, text, fill=ink, text_anchor="middle")
