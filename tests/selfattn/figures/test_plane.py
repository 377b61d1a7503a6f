import math

import pytest
import torch

from selfattn import context
from selfattn.figures import hull

from .reading import caption, cells, description, elements, pairs, texts

SQUARE = torch.tensor([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [1.0, 2.0]])


def dots(figure):
    return [(float(c.get("cx")), float(c.get("cy"))) for c in elements(figure, "circle")]


def polygon(figure):
    return pairs(elements(figure, "polygon")[0])


def extents(figure):
    """Give the boxes of the names beside the dots, after the two captions."""
    for element in list(elements(figure, "text"))[2:]:
        width = 12 * 0.56 * len(element.text)
        x, y = float(element.get("x")), float(element.get("y"))
        x -= {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")] * width
        yield x, y - 10, x + width, y + 3


def test_a_hull_has_the_outer_points_as_corners():
    figure = hull(SQUARE, labels=list("abcde"), marked={}, title="t")
    assert sorted(polygon(figure)) == sorted(dots(figure)[:4])
    assert description(figure) == "Points: a, b, c, d, e. Corners of their convex hull: a, b, c, d."


def test_a_hull_keeps_directions_and_ratios():
    origin, right, corner, up, inner = dots(
        hull(SQUARE, labels=list("abcde"), marked={}, title="t")
    )
    side = right[0] - origin[0]
    assert side > 100
    assert right == pytest.approx((origin[0] + side, origin[1]), abs=0.2)
    assert corner == pytest.approx((origin[0] + side, origin[1] - side), abs=0.2)
    assert up == pytest.approx((origin[0], origin[1] - side), abs=0.2)
    assert inner == pytest.approx((origin[0] + side / 4, origin[1] - side / 2), abs=0.2)


def test_a_marked_mean_is_drawn_at_the_mean_of_the_dots(inputs, weights, words):
    marked = {"z": context(weights, inputs)[1]}
    figure = hull(inputs, labels=words, marked=marked, title="t")
    *points, mean = dots(figure)
    for axis in (0, 1):
        expected = sum(w * p[axis] for w, p in zip(weights[1].tolist(), points, strict=True))
        assert mean[axis] == pytest.approx(expected, abs=0.1)
    assert description(figure).endswith(" Marked: z.")


def test_three_coordinates_are_seen_from_where_they_spread_most():
    points = torch.tensor([[0.0, 0, 0], [9, 1, 0], [9, 1, 5], [0, 0, 5], [4, 0.5, 2.5]])
    figure = hull(points, labels=list("abcde"), marked={}, title="t")
    first, second, third, *_ = dots(figure)
    long, short = math.dist(first, second), math.dist(second, third)
    assert long / short == pytest.approx(math.hypot(9, 1) / 5, rel=0.01)
    assert second[0] > first[0]
    assert third[1] < second[1]
    assert texts(figure)[:2] == ["first principal axis →", "↑ second principal axis"]


def test_the_side_that_is_seen_does_not_depend_on_the_order_of_the_points(inputs, words):
    there = hull(inputs, labels=words, marked={}, title="t")
    back = hull(inputs.flip(0), labels=words[::-1], marked={}, title="t")
    for dot, same in zip(dots(there), dots(back)[::-1], strict=True):
        assert dot == pytest.approx(same, abs=0.1)


@pytest.mark.parametrize(
    ("points", "corners"),
    [
        ([[1.0, 2.0]], 1),
        ([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], 1),
        ([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], 2),
        ([[3.0], [1.0], [2.0]], 2),
        ([[1.0, 2.0, 3.0]], 1),
    ],
)
def test_hulls_without_an_inside(points, corners):
    points = torch.tensor(points)
    figure = hull(points, labels=["p"] * len(points), marked={}, title="t")
    assert len(polygon(figure)) == corners


@pytest.mark.parametrize("shape", [[[0.0, 0.0], [9.0, 1.0]], [[0.0, 0.0], [1.0, 9.0]]])
def test_a_hull_fits_into_its_frame(shape):
    figure = hull(torch.tensor(shape), labels=["a", "b"], marked={}, title="t")
    for x, y in dots(figure):
        assert 40 <= x <= 320
        assert 30 <= y <= 262


def test_a_long_name_stays_inside_the_drawing():
    names = ["a name of some length", "another long name"]
    figure = hull(torch.tensor([[0.0, 0.0], [1.0, 0.1]]), labels=names, marked={}, title="t")
    for left, _, right, _ in extents(figure):
        assert left >= 0
        assert right <= 360


def test_names_of_a_hull_keep_off_its_edges(inputs, words):
    figure = hull(inputs, labels=words, marked={}, title="t")
    corners = polygon(figure)
    boxes = list(extents(figure))
    assert len(boxes) == 6
    for (x, y), (u, v) in zip(corners, [*corners[1:], corners[0]], strict=True):
        for share in torch.linspace(0, 1, 101).tolist():
            a, b = x + share * (u - x), y + share * (v - y)
            assert not any(p < a < r and q < b < s for p, q, r, s in boxes)


def test_names_of_a_hull_do_not_overlap(inputs, weights, words):
    marked = {f"z{i}": z for i, z in enumerate(context(weights, inputs))}
    boxes = list(extents(hull(inputs, labels=words, marked=marked, title="t")))
    assert len(boxes) == 12
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert right <= 360
        for x, y, u, v in boxes[:i]:
            assert right <= x + 0.2 or u <= left + 0.2 or bottom <= y + 0.2 or v <= top + 0.2


def test_name_that_stands_near_another_dot_is_joined_to_its_own():
    corners = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    a, near, apart = torch.tensor([[3.0, 3.0], [3.3, 3.0], [6.0, 1.0]])

    def lines(b):
        marked = {"a long name": a, "b": b}
        drawn = hull(corners, labels=["1", "2", "3"], marked=marked, title="t")
        return drawn.svg.count("<polyline")

    assert lines(near) >= 1
    assert lines(apart) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": torch.ones(3)}, "points must have 2 non-empty axes, got shape (3,)"),
        ({"labels": ["a"]}, "labels must be 2 words, got 1"),
        (
            {"points": torch.tensor([[0.0, 1.0], [-torch.inf, 1.0]])},
            "points[1, 0] is -inf, which has no place",
        ),
        ({"marked": {"z": torch.ones(3)}}, "marked['z'] must have length 2, got shape (3,)"),
        (
            {"marked": {"z": torch.ones(1, 2)}},
            "marked['z'] must have 1 non-empty axes, got shape (1, 2)",
        ),
        (
            {"marked": {"z": torch.tensor([0.0, torch.nan])}},
            "marked['z'][1] is nan, which has no place",
        ),
    ],
)
def test_what_a_hull_refuses(unchecked, refuses, change, message):
    given = {"points": torch.eye(2), "labels": ["a", "b"], "marked": {}, "title": "t"}
    with refuses(ValueError, message):
        hull(**given | change)


def test_the_table_of_a_hull_has_the_places_of_its_dots():
    marked = {"z": torch.tensor([2.0, -1 / 3])}
    figure = hull(SQUARE, labels=list("abcde"), marked=marked, title="t")
    assert caption(figure) == "t"
    assert cells(figure) == [
        ["vector", "coordinate 0", "coordinate 1", "drawn as"],
        ["a", "0", "0", "corner of the hull"],
        ["b", "4", "0", "corner of the hull"],
        ["c", "4", "4", "corner of the hull"],
        ["d", "0", "4", "corner of the hull"],
        ["e", "1", "2", "point"],
        ["z", "2", "\N{MINUS SIGN}0.3333", "marked"],
    ]


def test_a_description_of_a_hull_can_be_given():
    figure = hull(SQUARE, labels=list("abcde"), marked={}, title="t", description="A square.")
    assert description(figure) == "A square."
