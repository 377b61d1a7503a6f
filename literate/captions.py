r"""Move a figure's caption, which a page holds as a paragraph, into the figure.

A caption stands directly after the live block whose last statement drew the figure:

    What to look at in it.
    {: .caption }

It is ordinary Markdown, and may hold live numbers, formulas and links. While a page is converted,
marks in its HTML keep the place of each caption and its line in the file.
"""

from __future__ import annotations

import re

from literate.fences import fence_at

NO_CAPTION = "the figure has no caption: a paragraph marked {: .caption } directly after its block"
NO_FIGURE = "a caption without a figure: the block directly before it ends in none"

# Python-Markdown takes STX and ETX out of what it reads, so no page holds such marks itself.
END = "\x02drawn\x03"
"""What ends the HTML of a block whose last statement drew a figure: there, a caption may follow."""
_SOURCE = re.compile(r"[>\s]*\{:(?=[^}]*\.caption\b)[^}]*\}\s*")
_CAPTIONED = re.compile(
    r"\x02figure:\d+\x03(?P<rest>(?:(?!\x02figure:).)*?)\x02drawn\x03"
    r'\s*<p\b[^>]* data-caption="\d+"[^>]*>(?P<caption>.*?)</p>',
    re.DOTALL,
)
_LEFT = re.compile(r'\x02figure:(?P<figure>\d+)\x03|\x02drawn\x03| data-caption="(?P<caption>\d+)"')


def slot(line: int) -> str:
    """The place of a caption, at the end of a figure that was drawn by the statement of a line."""
    return f"\x02figure:{line}\x03"


def numbered(lines: list[str], first: int) -> list[str]:
    """The lines of a page, with its line in each mark of a caption.

    Args:
        lines: The page's Markdown.
        first: The line of the file at which it begins.
    """
    lines, index = list(lines), 0
    while index < len(lines):
        fence = fence_at(lines, index)
        if _SOURCE.fullmatch(lines[index]):
            lines[index] = lines[index].replace("{:", f'{{: data-caption="{first + index}"', 1)
        index = fence.stop + 1 if fence else index + 1
    return lines


def settled(html: str) -> tuple[str, list[tuple[int, str]]]:
    """A page's HTML with its captions in their figures, and by line what lacks the other."""
    html = _CAPTIONED.sub(r"<figcaption>\g<caption></figcaption>\g<rest>", html)
    alone = [
        (int(match["figure"] or match["caption"]), NO_CAPTION if match["figure"] else NO_FIGURE)
        for match in _LEFT.finditer(html)
        if match.lastgroup
    ]
    return _LEFT.sub("", html), alone
