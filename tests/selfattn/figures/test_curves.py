from itertools import pairwise

import pytest
import torch

from selfattn.figures import lines

from .reading import caption, cells, description, elements, pairs, place, texts


def chart(x, series, **options):
    x = torch.tensor(x)
    series = {name: torch.tensor(values) for name, values in series.items()}
    return lines(x, series, title="t", x_label="time", y_label="cost", **options)


def curves(figure):
    return [pairs(element) for element in elements(figure, "polyline")]


def test_a_line_goes_through_its_points():
    ((left, low), (middle, between), (right, high)) = curves(
        chart([0.0, 1.0, 4.0], {"a": [2.0, 3.0, 6.0]})
    )[0]
    assert (middle - left) / (right - left) == pytest.approx(0.25, abs=0.001)
    assert (low - between) / (low - high) == pytest.approx(0.25, abs=0.001)
    assert high < low


def test_ticks_lie_on_the_values_they_name():
    figure = chart([0.0, 10.0], {"a": [0.0, 3.0]})
    (left, _), (right, top) = curves(figure)[0]
    assert texts(figure)[:2] == ["↑ cost", "time →"]
    assert texts(figure)[2:] == ["0", "1", "2", "3", "0", "2", "4", "6", "8", "10", "a"]
    assert place(figure, "4")[0] == pytest.approx(left + 0.4 * (right - left), abs=0.2)
    assert place(figure, "3")[1] - 4 == pytest.approx(top, abs=0.2)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 0.5], ["0.0", "0.2", "0.4"]),
        ([-3.0, 3.0], ["\N{MINUS SIGN}2", "0", "2"]),
        ([100.0, 900.0], ["200", "400", "600", "800"]),
        ([0.101, 0.199], ["0.12", "0.14", "0.16", "0.18"]),
        ([5.0, 5.0], ["4.6", "4.8", "5.0", "5.2", "5.4"]),
    ],
)
def test_ticks_are_round_numbers(values, labels):
    figure = chart([0.0, 1.0], {"a": values})
    assert texts(figure)[2 : 2 + len(labels)] == labels
    assert texts(figure)[2 + len(labels)] == "0.0"


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1.0, 1000.0], ["1", "10", "100", "1,000"]),
        ([6.0, 512.0], ["10", "20", "50", "100", "200", "500"]),
        ([2000.0, 2e5], ["2,000", "5,000", "10,000", "20,000", "50,000", "100,000", "200,000"]),
        ([1e-6, 1e-3], ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³"]),
        ([1e6, 6e6], ["10⁶", "2·10⁶", "5·10⁶"]),
        ([1.0, 1e12], ["10⁰", "10²", "10⁴", "10⁶", "10⁸", "10¹⁰", "10¹²"]),
        ([3.0, 3.0], ["1", "2", "5"]),
        ([3.1, 3.9], ["3.2", "3.4", "3.6", "3.8"]),
    ],
)
def test_ticks_of_a_logarithmic_scale(values, labels):
    figure = chart([0.0, 1.0], {"a": values}, log_y=True)
    assert texts(figure)[2 : 2 + len(labels)] == labels
    assert texts(figure)[2 + len(labels)] == "0.0"


def test_a_logarithmic_scale_gives_equal_room_to_equal_factors():
    figure = chart([1, 10, 1000], {"a": [1.0, 4.0, 2.0]}, log_x=True, log_y=True)
    ((left, low), (middle, high), (right, between)) = curves(figure)[0]
    assert (middle - left) / (right - left) == pytest.approx(1 / 3, abs=0.001)
    assert (low - between) / (low - high) == pytest.approx(1 / 2, abs=0.001)


def test_every_line_is_named_at_its_end_in_its_color():
    figure = chart([0.0, 1.0], {"a": [0.0, 1.0], "b": [1.0, 0.0]})
    names = {e.text: e for e in elements(figure, "text") if e.text in ("a", "b")}
    drawn = list(elements(figure, "polyline"))
    for name, line in zip("ab", drawn, strict=True):
        x, y = pairs(line)[-1]
        assert names[name].get("fill") == line.get("stroke")
        assert float(names[name].get("x")) == pytest.approx(x + 5, abs=0.1)
        assert float(names[name].get("y")) == pytest.approx(y + 4, abs=15)
    assert names["a"].get("fill") != names["b"].get("fill")


