r"""The index of the site's search: what is worth finding, apart from what each page needs to load.

Material for MkDocs fetches its index with every page, if only for the settings in it. So the texts
go into a file of their own, which a script of the site fetches when they are asked for.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

_CODE = re.compile(r"<pre>.*?</pre>", re.DOTALL)


def split(site_dir: Path) -> None:
    """Leave the settings in `search/search_index.json`, and move the texts into `texts.json`."""
    file = site_dir / "search" / "search_index.json"
    index = json.loads(file.read_text("utf-8"))
    texts = [{**entry, "text": without_code(entry["text"])} for entry in index["docs"]]
    _write(file.with_name("texts.json"), texts)
    _write(file, {**index, "docs": []})


def without_code(text: str) -> str:
    """A section without its blocks of code: a name in them is found where a sentence tells of it.

    Examples:
        >>> without_code("<p>Shares from <code>softmax</code>:</p> <pre><code>0.14</code></pre>")
        '<p>Shares from <code>softmax</code>:</p>'
    """
    return _CODE.sub("", text).strip()


def _write(file: Path, data: object) -> None:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    file.write_text(text, "utf-8", newline="\n")
