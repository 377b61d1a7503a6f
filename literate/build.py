r"""What the pages of one build share: the worker pool, and the runs that were started ahead.

The variable `LITERATE` of the environment says what a build runs: all that is not known already, if
it is not set; everything, if it is `fresh`, and wherever `CI` is set; nothing, if it is `off`.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

from literate import progress
from literate.cache import Cache
from literate.config import Config
from literate.examples import Document
from literate.report import Failure, Report, unrun
from literate.workers import Workers

log = logging.getLogger("mkdocs.plugins.literate")


class Build:
    """Runs the documents of a site while it is built.

    Args:
        config: The project's settings.

    Raises:
        ValueError: If `LITERATE` has a value that means nothing.
    """

    def __init__(self, config: Config) -> None:
        mode = os.environ.get("LITERATE", "")
        if mode not in ("", "fresh", "off"):
            raise ValueError(f"LITERATE={mode} in the environment is neither fresh nor off")
        self.config = config
        self.off = mode == "off"
        self.reports: list[Report] = []
        self.versions = [f"{name} {version(name)}" for name in config.versions]
        fresh = mode == "fresh" or "CI" in os.environ
        self.cache = None if fresh else Cache(config)
        self._workers = Workers(config)
        self._ahead: dict[Document, Future[Report]] = {}

    def begin(self, documents: list[Document]) -> None:
        """Start running documents that pages will ask for; forget those of the build before."""
        self.reports.clear()
        if self.cache:
            self.cache.begin()
        self._ahead = {each: self._start(each) for each in dict.fromkeys(documents)}
        progress.show({each.path: run for each, run in self._ahead.items()}, log)

    def renew(self, file: Path) -> None:
        """Forget one page, and start running it if it is not what it was."""
        document = self.config.parse(file)
        others = [each for each in self.reports if each.document.path != document.path]
        self.reports = [replace(each, reused=True) for each in others]
        if self.cache:
            self.cache.begin()
        self._ahead = {each: run for each, run in self._ahead.items() if each.path != document.path}
        self._ahead[document] = self._start(document)

    def _start(self, document: Document) -> Future[Report]:
        known = unrun(document) if self.off else self.cache and self.cache.load(document)
        if known:
            done: Future[Report] = Future()
            done.set_result(known)
            return done
        if self.cache:
            keep = partial(self.cache.store, self.cache.key(document))
            return self._workers.submit(document, keep)
        return self._workers.submit(document)

    def serve(self) -> None:
        """Expect further builds in this process, which need not measure the same pages again."""
        if self.cache:
            self.cache.session = True

    def end(self) -> None:
        """Finish a build, and say how many examples ran."""
        if self.cache:
            self.cache.prune()
        if self.off:
            log.warning("LITERATE=off: %s", self.total())
            return
        reused = sum(len(report.results) for report in self.reports if report.reused)
        log.info("%s%s", self.total(), f"; {reused:,} of them before" if reused else "")

    def total(self) -> str:
        """Say how many examples the site shows the output of, and how they fared."""
        if self.off:
            return "nothing was run, and every output is the recorded one"
        count = sum(len(report.results) for report in self.reports)
        failed = sum(len(report.failures) for report in self.reports)
        return f"{count:,} examples ran, {f'{failed:,} failed' if failed else 'all as recorded'}"

    def report(self, document: Document) -> Report:
        """Wait for a document's run and warn of everything that is wrong with it."""
        report = (self._ahead.get(document) or self._start(document)).result()
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
