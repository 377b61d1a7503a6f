r"""The Python-Markdown extension that makes boxes of what stands below each heading of a page.

A browser can leave such a box for later while it is out of sight (`content-visibility`), and so
shows a long page as fast as a short one. The headings stay outside: the theme asks where each of
them is, which would have their boxes laid out at once. What is long becomes several boxes, each of
which a phone lays out without a pause that its reader would feel.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE

HEADINGS = {"h2", "h3", "h4", "h5", "h6"}
# How many elements a box should hold.
SIZE = 200

_TAG = re.compile(r"<[a-z]")
_BLOCK = re.compile(r'<div class="literate[ "](?![^>]* data-shows=)')


class _Parts(Treeprocessor):
    def run(self, root: Element) -> None:
        part, size, last = root, 0, False
        children, root[:] = list(root), []
        for child in children:
            if child.tag in HEADINGS:
                root.append(child)
                part, size, last = SubElement(root, "div", {"class": "part"}), 0, False
                continue
            stored = self._stored(child)
            more = sum(1 for _ in child.iter()) + len(_TAG.findall(stored))
            text = _is_text(child)
            # The margins of two boxes do not collapse. So the first ends with text, and the second
            # begins with text or with a block that shows no figure, whose margin is the same.
            if last and size + more > SIZE and (text or _BLOCK.match(stored)):
                part, size = SubElement(root, "div", {"class": "part"}), 0
            part.append(child)
            size, last = size + more, text and part is not root
        for empty in root.findall("div[@class='part']"):
            if not len(empty):
                root.remove(empty)

    def _stored(self, element: Element) -> str:
        """What is set aside for an element."""
        numbers = map(int, HTML_PLACEHOLDER_RE.findall("".join(element.itertext())))
        return "".join(str(self.md.htmlStash.rawHtmlBlocks[number]) for number in numbers)


def _is_text(element: Element) -> bool:
    """Whether it is a paragraph or a list, and not what is set aside as a whole."""
    aside = HTML_PLACEHOLDER_RE.fullmatch((element.text or "").strip())
    return element.tag in ("p", "ul", "ol") and not element.get("class") and not aside


class PartsExtension(Extension):
    """Makes boxes of the parts of a page."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after all that looks for its neighbors, and after mkdocstrings' headings (4)."""
        md.treeprocessors.register(_Parts(md), "literate-parts", 3)


def makeExtension(**settings: Any) -> PartsExtension:  # noqa: N802
    """Make the extension, as Python-Markdown asks."""
    return PartsExtension(**settings)
