r"""Formulas written in TeX become MathML while the page is built, so no script runs in the browser.

`$...$` within a line is a formula of the sentence, `$$...$$` as a paragraph of its own a displayed
one. A formula that does not parse, and anything that only looks like a formula, is a warning that
names the line, so `mkdocs build --strict` fails on it.

Listed as `literate.math` under `markdown_extensions`. mkdocstrings hands the same extensions to the
docstrings it renders.
"""

from __future__ import annotations

import html
import logging
import os
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from markdown import Extension, Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.inlinepatterns import InlineProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString
from math_core import LatexError, LatexToMathML

__all__ = ["MathError", "makeExtension", "to_mathml"]

log = logging.getLogger("mkdocs.plugins.literate.math")

# A dollar sign opens a formula when no space follows, and closes one when no space precedes and no
# digit follows (Pandoc's rule), so that "$5 and $6" and "$5-$6" stay prices. \x02 and \x03 delimit
# what Markdown has set aside already, such as a code span, which no formula can contain.
INLINE = r"(?<![\\$])\$(?![\s$])((?:\\.|[^\\$\x02\x03])+?)(?<!\s)\$(?![\d$])"
DISPLAY = re.compile(r"\s*\$\$((?:\\.|(?!\$\$)[^\\])+?)\$\$\s*$", re.DOTALL)
# What remains of a formula that the two patterns did not take: a dollar sign that is not a price,
# or a TeX command in prose.
LEFTOVER = re.compile(r"\$\$|\$(?!\d)|\\[A-Za-z]{2,}")
STASHED = re.compile("\x02[^\x03]*\x03")
# What may stand between two words of a source: spaces, and the mark of a quoted line.
GAP = re.compile(r"[\s>]+")
# What can hold another of its kind. The engine's stack overflows from some four thousand within
# each other, and takes the process along.
NESTING = re.compile(r"\\[A-Za-z]+|[{\[^_]")
DEEPEST = 1000
# Punctuation that belongs to a formula: a browser would break a line between the two.
OPENING, CLOSING = "([\u2018\u201c\"'", "-,.;:!?)]\u2019\u201d\"'\u2026"
# What neither HTML nor XML can hold; a docstring that is not raw makes a bell of `\alpha`.
CONTROL = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Named entities that HTML knows and XML does not; `math-core` writes `&ApplyFunction;`.
ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot);)[A-Za-z]+;")

_engine = LatexToMathML(fancy_error=False)


class MathError(ValueError):
    """TeX that the engine rejects; the message says what and at which character."""


def to_mathml(tex: str, *, display: bool = False) -> str:
    r"""Translate one formula.

    Args:
        tex: the formula without its dollar signs.
        display: whether it stands on a line of its own.

    Returns:
        A `<math>` element that is well-formed as HTML and as XML.

    Raises:
        MathError: the formula does not parse.

    Examples:
        >>> to_mathml(r"d_k")
        '<math><msub><mi>d</mi><mi>k</mi></msub></math>'
        >>> to_mathml(r"\frac{1}{")
        Traceback (most recent call last):
            ...
        literate.math.MathError: Expected closing token "}", but reached end of input (character 9)
    """
    if control := CONTROL.search(tex):
        what = f"{control[0]!r} is no character of a formula"
        raise MathError(f"{what} (character {control.start()})")
    if len(NESTING.findall(tex)) > DEEPEST:
        raise MathError(f"more than {DEEPEST} commands and groups are no single formula")
    try:
        mathml = _engine.convert_with_local_state(tex, displaystyle=display)
    except LatexError as error:
        where, _, what = str(error).partition(": ")
        raise MathError(f"{what.rstrip('.')} (character {where})") from None
    return _well_formed(ENTITY.sub(lambda entity: html.unescape(entity[0]), mathml))


def _well_formed(mathml: str) -> str:
    """Refuse the few things that the engine translates without escaping them."""
    try:
        ElementTree.fromstring(mathml)
    except ElementTree.ParseError as error:
        raise MathError(f"it does not become well-formed MathML: {error}") from None
    return mathml


def locate(md: Markdown, before: str, snippet: str, after: str = "") -> str:
    """Say where `snippet` is written: `docs/page.md:12`, or the page alone if no source has it.

    The text that reaches an extension has lost its line (a list, a docstring or a plugin stands
    between), so it is searched for: in the page, then in all sources, for docstrings and text that
    is included. `before` and `after` are the texts around it, which tell it from others like it.
    """
    page, root = _page(md)
    words, skipped = _packed(before + snippet + after), len(_packed(before))
    for path in chain([page] if page else [], _sources(root)):
        if line := _line_of(words, skipped, path):
            return f"{os.path.relpath(path)}:{line}"
    return os.path.relpath(page) if page else "unknown page"


def _packed(text: str) -> str:
    """Return `text` as it is however it is indented and wrapped."""
    return GAP.sub("", text)


def _page(md: Markdown) -> tuple[Path | None, Path]:
    """Return the file of the page and the root of its project, as far as MkDocs tells them."""
    if "relpath" not in md.treeprocessors:
        return None, Path.cwd()
    relpath: Any = md.treeprocessors["relpath"]
    source = relpath.file.abs_src_path
    return Path(source) if source else None, Path(relpath.config.config_file_path).parent


