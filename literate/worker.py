r"""The process that runs documents, so that a page can neither leak nor kill.

Started with a socket, it imports what all pages share and then forks once for
each document: a fork takes milliseconds, and the fork's modules, random state
and namespace are its own. Started without one, it runs a single document, for
systems that cannot fork.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import socket
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import IO

from literate import runner
from literate.reads import Finished, Reads


def handle(reader: IO[bytes], writer: IO[bytes], reads: Reads) -> None:
    """Read one request, run its document and write each outcome as it comes, then its end.

    Instead of the end, a traceback is written where what precedes an example failed.
    """
    document, setup = pickle.load(reader)
    sys.addaudithook(reads.see)
    # A page must see the sources as they are now, also when two edits fall into one second.
    sys.dont_write_bytecode = True
    start = time.perf_counter()
    try:
        for outcome in runner.run(document, setup):
            _send(outcome, writer)
        seconds = time.perf_counter() - start
        _send(Finished(seconds, dict(reads.files), reads.effect), writer)
    except BaseException:
        _send(traceback.format_exc(), writer)


def _send(message: object, writer: IO[bytes]) -> None:
    pickle.dump(message, writer)
    writer.flush()


def serve(control: socket.socket, preload: list[str]) -> None:
    """Fork for each connection that comes over `control`, until its other end is closed."""
    for name in preload:
        importlib.import_module(name)
    # Now, since what is imported stays as it is when its file is edited.
    reads = Reads(Path.cwd())
    reads.loaded()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # MkDocs goes first: as long as it has pages to convert, nobody waits for the examples.
    os.nice(10)
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            os.killpg(0, signal.SIGKILL)
        with socket.socket(fileno=descriptors[0]) as connection:
            if _fork() == 0:
                control.close()
                _work(connection, reads)


def _fork() -> int:
    # Python 3.12 warns if a preloaded module has started a thread, as torch does. It is idle.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _work(connection: socket.socket, reads: Reads) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection.makefile("rb") as reader, connection.makefile("wb") as writer:
        _send(os.getpid(), writer)
        handle(reader, writer, reads)
        # Threads that the page has left running do not keep the process alive.
        os._exit(0)


def _work_alone() -> None:
    reads = Reads(Path.cwd())
    reads.loaded()
    with os.fdopen(os.dup(1), "wb") as writer:
        handle(sys.stdin.buffer, writer, reads)
        os._exit(0)


def main(arguments: list[str]) -> None:
    """Serve on the socket whose descriptor is given, or run the one document on standard input."""
    if arguments:
        serve(socket.socket(fileno=int(arguments[0])), arguments[1:])
    else:
        _work_alone()


if __name__ == "__main__":
    main(sys.argv[1:])
