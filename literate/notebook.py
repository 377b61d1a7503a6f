r"""Write a page as a Jupyter notebook: its prose, its math, its statements and their live outputs.

Live numbers become their text, boxes quotations, blocks cells, and the rest of the page
[plain Markdown][literate.plain]. A notebook can be run where the code of the site is installed.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby, takewhile
from typing import Any, NamedTuple
from urllib.parse import quote

from literate.checker import STACK, expects_traceback
from literate.examples import Block, Columns, Document, without_directives
from literate.fences import FRONT_MATTER, Fence, fence_at, normalize
from literate.figures import Figure
from literate.plain import Link, plain
from literate.report import Report, Result
from literate.runner import Outcome

Cell = dict[str, Any]

_BOX = re.compile(
    r"""\s*(?:===[!+]?\s+"(?P<tab>.*)\""""
    r"""|(?:!!!|\?\?\?\+?)\s+(?P<kind>\w+)[\w -]*(?:"(?P<title>.*)")?)\s*"""
)
_HEADING = re.compile(r"^#\s+(.*?)\s*(?:\{[^}]*\})?\s*$", re.MULTILINE)


def notebook(
    text: str,
    report: Report,
    *,
    setup: str = "",
    versions: Sequence[str] = (),
    link: Link = lambda target: "",
) -> dict[str, Any]:
    r"""The notebook of a page, in the JSON of nbformat 4.5.

    A cell ends where a statement has an output, since Jupyter echoes the last value of a cell
    only. The same page and outputs give the same notebook, byte for byte.

    Args:
        text: The page's Markdown.
        report: Its run.
        setup: Code that comes first, as it did in the run.
        versions: What the run was made with.
        link: Gives the address of a link's target, and of the page itself for `""`; gives
            `""` where none is known, and then the link's text stays.

    Examples:
        >>> from literate.fences import parse_page
        >>> from literate.report import judge
        >>> from literate.runner import run
        >>> text = "# Sums\n\n```pycon exec='1'\n>>> x = 2\n>>> x + 1\n3\n```\n"
        >>> page = parse_page(text, "sums.md")
        >>> note, title, code = notebook(text, judge(page, list(run(page))))["cells"]
        >>> title["source"], code["source"]
        ('# Sums', 'x = 2\nx + 1')
        >>> code["outputs"][0]["data"]
        {'text/plain': '3'}
    """
    text = normalize(text.removeprefix("\ufeff"))
    cells = [_markdown("about", _about(text, setup, versions, link))]
    if setup:
        # The semicolon keeps Jupyter from echoing the last value.
        cells.append(_code("setup", f"{setup.rstrip().rstrip(';')};"))
    cells += _Reader(text, report, link).read()
    for count, cell in enumerate((cell for cell in cells if cell["cell_type"] == "code"), 1):
        cell["execution_count"] = count
        for output in cell["outputs"]:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def has_notebook(document: Document, meta: Mapping[str, object]) -> bool:
    """Whether a page has a notebook: if it has blocks, unless its front matter says otherwise.

    Args:
        document: The page.
        meta: Its front matter, in which `notebook: false` means that it has none.
    """
    return meta.get("notebook", True) is not False and any(
        not block.inline for block, _ in document.live
    )


def dumps(page: dict[str, Any]) -> str:
    """The text of a notebook's file."""
    return json.dumps(page, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def with_link(html: str, name: str) -> str:
    """A page with a link to its notebook below the title."""
    link = (
        f'<a class="literate-notebook" href="{quote(name)}" download data-search-exclude>'
        "Download as a Jupyter notebook</a>"
    )
    title, heading, rest = html.partition("</h1>")
    return f"{title}{heading}\n{link}{rest}" if heading else f"{link}\n{html}"


def _about(text: str, setup: str, versions: Sequence[str], link: Link) -> str:
    heading = _HEADING.search(text)
    title, address = heading[1] if heading else "", link("")
    name = f" [{title or address}]({address})" if address else f" *{title}*" if title else ""
    machine = f" with {' and '.join(versions)}" if versions else ""
    prepared = " The next cell begins as the build did, random numbers included." if setup else ""
    return (
        f"This notebook was made from the page{name} while its site was built, and shows the"
        f" outputs of that build{machine}. To run it, install the site's code in the environment"
        " of your Jupyter: `pip install -e .` in a clone of its repository."
        f"{prepared}"
    )


def _markdown(identifier: str, source: str) -> Cell:
    return {"cell_type": "markdown", "id": identifier, "metadata": {}, "source": source}


def _code(identifier: str, source: str) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": identifier,
        "metadata": {},
        "outputs": [],
        "source": source,
    }


class _Line(NamedTuple):
    """A line of prose, in how many boxes it stands, and whether it belongs to a fence."""

    text: str
    depth: int
    fenced: bool = False


