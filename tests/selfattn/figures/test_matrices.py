import re

import pytest
import torch

from selfattn.figures import heatmap, heatmaps
from selfattn.figures.drawing import SWITCH

from .reading import (
    boxes,
    caption,
    cells,
    description,
    elements,
    parse,
    percentages,
    place,
    places,
    texts,
)


def test_a_heatmap_shows_words_and_numbers_in_their_places(weights, words):
    figure = heatmap(weights[:2], rows=words[:2], columns=words, title="t", row_axis="word")
    numbers = [f"{number:.2f}" for number in weights[:2].flatten().tolist()]
    assert texts(figure) == [
        *["key →", "word ↓", "Your", "journey", *words, *numbers],
    ]


def test_cells_of_a_heatmap_lie_under_their_column_and_beside_their_row():
    values = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    figure = heatmap(values, rows=["a", "b"], columns=["c", "d", "e"], title="t", digits=0)
    assert place(figure, "2")[0] == pytest.approx(place(figure, "d")[0], abs=1)
    assert place(figure, "6")[0] == pytest.approx(place(figure, "e")[0], abs=1)
    assert place(figure, "6")[1] == pytest.approx(place(figure, "b")[1], abs=1)
    assert place(figure, "1")[1] < place(figure, "4")[1]


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
    assert texts(figure) == ["key →", "query ↓", *words, *words]
    assert float(parse(figure).get("width")) == 360


def test_column_names_that_are_too_wide_stand_upright():
    words = [f"column{i}" for i in range(8)]
    figure = heatmap(torch.ones(1, 8), rows=["r"], columns=words, title="t")
    turned = [e.text for e in elements(figure, "text") if "rotate" in e.get("transform", "")]
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
    inks = [
        luminances[e.get("fill")] for e in elements(figure, "text") if e.get("fill") in luminances
    ]
    assert inks == [0.0] * (SWITCH + 1) + [1.0] * (100 - SWITCH)
    for share, ((*_, style), ink) in enumerate(zip(boxes(figure), inks, strict=True)):
        high, low = re.findall(r"#[0-9a-f]{6}", style)
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


def test_figures_take_tensors_with_a_gradient_and_of_low_precision():
    values = torch.ones(1, 1, dtype=torch.bfloat16, requires_grad=True)
    assert texts(heatmap(values, rows=["r"], columns=["c"], title="t"))[-1] == "1.00"


def test_words_of_low_rows_do_not_overlap():
    figure = heatmap(
        torch.ones(3, 61), rows=["a", "b", "c"], columns=["n"] * 61, title="t", digits=None
    )
    heights = [place(figure, word)[1] for word in "abc"]
    assert heights[1] - heights[0] == heights[2] - heights[1] == 14


def test_numbers_that_have_no_room_are_left_out_as_words_of_rows_and_columns():
    numbers = [str(number) for number in range(32)]
    figure = heatmap(torch.eye(24, 32), rows=numbers[:24], columns=numbers, title="t", digits=None)
    assert texts(figure)[2:] == [*numbers[:24:2], *numbers[::5]]
    for number in ("5", "15", "25"):
        assert places(figure, number)[-1][0] == pytest.approx(
            boxes(figure)[int(number)][0] + 5, abs=1
        )


@pytest.mark.parametrize(
    ("digits", "shown"), [(13, [0, 10, 20, 30]), (15, [0, 20]), (20, [0, 20]), (90, [0])]
)
def test_long_numbers_leave_room_for_few(digits, shown):
    names = [f"{number:0{digits}}" for number in range(40)]
    figure = heatmap(torch.ones(1, 40), rows=["r"], columns=names, title="t", digits=None)
    assert texts(figure)[3:] == [names[number] for number in shown]


def test_more_numbers_than_any_step_leaves_room_for_show_the_first_only():
    numbers = [str(number) for number in range(2000)]
    figure = heatmap(torch.ones(1, 2000), rows=["r"], columns=numbers, title="t", digits=None)
    assert texts(figure)[3:] == numbers[::5]


