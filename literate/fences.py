r"""Find the live blocks and live numbers of a Markdown page.

A live block is a fence whose info string begins with `pycon exec="1"`. A live
number is a code span `={expression:format} recorded`, or `~{expression:format}
recorded` where the number is measured and differs from run to run. Everything
that looks like an example but would not be verified is a
[`Problem`][literate.examples.Problem].
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from literate.examples import (
    Block,
    Columns,
    Document,
    Example,
    Problem,
    Script,
    parse_python,
    read_prompts,
)

_OPENING = re.compile(r"(?P<prefix>[>\s]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_OPTION = re.compile(
    r"""(?<!\s)\s+(?P<key>[\w-]+)(?:=(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'))?(?=\s|$)"""
)
# Of an expression: its strings, and what may end it or keep it from ending.
_TOKEN = re.compile(
    r"""(?P<quote>'{3}|"{3}|'|")(?:\\.|(?!(?P=quote)).)*+(?P=quote)|(?P<mark>["'()[\]{}:])"""
)
_BRACE = re.compile(r"(?P<mark>[{}])")
_PROMPT = re.compile(r"[>\s]*>>>(\s|$)")
_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LIVE_MARK = re.compile(r"`[=~]\{")
FRONT_MATTER = re.compile(r"---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
_UNVERIFIED = "a prompt outside a live block: nothing verifies it"
_FLAGS = ("hide", "measured")
_TEXTS = ("skip", "title")


@dataclass(frozen=True)
class Fence:
    """A fence of a page: its opening line, its content and its closing line, all counted from 0."""

    start: int
    stop: int
    prefix: str
    marker: str
    info: str
    closed: bool

    @property
    def language(self) -> str:
        """The first word of the info string."""
        return (self.info.split() or [""])[0]


def normalize(text: str) -> str:
    r"""Give the text the line ends and tabs that Python-Markdown gives it.

    Examples:
        >>> normalize("a\r\n\tb\n  \nc")
        'a\n    b\n\nc'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.expandtabs(4) if line.strip() else "" for line in lines)


@lru_cache(maxsize=256)
def parse_page(text: str, path: str) -> Document:
    r"""Read a page.

    Args:
        text: The page's Markdown; a byte order mark before it is no part of it.
        path: The name to use in messages.

    Examples:
        >>> page = parse_page("```pycon exec='1'\n>>> 1 + 1\n2\n```", "page.md")
        >>> [(block.line, len(block.examples)) for block in page.blocks]
        [(1, 1)]
        >>> parse_page("```pycon\n>>> 1 + 1\n2\n```", "page.md").problems[0].message
        'a pycon fence that is not executed: write pycon exec="1"'
    """
    text = normalize(text.removeprefix("\ufeff"))
    front_matter = FRONT_MATTER.match(text)
    lines = text.split("\n")
    begin = front_matter[0].count("\n") if front_matter else 0
    return _PageReader(lines).read(path, begin)


class _PageReader:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.blocks: list[Block] = []
        self.problems: list[Problem] = []

    def read(self, path: str, begin: int) -> Document:
        index = begin
        while index < len(self.lines):
            fence = fence_at(self.lines, index)
            if fence is None:
                self._text(index)
                index += 1
            else:
                self._fence(fence)
                index = fence.stop + 1
        problems = tuple(sorted(self.problems, key=lambda problem: problem.line))
        return Document(path, (Script(tuple(self.blocks)),), problems)

    def _problem(self, index: int, message: str) -> None:
        self.problems.append(Problem(1 + index, message))

    def _text(self, index: int) -> None:
        line = self.lines[index]
        if _PROMPT.match(line):
            self._problem(index, _UNVERIFIED)
        spans = list(_SPAN.finditer(line))
        for mark in _LIVE_MARK.finditer(line):
            before = bisect_right(spans, mark.start(), key=re.Match.start)
            span = spans[before - 1] if before else None
            if span is None or span.end(2) <= mark.start():
                self._problem(index, "a live number that is not closed on its line")
            elif span.start(2) == mark.start() + 1:
                self._inline(index, span)

    def _inline(self, index: int, span: re.Match[str]) -> None:
        content = span[2].rstrip()
        number = _split_live(content)
        if number is None:
            self._problem(index, f"cannot read the live number `{content}`")
            return
        stop = span.start(2) + len(content)
        example = Example(
            source=f"print(format(({number.expression}), {number.spec!r}))\n",
            want=number.recorded + "\n",
            line=1 + index,
            place=Columns(1 + index, stop - len(number.recorded), stop, span.start(), span.end()),
            shown=content[: -len(number.recorded)].rstrip(),
        )
        self.blocks.append(Block(1 + index, (example,), inline=True, measured=content[0] == "~"))

    def _fence(self, fence: Fence) -> None:
        body = self.lines[fence.start + 1 : fence.stop]
        if not fence.closed:
            self._problem(fence.start, f"a fence that is never closed: {fence.info.strip()!r}")
        elif fence.language != "pycon":
            if "exec" in _options(fence.info)[0]:
                self._problem(fence.start, f"cannot execute {fence.language!r}; write pycon")
            for offset, line in enumerate(body, 1):
                if _PROMPT.match(line.removeprefix(fence.prefix)):
                    self._problem(fence.start + offset, _UNVERIFIED)
        else:
            self._live_fence(fence, body)

    def _live_fence(self, fence: Fence, body: list[str]) -> None:
        options, rest = _options(fence.info)
        message = _option_problem(options, rest)
        if message:
            self._problem(fence.start, message)
            return
        examples, problems = read_prompts(
            (number, _content(line, fence.prefix), fence.prefix)
            for number, line in enumerate(body, 2 + fence.start)
        )
        self.problems += problems
        if not examples and not problems:
            self._problem(fence.start, "a live block without a prompt")
        self.blocks.append(
            Block(
                line=1 + fence.start,
                examples=examples,
                hide="hide" in options,
                measured="measured" in options,
                skip=options.get("skip", ""),
                title=options.get("title", ""),
            )
        )


def _content(line: str, prefix: str) -> str:
    return line[len(prefix) :] if line.startswith(prefix) else ""


def fence_at(lines: list[str], start: int) -> Fence | None:
    """The fence that opens on a line, if one does."""
    opening = _OPENING.fullmatch(lines[start])
    if not opening:
        return None
    prefix, marker, info = opening["prefix"], opening["fence"], opening["info"]
    for index in range(start + 1, len(lines)):
        line = lines[index]
        if line.startswith(prefix):
            if line[len(prefix) :].rstrip() == marker:
                return Fence(start, index, prefix, marker, info, closed=True)
        elif line.strip() and line.rstrip() != prefix.rstrip():
            return Fence(start, index - 1, prefix, marker, info, closed=False)
    return Fence(start, len(lines) - 1, prefix, marker, info, closed=False)


def _options(info: str) -> tuple[dict[str, str], str]:
    """The options of an info string, and what of it could not be read."""
    rest = info.strip().partition(" ")
    tail = rest[1] + rest[2]
    matches = _OPTION.finditer(tail)
    options = {each["key"]: each["double"] or each["single"] or "" for each in matches}
    return options, _OPTION.sub("", tail).strip()


def _option_problem(options: dict[str, str], rest: str) -> str:
    known = ("exec", *_FLAGS, *_TEXTS)
    unknown = sorted(set(options) - set(known))
    if rest:
        return f"cannot read {rest!r} in the options of a live block"
    if unknown:
        return f"unknown option {unknown[0]!r} of a live block; known are {', '.join(known)}"
    if "exec" not in options:
        return 'a pycon fence that is not executed: write pycon exec="1"'
    for name in ("exec", *_FLAGS):
        if options.get(name, "1") != "1":
            return f'{name}={options[name]!r}: the only value of {name} is "1"'
    for name in _TEXTS:
        if not options.get(name, "text").strip():
            return f'{name} needs a text, as in {name}="..."'
    if "hide" in options and "skip" in options:
        return "a block that is not run cannot be hidden"
    return ""


class _Number(NamedTuple):
    expression: str
    spec: str
    recorded: str


def _split_live(content: str) -> _Number | None:
    """Split `={expression:format} recorded`, where an f-string would split the field."""
    stop = _unbracketed(content, 2, _TOKEN)
    end = stop if content[stop : stop + 1] == "}" else _unbracketed(content, stop + 1, _BRACE)
    expression, recorded = content[2:stop], content[end + 2 :].strip()
    if content[end : end + 2] == "} " and recorded and _is_expression(expression):
        return _Number(expression, content[stop + 1 : end], recorded)
    return None


def _unbracketed(text: str, start: int, tokens: re.Pattern[str]) -> int:
    """The place of the first colon or closing brace that stands in no string and no brackets."""
    depth = 0
    for token in tokens.finditer(text, start):
        mark = token["mark"]
        # A string that does not end, or a bracket that none opens.
        if mark in ("'", '"') or depth < 0:
            break
        if depth == 0 and mark in (":", "}"):
            return token.start()
        depth += (mark in ("(", "[", "{")) - (mark in (")", "]", "}"))
    return len(text)


def _is_expression(text: str) -> bool:
    try:
        parse_python(f"({text})", mode="eval")
    except SyntaxError:
        return False
    return bool(text.strip())
