import re
from dataclasses import FrozenInstanceError
from xml.etree import ElementTree

import pytest
import torch

from selfattn.figures import Figure, heatmap, hull
from selfattn.figures.drawing import significant, table, width_of

from .reading import SVG, cells, description, parse, texts


def test_a_figure_shows_its_title_and_draws_its_svg():
    figure = Figure("It's here", "<svg/>", "<table/>")
    assert repr(figure) == 'Figure("It\'s here")'
    assert figure._repr_svg_() == "<svg/>"


def test_the_numbers_of_a_figure_follow_it_folded(figures):
    for figure in figures.values():
        html = figure._repr_html_()
        assert html.startswith(figure.svg)
        details = ElementTree.fromstring(html.removeprefix(figure.svg))
        assert [details.tag, details.get("class"), details.get("open")] == [
            "details",
            "figure-data",
            None,
        ]
        assert details[0].tag == "summary"
        assert details[0].text == "Numbers of this figure"
        assert ElementTree.tostring(details[1][0], "unicode") == figure.table


def test_a_drawing_without_numbers_has_no_table():
    assert Figure("Map", "<svg/>")._repr_html_() == "<svg/>"


def test_a_figure_stays_what_it_is(figures):
    with pytest.raises(FrozenInstanceError):
        figures["Weights"].title = "Other"


def test_every_cell_of_a_table_has_a_named_row_and_column(figures):
    for title, figure in figures.items():
        table = ElementTree.fromstring(figure.table)
        assert table[0].tag == "caption"
        assert table[0].text.startswith(title)
        head = table.find("thead/tr")
        assert {cell.get("scope") for cell in head} == {"col"}
        body = [row for row in table.findall("tbody/tr") if row[0].get("scope") == "row"]
        assert len(body) >= 3
        assert {len(row) for row in body} == {len(head)}
        assert all(cell.text for row in (head, *body) for cell in row)


def test_every_figure_is_an_accessible_image(figures):
    assert len(figures) == 6
    for title, figure in figures.items():
        svg = parse(figure)
        assert svg.tag == f"{SVG}svg"
        assert svg.get("role") == "img"
        assert svg.get("viewBox") == f"0 0 {svg.get('width')} {svg.get('height')}"
        assert [svg[0].tag, svg[1].tag] == [f"{SVG}title", f"{SVG}desc"]
        assert svg[0].text == figure.title == title
        assert len(svg[1].text) > 20


def test_a_phone_shows_the_text_of_every_figure_at_ten_pixels_or_more(figures):
    for figure in figures.values():
        svg = parse(figure)
        assert float(svg.get("font-size")) * 358 / float(svg.get("width")) >= 10
        assert [element.get("font-size") for element in svg.iter()][1:] == [None] * (
            len(list(svg.iter())) - 1
        )


def test_nothing_of_a_figure_reaches_the_page_around_it(figures):
    for figure in figures.values():
        assert not re.search(r"\s(id|class|href|on\w+)=|<style|<script|url\(", figure.svg)


def test_every_color_is_a_variable_with_a_fallback(figures):
    for figure in figures.values():
        without = re.sub(r"var\(--fig-[a-z0-9-]+, #[0-9a-f]{3,6}\)", "COLOR", figure.svg)
        assert "#" not in without
        attributes = re.findall(r'(?:fill|stroke)="([^"]*)"', without)
        assert set(attributes) == {"COLOR", "none"} or set(attributes) == {"COLOR"}
        mixed = re.findall(r'"fill:([^"]*)', without)
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
    assert cells(figure) == [[shown, shown], [shown, "1.00"]]


def test_markup_in_cells_of_a_table_is_text():
    figure = Figure("t", "<svg/>", table("t", "a", ["b"], [("<u>", [("c", ["<i> & 1"])])]))
    assert cells(figure) == [["a", "b"], ["<u>"], ["c", "<i> & 1"]]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (1 / 3, "0.3333"),
        (-0.05, "\N{MINUS SIGN}0.05"),
        (1234.56, "1,235"),
        (99999.6, "100,000"),
        (123456.0, "123,456"),
        (1e6, "1·10⁶"),
        (-2.345678e9, "\N{MINUS SIGN}2.346·10⁹"),
        (0.0001, "0.0001"),
        (1.5e-5, "1.5·10⁻⁵"),
        (100.0, "100"),
    ],
)
def test_numbers_are_written_by_their_first_digits(number, text):
    assert significant(number) == text


def test_a_wide_character_is_taken_for_as_wide_as_high():
    assert width_of("旅") == 12
    assert width_of("旅Ａa") == pytest.approx(12 + 12 + 6.72)
