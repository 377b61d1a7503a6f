r"""Run documents in processes of their own and collect what they did."""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import IO

from literate.config import Config
from literate.examples import Document
from literate.reads import Finished
from literate.report import Report, judge
from literate.runner import Outcome

CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds")


class Workers:
    """A pool that runs at most one document for each processor at a time.

    Each document is run anew each time: nothing is kept from one run to the next.

    Args:
        config: The project's settings.
        fork: Fork each document's process from one that has the preloaded modules,
            instead of starting it from nothing; the results are the same.
    """

    def __init__(self, config: Config, *, fork: bool = CAN_FORK) -> None:
        self.config = config
        self._fork = fork
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(os.cpu_count() or 1)
        self._server: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        atexit.register(self.close)

    def submit(
        self, document: Document, keep: Callable[[Report], Report] = lambda report: report
    ) -> Future[Report]:
        """Start running a document.

        Args:
            document: The document.
            keep: What makes of its report the one that everyone else has.
        """
        future: Future[Report] = Future()

        def work() -> None:
            with self._slots:
                future.set_running_or_notify_cancel()
                try:
                    future.set_result(keep(self.run(document)))
                except BaseException as error:
                    future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future

    def run(self, document: Document) -> Report:
        """Run a document and wait for it."""
        if not document.live:
            return judge(document, [])
        return self._forked(document) if self._fork else self._spawned(document)

    def _forked(self, document: Document) -> Report:
        ours, theirs = socket.socketpair()
        with ours, ours.makefile("rb") as reader, ours.makefile("wb") as writer:
            try:
                with theirs:
                    socket.send_fds(self._control(), [b"!"], [theirs.fileno()])
                pid = pickle.load(reader)
            except (EOFError, OSError):
                self.close()
                return judge(document, [], ended="the worker process did not start")

            def kill() -> None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                # What the page has forked itself may still hold the other end.
                ours.shutdown(socket.SHUT_RDWR)

            return self._converse(document, reader, writer, kill)

    def _spawned(self, document: Document) -> Report:
        with subprocess.Popen(
            [sys.executable, "-m", "literate.worker"],
            cwd=self.config.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            reader, writer = process.stdout, process.stdin
            assert reader is not None
            assert writer is not None
            return self._converse(document, reader, writer, process.kill)

    def _control(self) -> socket.socket:
        """The socket that asks the server for a fork; it is started when it is first needed."""
        with self._lock:
            if self._server is None:
                self._server = self._start()
            return self._server[1]

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            descriptor = theirs.fileno()
            process = subprocess.Popen(
                [sys.executable, "-m", "literate.worker", str(descriptor), *self.config.preload],
                cwd=self.config.root,
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                # Its own group, so that all that it forked can be ended with it. In a session of
                # its own it would get as much of the processors as MkDocs, however nice it is.
                process_group=0,
            )
            return process, ours.dup()

    def _converse(
        self,
        document: Document,
        reader: IO[bytes],
        writer: IO[bytes],
        kill: Callable[[], None],
    ) -> Report:
        """Send the document and collect its outcomes, for as long as a page may run."""
        hung = threading.Event()

        def stop() -> None:
            hung.set()
            kill()

        timer = threading.Timer(self.config.timeout, stop)
        timer.start()
        outcomes, last = _exchange((document, self.config.setup), reader, writer)
        timer.cancel()
        if isinstance(last, Finished):
            report = judge(document, outcomes, seconds=last.seconds)
            return replace(report, reads=last.reads, effect=last.effect)
        if isinstance(last, str):
            return judge(document, outcomes, ended="what precedes this example failed", trace=last)
        ended = "the page's process ended while it ran this example"
        if hung.is_set():
            limit = f"{self.config.timeout:g} s that a page has"
            ended = f"this example was still running after the {limit}"
        return judge(document, outcomes, ended=ended)

    def close(self) -> None:
        """End the worker process and all that it forked."""
        with self._lock:
            if self._server is not None:
                process, control = self._server
                self._server = None
                control.close()
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _exchange(
    request: object, reader: IO[bytes], writer: IO[bytes]
) -> tuple[list[Outcome], object]:
    """Send a request and collect the outcomes and what follows them: nothing if it ended early."""
    outcomes: list[Outcome] = []
    try:
        with writer:
            pickle.dump(request, writer)
        while isinstance(message := pickle.load(reader), Outcome):
            outcomes.append(message)
    except Exception:  # whatever a process leaves that ends within a message
        return outcomes, None
    return outcomes, message
