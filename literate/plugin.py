r"""The MkDocs plugin: what a Markdown extension cannot do, since it sees one page at a time."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import Files

from literate import mathfont
from literate.build import Build, build_of, log
from literate.pages import included


class Literate(BasePlugin):  # type: ignore[type-arg, no-untyped-call]
    """Starts all pages at once, sums up what ran, and ships the math font."""

    build: Build

    def on_config(self, config: MkDocsConfig) -> None:
        """Find the project's settings."""
        self.build = build_of(Path(config.docs_dir))

    def on_files(self, files: Files, *, config: MkDocsConfig) -> None:
        """Start running every page while MkDocs goes on."""
        documents = []
        for file in files.documentation_pages():
            if file.abs_src_path:
                documents.append(self.build.config.parse(Path(file.abs_src_path)))
                documents += included(self.build, file.content_string)
        self.build.begin(documents)

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Write the math font and say how many examples ran."""
        mathfont.write(Path(config.site_dir))
        count = sum(len(report.results) for report in self.build.reports)
        failed = sum(len(report.failures) for report in self.build.reports)
        log.info("%d examples ran, %s", count, f"{failed} failed" if failed else "all as recorded")

    def on_shutdown(self) -> None:
        """End the worker processes."""
        self.build.close()
