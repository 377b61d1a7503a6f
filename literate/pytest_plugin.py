r"""The pytest plugin: every block of a page and every docstring is a test of its own.

A test is named by the line where its block begins, as in `docs/weights.md::41`, and
its failure by the line of the example.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from literate.config import Config
from literate.examples import Block, Document
from literate.report import Failure, Report
from literate.workers import Workers

_WORKERS = pytest.StashKey[Workers]()


class ExampleError(Exception):
    """Carries the failures of a block to pytest's report."""

    def __init__(self, failures: list[Failure]) -> None:
        super().__init__("\n\n".join(map(str, failures)))


def pytest_configure(config: pytest.Config) -> None:
    """Find the project's settings; a project without any has nothing to collect."""
    try:
        config.stash[_WORKERS] = Workers(Config.find(config.rootpath))
    except FileNotFoundError:
        return
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the worker processes."""
    workers = config.stash.get(_WORKERS, None)
    if workers:
        workers.close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> DocumentFile | None:
    """Collect a page, or a module whose docstrings are verified."""
    workers = parent.config.stash.get(_WORKERS, None)
    if workers is None or file_path.resolve() not in workers.config.files:
        return None
    return DocumentFile.from_parent(parent, path=file_path, workers=workers)


class DocumentFile(pytest.File):
    """A file with examples; it runs once, when the first of its tests does."""

    def __init__(self, *, workers: Workers, **settings: Any) -> None:
        super().__init__(**settings)
        self._workers = workers

    def collect(self) -> Iterator[pytest.Item]:
        """One test for each block, and one that fails for each problem."""
        for problem in self.document.problems:
            failure = Failure(self.document.path, problem.line, problem.message)
            name = f"{problem.line}-problem"
            yield ExampleItem.from_parent(self, name=name, line=problem.line, failures=[failure])
        for block in self.document.blocks:
            yield ExampleItem.from_parent(self, name=block.name, line=block.line, block=block)

    @cached_property
    def document(self) -> Document:
        """The file's examples."""
        return self._workers.config.parse(self.path)

    @cached_property
    def report(self) -> Report:
        """What the file's examples did."""
        return self._workers.run(self.document)

    def failures(self, block: Block) -> list[Failure]:
        """What is wrong with a block."""
        return [result.failure for result in self.report.of(block) if result.failure]


class ExampleItem(pytest.Item):
    """The test of one block, or of what keeps one from being a test."""

    def __init__(
        self,
        *,
        line: int,
        block: Block | None = None,
        failures: Sequence[Failure] = (),
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self._line = line
        self._block = block
        self._failures = list(failures)

    def runtest(self) -> None:
        """Fail with all that is wrong."""
        assert isinstance(self.parent, DocumentFile)
        if self._block:
            if self._block.skip:
                pytest.skip(self._block.skip)
            self._failures = self.parent.failures(self._block)
        if self._failures:
            raise ExampleError(self._failures)

    def repr_failure(self, excinfo: Any, *arguments: Any) -> Any:
        """Show what differs, without a traceback of this plugin."""
        if isinstance(excinfo.value, ExampleError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *arguments)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Point at the file and line of the block."""
        return self.path, self._line - 1, self.nodeid.replace("::", ":")
