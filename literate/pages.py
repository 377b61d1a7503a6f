r"""The Python-Markdown extension that sets live outputs into pages.

markdown-exec hands each `pycon exec="1"` fence to its formatter for `pycon`; this
extension replaces that formatter. Pages run before they are converted, so that a
fence and a number in a sentence come from the same run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import markdown_exec
from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markupsafe import Markup, escape

from literate.build import Build, build_of, warn
from literate.captions import numbered, settled
from literate.config import Config, module_name
from literate.docstrings import owner
from literate.examples import Columns, Document
from literate.fences import fence_at, normalize, parse_page
from literate.report import Failure
from literate.transcript import block_html, inline_html, line_html, problems_html, verdict_html

_DIRECTIVE = re.compile(r"^[ >]*(?:#{1,6} *)?::: ?([\w.]+)", re.MULTILINE)
_NOT_SHOWN = "the block is run but not shown: Markdown does not take its fence for one here"


def page_file(md: Markdown) -> Path | None:
    """The file that is converted; none for a fragment, such as a docstring."""
    # mkdocstrings converts docstrings as parts of the page's file, by a Markdown of its own.
    if "relpath" not in md.treeprocessors or "mkdocstrings_ids" in md.treeprocessors:
        return None
    path = md.treeprocessors["relpath"].file.abs_src_path  # type: ignore[attr-defined]
    return Path(path) if path else None


class Page:
    """One page while it is converted: what ran, and how its blocks look."""

    def __init__(self, build: Build, file: Path, text: str) -> None:
        document, self.first_line = located(build.config, file, text)
        self.report = build.report(document)
        self.reports = [self.report, *map(build.report, included(build.config, text))]
        self.config, self.versions = build.config, build.versions
        self.converted = False
        self.fences = [block for block in document.blocks if not block.inline]

    def lines(self, lines: list[str], store: Any) -> list[str]:
        """Number the captions, and the live fences for the formatter, and set the live numbers."""
        lines = numbered(lines, self.first_line)
        # Without a number, the formatter marks a fence as not run.
        infos = {problem.line: 'pycon exec="1"' for problem in self.report.document.problems}
        for number, block in enumerate(self.fences):
            infos[block.line] = f'pycon exec="1" block="{number}"'
        for line_number, info in infos.items():
            index = line_number - self.first_line
            if fence := fence_at(lines, index):
                lines[index] = fence.prefix + fence.marker + info
        inline = [result for result in self.report.results if result.block.inline]
        for result in reversed(inline):
            index, place = result.example.line - self.first_line, result.example.place
            assert isinstance(place, Columns)
            line = lines[index]
            lines[index] = line[: place.begin] + store(inline_html(result)) + line[place.end :]
        return lines

    def html(self, number: int) -> str:
        """The HTML of a live fence."""
        block = self.fences[number]
        return block_html(block, self.report, f"example-{number + 1}")

    def finish(self, html: str) -> str:
        """Set the captions, add what the page says of itself, and warn of what it does not show."""
        html, alone = settled(html)
        general = list(self.report.problems)
        for failure in [each for report in self.reports[1:] for each in report.failures]:
            general.append(failure)
            html = self._mark(html, failure)
        for number, block in enumerate(self.fences):
            if f'id="example-{number + 1}"' not in html:
                general.append(self.fail(block.line, _NOT_SHOWN))
        if self.report.ran:
            general += [self.fail(line, message) for line, message in alone]
        return problems_html(general) + html + line_html(self.reports, self.versions)

    def _mark(self, html: str, failure: Failure) -> str:
        """Set a docstring's failure below the heading of what has the docstring."""
        text = self.config.read(self.config.root / failure.path)
        try:
            name = re.escape(owner(text, module_name(failure.path), failure.line))
        except SyntaxError:
            return html
        heading = rf'<h(\d)\b[^>]*\bid="{name}"[^>]*>.*?</h\1>'
        verdict = f'<div class="literate-failed">{verdict_html(failure)}</div>'
        return re.sub(heading, lambda found: found[0] + verdict, html, count=1, flags=re.DOTALL)

    def fail(self, line: int, message: str) -> Failure:
        """Warn of something that only the conversion could tell."""
        failure = Failure(self.report.document.path, line, message)
        warn(failure)
        return failure