class _Reader:
    """Cuts a page into cells, from its first line to its last."""

    def __init__(self, text: str, report: Report, link: Link) -> None:
        self.lines = _with_live_numbers(text.split("\n"), report)
        front_matter = FRONT_MATTER.match(text)
        self.begin = front_matter[0].count("\n") if front_matter else 0
        self.report = report
        self.blocks = {block.line: block for block in report.document.blocks if not block.inline}
        self.link = link
        self.cells: list[Cell] = []
        self.prose: list[_Line] = []
        self.boxes: list[int] = []

    def read(self) -> list[Cell]:
        index = self.begin
        while index < len(self.lines):
            fence = fence_at(self.lines, index)
            if fence is None:
                self._text(self.lines[index])
                index += 1
            else:
                self._fence(fence)
                index = fence.stop + 1
        self._end_prose()
        return self.cells

    def _text(self, line: str) -> None:
        self._leave(line)
        box = _BOX.fullmatch(line)
        if not box:
            self._add(line)
            return
        if self.prose and self.prose[-1] != _Line("", len(self.boxes)):
            self._add("")
        self.boxes.append(len(line) - len(line.lstrip()) + 4)
        title = box["tab"] or box["title"]
        if title is None:
            title = box["kind"].capitalize()
        if title:
            self._add(" " * self.boxes[-1] + f"**{title}**")
            self._add("")

    def _leave(self, line: str) -> None:
        """Leave the boxes whose content is further in than the line."""
        while line.strip() and self.boxes and line[: self.boxes[-1]].strip():
            self.boxes.pop()

    def _add(self, line: str, *, fenced: bool = False) -> None:
        indent = self.boxes[-1] if self.boxes else 0
        self.prose.append(_Line(line[indent:], len(self.boxes), fenced))

    def _fence(self, fence: Fence) -> None:
        self._leave(self.lines[fence.start])
        block = self.blocks.get(1 + fence.start)
        if block and not block.skip:
            if block.title:
                self._add("")
                self._add(f"{fence.prefix}**{block.title}**")
            self._end_prose()
            self.cells += _code_cells(block, self.report.of(block))
            return
        lines = self.lines[fence.start : fence.stop + 1]
        if block:
            lines[0] = lines[0].partition(" exec")[0]
            lines += ["", f"{fence.prefix}Not run: {block.skip}"]
        for line in lines:
            self._add(line, fenced=True)

    def _end_prose(self) -> None:
        parts = []
        for (depth, fenced), group in groupby(_trimmed(self.prose), lambda line: line[1:]):
            text = "\n".join(line.text for line in group)
            if not fenced:
                text = plain(text, self.link, quoted=depth > 0)
            parts.append(_quoted(text, depth))
        if parts:
            self.cells.append(_markdown(f"prose-{len(self.cells)}", "\n".join(parts)))
        self.prose = []


def _with_live_numbers(lines: list[str], report: Report) -> list[str]:
    lines = list(lines)
    for result in reversed(report.results):
        place = result.example.place
        if isinstance(place, Columns):
            line = lines[place.line - 1]
            got = (result.outcome.got if result.outcome else result.example.want).strip()
            lines[place.line - 1] = line[: place.begin] + got + line[place.end :]
    return lines


def _trimmed(lines: list[_Line]) -> list[_Line]:
    """The lines without blank ones at both ends, and as far out as the first of them."""
    filled = [number for number, line in enumerate(lines) if line.text.strip()]
    if not filled:
        return []
    lines = lines[filled[0] : filled[-1] + 1]
    indent = len(lines[0].text) - len(lines[0].text.lstrip())
    # What goes on in a list after a block of code would be taken for code itself.
    inner = list(takewhile(lambda line: not line.text[:indent].strip(), lines))
    return [line._replace(text=line.text[indent:]) for line in inner] + lines[len(inner) :]


def _quoted(text: str, depth: int) -> str:
    return "\n".join(f"{'> ' * depth}{line}".rstrip() for line in text.split("\n"))


def _code_cells(block: Block, results: Sequence[Result]) -> Iterator[Cell]:
    tags = {"hide-input": block.hide, "measured": block.measured}
    for group in _groups(results):
        example, outcome = group[-1].example, group[-1].outcome
        source = "".join(without_directives(result.example.source) for result in group)
        # By the line of the example with the output, a cell is found again in its page.
        cell = _code(f"line-{example.line}", source.rstrip("\n"))
        cell["outputs"] = list(_outputs(outcome)) if outcome else []
        names = [name for name, applies in tags.items() if applies]
        names += ["raises-exception"] * expects_traceback(example)
        if names:
            cell["metadata"]["tags"] = names
        if block.hide:
            cell["metadata"]["jupyter"] = {"source_hidden": True}
        yield cell


def _groups(results: Sequence[Result]) -> Iterator[list[Result]]:
    """The examples of one cell each: the last one of them has an output, the others have none."""
    group: list[Result] = []
    for result in results:
        group.append(result)
        if result.outcome and result.outcome.got:
            yield group
            group = []
    if group:
        yield group


def _picture(figure: Figure) -> dict[str, str]:
    """A figure; its SVG also as an image, since Jupyter shows that of trusted notebooks only."""
    if not figure.svg:
        return {"text/html": figure.markup}
    image, text = b64encode(figure.svg.encode()).decode(), figure.text.rstrip("\n")
    html = f'<img src="data:image/svg+xml;base64,{image}" alt="{escape(text)}">'
    return {"image/svg+xml": figure.svg, "text/html": html}


def _outputs(outcome: Outcome) -> Iterator[Cell]:
    printed, stack, error = outcome.got, "", ""
    if outcome.traceback:
        printed, stack, error = outcome.got.rpartition(STACK)
    echo = outcome.echo if printed.endswith(outcome.echo) else ""
    printed = printed[: len(printed) - len(echo)]
    if printed:
        yield {"output_type": "stream", "name": "stdout", "text": printed}
    if echo:
        data = {"text/plain": echo.rstrip("\n")}
        if outcome.figures and outcome.figures[-1].text == echo:
            data |= _picture(outcome.figures[-1])
        yield {"output_type": "execute_result", "data": data, "metadata": {}}
    if stack:
        name, _, value = error.rstrip("\n").partition(": ")
        yield {
            "output_type": "error",
            "ename": name.rpartition(".")[2],
            "evalue": value,
            "traceback": [stack + error.rstrip("\n")],
        }
