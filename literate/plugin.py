r"""The MkDocs plugin: what a Markdown extension cannot do, since it sees one page at a time."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from jinja2 import Environment
from mkdocs.config import config_options as c
from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from literate import mathfont, notebook, search
from literate.build import Build, build_of
from literate.cache import derived, measures
from literate.examples import Document
from literate.pages import included
from literate.plain import site_link
from literate.preview import Preview, Site


class Options(Config):  # type: ignore[no-untyped-call]
    """What `mkdocs.yml` may say of the plugin."""

    # Needs a script of the site that fetches the texts: see literate/search.py.
    lazy_search = c.Type(bool, default=False)


class Literate(BasePlugin[Options]):  # type: ignore[no-untyped-call]
    """Starts all pages at once, sums up what ran, and ships the math font and the notebooks."""

    build: Build
    serving = False
    began: int
    site: Site | None = None
    late: list[File]
    order: list[File]
    nav: Navigation
    notebooks: dict[str, bytes]
    aside: list[str]

    def on_startup(self, *, command: str, dirty: bool) -> None:
        """Learn whether this is a server; with this event, one plugin serves all its builds."""
        self.serving = command == "serve" and not dirty

    def on_config(self, config: MkDocsConfig) -> None:
        """Find the project's settings."""
        self.began, self.site = time.time_ns(), None
        try:
            self.build = build_of(Path(config.docs_dir))
        except (OSError, ValueError) as error:
            raise PluginError(f"literate: {error}") from error
        if self.serving:
            self.build.serve()

    def on_files(self, files: Files, *, config: MkDocsConfig) -> None:
        """Start running every page while MkDocs goes on."""
        documents: list[Document] = []
        late: dict[File, bool] = {}
        slow = set(self.build.config.slow)
        for file in files.documentation_pages():
            if file.abs_src_path:
                document = self.build.config.parse(Path(file.abs_src_path))
                documents += [document, *included(self.build.config, file.content_string)]
                if document.path in slow or measures(document):
                    late[file] = document.path in slow
        if missing := slow - {document.path for document in documents}:
            raise PluginError(f"literate: no page is {', '.join(sorted(missing))} (setting slow)")
        self.late = sorted(late, key=late.__getitem__)
        self.build.begin(sorted(documents, key=lambda each: each.path not in slow))
        self.notebooks = {}

    def on_nav(self, nav: Navigation, *, config: MkDocsConfig, files: Files) -> None:
        """Let pages whose run takes longest be converted last, since MkDocs waits for them."""
        self.nav, self.order = nav, list(files)
        _move_to_end(files, self.late)

    @event_priority(100)
    def on_env(self, env: Environment, *, config: MkDocsConfig, files: Files) -> None:
        """Put the pages back in order before others see them."""
        _move_to_end(files, self.order)
        contents = [file.page.content or "" for file in files if file.page]
        # Where references to the API are listed, an edit of one page changes others.
        if not any("<backlinks" in content for content in contents):
            self.site = Site(config, files, self.nav, env, self.build, self.notebooks)

    def on_serve(self, server: LiveReloadServer, *, config: MkDocsConfig, builder: object) -> None:
        """Rebuild single pages where that is enough."""
        if self.serving:
            Preview(server, config.watch, lambda: self.site, self.began)

    def on_page_content(
        self, html: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str | None:
        """Make the page's notebook, and set a link to it below the title."""
        file = page.file
        target = PurePosixPath(file.dest_uri).with_name(f"{PurePosixPath(file.src_uri).stem}.ipynb")
        self.notebooks.pop(str(target), None)
        report = self.build.report_of(Path(file.abs_src_path or ""))
        if report is None or not report.ran:
            return None
        if not notebook.has_notebook(report.document, page.meta):
            return None
        text, setup, versions = file.content_string, self.build.config.setup, self.build.versions
        place = (config.site_url or "", file.src_uri, {each.src_uri: each.url for each in files})

        def make() -> bytes:
            link = site_link(*place)
            made = notebook.notebook(text, report, setup=setup, versions=versions, link=link)
            return notebook.dumps(made).encode()

        facts = [text, setup, versions, place, list(map(asdict, report.outcomes))]
        self.notebooks[str(target)] = derived(self.build.cache, facts, make)
        return notebook.with_link(html, target.name)

    @event_priority(100)
    def _put_aside(self, context: object, /, *, page: Page, **_: object) -> None:
        """Take out what the search need not go through."""
        self.aside = []
        if self.config.lazy_search:
            page.content, self.aside = search.put_aside(page.content or "")

    @event_priority(-100)
    def _put_back(self, context: object, /, *, page: Page, **_: object) -> None:
        """Put back what the reader has to see."""
        page.content = search.put_back(page.content or "", self.aside)

    on_page_context = CombinedEvent(_put_aside, _put_back)

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Write the math font and the notebooks, and say how many examples ran."""
        mathfont.write(Path(config.site_dir), self.build.cache)
        if self.config.lazy_search:
            search.split(Path(config.site_dir))
        for name, content in self.notebooks.items():
            file = Path(config.site_dir, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        self.build.end()


def _move_to_end(files: Files, some: list[File]) -> None:
    for file in some:
        files.remove(file)
        files.append(file)
