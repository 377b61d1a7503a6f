r"""The index of the site's search: what is worth finding, apart from what each page needs to load.

Material for MkDocs fetches its index with every page, if only for the settings in it. So the texts
go into a file of their own, which a script of the site fetches when they are asked for. They are
without blocks of code and drawings, which are most of a page: a name in them is found where a
sentence tells of it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

_ASIDE = re.compile(
    r"<pre\b[^>]*>.*?</pre>"
    r"|(?<=<div data-search-exclude>).*?(?=</div>(?:<figcaption>|</figure>))",
    re.DOTALL,
)
# Markdown keeps these two characters for itself, so that no page holds a mark of its own.
_MARK = "<!--\x02{}\x03-->"


def put_aside(html: str) -> tuple[str, list[str]]:
    r"""Put marks in the place of what need not be searched, and give that apart.

    Examples:
        >>> put_aside("<p>Shares:</p><pre>0.14</pre>")
        ('<p>Shares:</p><!--\x020\x03-->', ['<pre>0.14</pre>'])
    """
    parts: list[str] = []

    def mark(match: re.Match[str]) -> str:
        parts.append(match[0])
        return _MARK.format(len(parts) - 1)

    return _ASIDE.sub(mark, html), parts


def put_back(html: str, parts: list[str]) -> str:
    r"""Put back what was put aside.

    Examples:
        >>> put_back("<p>Shares:</p><!--\x020\x03-->", ["<pre>0.14</pre>"])
        '<p>Shares:</p><pre>0.14</pre>'
    """
    return re.sub(_MARK.format("([0-9]+)"), lambda match: parts[int(match[1])], html)


def split(site_dir: Path) -> None:
    """Leave the settings in `search/search_index.json`, and move the texts into `texts.json`."""
    file = site_dir / "search" / "search_index.json"
    index = json.loads(file.read_text("utf-8"))
    _write(file.with_name("texts.json"), index["docs"])
    _write(file, {**index, "docs": []})


def _write(file: Path, data: object) -> None:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    file.write_text(text, "utf-8", newline="\n")