@pytest.mark.parametrize("end", [0.0, 0.5, 1.0])
def test_names_of_lines_that_end_together_are_moved_apart(end):
    names = list("abcde")
    figure = chart([0.0, 1.0], {"a": [0.0, 1.0]} | {name: [1 - end, end] for name in names})
    heights = sorted(place(figure, name)[1] for name in names)
    assert all(b - a >= 14.9 for a, b in pairwise(heights))
    assert heights[-1] <= 229


def test_lines_describe_themselves():
    figure = chart([1.0, 2.0, 3.0], {"a": [0.5, 9.0, 1 / 3], "b": [1.0, 1.0, 2e6]})
    assert description(figure) == (
        "a: from 0.5 at 1, to 0.3333 at 3. b: from 1 at 1, to 2·10⁶ at 3."
    )


def test_a_description_of_lines_can_be_given():
    figure = chart([0.0, 1.0], {"a": [0.0, 1.0]}, description="A line that rises.")
    assert description(figure) == "A line that rises."


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        ({}, {}, "series must hold 1 to 5 lines, got 0"),
        ({name: [1.0, 2.0] for name in "abcdef"}, {}, "series must hold 1 to 5 lines, got 6"),
        ({"a": [1.0]}, {}, "series['a'] must have length 2, got shape (1,)"),
        ({"a": [1.0, torch.nan]}, {}, "series['a'][1] is nan, which has no place"),
        (
            {"a": [1.0, -2.0]},
            {"log_y": True},
            "series must be positive on a logarithmic scale, got -2.0",
        ),
        ({"a": [1.0, 2.0]}, {"log_x": True}, "x must be positive on a logarithmic scale, got 0.0"),
    ],
)
def test_what_lines_refuse(unchecked, refuses, series, options, message):
    with refuses(ValueError, message):
        chart([0.0, 1.0], series, **options)


def test_what_lines_refuse_of_their_axis(unchecked, refuses):
    with refuses(ValueError, "x[1] is nan, which has no place"):
        chart([0.0, torch.nan], {"a": [1.0, 2.0]})


def test_the_table_of_a_few_points_has_them_all():
    figure = chart([1, 10, 1000], {"a": [1.0, 1 / 3, 2e7], "b": [0.0, -1.0, 2.5]})
    assert caption(figure) == "t (cost)"
    assert cells(figure) == [
        ["time", "a", "b"],
        ["1", "1", "0"],
        ["10", "0.3333", "\N{MINUS SIGN}1"],
        ["1,000", "2·10⁷", "2.5"],
    ]


def test_the_table_of_many_points_has_even_ones_and_the_extremes_of_each_line():
    values = torch.ones(100)
    values[37], values[58] = 9.0, -9.0
    figure = lines(torch.arange(100), {"a": values}, title="t", x_label="x", y_label="y")
    assert caption(figure) == "t (y, 14 of 100 points)"
    numbers = [row[0] for row in cells(figure)[1:]]
    assert numbers == [str(9 * step) for step in range(5)] + ["37"] + ["45", "54", "58"] + [
        str(9 * step) for step in range(7, 12)
    ]
    assert cells(figure)[6] == ["37", "9"]


def test_ticks_of_an_axis_do_not_overlap():
    figure = chart([100_000.0, 600_000.0], {"a": [0.0, 1.0]})
    assert texts(figure)[8:-1] == ["200,000", "400,000", "600,000"]
    figure = chart([1000.0, 90_000.0], {"a": [0.0, 1.0]}, log_x=True)
    assert texts(figure)[8:-1] == ["1,000", "3,000", "10,000", "30,000"]


def test_the_last_tick_stays_inside_the_drawing():
    figure = chart([1000.0, 100_000.0], {"a": [0.0, 1.0]}, log_x=True)
    assert place(figure, "100,000")[0] + 7 * 12 * 0.56 / 2 <= 360
