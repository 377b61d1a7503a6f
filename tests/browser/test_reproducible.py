"""Two builds of one source give the same bytes, but for what is marked as measured.

The second build runs in another folder, time zone and locale, and with other hash seeds.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from .conftest import ROOT, Site, build

MEASURED_BLOCK = '<div class="literate literate-measured"'
DIV = re.compile(r"<div\b|</div>")
MEASURED = re.compile(r'<span class="live live-measured".*?</span>|<p class="literate-line".*?</p>')
PAYLOAD = re.compile(r"<svg.*?</svg>|base64,[\w+/=]*", re.DOTALL)
# With the spaces that make its column.
NUMBER = re.compile(r" *\d[\d,.]*")


def without_blocks(html: str) -> str:
    """Take the measured blocks out of a page."""
    while (start := html.find(MEASURED_BLOCK)) >= 0:
        depth, end = 0, start
        for tag in DIV.finditer(html, start):
            depth += -1 if tag[0] == "</div>" else 1
            if depth == 0:
                end = tag.end()
                break
        assert end > start, f"a measured block without an end: {html[start : start + 80]}"
        html = html[:start] + html[end:]
    return html


def masked(text: str) -> str:
    """Take out numbers and drawings, which in a text without marks may be measured."""
    return NUMBER.sub("#", PAYLOAD.sub("", text))


def stable(folder: Path) -> dict[str, object]:
    """What must not differ of each file."""
    pages = {file: file.read_text("utf-8") for file in folder.rglob("*.html")}
    measured = {file.parent for file, html in pages.items() if "live-measured" in html}
    measured |= {file.parent for file, html in pages.items() if MEASURED_BLOCK in html}
    assert measured, "no page has a measured block: what is it that this test leaves out?"
    found: dict[str, object] = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file in pages:
            found[name] = MEASURED.sub("", without_blocks(pages[file]))
        elif name == "search/texts.json":
            found |= index(name, file, {f"{each.relative_to(folder)}/" for each in measured})
        elif file.suffix == ".ipynb" and file.parent in measured:
            found[name] = masked(file.read_text("utf-8"))
        elif file.is_file():
            found[name] = file.read_bytes()
    return found


def index(name: str, file: Path, measured: set[str]) -> dict[str, object]:
    """The entries of the search index by their addresses."""
    texts = json.loads(file.read_text("utf-8"))
    entries: dict[str, object] = {name: [entry["location"] for entry in texts]}
    for entry in texts:
        location = entry["location"]
        hidden = location.partition("#")[0] in measured
        text = json.dumps(entry)
        entries[f"{name}: {location}"] = masked(text) if hidden else text
    return entries


@pytest.fixture(scope="module")
def again(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same site, built elsewhere and otherwise."""
    root = tmp_path_factory.mktemp("another place") / "copy"
    ignored = shutil.ignore_patterns(".git", ".*cache*", "site", "__pycache__", ".hypothesis")
    shutil.copytree(ROOT, root, ignore=ignored)
    folder = root.with_name("site")
    build(
        folder,
        site.origin,
        root=root,
        PYTHONPATH=str(root),
        PYTHONHASHSEED="12345",
        TZ="Pacific/Auckland",
        LC_ALL="C",
    )
    return folder


def test_second_build_gives_the_same_site(site: Site, again: Path) -> None:
    first, second = stable(site.folder), stable(again)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
    size = sum(file.stat().st_size for file in site.folder.rglob("*") if file.is_file())
    print(f"the same twice: {len(first):,} files and entries of the search, {size:,} bytes")


def test_only_numbers_of_measured_blocks_are_left_out() -> None:
    block = f'{MEASURED_BLOCK} id="example-2"><div class="highlight">7</div></div>'
    span = '<span class="live live-measured" title="t">7</span>'
    assert MEASURED.sub("", without_blocks(f"a{block}b{span}c")) == "abc"
    assert without_blocks('<div class="literate"><div>7</div></div>').count("7") == 1
