r"""Rebuild one page of the site that `mkdocs serve` shows, where that is enough.

MkDocs builds the whole site for each edit. Where only the text of pages was edited, and what the
rest of the site shows of them is as before (title, headings, anchors, front matter, glossary), the
rest of the site would come out the same. Then only these pages are built, by MkDocs' own functions.
In any other case, and when anything unexpected happens, MkDocs builds the whole site.
"""

from __future__ import annotations

import copy
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.livereload import LiveReloadServer
from mkdocs.structure.files import Files, InclusionLevel
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import AnchorLink
from mkdocs.utils import get_build_date
from watchdog.observers.polling import PollingObserver

from literate.build import Build, log
from literate.glossary import read_glossary
from literate.pages import includes
from literate.reads import digest
from literate.symbols import read_symbols

# What of a site is known to treat each page by itself, or is seen to here.
_PLUGINS = {
    *("autorefs", "content-security-policy", "front", "literate", "material/search"),
    "one-style-sheet",
    "mkdocstrings",
}
_EXTENSIONS = (
    *("abbr", "admonition", "attr_list", "codehilite", "def_list", "extra", "fenced_code"),
    *("footnotes", "md_in_html", "meta", "nl2br", "sane_lists", "smarty", "tables", "toc"),
)
_FAMILIES = ("literate.", "markdown.extensions.", "mkdocs_autorefs.", "mkdocstrings.", "pymdownx.")
_AUTOREFS = ("_primary_url_map", "_secondary_url_map", "_title_map")
# What editors keep beside a file while it is open.
_EDITORS = re.compile(r"\..*\.sw[a-z]|\.?#.*|.*~")
_OWN = Path(__file__).parent
_INTERVAL = 0.2  # seconds between two looks for edits; MkDocs waits half a second

Stamp = tuple[int, int, int]


class Site(NamedTuple):
    """A site as MkDocs has built it."""

    config: MkDocsConfig
    files: Files
    nav: Navigation
    env: Environment
    build: Build
    notebooks: dict[str, bytes]

    @property
    def plain(self) -> bool:
        """Whether all that takes part in its build is known."""
        names = [
            each if isinstance(each, str) else type(each).__module__
            for each in self.config.markdown_extensions
        ]
        return (
            set(self.config.plugins) <= _PLUGINS
            and all(name in _EXTENSIONS or name.startswith(_FAMILIES) for name in names)
            and "pymdownx.snippets" not in names
            and not any(map(self._shows_pages, self.config.extra_templates))
            and not self.config.strict
        )

    def _shows_pages(self, template: object) -> bool:
        file = self.files.get_file_from_path(str(template))
        return file is None or re.search(r"\b(nav|pages?)\b", file.content_string) is not None

    def pages(self) -> dict[str, Page]:
        """The pages by their files' paths, but for those that are no part of the built site."""
        files = self.files.documentation_pages()
        return {file.abs_src_path: file.page for file in files if file.abs_src_path and file.page}


class _WholeError(Exception):
    """Says why the whole site is to be built."""


class Preview:
    """Rebuilds what a server shows.

    Args:
        server: MkDocs' server, whose builder this becomes.
        watch: What the server will watch besides what it already does.
        current: Gives the site that was built last.
        began: When the first build began, in nanoseconds.
    """

    def __init__(
        self,
        server: LiveReloadServer,
        watch: Iterable[str],
        current: Callable[[], Site | None],
        began: int,
    ) -> None:
        self._server = server
        self._watch = [os.path.abspath(path) for path in watch]
        self._current = current
        _look_more_often(server)
        self._builder, server.builder = server.builder, self.rebuild
        # What was edited during the first build is for the next one. Times of files are coarse.
        stamps = _stamps(self._watched())
        self._stamps = {path: stamp for path, stamp in stamps.items() if stamp[0] < began - 10**9}
        self._site = self._built()

    def rebuild(self) -> None:
        """Build what has changed since the last time: some pages, or everything."""
        before, self._stamps = self._stamps, _stamps(self._watched())
        changed = {path for path, _ in before.items() ^ self._stamps.items()}
        if any(Path(path).parent == _OWN and path.endswith(".py") for path in changed):
            log.warning("literate was edited: restart the server to build with it as it is now")
        site, self._site = self._site, None
        try:
            _update(site, changed)
        except Exception as reason:
            log.debug("The whole site is built: %r", reason)
            self._builder()
        self._site = self._built()

    def _built(self) -> Site | None:
        """The site that was built last; what its pages have read is watched from now on."""
        site = self._current()
        reports = site.build.reports if site else []
        for path, was in {item for report in reports for item in report.reads.items()}:
            folders = {path, *map(str, Path(path).parents)}
            if os.path.isfile(path) and folders.isdisjoint(self._watched()):
                self._server.watch(path)
                if digest(path) == was:
                    self._stamps |= _stamps([path])
        return site

    def _watched(self) -> set[str]:
        return {*self._server._watched_paths, *self._watch}


