r"""The pytest plugin: every block of a page and every docstring is a test of its own.

A test is named by the line where its block begins, as in `docs/weights.md::41`, and
its failure by the line of the example.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from literate.config import Config
from literate.examples import Block, Problem
from literate.report import Failure, Report
from literate.workers import Workers


class ExampleError(Exception):
    """Carries the failures of a block to pytest's report."""

    def __init__(self, failures: list[Failure]) -> None:
        super().__init__("\n\n".join(map(str, failures)))


@cache
def _workers(root: Path) -> Workers | None:
    try:
        return Workers(Config.find(root))
    except ValueError:
        return None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> DocumentFile | None:
    """Collect a page, or a module whose docstrings are verified."""
    if file_path.suffix not in {".md", ".py"}:
        return None
    workers = _workers(parent.config.rootpath)
    if workers is None:
        return None
    files = {*workers.config.page_files, *workers.config.source_files}
    if file_path not in files:
        return None
    return DocumentFile.from_parent(parent, path=file_path, workers=workers)


class DocumentFile(pytest.File):
    """A file with examples; it runs once, when the first of its tests does."""

    def __init__(self, *, workers: Workers, **settings: Any) -> None:
        super().__init__(**settings)
        self._workers = workers
        self._future: Future[Report] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """One test for each block, and one that fails for each problem."""
        self.document = self._workers.config.parse(self.path)
        for problem in self.document.problems:
            yield ProblemItem.from_parent(self, name=f"{problem.line}-problem", problem=problem)
        for block in self.document.blocks:
            yield BlockItem.from_parent(self, name=block.name, block=block)

    def report(self) -> Report:
        """Run the document, unless it was run."""
        if self._future is None:
            self._future = self._workers.submit(self.document)
        return self._future.result()


class _Item(pytest.Item):
    line: int

    def repr_failure(self, excinfo: Any, *arguments: Any) -> Any:
        """Show what differs, without a traceback of this plugin."""
        if isinstance(excinfo.value, ExampleError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *arguments)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Point at the file and line of the block."""
        return self.path, self.line - 1, f"{self.parent and self.parent.name}:{self.name}"


class BlockItem(_Item):
    """The test of one block."""

    def __init__(self, *, block: Block, **settings: Any) -> None:
        super().__init__(**settings)
        self.block, self.line = block, block.line

    def runtest(self) -> None:
        """Run the block's page and judge the block."""
        if self.block.skip:
            pytest.skip(self.block.skip)
        assert isinstance(self.parent, DocumentFile)
        results = self.parent.report().of(self.block)
        failures = [result.failure for result in results if result.failure]
        if failures:
            raise ExampleError(failures)


class ProblemItem(_Item):
    """A test that fails, since something in its file cannot be verified."""

    def __init__(self, *, problem: Problem, **settings: Any) -> None:
        super().__init__(**settings)
        self.problem, self.line = problem, problem.line

    def runtest(self) -> None:
        """Fail with the problem."""
        assert isinstance(self.parent, DocumentFile)
        path = self.parent.document.path
        raise ExampleError([Failure(path, self.problem.line, self.problem.message)])
