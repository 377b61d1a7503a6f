"""What a figure shows, read out of its SVG and its table."""

import re
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


def parse(figure):
    return ElementTree.fromstring(figure.svg)


def elements(figure, name):
    return list(parse(figure).iter(SVG + name))


def texts(figure):
    return [element.text for element in elements(figure, "text")]


def places(figure, text):
    found = [element for element in elements(figure, "text") if element.text == text]
    return [(float(element.get("x")), float(element.get("y"))) for element in found]


def place(figure, text):
    (found,) = places(figure, text)
    return found


def description(figure):
    return parse(figure)[1].text


def pairs(element):
    return [tuple(map(float, pair.split(","))) for pair in element.get("points").split()]


def boxes(figure):
    """Give the cells, from left to right and from the top down, each with its edges and style."""
    found = []
    for path in elements(figure, "path"):
        for line in path.get("d").removesuffix("z").split("z"):
            left, top, width, height, back = map(float, re.findall(r"[-\d.]+", line))
            assert back == -width
            found.append(((top, left), left + width, top + height, path.get("style")))
    return [(x, y, right, bottom, style) for (y, x), right, bottom, style in sorted(found)]


def percentages(figure):
    return [int(re.search(r"(\d+)%", style)[1]) for *_, style in boxes(figure)]


def cells(figure):
    """Give the rows of the table, each with the text of its cells."""
    table = ElementTree.fromstring(figure.table)
    return [[cell.text for cell in row] for row in table.iter("tr")]


def caption(figure):
    return ElementTree.fromstring(figure.table).find("caption").text
