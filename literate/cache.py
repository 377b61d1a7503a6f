r"""Keep what pages did, and give it back for as long as a run would do the same.

Kept are outcomes. Whether they are the recorded ones is decided anew each time, so that an edit of
recorded output or of prose needs no run. A page's outcomes are kept under a key of all that is
known before it runs: its statements in order, the set-up, the sources of the project's packages,
and the installation and machine. What it turns out to read besides is kept with its digest beside
them, and checked when they are asked for. With them goes their HTML, as far as it is the same
wherever they are shown.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from hashlib import sha256
from itertools import starmap
from pathlib import Path
from typing import Any

from literate.checker import expects_traceback
from literate.config import Config
from literate.examples import Document
from literate.figures import Figure
from literate.reads import digest
from literate.report import Report, judge
from literate.runner import Outcome
from literate.transcript import transcripts

_CLOCK = re.compile(r"\b(?:time|timeit|datetime|perf_counter|monotonic|process_time)(?:_ns)?\b")
FORMAT = 2
LIMIT = 64 * 2**20
"""How many bytes of entries are kept."""

# Variables that numerical libraries and Python itself read.
_VARIABLES = (
    *("ATEN_", "BLIS_", "CUBLAS_", "CUDA_", "CUDNN_", "DNNL_", "GOMP_", "GOTO_", "KMP_", "LANG"),
    *("LC_", "MKL_", "NPY_", "NUMEXPR_", "NUMPY_", "NVIDIA_", "OMP_", "ONEDNN_", "OPENBLAS_"),
    *("PYTHON", "PYTORCH_", "TORCH", "TZ", "VECLIB_"),
)
_PROCESSOR = ("vendor_id", "model name", "flags", "Features", "CPU implementer", "CPU part", "isa")


class Cache:
    """The outcomes of a project's documents, in a folder of it.

    Args:
        config: The project's settings.

    Attributes:
        session: Whether outcomes of documents with measured blocks are used again, too: each build
            measures them, but the builds of one server need not measure the same again.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.folder = config.root / ".cache" / "literate"
        self.session = False
        self._measured: dict[str, Report] = {}
        self._stored = False
        self.begin()

    def begin(self) -> None:
        """Look at the project anew: what follows is judged by what it is now."""
        self._common = self._look()
        self._digests: dict[str, str] = {}

    def _look(self) -> list[object]:
        """What the keys of all documents have in common."""
        config = self.config
        settings = [str(config.root), config.setup, config.preload]
        return [FORMAT, *settings, *_installation(), *_own(), *machine(), *self._sources()]

    def _sources(self) -> Iterator[tuple[str, str]]:
        for name in self.config.sources:
            for file in sorted((self.config.root / name).rglob("*")):
                if file.suffix != ".pyc" and file.is_file():
                    yield self.config.name(file), digest(file)

    def key(self, document: Document) -> str:
        """The name under which a document's outcomes are kept."""
        return _key(document, self._common)

    def load(self, document: Document) -> Report | None:
        """The report of a document, if a run would give the outcomes of an earlier one."""
        key = self.key(document)
        if measures(document) and key not in self._measured:
            return None
        entry = self._entry(key)
        if entry is None or not all(starmap(self._is_still, entry["reads"].items())):
            return None
        outcomes = [
            Outcome(**{**each, "figures": tuple(Figure(**figure) for figure in each["figures"])})
            for each in entry["outcomes"]
        ]
        report = judge(document, outcomes, seconds=entry["seconds"])
        return replace(report, reads=entry["reads"], transcripts=entry["transcripts"], reused=True)

    def _is_still(self, path: str, was: str) -> bool:
        if path not in self._digests:
            self._digests[path] = digest(path)
        return self._digests[path] == was

    def _entry(self, key: str) -> dict[str, Any] | None:
        if key in self._measured:
            return _content(self._measured[key])
        text = self._read(key)
        return None if text is None else json.loads(text)

    def _read(self, key: str) -> bytes | None:
        """What is kept under a key, if it is all there."""
        file = self.folder / key
        try:
            checksum, _, content = file.read_bytes().partition(b"\n")
            os.utime(file)  # the least recently used go first
        except OSError:
            return None
        return content if sha256(content).hexdigest().encode() == checksum else None

    def derived(self, facts: object, make: Callable[[], bytes]) -> bytes:
        """What follows from some facts and the installed code alone; made if it is not kept."""
        key = sha256(json.dumps([FORMAT, _installation(), _own(), facts]).encode()).hexdigest()
        found = self._read(key)
        if found is None:
            found = make()
            with suppress(OSError):
                self._write(key, found)
        return found

    def store(self, key: str, report: Report) -> Report:
        """Keep what a document did, if that can be used again, and return it with its HTML."""
        entry = self._entry(key)
        if entry:  # of a run that measured, or read something else
            report = replace(report, transcripts=entry["transcripts"])
        report = replace(report, transcripts=transcripts(report))
        # What was edited during the run may have been read before or after.
        changed = _key(report.document, self._look()) != key
        changed |= any(digest(path) != was for path, was in report.reads.items())
        if not changed and _reusable(report):
            if self.session and measures(report.document):
                self._measured[key] = report
            with suppress(OSError):
                self._write(key, json.dumps(_content(report)).encode())
        return report

    def _write(self, key: str, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / ".gitignore").exists():
            (self.folder / ".gitignore").write_text("*\n")
        descriptor, name = tempfile.mkstemp(dir=self.folder, suffix=".new")
        with os.fdopen(descriptor, "wb") as file:
            file.write(sha256(content).hexdigest().encode() + b"\n" + content)
        os.replace(name, self.folder / key)
        self._stored = True

    def prune(self, limit: int = LIMIT) -> None:
        """Drop the entries that have not been used for longest, if anything was added."""
        if self._stored:
            self._stored = False
            for _, size, file in sorted(_stats(self.folder), reverse=True):
                limit -= size
                if limit < 0:
                    file.unlink(missing_ok=True)

    def clean(self) -> None:
        """Drop all entries."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _key(document: Document, common: list[object]) -> str:
    scripts = [
        (script.module, [example.source for _, example in script.live()])
        for script in document.scripts
    ]
    return sha256(json.dumps([common, document.path, scripts]).encode()).hexdigest()


def measures(document: Document) -> bool:
    """Whether a document measures time, so that each build runs it.

    One with a measured block does. A measured number in a sentence may only differ from processor
    to processor, and does if code of its page names a clock.
    """
    live = [(block, example) for block, example in document.live if block.measured]
    if all(block.inline for block, _ in live):
        return bool(live) and any(_CLOCK.search(example.source) for _, example in document.live)
    return True


def _reusable(report: Report) -> bool:
    """Whether a run was whole, and left nothing behind or unexplained."""
    return not report.effect and all(
        result.outcome and (not result.outcome.traceback or expects_traceback(result.example))
        for result in report.results
    )


def _content(report: Report) -> dict[str, Any]:
    return {
        "seconds": report.seconds,
        "reads": dict(report.reads),
        "outcomes": list(map(asdict, report.outcomes)),
        "transcripts": report.transcripts,
    }


def _stats(folder: Path) -> Iterator[tuple[float, int, Path]]:
    for file in folder.glob("[!.]*"):
        with suppress(OSError):  # another process has dropped it
            stat = file.stat()
            yield stat.st_mtime, stat.st_size, file


@cache
def _installation() -> list[object]:
    """Python and the installed packages, as they were when this process began to use them."""
    found = []
    for folder in map(Path, dict.fromkeys(sys.path)):
        for record in sorted(folder.glob("*.dist-info/RECORD")):
            found.append((record.parent.name, record.stat().st_mtime_ns))
    return [sys.version, sys.executable, *found]


@cache
def _own() -> list[str]:
    """The modules of this package, as they were when this process began to use them."""
    return [digest(file) for file in sorted(Path(__file__).parent.glob("*.py"))]


def derived(kept: Cache | None, facts: object, make: Callable[[], bytes]) -> bytes:
    """What is kept, where anything is, or made."""
    return kept.derived(facts, make) if kept else make()


def machine() -> list[object]:
    """What of the machine and the environment may decide on a last digit."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    variables = [pair for pair in sorted(os.environ.items()) if pair[0].startswith(_VARIABLES)]
    return [platform.platform(), _processor(), threads, *variables]


@cache
def _processor() -> list[str]:
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text("utf-8", "replace").partition("\n\n")
    except OSError:
        return [platform.machine(), platform.processor()]
    return [line for line in first.splitlines() if line.startswith(_PROCESSOR)]