def test_the_table_of_a_heatmap_has_its_numbers():
    values = torch.tensor([[0.125, -2.0], [-torch.inf, 1234.5]])
    options = {"rows": ["a", "b"], "columns": ["c", "d"], "title": "t", "row_axis": "word"}
    figure = heatmap(values, digits=1, **options)
    assert caption(figure) == "t (rows: word, columns: key)"
    assert cells(figure) == [
        ["word", "c", "d"],
        ["a", "0.1", "\N{MINUS SIGN}2.0"],
        ["b", "\N{MINUS SIGN}∞", "1,234.5"],
    ]
    assert cells(heatmap(values, digits=None, **options))[1] == ["a", "0.12", "\N{MINUS SIGN}2.00"]


MAPS = {"rows": ["a", "b"], "columns": ["c", "d", "e"], "title": "t"}


def test_maps_share_one_scale():
    values = torch.tensor([[[0.0, 1.0]], [[4.0, 2.0]]])
    options = {"names": ["m", "n"], "rows": ["r"], "columns": ["a", "b"], "title": "t"}
    assert percentages(heatmaps(values, **options)) == [0, 25, 100, 50]
    assert percentages(heatmaps(values, limits=(0, 8), **options)) == [0, 12, 50, 25]


def test_maps_stand_side_by_side_and_then_below_each_other():
    figure = heatmaps(torch.rand(5, 2, 3), names=list("vwxyz"), **MAPS)
    x, y = zip(*(place(figure, name) for name in "vwxyz"), strict=True)
    assert x[0] == x[3] < x[1] == x[4] < x[2]
    assert y[0] == y[1] == y[2] < y[3] == y[4]
    assert float(parse(figure).get("width")) == 360


def test_four_maps_of_which_three_would_fit_stand_two_by_two():
    figure = heatmaps(torch.rand(4, 2, 3), names=list("wxyz"), **MAPS)
    assert len({place(figure, name)[0] for name in "wxyz"}) == 2


@pytest.mark.parametrize(("count", "columns", "across"), [(7, 3, 3), (5, 4, 2), (3, 7, 1)])
def test_no_more_maps_stand_side_by_side_than_have_room(count, columns, across):
    names = [f"map {number}" for number in range(count)]
    figure = heatmaps(
        torch.full((count, 1, columns), 0.5),
        names=names,
        rows=["r"],
        columns=[*"abcdefg"[:columns]],
        title="t",
    )
    assert len({place(figure, name)[0] for name in names}) == across
    assert float(parse(figure).get("width")) == 360


def test_numbers_of_maps_with_one_decimal_lose_their_point_too():
    values = torch.tensor([[[2.0, 0.5], [-3.25, 10.0]]])
    figure = heatmaps(values, names=["m"], rows=["r", "s"], columns=["c", "d"], title="t", digits=1)
    assert texts(figure)[-4:] == ["2", ".5", "\N{MINUS SIGN}3", "10"]


def test_values_beyond_the_limits_have_the_color_of_the_nearer():
    values = torch.tensor([[-1.0, 0.0, 2.0, 4.0, 9.0]])
    figure = heatmap(values, rows=["r"], columns=list("abcde"), title="t", limits=(0, 4))
    assert percentages(figure) == [0, 0, 50, 100, 100]


def test_each_map_has_its_columns_and_each_line_of_maps_its_rows():
    figure = heatmaps(torch.rand(4, 2, 3), names=list("wxyz"), **MAPS)
    assert [len(places(figure, word)) for word in "abcde"] == [2, 2, 4, 4, 4]
    for name, (x, y) in zip("wxyz", places(figure, "d"), strict=True):
        left, above = place(figure, name)
        assert left < x
        assert above < y


