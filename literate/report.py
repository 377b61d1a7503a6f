r"""Join examples with their outcomes and say what is wrong, the same in build, test and refresh."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from textwrap import indent

from literate.checker import canonical, expects_traceback, matches
from literate.examples import Block, Document, Example, Script
from literate.figures import is_named
from literate.runner import Outcome

_NAMELESS = (
    "the figure has no accessible name: it must begin with an <svg> that begins with a <title>, or"
    " with an element that has an aria-label or aria-labelledby"
)


@dataclass(frozen=True)
class Failure:
    """One thing that is wrong at a line of a file."""

    path: str
    line: int
    message: str
    shown: str = ""
    want: str | None = None
    got: str | None = None

    def __str__(self) -> str:
        parts = [f"{self.path}:{self.line}: {self.message}"]
        if self.shown:
            parts.append(_indented(self.shown))
        for name, text in (("Expected", self.want), ("Got", self.got)):
            if text is not None:
                parts.append(f"{name}:\n{_indented(text)}" if text.strip() else f"{name} nothing")
        return "\n".join(parts)


def _indented(text: str) -> str:
    return indent(text.rstrip("\n"), "    ")


@dataclass(frozen=True)
class Result:
    """An example with what it did; no outcome if its process ended before."""

    block: Block
    example: Example
    outcome: Outcome | None
    failure: Failure | None


@dataclass(frozen=True)
class Report:
    """A document that was run.

    Attributes:
        document: The document.
        results: One result for each example that was to be run.
        seconds: How long the run took.
        problems: What keeps some of the document from being verified.
        reads: The files and folders that the run has read, each with its digest.
        effect: Why the outcomes may not be used again, if they may not.
        reused: Whether they were.
        ran: Whether they come from a run at all, and are not just the recorded ones.
        transcripts: What is known already of what `literate.transcript.transcripts` gives.
    """

    document: Document
    results: tuple[Result, ...]
    seconds: float
    problems: tuple[Failure, ...]
    reads: Mapping[str, str] = field(default_factory=dict)
    effect: str = ""
    reused: bool = False
    ran: bool = True
    transcripts: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def failures(self) -> list[Failure]:
        """All that is wrong, in the order of the file."""
        found = [*self.problems, *(result.failure for result in self.results if result.failure)]
        return sorted(found, key=lambda failure: failure.line)

    @property
    def outcomes(self) -> list[Outcome]:
        """What the examples did, up to where the process ended."""
        return [result.outcome for result in self.results if result.outcome]

    def of(self, block: Block) -> list[Result]:
        """The results of one block."""
        return [result for result in self.results if result.block == block]


def judge(
    document: Document,
    outcomes: list[Outcome],
    *,
    ended: str = "",
    trace: str | None = None,
    seconds: float = 0.0,
) -> Report:
    """Compare what was recorded with what was got.

    Args:
        document: The document that was run.
        outcomes: What its live examples did, in order.
        ended: Why outcomes are missing, where they are.
        trace: The traceback with which they ended.
        seconds: How long the run took.
    """
    path = document.path
    results = []
    live = [(script, *pair) for script in document.scripts for pair in script.live()]
    for index, (script, block, example) in enumerate(live):
        outcome = outcomes[index] if index < len(outcomes) else None
        if outcome:
            failure = _compare(path, script, block, example, outcome)
        elif index == len(outcomes):
            failure = Failure(path, example.line, ended, example.shown, got=trace)
        else:
            message = "not run, since the page ended before"
            failure = Failure(path, example.line, message, example.shown)
        results.append(Result(block, example, outcome, failure))
    problems = tuple(Failure(path, each.line, each.message) for each in document.problems)
    return Report(document, tuple(results), seconds, problems)


def unrun(document: Document) -> Report:
    """The report of a document that is not run: what is recorded stands for what it would do."""
    results = [
        Result(block, example, Outcome(canonical(example.want)), None)
        for block, example in document.live
    ]
    return replace(judge(document, []), results=tuple(results), ran=False)


def _in_file(trace: str, path: str, script: Script) -> str:
    """A traceback with lines of the file, instead of those that the code sees."""
    places = [(line, example.line) for line, example in script.placed()]

    def line(match: re.Match[str]) -> str:
        seen = int(match[2])
        start, line = max(place for place in places if place[0] <= seen)
        return f"{match[1]}{line + seen - start}"

    return re.sub(rf'(File "{re.escape(path)}", line )([1-9]\d*)', line, trace)


def _compare(
    path: str, script: Script, block: Block, example: Example, outcome: Outcome
) -> Failure | None:
    got = outcome.got
    if outcome.traceback and not expects_traceback(example):
        message = "the example raised an exception"
        got = _in_file(outcome.traceback, path, script)
    elif not matches(example, outcome.got, measured=block.measured):
        message = "the recorded output is not the live output"
    elif not all(is_named(figure.markup) for figure in outcome.figures):
        return Failure(path, example.line, _NAMELESS, example.shown)
    else:
        return None
    return Failure(path, example.line, message, example.shown, example.want, got)
