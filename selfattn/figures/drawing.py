"""What all figures are made of: the drawing and its table, text, shapes, and how numbers read."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

WIDTH = 360.0
FONT = 12.0
INK = "var(--fig-ink, #1f2328)"
MUTED = "var(--fig-muted, #57606a)"
GRID = "var(--fig-grid, #d0d7de)"
ACCENT = "var(--fig-accent, #b3261e)"
LOW, HIGH = "var(--fig-low, #edf2fc)", "var(--fig-high, #092a6c)"
ON_LOW, ON_HIGH = "var(--fig-on-low, #000)", "var(--fig-on-high, #fff)"
# Up to this percentage of the high color a text in ON_LOW has a contrast of 4.5, and above it one
# in ON_HIGH; the four colors of a scheme have to be chosen for it.
SWITCH = 60
SERIES = (
    "var(--fig-1, #1a5fb4)",
    "var(--fig-2, #b3420a)",
    "var(--fig-3, #1b7340)",
    "var(--fig-4, #8434a8)",
    "var(--fig-5, #6b5d00)",
)

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Attribute = str | float | int
Rows = Iterable[tuple[str, Iterable[str]]]


@dataclass(frozen=True)
class Figure:
    """A drawing with a name and a table of what it shows, which Jupyter and the pages show.

    Attributes:
        title: What the drawing is called, also to a screen reader.
        svg: The drawing, a complete SVG document.
        table: Its numbers as an HTML table, for those who cannot see it, or want to read them; it
            is empty for a drawing that shows no numbers.
    """

    title: str
    svg: str
    table: str = ""

    def __repr__(self) -> str:
        return f"Figure({self.title!r})"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        if not self.table:
            return self.svg
        # A table that is wider than the page scrolls, and so has to be reached by the keyboard.
        return (
            f'{self.svg}<details class="figure-data"><summary>Numbers of this figure</summary>'
            f'<div tabindex="0">{self.table}</div></details>'
        )


def frame(
    title: str, description: str, height: float, parts: Iterable[str], width: float = WIDTH
) -> str:
    """Put a drawing into an SVG document that names and describes it."""
    size = f"{math.ceil(width)} {math.ceil(height)}"
    attributes = written(
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {size}",
        width=math.ceil(width),
        height=math.ceil(height),
        role="img",
        fill=INK,
        font_size=FONT,
        font_family="var(--fig-font, sans-serif)",
        style="font-variant-numeric:tabular-nums",
    )
    name = f"<title>{escaped(title)}</title><desc>{escaped(description)}</desc>"
    return f"<svg{attributes}>{name}{''.join(parts)}</svg>"


def table(
    caption: str, corner: str, columns: Sequence[str], groups: Iterable[tuple[str, Rows]]
) -> str:
    """Write an HTML table whose rows have names, in groups with a name each, or one without."""
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in (corner, *columns))
    bodies = "".join(_body(name, rows, 1 + len(columns)) for name, rows in groups)
    caption = f"<caption>{escaped(caption)}</caption>"
    return f'<table class="figure-table">{caption}<thead><tr>{head}</tr></thead>{bodies}</table>'


def _body(name: str, rows: Rows, width: int) -> str:
    group = f'<tr><th scope="rowgroup" colspan="{width}">{escaped(name)}</th></tr>' if name else ""
    lines = (
        f'<tr><th scope="row">{escaped(row)}</th>'
        f"{''.join(f'<td>{escaped(cell)}</td>' for cell in cells)}</tr>"
        for row, cells in rows
    )
    return f"<tbody>{group}{''.join(lines)}</tbody>"


def written(**attributes: Attribute) -> str:
    """Write attributes; a number has at most one decimal, so that drawings are small and stable."""
    texts = {
        name.replace("_", "-"): text if isinstance(text, str) else f"{text:z.1f}".removesuffix(".0")
        for name, text in attributes.items()
    }
    return "".join(f' {name}="{text}"' for name, text in texts.items())


def escaped(text: str) -> str:
    """Escape markup, and replace the characters that XML cannot hold at all."""
    return escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))


def label(x: float, y: float, text: str, **attributes: Attribute) -> str:
    """Write a text, by default to the right of its place."""
    return f"<text{written(x=x, y=y, **attributes)}>{escaped(text)}</text>"


def width_of(text: str) -> float:
    """Estimate the width of a text, whose font is not known here."""
    return FONT * sum(1.0 if east_asian_width(char) in "WF" else 0.56 for char in text)


def widest(texts: Iterable[str]) -> float:
    """Estimate the width of the widest of some texts."""
    return max(map(width_of, texts))


def path(points: Sequence[Point], color: str, closed: bool = False) -> str:
    """Draw a line through points, or the area inside of it."""
    name = "polygon" if closed else "polyline"
    pairs = " ".join(f"{x:z.1f},{y:z.1f}" for x, y in points)
    style = {"stroke": color, "stroke_width": "1.5", "stroke_linejoin": "round"}
    style |= {"fill": color, "fill_opacity": "0.12"} if closed else {"fill": "none"}
    return f"<{name}{written(points=pairs, **style)}/>"


def fixed(number: float, digits: int) -> str:
    """Write a number with a real minus sign, and none before zeros."""
    return f"{number:z,.{digits}f}".replace("-", "\N{MINUS SIGN}").replace("inf", "∞")


def significant(number: float, digits: int = 4) -> str:
    """Write a number by its first digits, as a power of ten where it is very large or small."""
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    if -4 <= int(exponent) <= 5:
        return _trimmed(fixed(number, max(0, digits - 1 - int(exponent))))
    return f"{_trimmed(fixed(float(mantissa), digits - 1))}·{power(int(exponent))}"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def power(exponent: int) -> str:
    """Write a power of ten."""
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
