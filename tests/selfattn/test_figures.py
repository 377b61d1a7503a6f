import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
import torch

from selfattn import context, similarity, softmax
from selfattn.figures import SWITCH, Figure, heatmap, hull, lines

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def weights(inputs):
    return softmax(similarity(inputs, inputs))


@pytest.fixture
def figures(inputs, weights, words):
    """Give one figure of each kind."""
    marked = {"z₁": context(weights, inputs)[1]}
    curves = {"up": torch.tensor([1.0, 2.0, 4.0]), "down": torch.tensor([3.0, -1.0, 2.0])}
    return [
        heatmap(weights, rows=words, columns=words, title="Weights"),
        hull(inputs, labels=words, marked=marked, title="Hull"),
        lines(torch.tensor([1, 2, 3]), curves, title="Lines", x_label="x", y_label="y"),
    ]


def parse(figure):
    return ElementTree.fromstring(figure.svg)


def texts(figure):
    return [element.text for element in parse(figure).iter(f"{SVG}text")]


def place(figure, text):
    found = [element for element in parse(figure).iter(f"{SVG}text") if element.text == text]
    assert len(found) == 1
    return float(found[0].get("x")), float(found[0].get("y"))


def description(figure):
    return parse(figure)[1].text


def dots(figure):
    return [(float(c.get("cx")), float(c.get("cy"))) for c in parse(figure).iter(f"{SVG}circle")]


def pairs(element):
    return [tuple(map(float, pair.split(","))) for pair in element.get("points").split()]


def test_a_figure_shows_its_title_and_draws_its_svg():
    figure = Figure("It's here", "<svg/>")
    assert repr(figure) == 'Figure("It\'s here")'
    assert figure._repr_svg_() == "<svg/>"


def test_every_figure_is_an_accessible_image(figures):
    for figure, title in zip(figures, ["Weights", "Hull", "Lines"], strict=True):
        svg = parse(figure)
        assert svg.tag == f"{SVG}svg"
        assert svg.get("role") == "img"
        assert svg.get("viewBox") == f"0 0 {svg.get('width')} {svg.get('height')}"
        assert [svg[0].tag, svg[1].tag] == [f"{SVG}title", f"{SVG}desc"]
        assert svg[0].text == figure.title == title
        assert len(svg[1].text) > 20


def test_a_phone_shows_the_text_of_every_figure_at_ten_pixels_or_more(figures):
    for figure in figures:
        svg = parse(figure)
        assert float(svg.get("font-size")) * 358 / float(svg.get("width")) >= 10
        assert [element.get("font-size") for element in svg.iter()][1:] == [None] * (
            len(list(svg.iter())) - 1
        )


def test_nothing_of_a_figure_reaches_the_page_around_it(figures):
    for figure in figures:
        assert not re.search(r"\s(id|class|href|on\w+)=|<style|<script|url\(", figure.svg)


def test_every_color_is_a_variable_with_a_fallback(figures):
    for figure in figures:
        without = re.sub(r"var\(--fig-[a-z0-9-]+, #[0-9a-f]{3,6}\)", "COLOR", figure.svg)
        assert "#" not in without
        attributes = re.findall(r'(?:fill|stroke)="([^"]*)"', without)
        assert set(attributes) == {"COLOR", "none"} or set(attributes) == {"COLOR"}
        mixed = re.findall(r"fill:([^\"]*)", without)
        assert all(re.fullmatch(r"color-mix\(in oklab, COLOR \d+%, COLOR\)", m) for m in mixed)


def test_figures_are_the_same_every_time(inputs, words):
    def draw():
        return hull(inputs, labels=words, marked={"mean": inputs.mean(0)}, title="Hull").svg

    assert draw() == draw()
    assert not re.search(r"\d\.\d\d|e-\d", draw().split("</desc>")[1].replace("0.12", ""))


def test_markup_in_words_is_text():
    word = '<b> & "q" \' \x00 é'
    shown = '<b> & "q" \' \N{REPLACEMENT CHARACTER} é'
    figure = heatmap(
        torch.ones(1, 1), rows=[word], columns=[word], title=word, description=word, row_axis=word
    )
    assert figure.title == word
    assert [parse(figure)[0].text, description(figure)] == [shown, shown]
    assert texts(figure) == ["key →", f"{shown} ↓", shown, shown, "1.00"]


