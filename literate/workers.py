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
from typing import BinaryIO

from literate.config import Config
from literate.examples import Document
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

    def submit(self, document: Document) -> Future[Report]:
        """Start running a document."""
        future: Future[Report] = Future()

        def work() -> None:
            with self._slots:
                try:
                    future.set_result(self.run(document))
                except BaseException as error:
                    future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future

    def run(self, document: Document) -> Report:
        """Run a document and wait for it."""
        if not any(True for _ in document.live()):
            return judge(document, [])
        return self._forked(document) if self._fork else self._spawned(document)

    def _forked(self, document: Document) -> Report:
        ours, theirs = socket.socketpair()
        with ours, ours.makefile("rwb") as stream:
            with theirs:
                try:
                    socket.send_fds(self._control(), [b"!"], [theirs.fileno()])
                except OSError:
                    self.close()
                    return judge(document, [], ended="the worker process did not start")
            try:
                pid = pickle.load(stream)
            except EOFError:
                self.close()
                return judge(document, [], ended="the worker process did not start")
            return self._converse(document, stream, stream, lambda: os.kill(pid, signal.SIGKILL))

    def _spawned(self, document: Document) -> Report:
        command = [sys.executable, "-m", "literate.worker"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin and process.stdout
            return self._converse(document, process.stdout, process.stdin, process.kill)

    def _control(self) -> socket.socket:
        with self._lock:
            if self._server is None:
                ours, theirs = socket.socketpair()
                descriptor = str(theirs.fileno())
                command = [sys.executable, "-m", "literate.worker", descriptor]
                process = subprocess.Popen(
                    [*command, *self.config.preload],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    # Its own group, so that it can end all that it forked when it is closed.
                    start_new_session=True,
                )
                theirs.close()
                self._server = process, ours
            return self._server[1]

    def _converse(
        self, document: Document, reader: BinaryIO, writer: BinaryIO, kill: Callable[[], None]
    ) -> Report:
        timeout = self.config.timeout
        ended = "the page's process ended while it ran this example"
        hung = threading.Event()

        def stop() -> None:
            hung.set()
            kill()

        timer = threading.Timer(timeout, stop)
        timer.start()
        outcomes: list[Outcome] = []
        seconds = 0.0
        try:
            pickle.dump((self.config.root, document, self.config.setup), writer)
            writer.flush()
            while isinstance(message := pickle.load(reader), Outcome):
                outcomes.append(message)
            seconds = message
        except (EOFError, OSError, pickle.UnpicklingError):
            if hung.is_set():
                ended = f"this example was still running after the {timeout:g} s that a page has"
        finally:
            timer.cancel()
        return judge(document, outcomes, ended=ended, seconds=seconds)

    def close(self) -> None:
        """End the worker process and all that it forked."""
        with self._lock:
            if self._server is not None:
                process, control = self._server
                control.close()
                process.wait()
                self._server = None