def _update(site: Site | None, changed: set[str]) -> None:
    """Build pages alone.

    Raises:
        Exception: If that is not all that has to be done.
    """
    start = time.perf_counter()
    if site is None or not site.plain:
        raise _WholeError("it takes more than pages")
    pages = site.pages()
    if not changed or not changed <= pages.keys():
        raise _WholeError("changed are", *(changed - pages.keys()))
    names = ", ".join(site.build.config.name(Path(path)) for path in sorted(changed))
    log.info("Building %s", names)
    total = site.build.total()
    for path in sorted(changed):
        _update_page(site, pages[path])
    home = site.nav.homepage
    if home and site.build.total() != total:
        _update_page(site, home)
    for page in pages.values():
        level = site.config.validation.links.anchors
        page.validate_anchor_links(files=site.files, log_level=level)
    site.config.plugins.on_post_build(config=site.config)
    log.info("Nothing else had to be built: %.2f seconds", time.perf_counter() - start)


def _look_more_often(server: LiveReloadServer) -> None:
    """Shorten the time until MkDocs sees an edit, as long as its observer has not started."""
    watched = dict(server._watched_paths)
    for path, count in watched.items():
        for _ in range(count):
            server.unwatch(path)
    server.observer = PollingObserver(timeout=_INTERVAL)
    for path, count in watched.items():
        for _ in range(count):
            server.watch(path)


def _stamps(paths: Iterable[str]) -> dict[str, Stamp]:
    """When each file was written, with its size and its place on the disk, which a rename moves."""
    found = {}
    for file in chain.from_iterable(map(_files, paths)):
        with suppress(OSError):
            stat = os.stat(file)
            found[file] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _files(path: str) -> Iterator[str]:
    if os.path.isfile(path):
        yield path
    for folder, _, names in os.walk(path):
        yield from (os.path.join(folder, name) for name in names if not _EDITORS.fullmatch(name))


def _update_page(site: Site, page: Page) -> None:
    """Build a page, unless other pages show something of it that has changed."""
    # Not public, and so imported where their absence only means that the whole site is built.
    from mkdocs.commands.build import _build_page, _populate_page

    config, files, nav, env, build, _ = site
    if page.update_date != get_build_date():
        raise _WholeError("the date of the build has changed")
    before = copy.deepcopy(_surface(site, page))
    has_docstrings = includes(page.markdown or "")
    build.renew(Path(page.file.abs_src_path or ""))
    _populate_page(page, config, files)
    if has_docstrings or includes(page.markdown or ""):
        raise _WholeError("mkdocstrings keeps what it needs for the time of a build")
    if _surface(site, page) != before:
        raise _WholeError("other pages may show what has changed")
    if "autorefs" in config.plugins:
        config.plugins["autorefs"].on_env(env, config=config, files=Files([page.file]))
    documents = files.documentation_pages(inclusion=InclusionLevel.is_in_serve)
    with _search_entries(config, page):
        _build_page(page, config, documents, nav, env)


def _surface(site: Site, page: Page) -> list[object]:
    """What other pages may show of a page."""
    references = site.config.plugins.get("autorefs")
    return [
        page.title,
        page.meta,
        _outline(page.toc),
        page.present_anchor_ids,
        sorted(site.notebooks),
        read_glossary(page.markdown or ""),
        read_symbols(page.markdown or ""),
        [getattr(references, name) for name in _AUTOREFS] if references else [],
    ]


def _outline(headings: Iterable[AnchorLink]) -> list[object]:
    return [(each.level, each.id, each.title, _outline(each.children)) for each in headings]


@contextmanager
def _search_entries(config: MkDocsConfig, page: Page) -> Iterator[None]:
    """Let a page add to the search index, and put that where its entries were."""
    plugin: Any = config.plugins.get("material/search")
    if plugin is None or not plugin.config.enabled:
        yield
        return
    index = plugin.search_index
    old, own = index.entries, [_is_of(page, entry) for entry in index.entries]
    index.entries = []
    yield
    place = own.index(True)
    rest = [entry for entry, is_own in zip(old, own, strict=True) if not is_own]
    index.entries = [*rest[:place], *index.entries, *rest[place:]]


def _is_of(page: Page, entry: dict[str, str]) -> bool:
    return entry["location"].partition("#")[0] == page.url