def test_a_heatmap_shows_words_and_numbers_in_their_places(weights, words):
    figure = heatmap(weights[:2], rows=words[:2], columns=words, title="t", row_axis="word")
    numbers = [f"{number:.2f}" for number in weights[:2].flatten().tolist()]
    assert texts(figure) == [
        *["key →", "word ↓", *words, "Your", *numbers[:6], "journey", *numbers[6:]],
    ]


def test_cells_of_a_heatmap_lie_under_their_column_and_beside_their_row():
    values = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    figure = heatmap(values, rows=["a", "b"], columns=["c", "d", "e"], title="t", digits=0)
    assert place(figure, "2")[0] == pytest.approx(place(figure, "d")[0], abs=1)
    assert place(figure, "6")[0] == pytest.approx(place(figure, "e")[0], abs=1)
    assert place(figure, "6")[1] == pytest.approx(place(figure, "b")[1], abs=1)
    assert place(figure, "1")[1] < place(figure, "4")[1]


def percentages(figure):
    styles = [rect.get("style") for rect in parse(figure).iter(f"{SVG}rect")]
    return [int(re.search(r"(\d+)%", style)[1]) for style in styles]


def test_the_colors_of_a_heatmap_go_from_the_smallest_to_the_largest_value():
    values = torch.tensor([[-1.0, 0.0, 3.0]])
    words = {"rows": ["r"], "columns": ["a", "b", "c"], "title": "t"}
    assert percentages(heatmap(values, **words)) == [0, 25, 100]
    assert percentages(heatmap(values, **words, limits=(0, 12))) == [0, 0, 25]


def test_equal_values_get_the_lowest_color():
    words = {"rows": ["r"], "columns": ["a", "b"], "title": "t"}
    assert percentages(heatmap(torch.full((1, 2), 7.0), **words)) == [0, 0]


def test_a_masked_score_gets_the_lowest_color():
    figure = heatmap(
        torch.tensor([[1.0, -torch.inf, 2.0]]), rows=["r"], columns=["a", "b", "c"], title="t"
    )
    assert percentages(figure) == [0, 0, 100]
    assert texts(figure)[-2] == "\N{MINUS SIGN}∞"


def test_numbers_have_a_true_minus_sign_and_no_negative_zero():
    figure = heatmap(
        torch.tensor([[-1.5, -0.01]]), rows=["r"], columns=["a", "b"], title="t", digits=1
    )
    assert texts(figure)[-2:] == ["\N{MINUS SIGN}1.5", "0.0"]


def test_a_heatmap_without_numbers_has_small_cells():
    words = [f"word{i}" for i in range(20)]
    figure = heatmap(torch.eye(20), rows=words, columns=words, title="t", digits=None)
    assert texts(figure)[2:] == words * 2
    assert float(parse(figure).get("width")) == 360


def test_column_names_that_are_too_wide_stand_upright():
    words = [f"column{i}" for i in range(8)]
    figure = heatmap(torch.ones(1, 8), rows=["r"], columns=words, title="t")
    turned = [
        e.text for e in parse(figure).iter(f"{SVG}text") if "rotate" in e.get("transform", "")
    ]
    assert turned == words


def test_wide_characters_get_more_room():
    latin, chinese = [
        heatmap(torch.ones(1, 1), rows=[word], columns=["c"], title="t")
        for word in ("abcdefghij", "一二三四五六七八九十")
    ]
    assert place(chinese, "c")[0] > place(latin, "c")[0]


def test_a_heatmap_describes_itself():
    figure = heatmap(
        torch.tensor([[0.1, 0.9], [0.5, 0.25]]),
        rows=["a", "b"],
        columns=["c", "d"],
        title="t",
        column_axis="word",
        digits=None,
    )
    assert description(figure) == (
        "Rows (query): a, b. Columns (word): c, d. "
        "Smallest value 0.10 at a, c; largest 0.90 at a, d."
    )


def luminance_of_mix(high, low, share):
    """Mix two colors in Oklab, as CSS does, and give the relative luminance of WCAG."""

    def linear(color):
        channels = torch.tensor([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]).double()
        return torch.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )

    to_cones = torch.tensor(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ],
        dtype=torch.float64,
    )
    # The cube roots of the cones are a linear image of Oklab, so mixing them is mixing there.
    roots = [(to_cones @ linear(color)) ** (1 / 3) for color in (high, low)]
    mixed = torch.linalg.solve(to_cones, (share * roots[0] + (1 - share) * roots[1]) ** 3)
    return float(mixed.clamp(0, 1) @ torch.tensor([0.2126, 0.7152, 0.0722]).double())


