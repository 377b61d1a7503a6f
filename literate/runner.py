r"""Run the examples of a document, one statement after the other, as a REPL would."""

from __future__ import annotations

import __future__

import ast
import builtins
import importlib
import io
import linecache
import os
import sys
import tempfile
import traceback
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from literate.examples import Document, Example, Script


@dataclass(frozen=True)
class Outcome:
    """What one example did.

    Attributes:
        got: Its output: what it printed, the value it echoed, its shortened traceback.
        traceback: The whole traceback of the exception in which it ended, if it did.
        figures: SVG pictures of the values it echoed.
    """

    got: str
    traceback: str = ""
    figures: tuple[str, ...] = ()


def run(document: Document, setup: str = "") -> Iterator[Outcome]:
    r"""Run a document's live examples and yield an outcome for each, in order.

    Args:
        document: The document; each of its scripts runs in a fresh namespace.
        setup: Code to run before each script, in a namespace of its own (to seed
            random generators, for instance).

    Examples:
        >>> from literate.fences import parse_page
        >>> page = parse_page("```pycon exec='1'\n>>> x = 20\n>>> x + 1\n```", "page.md")
        >>> [outcome.got for outcome in run(page)]
        ['', '21\n']
    """
    with captured() as read:
        for script in document.scripts:
            if any(True for _ in Document(document.path, (script,)).live()):
                yield from _run_script(document.path, script, setup, read)


def _run_script(
    path: str, script: Script, setup: str, read: Callable[[], str]
) -> Iterator[Outcome]:
    examples = [example for _, _, example in Document(path, (script,)).live()]
    namespace = types.ModuleType("__main__")
    _show_source(path, examples)
    exec(compile(setup, "<setup>", "exec"), {"__name__": "__setup__"})
    if script.module:
        namespace.__dict__.update(vars(importlib.import_module(script.module)))
    read()
    with mock.patch.dict(sys.modules, {"__main__": namespace}):
        for example in examples:
            yield _run_example(path, example, namespace.__dict__, read)


def _run_example(
    path: str, example: Example, namespace: dict[str, object], read: Callable[[], str]
) -> Outcome:
    figures: list[str] = []

    def echo(value: object) -> None:
        if value is None:
            return
        vars(builtins)["_"] = value
        if hasattr(type(value), "_repr_svg_"):
            figures.append(value._repr_svg_())  # type: ignore[attr-defined]
        print(repr(value))

    cut = whole = ""
    with mock.patch.object(sys, "displayhook", echo):
        try:
            _execute(path, example, namespace)
        except BaseException as error:
            cut, whole = shortened(error), _whole(error, path)
    return Outcome(read() + cut, whole, tuple(figures))


def _execute(path: str, example: Example, namespace: dict[str, object]) -> None:
    # Leading line breaks put the statement on its own line of the file, for tracebacks.
    source = "\n" * (example.line - 1) + example.source
    flags = _future_flags(namespace)
    if ast.parse(source, path).body:
        exec(compile(source, path, "single", flags, dont_inherit=True), namespace)


def _future_flags(namespace: dict[str, object]) -> int:
    flags = 0
    for name in __future__.all_feature_names:
        feature = getattr(__future__, name)
        if namespace.get(name) is feature:
            flags |= feature.compiler_flag
    return flags


def _show_source(path: str, examples: list[Example]) -> None:
    """Let tracebacks and `inspect.getsource` find the code behind the prompts."""
    lines: list[str] = []
    for example in examples:
        source = example.source.splitlines(keepends=True)
        lines += ["\n"] * (example.line - 1 + len(source) - len(lines))
        lines[example.line - 1 : example.line - 1 + len(source)] = source
    linecache.cache[path] = (sum(map(len, lines)), None, lines, path)


def shortened(error: BaseException) -> str:
    r"""The traceback of an exception, its stack cut as in a recorded one.

    Examples:
        >>> print(shortened(ValueError("no")), end="")
        Traceback (most recent call last):
            ...
        ValueError: no
    """
    lines = traceback.format_exception_only(type(error), error)
    if isinstance(error, SyntaxError):
        lines = lines[-1:]
    return "Traceback (most recent call last):\n    ...\n" + "".join(lines)


def _whole(error: BaseException, path: str) -> str:
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


@contextmanager
def captured() -> Iterator[Callable[[], str]]:
    """Send standard output and error to a file, below Python as well as in it.

    Gives a function that returns what was written since its last call.
    """
    with tempfile.TemporaryFile() as file, _redirected(file.fileno()):
        stream = io.TextIOWrapper(
            io.FileIO(1, "wb", closefd=False), encoding="utf-8", errors="backslashreplace",
            write_through=True,
        )
        done = 0

        def read() -> str:
            nonlocal done
            stream.flush()
            data = os.pread(file.fileno(), os.fstat(file.fileno()).st_size - done, done)
            done += len(data)
            return data.decode("utf-8", "backslashreplace")

        with mock.patch.multiple(sys, stdout=stream, stderr=stream):
            yield read


@contextmanager
def _redirected(target: int) -> Iterator[None]:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    saved = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    try:
        for descriptor, _ in saved:
            os.dup2(target, descriptor)
        yield
    finally:
        for descriptor, copy in saved:
            os.dup2(copy, descriptor)
            os.close(copy)
