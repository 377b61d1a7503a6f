r"""The MkDocs plugin: what a Markdown extension cannot do, since it sees one page at a time."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from mkdocs.config import config_options as c
from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from literate import mathfont, notebook, search
from literate.build import Build, build_of, log
from literate.pages import included
from literate.plain import site_link


class Options(Config):  # type: ignore[no-untyped-call]
    """What `mkdocs.yml` may say of the plugin."""

    # Needs a script of the site that fetches the texts: see literate/search.py.
    lazy_search = c.Type(bool, default=False)


class Literate(BasePlugin[Options]):  # type: ignore[no-untyped-call]
    """Starts all pages at once, sums up what ran, and ships the math font and the notebooks."""

    build: Build
    notebooks: dict[str, str]

    def on_config(self, config: MkDocsConfig) -> None:
        """Find the project's settings."""
        try:
            self.build = build_of(Path(config.docs_dir))
        except (OSError, ValueError) as error:
            raise PluginError(f"literate: {error}") from error

    def on_files(self, files: Files, *, config: MkDocsConfig) -> None:
        """Start running every page while MkDocs goes on."""
        documents = []
        for file in files.documentation_pages():
            if file.abs_src_path:
                documents.append(self.build.config.parse(Path(file.abs_src_path)))
                documents += included(self.build.config, file.content_string)
        self.build.begin(documents)
        self.notebooks = {}

    def on_page_content(
        self, html: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str | None:
        """Make the page's notebook, and set a link to it below the title."""
        file = page.file
        report = self.build.report_of(Path(file.abs_src_path or ""))
        if report is None or not notebook.has_notebook(report.document, page.meta):
            return None
        made = notebook.notebook(
            file.content_string,
            report,
            setup=self.build.config.setup,
            versions=self.build.versions,
            link=site_link(
                config.site_url or "", file.src_uri, {each.src_uri: each.url for each in files}
            ),
        )
        target = PurePosixPath(file.dest_uri).with_name(f"{PurePosixPath(file.src_uri).stem}.ipynb")
        self.notebooks[str(target)] = notebook.dumps(made)
        return notebook.with_link(html, target.name)

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Write the math font and the notebooks, and say how many examples ran."""
        mathfont.write(Path(config.site_dir))
        if self.config.lazy_search:
            search.split(Path(config.site_dir))
        for name, text in self.notebooks.items():
            file = Path(config.site_dir, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8", newline="\n")
        count = sum(len(report.results) for report in self.build.reports)
        failed = sum(len(report.failures) for report in self.build.reports)
        log.info("%d examples ran, %s", count, f"{failed} failed" if failed else "all as recorded")
