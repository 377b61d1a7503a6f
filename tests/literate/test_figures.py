from __future__ import annotations

import re

import pytest

from literate.figures import Figure, figure_of, is_named, scoped


class Drawn:
    """Draws itself as what it is given, by the methods that Jupyter calls."""

    def __init__(self, svg: object, html: object) -> None:
        self.svg, self.html = svg, html

    def _repr_svg_(self) -> object:
        return self.svg

    def _repr_html_(self) -> object:
        return self.html


class Text(str):
    """A string of another type, which a page could not send to the build."""


@pytest.mark.parametrize(
    ("svg", "html", "markup", "picture"),
    [
        ("<svg/>", None, "<svg/>", "<svg/>"),
        (None, "<p>", "<p>", ""),
        ("<svg/>", "<p>", "<p>", "<svg/>"),
    ],
)
def test_a_page_shows_html_where_there_is_some_and_svg_otherwise(
    svg: str, html: str, markup: str, picture: str
) -> None:
    assert figure_of(Drawn(svg, html), "F\n") == Figure(markup, "F\n", picture)


def test_a_value_that_draws_nothing_is_no_figure() -> None:
    assert figure_of(Drawn(None, None), "") is None
    assert figure_of(42, "") is None


def test_a_class_and_an_object_with_any_attribute_are_no_figures() -> None:
    class Any:
        def __getattr__(self, name: str) -> object:
            return lambda: "<svg/>"

    class Declines:
        _repr_html_ = None

    assert figure_of(Drawn, "") is None
    assert figure_of(Any(), "") is None
    assert figure_of(Declines(), "") is None


def test_markup_is_plain_text() -> None:
    figure = figure_of(Drawn(Text("<svg/>"), Text("<p>")), "")
    assert figure is not None
    assert {type(figure.svg), type(figure.markup)} == {str}


@pytest.mark.parametrize(
    "markup",
    [
        '<svg viewBox="0 0 1 1">\n  <title id="a">Weights</title></svg>',
        "\n<svg><title>t</title></svg><p>more</p>",
        '<x-lab aria-label="A laboratory"></x-lab>',
        "<p data-x='a > b' aria-label='It'>",
        '<div role="group" aria-labelledby="a b"><p id="a">One</p><p id=\'b\'>two</p></div>',
    ],
)
def test_markup_with_a_name(markup: str) -> None:
    assert is_named(markup)


@pytest.mark.parametrize(
    "markup",
    [
        "",
        "text",
        "<svg/>",
        "<svg><title></title></svg>",
        "<svg><title>  </title></svg>",
        "<svg><g><title>late</title></g></svg>",
        "<div><svg><title>inside</title></svg></div>",
        '<p aria-label="">',
        '<p aria-label=" ">',
        "<p aria-label=\"\" title='x'>",
        '<p data-aria-label="x">',
        '<p>text<i aria-label="late"></i></p>',
        '<p aria-labelledby="">',
        '<p aria-labelledby="a b"><i id="a">One</i></p>',
    ],
)
def test_markup_without_a_name(markup: str) -> None:
    assert not is_named(markup)


def test_ids_and_what_refers_to_them_get_a_prefix() -> None:
    markup = (
        '<svg aria-labelledby="t d"><title id="t">T</title><desc id=\'d\'>id</desc>'
        '<g id="g" data-id="g"/><use href="#g"/><use xlink:href="#g"/><a href="x#g"/>'
        '<rect fill="url(#g)" clip-path="url(\'#g\')"/></svg>'
        '<table><th id="h"><td headers="h g"></table><label for="g">'
    )
    found = scoped(markup, "p-")
    assert 'aria-labelledby="p-t p-d"' in found
    assert re.findall(r"""\sid=["']([^"']*)""", found) == ["p-t", "p-d", "p-g", "p-h"]
    assert re.findall(r"""(?:href="|url\('?)#([^"')]*)""", found) == ["p-g"] * 4
    assert 'headers="p-h p-g"' in found
    assert 'for="p-g"' in found
    assert 'data-id="g"' in found
    assert '<a href="x#g"/>' in found


def test_links_to_the_page_stay() -> None:
    markup = '<a href="#top" aria-describedby="note">'
    assert scoped(markup, "p-") == markup
