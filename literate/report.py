r"""Join examples with their outcomes and say what is wrong, the same in build, test and refresh."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

from literate.checker import expects_traceback, matches
from literate.examples import Block, Document, Example
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
    """

    document: Document
    results: tuple[Result, ...]
    seconds: float = 0.0
    problems: tuple[Failure, ...] = ()

    @property
    def failures(self) -> list[Failure]:
        """All that is wrong, in the order of the file."""
        found = [*self.problems, *(result.failure for result in self.results if result.failure)]
        return sorted(found, key=lambda failure: failure.line)

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
    for index, (block, example) in enumerate(document.live):
        outcome = outcomes[index] if index < len(outcomes) else None
        if outcome:
            failure = _compare(path, block, example, outcome)
        elif index == len(outcomes):
            failure = Failure(path, example.line, ended, example.shown, got=trace)
        else:
            message = "not run, since the page ended before"
            failure = Failure(path, example.line, message, example.shown)
        results.append(Result(block, example, outcome, failure))
    problems = tuple(Failure(path, each.line, each.message) for each in document.problems)
    return Report(document, tuple(results), seconds, problems)


def _compare(path: str, block: Block, example: Example, outcome: Outcome) -> Failure | None:
    got = outcome.got
    if outcome.traceback and not expects_traceback(example):
        message, got = "the example raised an exception", outcome.traceback
    elif not matches(example, outcome.got, measured=block.measured):
        message = "the recorded output is not the live output"
    elif not all(is_named(figure.markup) for figure in outcome.figures):
        return Failure(path, example.line, _NAMELESS, example.shown)
    else:
        return None
    return Failure(path, example.line, message, example.shown, example.want, got)