def _sources(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not (here / name / "pyvenv.cfg").exists()
        )
        yield from (here / name for name in sorted(files) if name.endswith((".py", ".md")))


def _line_of(words: str, skipped: int, path: Path) -> int | None:
    """Return the line of the first occurrence, after so many characters of it."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # the lock of an editor is a link to nowhere
        return None
    start = _packed(text).find(words)
    if start < 0:
        return None
    place = next(islice(re.finditer(r"[^\s>]", text), start + skipped, None))
    return text.count("\n", 0, place.start()) + 1


class _Inline(InlineProcessor):
    def handleMatch(  # type: ignore[override]  # noqa: N802 - the name Markdown calls
        self, m: re.Match[str], data: str
    ) -> tuple[Element, int, int]:
        return _formula(m[1]), m.start(), m.end()


class _Display(BlockProcessor):
    def test(self, parent: Element, block: str) -> bool:
        return DISPLAY.match(block) is not None

    def run(self, parent: Element, blocks: list[str]) -> None:
        match = DISPLAY.match(blocks.pop(0))
        assert match is not None, "run() follows test()"
        # A wide formula scrolls inside this box, which so takes the keyboard's focus and a name.
        attributes = {
            "class": "math-display",
            "role": "group",
            "tabindex": "0",
            "aria-label": "Formula",
        }
        SubElement(parent, "div", attributes).append(_formula(match[1], display="block"))


def _formula(tex: str, **mode: str) -> Element:
    """Return an element that holds the TeX until the whole tree is there.

    Text, not a placeholder, since Markdown itself may use it: as the `alt` text of an image.
    The tag is our own since the search of Material for MkDocs leaves out an element up to the next
    closing tag of the same name.
    """
    element = Element("tex-math", {"data-search-exclude": "", **mode})
    element.text = AtomicString(tex.strip())
    return element


class _Render(Treeprocessor):
    def run(self, root: Element) -> None:
        for element in root.iter("tex-math"):
            self._render(element)
        for text in _prose(root):
            self._check(text)
        for parent in root.iter():
            _take_punctuation(parent)

    def _render(self, element: Element) -> None:
        tex, display = element.text or "", element.attrib.pop("display", None) is not None
        try:
            rendered = to_mathml(tex, display=display)
        except MathError as error:
            log.warning("%s: formula does not parse: %s\n  %s", self._place(tex), error, tex)
            rendered = _failed(tex, error)
        element.text = AtomicString(self.md.htmlStash.store(rendered))

    def _place(self, tex: str) -> str:
        return locate(self.md, "$", tex, "$")

    def _check(self, text: str) -> None:
        if found := LEFTOVER.search(text):
            before, rest = text[: found.start()], text[found.start() :]
            place = locate(self.md, before, rest)
            log.warning("%s: %s\n  %s", place, _advice(found[0]), rest.strip())


def _failed(tex: str, error: MathError) -> str:
    return f'<code class="math-failed" title="{html.escape(str(error))}">{html.escape(tex)}</code>'


def _take_punctuation(parent: Element) -> None:
    """Move the punctuation at both sides of a formula into its element, which does not wrap."""
    before: Element | None = None
    for child in parent:
        if child.tag == "tex-math":
            opening = _cut_opening(parent, before)
            tail = child.tail or ""
            child.tail = tail.lstrip(CLOSING)
            closing = tail[: len(tail) - len(child.tail)]
            child.text = f"{opening}{child.text}{closing}"
        before = child


def _cut_opening(parent: Element, before: Element | None) -> str:
    """Cut the opening punctuation off the text in front of a formula."""
    text = (parent.text if before is None else before.tail) or ""
    rest = text.rstrip(OPENING)
    if before is None:
        parent.text = rest
    else:
        before.tail = rest
    return text[len(rest) :]


def _prose(element: Element) -> Iterator[str]:
    """Yield the texts that a reader sees as prose, without what Markdown has set aside."""
    if element.tag in ("code", "pre", "tex-math", "script", "style"):
        return
    for text in (element.text, *(child.tail for child in element)):
        yield from STASHED.split(text or "")
    for child in element:
        yield from _prose(child)


def _advice(leftover: str) -> str:
    if leftover == "$$":
        return (
            "'$$' is left as text: a displayed formula opens and closes with '$$', "
            "has a blank line before and after it, and none inside"
        )
    if leftover == "$":
        return r"'$' is left as text: close the formula, or write '\$' for a dollar sign"
    return f"{leftover!r} is left as text: it looks like TeX outside of a formula"


class MathExtension(Extension):
    """Register the three processors."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name Markdown calls
        md.ESCAPED_CHARS = [*md.ESCAPED_CHARS, "$"]
        # After code spans (190) and before escapes (180); blocks after indented code (80).
        md.inlinePatterns.register(_Inline(INLINE, md), "literate-math", 189)
        md.parser.blockprocessors.register(_Display(md.parser), "literate-math", 79)
        # After inline processing (20), while `\$` is still told from `$` (unescaped at 0).
        md.treeprocessors.register(_Render(md), "literate-math", 19)


def makeExtension(**options: Any) -> MathExtension:  # noqa: N802 - the name Markdown looks for
    """Return the extension, as Python-Markdown asks for it by module name."""
    return MathExtension(**options)
