r"""Write a page's prose in the Markdown that is understood everywhere, as by Jupyter.

Attributes of headings are left out, links lead to the site or become their text, and
references to the API become names.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from urllib.parse import urljoin

Link = Callable[[str], str]

_ATTRIBUTES = re.compile(r"\n?[ ]*\{(?::|[ ]*[#.])[^{}\n]*\}")
_REFERENCE = re.compile(r"\[(?P<text>[^\[\]]+)\]\[(?P<name>[\w.]*)\]")
_LINK = re.compile(
    r"""(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<target>[^\s()]*)(?:\s+"[^"]*")?\)"""
)
_ELSEWHERE = re.compile(r"[a-z][a-z\d+.-]*:|//", re.IGNORECASE)
# Code spans and formulas, which stay as they are.
_KEPT = re.compile(
    r"(?<![`\\])(?P<ticks>`+)(?!`)(?:(?!\n\n).)+?(?<!`)(?P=ticks)(?!`)"
    r"|(?<!\\)\$\$(?:\\.|[^\\$])+\$\$"
    r"|(?<!\\)\$(?!\s)(?:\\.|[^\\$])+?(?<!\s)\$",
    re.DOTALL,
)
_PLACE = re.compile("\ue000(\\d+)\ue001")


def plain(text: str, link: Link, *, quoted: bool = False) -> str:
    """Markdown without what only a site understands; code spans and formulas stay.

    Args:
        text: Some prose, without blocks.
        link: Gives the address of a link's target, or `""` if it has none elsewhere.
        quoted: Whether the prose will be quoted, and a formula must stay on one line.

    Examples:
        >>> plain("## Trees {#trees}", link=str)
        '## Trees'
        >>> plain("[oak][wood.oak] in [one](a.md) of $n$", link=lambda target: "https://a.b/a/")
        '`oak` in [one](https://a.b/a/) of $n$'
        >>> plain("See [one](a.md).", link=lambda target: "")
        'See one.'
    """
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        # The mark of a quoted line would become a part of the formula.
        formula = quoted and match[0].startswith("$")
        kept.append(match[0].replace("\n", " ") if formula else match[0])
        return f"\ue000{len(kept) - 1}\ue001"

    text = _ATTRIBUTES.sub("", _KEPT.sub(keep, text))
    text = _LINK.sub(lambda match: _resolved(match, link), _REFERENCE.sub(_name, text))
    text = re.sub(r"\n{3,}", "\n\n", text)
    return _PLACE.sub(lambda match: kept[int(match[1])], text)


def _name(reference: re.Match[str]) -> str:
    """What a reference to the API shows: code, where it is the name of what it refers to."""
    text, name = reference["text"], reference["name"]
    if name and "." not in name:
        return reference[0]
    is_name = text.removesuffix("()").split(".")[-1] == (name or text).split(".")[-1]
    return f"`{text}`" if is_name and "\ue000" not in text else text


def _resolved(match: re.Match[str], link: Link) -> str:
    if _ELSEWHERE.match(match["target"]):
        return match[0]
    address = link(match["target"])
    return f"{match['image']}[{match['text']}]({address})" if address else match["text"]


def site_link(site: str, source: str, addresses: Mapping[str, str]) -> Link:
    """How the links of one page are resolved outside of the site.

    Args:
        site: The address of the site; empty if it is not known, and then no link is.
        source: The file of the page within the folder of all pages.
        addresses: The address within the site of each such file.

    Examples:
        >>> link = site_link("https://a.b/c/", "d/e.md", {"d/e.md": "d/e/", "f.md": "f/"})
        >>> link("../f.md#part"), link("#top"), link("missing.md")
        ('https://a.b/c/f/#part', 'https://a.b/c/d/e/#top', '')
    """

    def link(target: str) -> str:
        path, hash_, anchor = target.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        address = addresses.get(file if path else source)
        return urljoin(site, address) + hash_ + anchor if site and address is not None else ""

    return link
