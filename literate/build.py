r"""What the pages of one build share: the worker pool, and the runs that were started ahead."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from functools import cache
from importlib.metadata import version
from pathlib import Path

from literate.config import Config
from literate.examples import Document
from literate.report import Failure, Report
from literate.workers import Workers

log = logging.getLogger("mkdocs.plugins.literate")


class Build:
    """Runs the documents of a site while it is built.

    Args:
        config: The project's settings.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reports: list[Report] = []
        self._workers = Workers(config)
        self._ahead: dict[Document, Future[Report]] = {}
        self.versions = [f"{name} {version(name)}" for name in config.versions]

    def begin(self, documents: list[Document]) -> None:
        """Start running documents that pages will ask for; forget those of the build before."""
        self.reports.clear()
        self._ahead = {each: self._workers.submit(each) for each in dict.fromkeys(documents)}

    def report(self, document: Document) -> Report:
        """Wait for a document's run and warn of everything that is wrong with it."""
        started = self._ahead.get(document)
        report = started.result() if started else self._workers.run(document)
        self.reports.append(report)
        for failure in report.failures:
            warn(failure)
        return report

    def report_of(self, file: Path) -> Report | None:
        """The report of a file, if this build has asked for it."""
        name = self.config.name(file)
        return next((each for each in self.reports if each.document.path == name), None)


def warn(failure: Failure) -> None:
    """Warn in a way that fails a strict build."""
    log.warning("%s", failure)


def build_of(start: Path) -> Build:
    """The build of the project at or above a folder: one for each project and process."""
    return _build_of(Config.find(start))


@cache
def _build_of(config: Config) -> Build:
    return Build(config)
