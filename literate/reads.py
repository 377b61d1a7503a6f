r"""Note what a run reads, since what it did can be used again for as long as that is unchanged.

Python raises an audit event before it opens a file or lists a folder, imports included. Not noted
are the standard library and installed packages, whose versions tell them apart, what the run wrote
itself, and temporary files.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    *("os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "shutil.rmtree"),
}
_BEYOND = {
    *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"),
    *("socket.connect", "socket.sendto", "subprocess.Popen"),
}
"""Events after which a run may depend on more than what this process reads."""


@dataclass(frozen=True)
class Finished:
    """The end of a run.

    Attributes:
        seconds: How long it took.
        reads: The files and folders that it has read, each with its digest.
        effect: Why its outcomes may not be used again, if they may not.
    """

    seconds: float
    reads: Mapping[str, str]
    effect: str = ""


def digest(path: str | Path) -> str:
    """What a file holds, or which names a folder has; empty if there is neither.

    Examples:
        >>> digest("no such file")
        ''
    """
    try:
        if os.path.isdir(path):
            names = [name for name in sorted(os.listdir(path)) if name != "__pycache__"]
            return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
        if os.path.isfile(path):  # not a pipe, which would wait for what is never written
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        pass
    return ""


class Reads:
    """What one process reads, once [`see`][literate.reads.Reads.see] is its audit hook.

    Args:
        root: The project's folder. A run that writes in it has an effect of its own.
    """

    def __init__(self, root: Path) -> None:
        self.files: dict[str, str] = {}
        self.effect = ""
        self._own: set[str] = set()
        names = ("stdlib", "platstdlib", "purelib", "platlib")
        libraries = [sysconfig.get_path(name) for name in names]
        libraries += [each for each in sys.path if each.endswith("-packages")]
        ignored = [*libraries, tempfile.gettempdir(), "/proc", "/dev", "/sys"]
        kinds = [*((each, "") for each in ignored), (os.path.abspath(root), "project")]
        # What runs the page is noted wherever it lies, if only among the libraries.
        kinds.append((os.path.dirname(os.path.abspath(__file__)), "elsewhere"))
        zones = [(os.path.join(os.path.abspath(folder), ""), kind) for folder, kind in kinds]
        # The innermost folder decides: a project may hold its environment, and lie in another's.
        self._zones = sorted(zones, key=lambda zone: len(zone[0]), reverse=True)

    def see(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take note of an audit event."""
        try:
            self._see(event, arguments)
        except Exception as error:  # which would become one of the code that is run
            self.effect = f"{event} cannot be understood: {error!r}"

    def _see(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            self._opened(path, int(flags or 0))  # type: ignore[call-overload]
        elif event in ("os.listdir", "os.scandir"):
            # Where Python looks for a module, it lists folders that do not matter.
            if not sys._getframe(2).f_code.co_filename.startswith("<frozen importlib"):
                self._read("." if arguments[0] is None else arguments[0])
        elif event in _CHANGES:
            # A name within an open folder, as `shutil.rmtree` uses, comes after that folder's own.
            if not isinstance(arguments[-1], int) or arguments[-1] < 0:
                for argument in arguments:
                    self._written(argument)
        elif event in _BEYOND:
            self.effect = f"{event} takes it beyond its process"

    def loaded(self) -> None:
        """Note the modules that are imported already."""
        for module in list(sys.modules.values()):
            self._read(getattr(module, "__dict__", {}).get("__file__"))

    def _opened(self, argument: object, flags: int) -> None:
        if flags & _WRITING:
            self._written(argument)
        else:
            self._read(argument)

    def _read(self, argument: object) -> None:
        path = _path(argument)
        if path and path not in self.files and path not in self._own and self._zone(path):
            self.files[path] = ""  # before the file is opened once more, to be read here
            self.files[path] = digest(path)

    def _written(self, argument: object) -> None:
        path = _path(argument)
        if path and self._zone(path) == "project":
            self.effect = f"it writes {path}"
        elif path and path not in self.files:
            self._own.add(path)

    def _zone(self, path: str) -> str:
        """`"project"`, `"elsewhere"`, or nothing where reads do not matter."""
        for folder, kind in self._zones:
            if path.startswith(folder) or path + os.sep == folder:
                return kind
        return "elsewhere"


def _path(argument: object) -> str:
    """The absolute path that an event names; of a module's bytecode, that of its source."""
    if not isinstance(argument, str | bytes | os.PathLike):
        return ""  # an open descriptor
    path = os.path.abspath(os.fsdecode(argument))
    if path.endswith(".pyc"):
        try:
            return importlib.util.source_from_cache(path)
        except ValueError:
            return path
    return path
