import math

import pytest
import torch

from selfattn import rope, sinusoidal
from selfattn.figures import rotations

from .reading import caption, cells, description, elements, parse, place, texts

NUMBERS = [str(number) for number in range(12)]


def dots(figure):
    return [
        (float(c.get("cx")), float(c.get("cy")))
        for c in elements(figure, "circle")
        if c.get("r") == "3"
    ]


def circles(figure):
    return [
        (float(c.get("cx")), float(c.get("cy")), float(c.get("r")))
        for c in elements(figure, "circle")
        if c.get("fill") == "none"
    ]


def turned(count, width=4):
    return rope(torch.ones(count, width), torch.arange(count))


def draw(vectors, **options):
    return rotations(vectors, rows=NUMBERS[: len(vectors)], title="t", **options)


def test_vectors_are_drawn_with_their_angle_and_their_share_of_the_longest():
    vectors = torch.tensor([[3.0, 4.0], [-2.5, 0.0], [0.0, -1.0]])
    figure = draw(vectors)
    ((x, y, radius),) = circles(figure)
    # The first row is drawn last, and lies on top.
    for (u, v), row in zip(dots(figure)[::-1], vectors.tolist(), strict=True):
        assert (u - x, y - v) == pytest.approx([number / 5 * radius for number in row], abs=0.1)
    tips = [element.get("d").split("L")[1] for element in elements(figure, "path")]
    assert tips == [f"{u:.1f} {v:.1f}" for u, v in dots(figure)]


def test_vectors_without_length_are_dots_in_the_middle():
    figure = draw(torch.zeros(2, 2))
    ((x, y, _),) = circles(figure)
    assert dots(figure) == [(x, y), (x, y)]


def test_the_first_row_has_a_color_of_its_own():
    strokes = [element.get("stroke") for element in elements(draw(turned(5, 2)), "path")]
    assert len(set(strokes[:4])) == 1
    assert strokes[4] != strokes[0]


def test_each_pair_has_a_plane_of_its_own_and_two_stand_side_by_side():
    figure = draw(turned(3, 6))
    (a, b, _), (c, d, _), (e, f, _) = circles(figure)
    assert a == e < c
    assert b == d < f
    assert len(dots(figure)) == 9
    assert float(parse(figure).get("height")) > f + 62


def test_a_turned_vector_stays_on_its_circle():
    figure = draw(turned(7))
    for number, (x, y, radius) in enumerate(circles(figure)):
        for u, v in dots(figure)[7 * number : 7 * number + 7]:
            assert math.dist((x, y), (u, v)) == pytest.approx(radius, abs=0.1)


def test_the_angle_of_a_step_is_measured():
    assert texts(draw(turned(7)))[0] == "pair 0, 1 rad a step"
    assert "pair 1, 0.01 rad a step" in texts(draw(turned(7)))
    back = draw(sinusoidal(7, 2))
    assert texts(back)[0] == "pair 0, \N{MINUS SIGN}1 rad a step"
    assert texts(draw(turned(7)[:2]))[0] == "pair 0, 1 rad a step"
    spread = draw(rope(torch.ones(5, 2), 4 * torch.arange(5)))
    assert texts(spread)[0] == "pair 0, \N{MINUS SIGN}2.28 rad a step"


def test_half_a_turn_is_one_angle_though_its_sign_is_not_known():
    half = math.pi * torch.arange(5.0)
    assert texts(draw(torch.stack([half.cos(), half.sin()], 1)))[0].endswith("3.14 rad a step")


@pytest.mark.parametrize(
    "vectors",
    [
        [[1.0, 0.0]],
        [[1.0, 1.0], [0.0, 0.0]],
        [[1.0, 0.0], [math.cos(0.1), math.sin(0.1)], [math.cos(0.201), math.sin(0.201)]],
        [[1.0, 0.0], [math.cos(0.1), math.sin(0.1)], [math.cos(0.199), math.sin(0.199)]],
    ],
)
def test_no_angle_stands_where_there_is_no_single_one(vectors):
    assert texts(draw(torch.tensor(vectors)))[0] == "pair 0"


def test_words_stand_beyond_their_vectors():
    figure = draw(turned(5, 2))
    ((x, y, radius),) = circles(figure)
    for word, (u, v) in zip(NUMBERS, dots(figure)[::-1], strict=False):
        a, b = place(figure, word)
        b -= 4
        gap = math.dist((a, b), (u, v))
        assert 10 < gap < 15
        assert math.dist((a, b), (x, y)) == pytest.approx(radius + gap, abs=0.2)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_words_side_by_side_have_room_for_both(side):
    figure = draw(torch.tensor([[side, 0.0], [-side, 0.0]]))
    assert texts(figure)[1:] == ["0", "1"]


def test_a_wide_word_keeps_off_its_dot():
    figure = rotations(torch.tensor([[-1.0, 0.0]]), rows=["journey"], title="t")
    ((x, _),) = dots(figure)
    assert place(figure, "journey")[0] + 7 * 12 * 0.56 / 2 <= x - 3


def test_words_that_have_no_room_are_left_out():
    def named(step):
        angles = step * torch.arange(8.0)
        return texts(draw(torch.stack([angles.cos(), angles.sin()], 1)))[1:]

    assert named(0.5) == NUMBERS[:8]
    assert named(0.15) == ["0", "2", "4", "6"]
    assert named(0.05) == ["0", "5"]
    assert named(0.001) == ["0–7"]
    assert texts(draw(torch.ones(1, 2)))[1:] == ["0"]


def test_rotations_describe_themselves():
    assert description(draw(turned(3))) == (
        "Vectors 0, 1, 2. pair 0, 1 rad a step; pair 1, 0.01 rad a step."
    )
    assert description(draw(turned(3), description="Told.")) == "Told."


def test_the_table_of_rotations_has_the_coordinates():
    figure = draw(torch.tensor([[0.0, 1.0], [-0.5, 2.25]]), digits=1)
    assert caption(figure) == "t"
    assert cells(figure) == [
        ["vector", "coordinate 0", "coordinate 1"],
        ["0", "0.0", "1.0"],
        ["1", "\N{MINUS SIGN}0.5", "2.2"],
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vectors": torch.ones(4)}, "vectors must have 2 non-empty axes, got shape (4,)"),
        ({"vectors": torch.ones(2, 3)}, "vectors must have an even width, got shape (2, 3)"),
        ({"rows": ["a"]}, "rows must be 2 words, got 1"),
        (
            {"vectors": torch.tensor([[0.0, 1.0], [torch.inf, 1.0]])},
            "vectors[1, 0] is inf, which has no place",
        ),
    ],
)
def test_what_rotations_refuse(unchecked, refuses, change, message):
    with refuses(ValueError, message):
        rotations(**{"vectors": torch.ones(2, 4), "rows": ["a", "b"], "title": "t"} | change)
