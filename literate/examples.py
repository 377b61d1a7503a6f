r"""What a page's examples are, and how prompts are read.

An example is one statement behind a `>>>` prompt with the output recorded
under it. Examples stand in blocks (a fence of a page, a sentence's live number,
a docstring), blocks in scripts (all that shares one namespace), and scripts in
documents (one file).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_PROMPT = re.compile(r"(?P<indent>\s*)>>>(?P<rest>.*)")
_DIRECTIVE = re.compile(r"#\s*doctest:(?P<names>.*)")
DIRECTIVES = frozenset({"ELLIPSIS", "NUMBER"})
"""The directives that an example may carry, as in `# doctest: +ELLIPSIS`."""


@dataclass(frozen=True)
class Problem:
    """Something in a file that keeps its examples from being verified."""

    line: int
    message: str


@dataclass(frozen=True)
class Lines:
    """The recorded output occupies whole lines, `start` up to but not including `stop`.

    `prefix` stands before each of them, as it does before the prompt.
    """

    start: int
    stop: int
    prefix: str


@dataclass(frozen=True)
class Columns:
    """The recorded output occupies `start` to `stop` of a line, its code span `begin` to `end`."""

    line: int
    start: int
    stop: int
    begin: int
    end: int


@dataclass(frozen=True)
class Example:
    """One statement and the output recorded for it.

    Attributes:
        source: The statement without prompts, ending in a line break.
        want: The recorded output, empty where there is none.
        line: The line of its first prompt in the file, counted from 1.
        place: Where the file holds the recorded output.
        directives: Names out of [`DIRECTIVES`][literate.examples.DIRECTIVES].
        shown: How a message shows the example, its prompts included.
    """

    source: str
    want: str
    line: int
    place: Lines | Columns
    directives: frozenset[str] = frozenset()
    shown: str = ""


@dataclass(frozen=True)
class Block:
    """Examples that stand together and are one test.

    Attributes:
        line: The line where the block begins.
        examples: Its examples in order.
        inline: Whether it is a live number in a sentence.
        hide: Whether it runs without being shown.
        measured: Whether its numbers differ from run to run, so that they are not compared.
        skip: Why it is not run; empty where it is.
        title: A caption to show above it.
    """

    line: int
    examples: tuple[Example, ...]
    inline: bool = False
    hide: bool = False
    measured: bool = False
    skip: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        """The block's name within its file: its line, and its column in a sentence.

        Examples:
            >>> Block(12, ()).name
            '12'
        """
        place = self.examples[0].place if self.inline else None
        return f"{self.line}:{place.start}" if isinstance(place, Columns) else str(self.line)


@dataclass(frozen=True)
class Script:
    """Blocks that share one namespace: a page, or one docstring of `module`."""

    blocks: tuple[Block, ...]
    module: str = ""

    def live(self) -> Iterator[tuple[Block, Example]]:
        """What is to be run, in order: skipped blocks are left out."""
        for block in self.blocks:
            for example in () if block.skip else block.examples:
                yield block, example

    def placed(self) -> Iterator[tuple[int, Example]]:
        """What is to be run, each with its line in a text of the statements alone.

        That is the line which the code sees, so that an edit of the prose around it changes
        nothing that it does.
        """
        line = 1
        for _, example in self.live():
            yield line, example
            line += example.source.count("\n")


@dataclass(frozen=True)
class Document:
    """A file's examples, and whatever keeps some of them from being verified."""

    path: str
    scripts: tuple[Script, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def blocks(self) -> list[Block]:
        """All blocks in order."""
        return [block for script in self.scripts for block in script.blocks]

    @property
    def live(self) -> list[tuple[Block, Example]]:
        """What is to be run, in order: skipped blocks are left out."""
        return [pair for script in self.scripts for pair in script.live()]


class _Reader:
    """Reads prompts line by line and keeps the example that is still open."""

    def __init__(self, prose: bool) -> None:
        self.prose = prose
        self.examples: list[Example] = []
        self.problems: list[Problem] = []
        self.source: list[str] = []
        self.want: list[str] = []
        self.shown: list[str] = []
        self.line = 0
        self.indent = 0
        self.prefix = ""

    def read(self, number: int, text: str, prefix: str) -> None:
        prompt = _PROMPT.fullmatch(text)
        if prompt and self._is_output(prompt["indent"]):
            prompt = None
        if prompt:
            self.close()
            self.line, self.indent = number, len(prompt["indent"])
            self.prefix = prefix + prompt["indent"]
            self._statement(number, text, prompt["rest"])
        elif not text.strip():
            self.close()
        elif not self.source:
            if not self.prose:
                self._problem(number, f"text that belongs to no prompt: {text.strip()!r}")
        elif text[: self.indent].strip():
            self._problem(number, f"output less indented than its prompt: {text!r}")
            self.close()
        elif not self.want and text[self.indent :].startswith("..."):
            self._statement(number, text, text[self.indent + 3 :])
        else:
            self.want.append(text[self.indent :])

    def _is_output(self, indent: str) -> bool:
        """In a fence, a prompt stands where the first one stood: one further in was printed."""
        return not self.prose and bool(self.source) and len(indent) > self.indent

    def _statement(self, number: int, text: str, rest: str) -> None:
        if rest and not rest.startswith(" "):
            self._problem(number, f"no space after the prompt: {text.strip()!r}")
        self.source.append(rest[1:])
        self.shown.append(text[self.indent :])

    def _problem(self, number: int, message: str) -> None:
        self.problems.append(Problem(number, message))

    def close(self) -> None:
        if not self.source:
            return
        source = "\n".join(self.source) + "\n"
        start = self.line + len(self.source)
        self.examples.append(
            Example(
                source=source,
                want="".join(line + "\n" for line in self.want),
                line=self.line,
                place=Lines(start, start + len(self.want), self.prefix),
                directives=self._directives(source),
                shown="\n".join(self.shown),
            )
        )
        self.source, self.want, self.shown = [], [], []

    def _directives(self, source: str) -> frozenset[str]:
        names = set()
        for match in filter(None, map(_directive, source.split("\n"))):
            for word in match["names"].replace(",", " ").split():
                if word.removeprefix("+") in DIRECTIVES and word.startswith("+"):
                    names.add(word[1:])
                else:
                    known = ", ".join(f"+{name}" for name in sorted(DIRECTIVES))
                    self._problem(self.line, f"unknown directive {word!r}; known are {known}")
        return frozenset(names)


def parse_python(text: str, path: str = "<text>", *, mode: str = "exec") -> ast.AST:
    """Parse Python, or what may be none.

    Raises:
        SyntaxError: Whatever keeps it from being parsed: also a null byte, or too many brackets
            within each other.
    """
    # A warning is for whoever runs the code.
    with warnings.catch_warnings(action="ignore"):
        try:
            return ast.parse(text, path, mode)
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(f"the parser gives up: {error!r}") from error


def without_directives(text: str) -> str:
    """Code as a reader is to see it: directives speak to the checker.

    Examples:
        >>> without_directives("x / 3  # doctest: +NUMBER")
        'x / 3'
    """
    found = ((line, _directive(line)) for line in text.split("\n"))
    return "\n".join(line[: match.start()].rstrip() if match else line for line, match in found)


def _directive(line: str) -> re.Match[str] | None:
    """The comment that is a directive: no string ends behind it."""
    return _DIRECTIVE.search(line, 1 + max(line.rfind("'"), line.rfind('"')))


def read_prompts(
    lines: Iterable[tuple[int, str, str]], *, prose: bool = False
) -> tuple[tuple[Example, ...], list[Problem]]:
    r"""Read examples from lines given as (number, text, what stands before the text in the file).

    A blank line ends an example. With `prose`, as in a docstring, text outside the
    examples is ignored; without, as in a fence, it is a problem, since nothing would
    verify it.

    Examples:
        >>> lines = [(7, ">>> 1 + 1", ""), (8, "2", ""), (9, "", ""), (10, "stray", "")]
        >>> examples, problems = read_prompts(lines)
        >>> examples[0].source, examples[0].want, examples[0].line
        ('1 + 1\n', '2\n', 7)
        >>> problems
        [Problem(line=10, message="text that belongs to no prompt: 'stray'")]
    """
    reader = _Reader(prose)
    for number, text, prefix in lines:
        reader.read(number, text, prefix)
    reader.close()
    return tuple(reader.examples), reader.problems
