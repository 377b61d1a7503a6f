"""The walk over the tiles of a matrix of scores."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from .drawing import (
    ACCENT,
    FONT,
    GRID,
    HIGH,
    LOW,
    MUTED,
    ON_LOW,
    SERIES,
    WIDTH,
    Figure,
    Point,
    frame,
    label,
    path,
    table,
    width_of,
    written,
)

TOP = 40.0
# The least side of a tile that has room for its number.
NUMBERED = 18.0
VISIBLE = f"fill:color-mix(in oklab, {HIGH} 45%, {LOW})"


def tiles(
    walk: Iterable[tuple[slice, slice]],
    *,
    shape: tuple[int, int],
    title: str,
    causal: bool = False,
    description: str | None = None,
) -> Figure:
    r"""Draw a walk over the tiles of a matrix of scores: which are visited, when, and which not.

    A tile with room for it bears its number in the walk, and a line connects all in this order.
    With `causal`, what the diagonal hides of a tile is set apart from what it leaves. Scores that
    no tile covers are never made, and their place stays empty.

    Args:
        walk: The queries and the keys of each tile, in the order in which they are visited, as
            [`tile_walk`][selfattn.streaming.tile_walk] gives them.
        shape: The number of queries and of keys, $(T, S)$.
        title: The name of the figure.
        causal: Whether query $i$ sees the keys $j \le i + S - T$ only.
        description: What a reader who cannot see the figure should know; by default how many tiles
            and scores there are, and which tiles the diagonal cuts.

    Returns:
        The figure.

    Raises:
        ValueError: There is no tile, or one is empty, or does not lie in the matrix, or shares a
            score with one before it.

    Examples:
        >>> from selfattn import tile_walk
        >>> walk = tile_walk(6, 6, causal=True, block_q=3, block_k=4)
        >>> tiles(walk, shape=(6, 6), causal=True, title="Tiles")
        Figure('Tiles')
    """
    found = _found(walk, shape, causal)
    left = 12 + width_of("query ↓")
    spot = _Spot(left, min(24.0, (WIDTH - left - 12) / shape[1]))
    missing = shape[0] * shape[1] - sum(tile.size for tile in found)
    counts = f"{missing} of {shape[0] * shape[1]} scores never made"
    parts = [
        label(left, FONT, "key →", fill=MUTED),
        label(left - 8, FONT, "query ↓", fill=MUTED, text_anchor="end"),
        _area(spot, slice(0, shape[0]), [shape[1]] * shape[0], fill="none", stroke=GRID),
        *(part for tile in found for part in _drawn(spot, tile)),
        *_order(spot, found),
        *_bounds(spot, found),
    ]
    if description is None:
        cut = ", ".join(str(tile.number) for tile in found if tile.hidden)
        description = f"{shape[0]} queries and {shape[1]} keys in {len(found)} tiles; {counts}."
        description += f" The diagonal cuts tiles {cut}." if cut else ""
    svg = frame(title, description, spot(shape[0], 0)[1] + 8, parts)
    columns = ["queries", "keys", "hidden scores"]
    numbers = table(f"{title} ({counts})", "tile", columns, [("", map(_row, found))])
    return Figure(title, svg, numbers)


@dataclass(frozen=True)
class _Tile:
    """A tile, its number in the walk, and where the keys end that each of its queries sees."""

    number: int
    queries: slice
    keys: slice
    ends: list[int]

    @property
    def size(self) -> int:
        return len(self.ends) * int(self.keys.stop - self.keys.start)

    @property
    def hidden(self) -> int:
        return sum(self.keys.stop - end for end in self.ends)


def _found(
    walk: Iterable[tuple[slice, slice]], shape: tuple[int, int], causal: bool
) -> list[_Tile]:
    T, S = shape
    made = torch.zeros(shape, dtype=torch.int)
    found = []
    for number, (queries, keys) in enumerate(walk, 1):
        name = f"tile {number}, queries {_span(queries)} and keys {_span(keys)},"
        if not (0 <= queries.start < queries.stop <= T and 0 <= keys.start < keys.stop <= S):
            raise ValueError(f"{name} is no part of {T} queries and {S} keys")
        if made[queries, keys].any():
            raise ValueError(f"{name} shares scores with tile {made[queries, keys].max()}")
        made[queries, keys] = number
        ends = [i + S - T + 1 if causal else S for i in range(queries.start, queries.stop)]
        ends = [min(max(end, keys.start), keys.stop) for end in ends]
        found.append(_Tile(number, queries, keys, ends))
    if not found:
        raise ValueError("walk must have a tile, got none")
    return found


def _span(part: slice) -> str:
    return f"{part.start}:{part.stop}"


def _row(tile: _Tile) -> tuple[str, list[str]]:
    hidden = f"{tile.hidden} of {tile.size}"
    return str(tile.number), [_span(tile.queries), _span(tile.keys), hidden]


@dataclass(frozen=True)
class _Spot:
    """Where a score is drawn: the left edge of the matrix, and the side of a score."""

    left: float
    side: float

    def __call__(self, i: float | int, j: float | int) -> Point:
        return self.left + j * self.side, TOP + i * self.side


def _area(
    spot: _Spot, queries: slice, ends: Sequence[int], start: int = 0, **attributes: str
) -> str:
    """Draw the scores of some queries with the keys from a first one on, each to its own end."""
    steps = [spot(i, end) for i, end in zip(range(queries.start, queries.stop), ends, strict=True)]
    points = [spot(queries.start, start), spot(queries.stop, start)]
    for x, y in reversed(steps):
        points += [(x, y + spot.side), (x, y)]
    pairs = " ".join(f"{x:z.1f},{y:z.1f}" for x, y in points)
    return f"<polygon{written(points=pairs, **attributes)}/>"


def _drawn(spot: _Spot, tile: _Tile) -> Iterator[str]:
    whole = [tile.keys.stop] * len(tile.ends)
    yield _area(spot, tile.queries, whole, tile.keys.start, fill=LOW)
    yield _area(spot, tile.queries, tile.ends, tile.keys.start, style=VISIBLE)
    yield _area(spot, tile.queries, whole, tile.keys.start, fill="none", stroke=SERIES[0])


def _order(spot: _Spot, found: Sequence[_Tile]) -> Iterator[str]:
    """Draw the walk from tile to tile, and the number of each where there is room."""
    middles = [
        spot((t.queries.start + t.queries.stop) / 2, (t.keys.start + t.keys.stop) / 2)
        for t in found
    ]
    yield path(middles, ACCENT)
    for tile, (x, y) in zip(found, middles, strict=True):
        rows, columns = len(tile.ends), tile.keys.stop - tile.keys.start
        if min(rows, columns) * spot.side >= NUMBERED:
            yield f"<circle{written(cx=x, cy=y, r=9, fill=LOW)}/>"
            yield label(x, y + 4, str(tile.number), fill=ON_LOW, text_anchor="middle")


def _bounds(spot: _Spot, found: Sequence[_Tile]) -> Iterator[str]:
    """Write where the tiles begin and end, where there is room."""
    keys = {edge for tile in found for edge in (tile.keys.start, tile.keys.stop)}
    for key in _apart(keys, (8 + width_of(str(max(keys)))) / spot.side):
        yield label(spot(0, key)[0], TOP - 6, str(key), text_anchor="middle")
    queries = {edge for tile in found for edge in (tile.queries.start, tile.queries.stop)}
    for query in _apart(queries, FONT / spot.side):
        yield label(spot.left - 8, spot(query, 0)[1] + 4, str(query), text_anchor="end")


def _apart(edges: Iterable[int], least: float) -> Iterator[int]:
    last = -math.inf
    for edge in sorted(edges):
        if edge - last >= least:
            yield edge
            last = edge
