from itertools import pairwise

import pytest

from selfattn import tile_walk
from selfattn.figures import tiles
from selfattn.figures.drawing import ON_LOW

from .reading import caption, cells, description, elements, pairs, parse, place, places, texts

WALK = [(slice(0, 2), slice(0, 4)), (slice(2, 3), slice(0, 3)), (slice(2, 3), slice(3, 7))]


def draw(walk=WALK, shape=(3, 7), **options):
    return tiles(walk, shape=shape, title="t", **options)


def area(polygon):
    """Give the area of a polygon in scores (shoelace formula), for scores that are 24 wide."""
    points = pairs(polygon)
    return abs(sum(a * d - b * c for (a, b), (c, d) in pairwise([*points, points[0]]))) / 2 / 24**2


def test_the_matrix_and_its_tiles_have_the_area_of_their_scores():
    matrix, *parts = elements(draw(), "polygon")
    assert area(matrix) == pytest.approx(3 * 7, abs=0.1)
    assert [area(part) for part in parts] == pytest.approx([8] * 3 + [3] * 3 + [4] * 3, abs=0.1)


def test_what_the_diagonal_hides_is_left_out_of_the_visible_part_of_a_tile():
    _, *parts = elements(draw(causal=True), "polygon")
    whole, visible, outline = parts[0::3], parts[1::3], parts[2::3]
    assert [area(part) for part in whole] == pytest.approx([8, 3, 4], abs=0.1)
    assert [area(part) for part in visible] == pytest.approx([8, 3, 4], abs=0.1)
    figure = draw([(slice(0, 3), slice(3, 7)), (slice(0, 3), slice(0, 3))], causal=True)
    _, *parts = elements(figure, "polygon")
    assert [area(part) for part in parts] == pytest.approx([12, 9, 12, 9, 9, 9], abs=0.1)
    assert len({part.get("style") for part in visible}) == 1
    assert {part.get("fill") for part in outline} == {"none"}


def test_visible_scores_of_a_cut_tile_are_those_up_to_the_diagonal():
    figure = draw([(slice(0, 3), slice(0, 3))], shape=(3, 3), causal=True)
    visible = elements(figure, "polygon")[2]
    left, top = min(pairs(visible))
    steps = {(round((x - left) / 24), round((y - top) / 24)) for x, y in pairs(visible)}
    assert steps == {(0, 0), (0, 3), (1, 0), (1, 1), (2, 1), (2, 2), (3, 2), (3, 3)}


def test_the_walk_is_numbered_and_drawn_in_its_order():
    figure = draw()
    (line,) = elements(figure, "polyline")
    middles = pairs(line)
    assert middles[0][0] < middles[2][0]
    assert middles[1][1] == middles[2][1] > middles[0][1]
    for number, (x, y) in enumerate(middles, 1):
        # The bounds of tiles are numbers too.
        assert (x, y + 4) in places(figure, str(number))


def test_bounds_of_tiles_are_written_where_they_lie():
    figure = draw(shape=(3, 7))
    assert place(figure, "7")[0] - place(figure, "4")[0] == pytest.approx(72, abs=0.2)
    assert [text for text in texts(figure) if text.isdigit()] == [
        *"123",
        *"0347",
        *"023",
    ]


def test_bounds_and_numbers_without_room_are_left_out():
    figure = draw(tile_walk(64, 640, block_q=16, block_k=20), shape=(64, 640))
    assert len([text for text in texts(figure) if text.isdigit()]) < 20
    assert elements(figure, "circle") == []
    assert float(parse(figure).get("width")) == 360


@pytest.mark.parametrize(
    ("walk", "shape", "numbers"),
    [
        ([(slice(0, 1), slice(0, 1))], (1, 16), ["1"]),  # 18.06 pixels
        ([(slice(0, 2), slice(0, 2))], (2, 33), []),  # 17.5
        ([(slice(0, 9), slice(0, 2)), (slice(0, 9), slice(31, 33))], (9, 33), []),
        ([(slice(0, 2), slice(0, 9)), (slice(2, 4), slice(0, 9))], (9, 33), []),
    ],
)
def test_a_tile_is_numbered_where_its_number_has_room(walk, shape, numbers):
    figure = tiles(walk, shape=shape, title="t")
    found = [each.text for each in elements(figure, "text") if each.get("fill") == ON_LOW]
    assert found == numbers


def test_tiles_describe_themselves():
    assert description(draw()) == "3 queries and 7 keys in 3 tiles; 6 of 21 scores never made."
    walk = [*tile_walk(6, 6, causal=True, block_q=3, block_k=4)]
    assert description(draw(walk, shape=(6, 6), causal=True)) == (
        "6 queries and 6 keys in 3 tiles; 9 of 36 scores never made. The diagonal cuts tiles 1, 2."
    )
    assert description(draw(description="Told.")) == "Told."


def test_the_table_of_tiles_has_the_bounds_and_what_is_hidden():
    walk = [*tile_walk(6, 6, causal=True, block_q=3, block_k=4)]
    figure = draw(walk, shape=(6, 6), causal=True)
    assert caption(figure) == "t (9 of 36 scores never made)"
    assert cells(figure) == [
        ["tile", "queries", "keys", "hidden scores"],
        ["1", "0:3", "0:3", "3 of 9"],
        ["2", "3:6", "2:6", "3 of 12"],
        ["3", "3:6", "0:2", "0 of 6"],
    ]


@pytest.mark.parametrize(
    ("walk", "message"),
    [
        ([], "walk must have a tile, got none"),
        (
            [(slice(0, 2), slice(4, 8))],
            "tile 1, queries 0:2 and keys 4:8, is no part of 3 queries and 7 keys",
        ),
        (
            [*WALK, (slice(1, 4), slice(0, 1))],
            "tile 4, queries 1:4 and keys 0:1, is no part of 3 queries and 7 keys",
        ),
        (
            [(slice(-1, 2), slice(0, 3))],
            "tile 1, queries -1:2 and keys 0:3, is no part of 3 queries and 7 keys",
        ),
        (
            [(slice(0, 2), slice(-1, 3))],
            "tile 1, queries 0:2 and keys -1:3, is no part of 3 queries and 7 keys",
        ),
        (
            [(slice(2, 2), slice(0, 3))],
            "tile 1, queries 2:2 and keys 0:3, is no part of 3 queries and 7 keys",
        ),
        (
            [(slice(0, 2), slice(3, 3))],
            "tile 1, queries 0:2 and keys 3:3, is no part of 3 queries and 7 keys",
        ),
        (
            [*WALK, (slice(1, 3), slice(6, 7))],
            "tile 4, queries 1:3 and keys 6:7, shares scores with tile 3",
        ),
    ],
)
def test_what_tiles_refuse(refuses, walk, message):
    with refuses(ValueError, message):
        draw(walk)