def test_the_text_of_every_cell_has_a_contrast_of_at_least_four_and_a_half():
    values = torch.arange(101.0)[None]
    figure = heatmap(values, rows=["r"], columns=["c"] * 101, title="t", digits=0)
    luminances = {"var(--fig-on-low, #000)": 0.0, "var(--fig-on-high, #fff)": 1.0}
    rects = list(parse(figure).iter(f"{SVG}rect"))
    inks = [
        luminances[e.get("fill")]
        for e in parse(figure).iter(f"{SVG}text")
        if e.get("fill") in luminances
    ]
    assert inks == [0.0] * (SWITCH + 1) + [1.0] * (100 - SWITCH)
    for share, (rect, ink) in enumerate(zip(rects, inks, strict=True)):
        high, low = re.findall(r"#[0-9a-f]{6}", rect.get("style"))
        dark, light = sorted([ink, luminance_of_mix(high, low, share / 100)])
        assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": torch.ones(6)}, "values must have 2 non-empty axes, got shape (6,)"),
        ({"values": torch.ones(0, 2)}, "values must have 2 non-empty axes, got shape (0, 2)"),
        ({"rows": ["a", "b"]}, "rows must be 1 words, got 2"),
        ({"columns": ["a"]}, "columns must be 2 words, got 1"),
        ({"values": torch.tensor([[1.0, torch.nan]])}, "values[0, 1] is nan, which has no place"),
        ({"values": torch.tensor([[torch.inf, 1.0]])}, "values[0, 0] is inf, which has no place"),
        (
            {"values": torch.full((1, 2), -torch.inf)},
            "values must hold a finite number, got -inf throughout",
        ),
    ],
)
def test_what_a_heatmap_refuses(unchecked, refuses, change, message):
    given = {"values": torch.ones(1, 2), "rows": ["r"], "columns": ["a", "b"], "title": "t"}
    with refuses(ValueError, message):
        heatmap(**given | change)


SQUARE = torch.tensor([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [1.0, 2.0]])


def polygon(figure):
    return pairs(next(parse(figure).iter(f"{SVG}polygon")))


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


def extents(figure):
    """Give the boxes of the names beside the dots, after the two captions."""
    for element in list(parse(figure).iter(f"{SVG}text"))[2:]:
        width = 12 * 0.56 * len(element.text)
        x, y = float(element.get("x")), float(element.get("y"))
        x -= {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")] * width
        yield x, y - 10, x + width, y + 3


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


def chart(x, series, **options):
    x = torch.tensor(x)
    series = {name: torch.tensor(values) for name, values in series.items()}
    return lines(x, series, title="t", x_label="time", y_label="cost", **options)


def curves(figure):
    return [pairs(element) for element in parse(figure).iter(f"{SVG}polyline")]


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
        ([1.0, 1000.0], ["1", "10", "100", "1000"]),
        ([6.0, 512.0], ["10", "20", "50", "100", "200", "500"]),
        ([1e-6, 1e-3], ["10⁻⁶", "10⁻⁵", "0.0001", "0.001"]),
        ([1e6, 6e6], ["10⁶", "2·10⁶", "5·10⁶"]),
        ([1.0, 1e12], ["1", "1000", "10⁶", "10⁹", "10¹²"]),
        ([3.0, 3.0], ["1", "2", "5"]),
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
    names = {e.text: e for e in parse(figure).iter(f"{SVG}text") if e.text in ("a", "b")}
    drawn = list(parse(figure).iter(f"{SVG}polyline"))
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
        "a: from 0.5 at 1, to 0.3333 at 3. b: from 1 at 1, to 2e+06 at 3."
    )


def test_a_description_can_be_given(words):
    figure = chart([0.0, 1.0], {"a": [0.0, 1.0]}, description="A line that rises.")
    assert description(figure) == "A line that rises."
    figure = hull(SQUARE, labels=list("abcde"), marked={}, title="t", description="A square.")
    assert description(figure) == "A square."


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


def test_figures_take_tensors_with_a_gradient_and_of_low_precision():
    values = torch.ones(1, 1, dtype=torch.bfloat16, requires_grad=True)
    assert texts(heatmap(values, rows=["r"], columns=["c"], title="t"))[-1] == "1.00"
