r"""The Python-Markdown extension that sets a formula beside the code that computes it.

A displayed formula and the live block that follows it become one box, which the style sheet lays
out: side by side where both fit, one above the other where not. One short paragraph may stand
between them, and goes below the formula. Anything else between them keeps them apart, if only a
comment.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE

# What the narrow column beside a block holds in six lines or so.
SHORT = 200

_TAG = re.compile(r"<[^>]*>")
_LIVE = re.compile(r'<div class="literate[ "]')


class _Pairs(Treeprocessor):
    def run(self, root: Element) -> None:
        for parent in list(root.iter()):
            for formula in parent.findall("div[@class='math-display']"):
                self._pair(parent, formula)

    def _pair(self, parent: Element, formula: Element) -> None:
        """Move the formula and what belongs to it into a box that takes its place."""
        place = list(parent).index(formula)
        follow = list(parent)[place + 1 : place + 4]
        words = follow[:1] if follow and self._is_short(follow[0]) else []
        code, rest = follow[len(words) :][:1], follow[len(words) + 1 :][:1]
        if not code or not self._is_live(code[0]):
            return
        caption = [each for each in rest if "caption" in each.get("class", "").split()]
        kinds = {"pair-words": words, "pair-figure": self._draws(code[0])}
        name = " ".join(["pair", *(kind for kind, applies in kinds.items() if applies)])
        side, pair = Element("div", {"class": "pair-formula"}), Element("div", {"class": name})
        side.extend([formula, *words])
        pair.extend([side, *code, *caption])
        parent[place : place + len(words) + len(caption) + 2] = [pair]

    def _is_short(self, element: Element) -> bool:
        if element.tag != "p":
            return False
        return 0 < len(self._seen("".join(element.itertext()))) <= SHORT

    def _seen(self, text: str) -> str:
        """The text as the reader sees it, with formulas and live numbers; a block shows none."""
        return HTML_PLACEHOLDER_RE.sub(lambda found: self._words(int(found[1])), text).strip()

    def _words(self, number: int) -> str:
        stored = self._stored(number)
        return "" if stored.startswith(("<div", "<!--")) else _TAG.sub("", stored)

    def _is_live(self, element: Element) -> bool:
        return bool(_LIVE.match(self._block(element)))

    def _draws(self, element: Element) -> bool:
        return "data-shows=" in self._block(element).partition(">")[0]

    def _block(self, element: Element) -> str:
        """What is set aside for a paragraph that consists of it."""
        found = HTML_PLACEHOLDER_RE.fullmatch((element.text or "").strip())
        return self._stored(int(found[1])) if found else ""

    def _stored(self, number: int) -> str:
        return str(self.md.htmlStash.rawHtmlBlocks[number])


class PairsExtension(Extension):
    """Sets formulas beside code."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after formulas are rendered (19)."""
        md.treeprocessors.register(_Pairs(md), "literate-pairs", 7)


def makeExtension(**settings: Any) -> PairsExtension:  # noqa: N802
    """Make the extension, as Python-Markdown asks."""
    return PairsExtension(**settings)
