r"""Show on a terminal which documents run: a bar that is gone when all have."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import Any, TextIO

_WIDTH = 20
_CLEAR = "\r\x1b[K"
_PATIENCE, _PAUSE = 0.3, 0.1  # seconds until a bar is worth showing, and until it is drawn again


def show(runs: Mapping[str, Future[Any]], logger: logging.Logger) -> None:
    """Draw a bar until all runs have ended, if there is a terminal and what is logged is shown.

    Args:
        runs: The runs by the names to show.
        logger: The one whose lines share the terminal.
    """
    visible = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if visible and logger.isEnabledFor(logging.INFO):
        bar = _Bar(runs, sys.stderr)
        threading.Thread(target=bar.draw, args=[logger], daemon=True).start()


class _Bar(logging.Handler):
    def __init__(self, runs: Mapping[str, Future[Any]], stream: TextIO) -> None:
        super().__init__()
        self.runs = runs
        self.stream = stream
        self.logged = False

    def draw(self, logger: logging.Logger) -> None:
        pending = wait(self.runs.values(), _PATIENCE).not_done
        while not logger.handlers and logger.parent:
            logger = logger.parent
        # First of all handlers, so that a line is not written behind the bar.
        logger.handlers.insert(0, self)
        while pending:
            if not self.logged:
                self._write(_CLEAR + line(self.runs, shutil.get_terminal_size().columns))
            self.logged = False
            pending = wait(pending, _PAUSE).not_done
        logger.removeHandler(self)
        self._write(_CLEAR)

    def emit(self, record: logging.LogRecord) -> None:
        self.logged = True  # its line is about to be written, and the bar waits for it
        self._write(_CLEAR)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def line(runs: Mapping[str, Future[Any]], columns: int) -> str:
    """One line: how many runs have ended, and the names of those that have not but have begun.

    Examples:
        >>> done, running, waiting = Future(), Future(), Future()
        >>> done.set_result(None)
        >>> running.set_running_or_notify_cancel()
        True
        >>> line({"a.md": done, "b.md": running, "c.md": waiting}, 80)
        '[######··············] 1/3 b.md'
    """
    done = sum(run.done() for run in runs.values())
    filled = _WIDTH * done // len(runs)
    names = " ".join(name for name, run in runs.items() if run.running())
    bar = "#" * filled + "·" * (_WIDTH - filled)
    return f"[{bar}] {done}/{len(runs)} {names}"[: columns - 1]
