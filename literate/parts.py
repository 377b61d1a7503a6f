r"""The Python-Markdown extension that makes a box of what stands below each heading of a page.

A browser can leave such a box for later while it is out of sight (`content-visibility`), and so
shows a long page as fast as a short one. The headings stay outside: the theme asks where each of
them is, which would have their boxes laid out at once.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, SubElement

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

HEADINGS = {"h2", "h3", "h4", "h5", "h6"}


class _Parts(Treeprocessor):
    def run(self, root: Element) -> None:
        part = root
        children, root[:] = list(root), []
        for child in children:
            if child.tag in HEADINGS:
                root.append(child)
                part = SubElement(root, "div", {"class": "part"})
            else:
                part.append(child)
        for empty in root.findall("div[@class='part']"):
            if not len(empty):
                root.remove(empty)


class PartsExtension(Extension):
    """Makes boxes of the parts of a page."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after all that looks for its neighbors, and after mkdocstrings' headings (4)."""
        md.treeprocessors.register(_Parts(md), "literate-parts", 3)


def makeExtension(**settings: Any) -> PartsExtension:  # noqa: N802
    """Make the extension, as Python-Markdown asks."""
    return PartsExtension(**settings)
