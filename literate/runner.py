r"""Run the examples of a document, one statement after the other, as a REPL would."""

from __future__ import annotations
import __future__

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
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from literate.examples import Document, Script
from literate.figures import Figure, figure_of


@dataclass(frozen=True)
class Outcome:
    """What one example did.

    Attributes:
        got: Its output: what it printed, the value it echoed, its shortened traceback.
        traceback: The whole traceback of the exception in which it ended, if it did, by the
            [lines that the code sees][literate.examples.Script.placed].
        figures: Pictures of the values it echoed.
        echo: What the last value that it echoed added to the output.
    """

    got: str
    traceback: str = ""
    figures: tuple[Figure, ...] = ()
    echo: str = ""


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
            yield from _run_script(document.path, script, setup, read)


def _run_script(
    path: str, script: Script, setup: str, read: Callable[[], str]
) -> Iterator[Outcome]:
    examples = list(script.placed())
    if not examples:
        return
    page = types.ModuleType("__main__")
    if script.module:
        vars(page).update(vars(importlib.import_module(script.module)))
    # After the import, which may draw random numbers too.
    exec(compile(setup, "<setup>", "exec"), {"__name__": "__setup__"})
    _show_source(path, "".join(example.source for _, example in examples))
    read()
    with _main_module(page):
        for line, example in examples:
            # Leading line breaks put the statement on its own line, for tracebacks.
            source = "\n" * (line - 1) + example.source
            yield _run_example(path, source, vars(page), read)


@contextmanager
def _main_module(page: types.ModuleType) -> Iterator[None]:
    """Let a page be `__main__`, where `pickle` looks for the classes that it defines."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = page
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _run_example(
    path: str, source: str, namespace: dict[str, object], read: Callable[[], str]
) -> Outcome:
    echoed: list[str] = []
    figures: list[Figure] = []
    cut = whole = ""
    with _echoing(echoed, figures):
        try:
            _execute(path, source, namespace)
        except BaseException as error:
            cut, whole = shortened(error), _whole(error, path)
    return Outcome(read() + cut, whole, tuple(figures), "".join(echoed[-1:]))


@contextmanager
def _echoing(echoed: list[str], figures: list[Figure]) -> Iterator[None]:
    """Print the value of each expression, and collect what was printed and the pictures."""

    def echo(value: object) -> None:
        if value is None:
            return
        vars(builtins)["_"] = value
        text = f"{value!r}\n"
        if figure := figure_of(value, text):
            figures.append(figure)
        echoed.append(text)
        sys.stdout.write(text)

    hook, sys.displayhook = sys.displayhook, echo
    try:
        yield
    finally:
        sys.displayhook = hook


def _execute(path: str, source: str, namespace: dict[str, object]) -> None:
    # Not parsed to find that out: for the line of a syntax error, Python would read the page.
    if any(line.strip() and not line.lstrip().startswith("#") for line in source.split("\n")):
        flags = _future_flags(namespace)
        exec(compile(source, path, "single", flags, dont_inherit=True), namespace)


def _future_flags(namespace: dict[str, object]) -> int:
    """The compiler flags of what the page has imported from `__future__`."""
    features = {name: getattr(__future__, name) for name in __future__.all_feature_names}
    found = [name for name in features if namespace.get(name) is features[name]]
    return sum(features[name].compiler_flag for name in found)


def _show_source(path: str, text: str) -> None:
    """Let tracebacks and `inspect.getsource` find the code behind the prompts."""
    linecache.cache[path] = (len(text), None, [f"{line}\n" for line in text.split("\n")], path)


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
    """The traceback from the page's own frame on."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


@contextmanager
def captured() -> Iterator[Callable[[], str]]:
    """Send standard output and error to a file, below Python as well as in it.

    Gives a function that returns what was written since its last call.
    """
    with _file() as (writer, reader), _redirected(writer.fileno()):
        stream = io.TextIOWrapper(
            io.FileIO(1, "wb", closefd=False),
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            write_through=True,
        )

        def read() -> str:
            stream.flush()
            return reader.read().decode("utf-8", "backslashreplace")

        with redirect_stdout(stream), redirect_stderr(stream):
            yield read


@contextmanager
def _file() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """An empty file, opened for writing and for reading from a place of its own."""
    descriptor, name = tempfile.mkstemp()
    with open(descriptor, "wb", buffering=0) as writer, open(name, "rb", buffering=0) as reader:
        # Where an open file can be unlinked, one of a page that is killed does not stay.
        with suppress(PermissionError):
            os.unlink(name)
        yield writer, reader
    Path(name).unlink(missing_ok=True)


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