def located(config: Config, file: Path, text: str) -> tuple[Document, int]:
    """The document of a page's text, and the line where the text begins in it.

    MkDocs takes the front matter off; the document is that of the whole file, so that
    its lines are the file's. A text that is not in the file was changed by a plugin.
    """
    whole, body = config.read(file), normalize(text)
    before, _, after = normalize(whole).removeprefix("\ufeff").rpartition(body.strip("\n") or "\n")
    if not after.strip() and before[-1:] in ("", "\n"):
        blank = len(body) - len(body.lstrip("\n"))
        return config.parse_text(file, whole), 1 + before.count("\n") - blank
    return parse_page(text, f"{config.name(file)} (as another plugin changed it)"), 1


def includes(text: str) -> bool:
    """Whether a page includes docstrings."""
    return _DIRECTIVE.search(text) is not None


def included(config: Config, text: str) -> list[Document]:
    """The modules whose docstrings a page includes by mkdocstrings' directive."""
    names = {match[1] for match in _DIRECTIVE.finditer(text)}
    files = {file for name in names for file in _module_files(config, name)}
    return [config.parse(file) for file in sorted(files)]


def _module_files(config: Config, name: str) -> list[Path]:
    """A module's file, or all of a package, whose names may come from any of its modules."""
    parts = name.split(".")
    for length in range(len(parts) if parts[0] in config.sources else 0, 0, -1):
        path = config.root.joinpath(*parts[:length])
        if path.is_dir():
            return list(path.rglob("*.py"))
        if path.with_suffix(".py").is_file():
            return [path.with_suffix(".py")]
    return []


class _Run(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        file = page_file(self.md)
        if file is None:
            return lines
        page = Page(build_of(file.parent), file, "\n".join(lines))
        self.md.literate_page = page  # type: ignore[attr-defined]
        return page.lines(lines, self.md.htmlStash.store)


class _Converted(Treeprocessor):
    def run(self, root: Element) -> None:
        page = getattr(self.md, "literate_page", None)
        if page:
            page.converted = True


class _Finish(Postprocessor):
    def run(self, text: str) -> str:
        page = getattr(self.md, "literate_page", None)
        # Before the tree is done, the toc extension runs postprocessors on each heading.
        return page.finish(text) if page and page.converted else text


def format_pycon(*, code: str, md: Markdown, **options: Any) -> Markup:
    """Format a live fence for markdown-exec, from the run of its page."""
    page = getattr(md, "literate_page", None)
    number = options.get("extra", {}).get("block")
    if page is None:
        failure = Failure("a docstring", 1, 'pycon exec="1" works in pages only', code)
        warn(failure)
        return Markup(problems_html([failure]))
    if number is None:
        if not page.report.problems:
            page.fail(page.first_line, f"a live block is not run:\n{code}")
        return Markup(f'<div class="literate literate-failed"><pre>{escape(code)}</pre></div>')

    def run(source: str, **extra: Any) -> str:
        return str(page.html(int(number)))

    return markdown_exec.base_format(
        language="pycon", run=run, code=code, md=md, **{**options, "html": True}
    )


class PagesExtension(Extension):
    """Runs a page's examples and shows their live outputs."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register with Markdown and take over markdown-exec's formatter for `pycon`."""
        markdown_exec.formatters["pycon"] = format_pycon
        # After Python-Markdown has normalized line ends (30), before superfences (25).
        md.preprocessors.register(_Run(md), "literate-run", 27)
        md.treeprocessors.register(_Converted(md), "literate-converted", -100)
        md.postprocessors.register(_Finish(md), "literate-finish", -10)


def makeExtension(**settings: Any) -> PagesExtension:  # noqa: N802
    """Make the extension, as Python-Markdown asks."""
    return PagesExtension(**settings)
