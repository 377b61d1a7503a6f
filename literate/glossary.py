r"""The Python-Markdown extension that explains a term where a page first uses it.

The glossary is a definition list on a page of the site, each term with an anchor:

    Softmax {: #softmax }
    :   The map from scores to positive weights that sum to one.

The first use of each term on every other page becomes a link to its entry, with the
definition as its tooltip.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from literate.pages import page_file

_ENTRY = re.compile(
    r"^(?P<term>\S.*?) *\{: *#(?P<anchor>[\w-]+)[^}\n]*\} *\n\n?: +"
    r"(?P<definition>.+(?:\n[^\S\n]+\S.*)*)",
    re.MULTILINE,
)
_MARKUP = re.compile(r"\]\([^)]*\)|[\[\]`*$]|\{[:#][^}]*\}")
# Titles of papers stand in italics. Code and formulas are not here: their text is set aside.
_CLOSED = {"a", "abbr", "em", "h1", "h2", "h3", "h4", "h5", "h6", "dt"}


@dataclass(frozen=True)
class Entry:
    """One term of the glossary."""

    term: str
    anchor: str
    definition: str


def read_glossary(text: str) -> list[Entry]:
    r"""The entries of a glossary page.

    Examples:
        >>> read_glossary("Token {: #token }\n:   A piece of\n    text.\n")
        [Entry(term='Token', anchor='token', definition='A piece of text.')]
    """
    return [
        Entry(
            match["term"], match["anchor"], " ".join(_MARKUP.sub("", match["definition"]).split())
        )
        for match in _ENTRY.finditer(text)
    ]


class _Terms(Treeprocessor):
    def __init__(self, md: Markdown, glossary: str) -> None:
        super().__init__(md)
        self.glossary = glossary

    def run(self, root: ElementTree.Element) -> None:
        page = page_file(self.md)
        if page is None:
            return
        file = above(page, self.glossary)
        if file is None or file == page:
            return
        link = Path(os.path.relpath(file, page.parent)).as_posix()
        entries = {entry.term.lower(): entry for entry in read_glossary(file.read_text("utf-8"))}
        if entries:
            _Marker(entries, link).mark(root)


def above(page: Path, name: str) -> Path | None:
    """Return the file of that name in the nearest folder at or above a page's."""
    return next((folder / name for folder in page.parents if (folder / name).is_file()), None)


class _Marker:
    """Turns the first use of each term into a link; a term is used up by that."""

    def __init__(self, entries: dict[str, Entry], link: str) -> None:
        self.entries = entries
        self.link = link
        # One pattern for all pages: to compile one after each use would take longer than the rest.
        self.names = tuple(sorted(entries, key=len, reverse=True))

    def mark(self, parent: ElementTree.Element) -> None:
        if parent.tag in _CLOSED:
            return
        parent.text, links = self._links(parent.text)
        children = list(parent)
        for place, link in enumerate(links):
            parent.insert(place, link)
        for child in children:
            self.mark(child)
            child.tail, links = self._links(child.tail)
            place = list(parent).index(child) + 1
            for offset, link in enumerate(links):
                parent.insert(place + offset, link)

    def _links(self, text: str | None) -> tuple[str | None, list[ElementTree.Element]]:
        """Cut text at first uses: what stands before them, and links followed by the rest."""
        if not text or isinstance(text, AtomicString):
            return text, []
        uses = list(self._uses(text))
        ends = [use.start() for use, _ in uses] + [len(text)]
        links = [
            self._link(entry, use[0], tail=text[use.end() : end])
            for (use, entry), end in zip(uses, ends[1:], strict=True)
        ]
        return text[: ends[0]], links

    def _uses(self, text: str) -> Iterator[tuple[re.Match[str], Entry]]:
        place = 0
        while self.entries and (found := _pattern(self.names).search(text, place)):
            place = found.start() + 1
            unused = (name for name in self.names if name in self.entries)
            uses = ((name, _pattern((name,)).match(text, found.start())) for name in unused)
            for name, use in uses:
                if use:
                    place = use.end()
                    yield use, self.entries.pop(name)
                    break

    def _link(self, entry: Entry, text: str, tail: str) -> ElementTree.Element:
        href = f"{self.link}#{entry.anchor}"
        attributes = {"class": "term", "href": href, "title": entry.definition}
        link = ElementTree.Element("a", attributes)
        link.text, link.tail = text, tail
        return link


@lru_cache(maxsize=1024)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    choice = "|".join(map(_forms, names))
    return re.compile(rf"(?<![\w-])(?P<term>{choice})(?:e?s)?(?![\w-])", re.IGNORECASE)


def _forms(name: str) -> str:
    """A pattern for a term, over two lines too, and for the plural of one that ends in y."""
    pattern = re.escape(name).replace(r"\ ", r"\s+")
    return f"{pattern[:-1]}(?:y|ies)" if pattern.endswith("y") else pattern


class GlossaryExtension(Extension):
    """Links the first use of each glossary term."""

    def __init__(self, **settings: Any) -> None:
        self.config = {"page": ["notation.md", "The page that holds the glossary"]}
        super().__init__(**settings)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after inline processing (20) and before MkDocs makes links relative (0)."""
        md.treeprocessors.register(_Terms(md, self.getConfig("page")), "literate-glossary", 8)


def makeExtension(**settings: Any) -> GlossaryExtension:  # noqa: N802
    """Make the extension, as Python-Markdown asks."""
    return GlossaryExtension(**settings)
