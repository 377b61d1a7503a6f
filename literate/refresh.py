r"""Rewrite recorded outputs in place from live ones.

Only the lines of outputs that differ are touched; every other byte of the file
stays. What cannot be recorded faithfully is refused: an exception where none was
recorded, and an output that would not be read back as it was written.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from literate.checker import expects_traceback
from literate.config import Config
from literate.examples import Columns, Document, Example, Lines
from literate.report import Failure, Report, Result, judge
from literate.workers import Workers


def refresh(config: Config, files: Sequence[Path], *, check: bool = False) -> int:
    """Refresh files, print a unified diff, and return the exit status.

    Args:
        config: The project's settings.
        files: Pages and modules.
        check: Write nothing, and count every difference as an error.
    """
    workers = Workers(config)
    reports = [(file, workers.submit(config.parse(file))) for file in files]
    bad = False
    for file, future in reports:
        bad |= _refresh_file(config, file, future.result(), check)
    workers.close()
    return int(bad)


def _refresh_file(config: Config, file: Path, report: Report, check: bool) -> bool:
    refused = [*report.problems, *(r.failure for r in report.results if _refused(r) and r.failure)]
    stale = [result for result in report.results if result.failure and not _refused(result)]
    old = file.read_bytes().decode("utf-8")
    new = rewrite(old, [(r.example, r.outcome.got) for r in stale if r.outcome])
    if not refused:
        refused = _misread(config, file, report, new)
    for failure in refused:
        print(failure, file=sys.stderr)
    if refused:
        return True
    name = config.name(file)
    lines = (text.splitlines(keepends=True) for text in (old, new))
    sys.stdout.writelines(difflib.unified_diff(*lines, f"a/{name}", f"b/{name}"))
    if new != old and not check:
        write(file, new)
    return check and new != old


def _refused(result: Result) -> bool:
    """Whether a failing example has no output that may be recorded."""
    if result.failure is None:
        return False
    if result.outcome is None or result.failure.want is None:
        return True
    return bool(result.outcome.traceback) and not expects_traceback(result.example)


def _misread(config: Config, file: Path, report: Report, new: str) -> list[Failure]:
    """What the rewritten file would not say: it is read back and judged by the same outcomes."""
    again = config.parse_text(file, new)
    outcomes = [result.outcome for result in report.results if result.outcome]
    if _statements(again) != _statements(report.document):
        message = "a live output cannot be recorded: it would be read as something else"
        return [Failure(report.document.path, 1, message)]
    return [
        replace(failure, message="a live output cannot be recorded: it would be read differently")
        for failure in judge(again, outcomes).failures
    ]


def _statements(document: Document) -> list[str]:
    return [example.source for _, _, example in document.live()]


def rewrite(text: str, outputs: Sequence[tuple[Example, str]]) -> str:
    r"""Set new outputs into a file's text, from its end to its beginning.

    Examples:
        >>> from literate.fences import parse_page
        >>> text = "```pycon exec='1'\r\n>>> 1 + 1\r\n3\r\n```\r\n"
        >>> (block,) = parse_page(text, "page.md").blocks
        >>> rewrite(text, [(block.examples[0], "2\n")])
        "```pycon exec='1'\r\n>>> 1 + 1\r\n2\r\n```\r\n"
    """
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)
    for example, got in sorted(outputs, key=_position, reverse=True):
        if isinstance(example.place, Columns):
            _rewrite_columns(lines, example.place, got)
        else:
            _rewrite_lines(lines, example.place, got)
    return "".join(lines)


def _position(output: tuple[Example, str]) -> tuple[int, int]:
    place = output[0].place
    return (place.line, place.start) if isinstance(place, Columns) else (place.start, 0)


def _rewrite_columns(lines: list[str], place: Columns, got: str) -> None:
    line = lines[place.line - 1]
    start, stop = (_raw_column(line, column) for column in (place.start, place.stop))
    lines[place.line - 1] = line[:start] + got.rstrip("\n") + line[stop:]


def _raw_column(line: str, column: int) -> int:
    """Where a column of the line with expanded tabs is in the line as it is."""
    return next(index for index in range(len(line)) if len(line[:index].expandtabs(4)) >= column)


def _rewrite_lines(lines: list[str], place: Lines, got: str) -> None:
    prompt = lines[place.start - 2]
    content = prompt.rstrip("\r\n")
    # The prompt's own prefix, not the normalized one: it may hold tabs or quote marks.
    prefix = re.match(r"[>\s]*?(?=>>>|\.\.\.)", content)
    end = prompt[len(content) :] or "\n"
    recorded = [(prefix[0] if prefix else "") + (line or "<BLANKLINE>") for line in _lines(got)]
    lines[place.start - 1 : place.stop - 1] = [line + end for line in recorded]


def _lines(got: str) -> list[str]:
    return got.removesuffix("\n").split("\n") if got else []


def write(file: Path, text: str) -> None:
    """Replace a file at once, so that it is never half written."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode("utf-8"))
        os.chmod(name, file.stat().st_mode)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
