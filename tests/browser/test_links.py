"""Where the built pages point to: files and anchors that exist, and images that say what they are.

MkDocs checks the links that stand in Markdown; this checks those of templates, docstrings, figures
and the glossary too, in the HTML that is published.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from .conftest import Site

Attributes = dict[str, str | None]


@dataclass
class Parsed(HTMLParser):
    """The links, anchors and images of a page."""

    links: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    images: list[Attributes] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag has."""
        attributes = dict(attrs)
        self.links += [attributes[name] or "" for name in ("href", "src") if name in attributes]
        self.anchors += [attributes["id"] or ""] if "id" in attributes else []
        self.images += [attributes] if tag == "img" else []


@cache
def parsed(file: Path) -> Parsed:
    """Read a page once."""
    page = Parsed()
    page.feed(file.read_text(encoding="utf-8"))
    return page


def pages(folder: Path) -> Iterator[tuple[str, Parsed]]:
    """Each page by its address."""
    for file in sorted(folder.rglob("*.html")):
        yield file.relative_to(folder).as_posix().removesuffix("index.html"), parsed(file)


def broken(site: Site, address: str, link: str) -> bool:
    """Whether a link of a page leads to a file or an anchor of the site that is not there."""
    target = urlsplit(urljoin(f"{site.origin}/{address}", link))
    if f"{target.scheme}://{target.netloc}" != site.origin:
        return target.scheme != "https"
    file = site.folder / unquote(target.path).lstrip("/")
    file = file / "index.html" if file.is_dir() else file
    if not file.is_file():
        return True
    # `#/…` is no place on the page but what a script there is to show.
    named = unquote(target.fragment)
    return bool(named) and not named.startswith("lab=") and named not in parsed(file).anchors


def test_links_lead_to_files_and_anchors_that_exist(site: Site) -> None:
    found = [
        f"{address}: {link}"
        for address, page in pages(site.folder)
        for link in page.links
        if broken(site, address, link)
    ]
    assert found == []


def test_anchors_are_unique(site: Site) -> None:
    found = [
        f"{address}: {name}"
        for address, page in pages(site.folder)
        for name in set(page.anchors)
        if page.anchors.count(name) > 1
    ]
    assert found == []


def test_images_say_what_they_show(site: Site) -> None:
    found = [
        f"{address}: {image.get('src')}"
        for address, page in pages(site.folder)
        for image in page.images
        if image.get("alt") is None or (not image["alt"] and image.get("role") != "presentation")
    ]
    assert found == []


@pytest.mark.parametrize(
    "link", ["missing/", "weights/#missing", "#missing", "../outside/", "http://example.org"]
)
def test_broken_link_is_known_for_one(site: Site, link: str) -> None:
    assert broken(site, "", link)


@pytest.mark.parametrize("link", ["weights/", "weights/#softmax", "#", "https://example.org"])
def test_good_link_passes(site: Site, link: str) -> None:
    assert not broken(site, "", link)