def test_cells_of_a_map_lie_beside_their_row_and_under_their_column():
    values = torch.arange(12.0).reshape(2, 2, 3)
    figure = heatmaps(values, names=["m", "n"], digits=0, **MAPS)
    for word, number in (("a", "7"), ("b", "10")):
        assert place(figure, number)[1] == pytest.approx(place(figure, word)[1], abs=1)
    for word, number in (("d", "7"), ("e", "11")):
        assert place(figure, number)[0] == pytest.approx(places(figure, word)[1][0], abs=1)


def test_numbers_of_maps_are_short():
    values = torch.tensor([[[0.567, 1.0], [-0.05, -12.345]]])
    figure = heatmaps(values, names=["m"], rows=["a", "b"], columns=["c", "d"], title="t", digits=2)
    assert texts(figure)[-4:] == [".57", "1.0", "\N{MINUS SIGN}.05", "\N{MINUS SIGN}12.3"]
    assert cells(figure)[2] == ["a", "0.57", "1.00"]
    whole = heatmaps(values, names=["m"], rows=["a", "b"], columns=["c", "d"], title="t", digits=0)
    assert texts(whole)[-4:] == ["1", "1", "0", "\N{MINUS SIGN}12"]


def test_many_maps_without_numbers_stay_small():
    numbers = [str(number) for number in range(16)]
    names = [f"head {number}" for number in range(8)]
    figure = heatmaps(
        torch.rand(8, 16, 16), names=names, rows=numbers, columns=numbers, title="t", digits=None
    )
    assert float(parse(figure).get("width")) == 360
    assert len({place(figure, name)[0] for name in names}) == 2


def test_a_map_that_is_wider_than_a_phone_widens_the_figure():
    words = [f"word{number}" for number in range(20)]
    figure = heatmaps(torch.rand(2, 1, 20), names=["m", "n"], rows=["r"], columns=words, title="t")
    rights = [right for _, _, right, _, _ in boxes(figure)]
    assert 360 < max(rights) <= float(parse(figure).get("width"))


def test_the_table_of_maps_has_a_group_for_each_even_if_two_have_one_name():
    values = torch.arange(12.0).reshape(2, 2, 3)
    figure = heatmaps(values, names=["m", "m"], digits=1, **MAPS)
    assert caption(figure) == "t (rows: query, columns: key)"
    first = [["m"], ["a", "0.0", "1.0", "2.0"], ["b", "3.0", "4.0", "5.0"], ["m"]]
    assert cells(figure)[1:5] == first


def test_maps_describe_themselves():
    values = torch.tensor([[[0.25, 0.75]], [[0.5, 0.125]]])
    figure = heatmaps(values, names=["m", "n"], rows=["r"], columns=["a", "b"], title="t")
    assert description(figure) == (
        "Rows (query): r. Columns (key): a, b. Largest values: m: 0.75 at r, b; n: 0.50 at r, a."
    )
    told = heatmaps(
        values, names=["m", "n"], rows=["r"], columns=["a", "b"], title="t", description="Told."
    )
    assert description(told) == "Told."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": torch.ones(1, 2)}, "values must have 3 non-empty axes, got shape (1, 2)"),
        ({"names": ["m"]}, "names must be 2 words, got 1"),
        ({"rows": []}, "rows must be 1 words, got 0"),
        ({"columns": ["a"]}, "columns must be 2 words, got 1"),
        (
            {"values": torch.tensor([[[1.0, 2.0]], [[1.0, torch.nan]]])},
            "values[1, 0, 1] is nan, which has no place",
        ),
        (
            {"values": torch.full((2, 1, 2), -torch.inf)},
            "values must hold a finite number, got -inf throughout",
        ),
    ],
)
def test_what_heatmaps_refuse(unchecked, refuses, change, message):
    given = {
        "values": torch.ones(2, 1, 2),
        "names": ["m", "n"],
        "rows": ["r"],
        "columns": ["a", "b"],
    }
    with refuses(ValueError, message):
        heatmaps(**given | change, title="t")
