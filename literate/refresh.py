r"""Rewrite recorded outputs in place from live ones.

Only the lines of outputs that differ are touched; every other byte of the file
stays. What cannot be recorded faithfully is refused: an exception where none was
recorded, and an output that would not be read back as it was written.
"""

from __future__ import annotations

import difflib
import glob
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from literate.checker import expects_traceback
from literate.config import Config
from literate.examples import Columns, Document, Example, Lines
from literate.report import Failure, Report, Result, judge
from literate.workers import Workers

# Of the file that is to take another's place; its name begins with a dot, so no site shows it.
_SUFFIX = ".refresh"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def refresh(config: Config, files: Sequence[Path], *, check: bool = False) -> int:
    """Refresh files, print a unified diff, and return the exit status.

    Args:
        config: The project's settings.
        files: Pages and modules.
        check: Write nothing, and count every difference as an error.

    Raises:
        OSError: If a file cannot be read or written.
        ValueError: If a file is not UTF-8.
    """
    bad = False
    texts = {file.resolve(): config.read(file) for file in files}
    with closing(Workers(config)) as workers:
        runs = [
            (file, text, workers.submit(config.parse_text(file, text)))
            for file, text in texts.items()
        ]
        for file, text, report in runs:
            if not check:
                _sweep(file)
            bad |= _refresh_file(config, file, text, report.result(), check)
    return int(bad)


def _refresh_file(config: Config, file: Path, old: str, report: Report, check: bool) -> bool:
    """Refresh one file and say whether that is to be reported as an error."""
    stale = [result for result in report.results if _recordable(result)]
    new = rewrite(old, [(each.example, each.outcome.got) for each in stale if each.outcome])
    refused = _refused(report) or _misread(config, file, report, new)
    if not refused and new != old and not check and not write(file, old, new):
        refused = [Failure(report.document.path, 1, "the file was edited while its examples ran")]
    if refused:
        print(*refused, sep="\n", file=sys.stderr)
        return True
    print(_diff(old, new, config.name(file)), end="")
    return check and new != old


def _recordable(result: Result) -> bool:
    """Whether a failing example has an output that may be recorded."""
    if result.failure is None or result.failure.want is None or result.outcome is None:
        return False
    return not result.outcome.traceback or expects_traceback(result.example)


def _refused(report: Report) -> list[Failure]:
    """Why nothing of the file may be rewritten."""
    others = [each.failure for each in report.results if not _recordable(each)]
    return sorted([*report.problems, *filter(None, others)], key=lambda failure: failure.line)


def _misread(config: Config, file: Path, report: Report, new: str) -> list[Failure]:
    """What the rewritten file would not say: it is read back and judged by the same outcomes."""
    again = config.parse_text(file, new)
    outcomes = report.outcomes
    if _statements(again) != _statements(report.document):
        message = "a live output cannot be recorded: it would be read as something else"
        return [Failure(report.document.path, 1, message)]
    return [
        replace(failure, message="a live output cannot be recorded: it would be read differently")
        if failure.want is not None
        else failure
        for failure in judge(again, outcomes).failures
    ]


def _statements(document: Document) -> list[str]:
    return [example.source for _, example in document.live]


def _diff(old: str, new: str, name: str) -> str:
    lines = difflib.unified_diff(_LINE.findall(old), _LINE.findall(new), f"a/{name}", f"b/{name}")
    return "".join(map(_ended, lines))


def _ended(line: str) -> str:
    """A line of a diff, as `git apply` reads it where the file's last line has no end."""
    if line.endswith("\n"):
        return line
    return line + ("\n" if line.endswith("\r") else "\n\\ No newline at end of file\n")


def rewrite(text: str, outputs: Sequence[tuple[Example, str]]) -> str:
    r"""Set new outputs into a file's text, from its end to its beginning.

    Examples:
        >>> from literate.fences import parse_page
        >>> text = "```pycon exec='1'\r\n>>> 1 + 1\r\n3\r\n```\r\n"
        >>> (block,) = parse_page(text, "page.md").blocks
        >>> rewrite(text, [(block.examples[0], "2\n")])
        "```pycon exec='1'\r\n>>> 1 + 1\r\n2\r\n```\r\n"
    """
    mark, text = text[: text.startswith("\ufeff")], text.removeprefix("\ufeff")
    lines = _LINE.findall(text)
    for example, got in sorted(outputs, key=_position, reverse=True):
        if isinstance(example.place, Columns):
            _rewrite_columns(lines, example.place, got)
        else:
            _rewrite_lines(lines, example.place, got)
    return mark + "".join(lines)


def _position(output: tuple[Example, str]) -> tuple[int, int]:
    place = output[0].place
    return (place.line, place.start) if isinstance(place, Columns) else (place.start, 0)


def _rewrite_columns(lines: list[str], place: Columns, got: str) -> None:
    line = lines[place.line - 1]
    start, stop = (_raw_column(line, column) for column in (place.start, place.stop))
    lines[place.line - 1] = line[:start] + got.strip() + line[stop:]


def _raw_column(line: str, column: int) -> int:
    """Where a column of the line with expanded tabs is in the line as it is."""
    start = width = 0
    while width < column:
        tab = line.find("\t", start)
        if tab < 0 or width + tab - start >= column:
            return start + column - width
        width += tab - start
        width += 4 - width % 4
        start = tab + 1
    return start


def _rewrite_lines(lines: list[str], place: Lines, got: str) -> None:
    prompt = lines[place.start - 2]
    content = prompt.rstrip("\r\n")
    # As the prompt's own line has it: the page's tabs were expanded when it was parsed.
    prefix = place.prefix
    if not content.startswith(prefix):
        prefix = content[: _raw_column(content, len(prefix))]
    end = prompt[len(content) :] or "\n"
    recorded = re.split(r"\r\n?|\n", got.removesuffix("\n")) if got else []
    lines[place.start - 1 : place.stop - 1] = [
        prefix + (line if line.strip() else "<BLANKLINE>") + end for line in recorded
    ]


def write(file: Path, old: str, new: str) -> bool:
    """Replace a file at once, so that it is never half written, unless it is no longer the old one.

    Returns:
        Whether it was replaced.
    """
    file = file.resolve()  # the file that a link points to, not the link
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=_SUFFIX)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(new.encode("utf-8"))
            stream.flush()
            os.fsync(descriptor)  # a crash of the machine must not leave a name without content
        os.chmod(name, file.stat().st_mode)
        unchanged = file.read_bytes() == old.encode("utf-8")
        if unchanged:
            os.replace(name, file)
        return unchanged
    finally:
        Path(name).unlink(missing_ok=True)


def _sweep(file: Path) -> None:
    """Remove what a killed process has left beside a file."""
    for each in file.parent.glob(f".{glob.escape(file.name)}.*{_SUFFIX}"):
        each.unlink(missing_ok=True)
