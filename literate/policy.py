r"""The MkDocs plugin that gives each page a Content-Security-Policy which its own parts satisfy.

A page may load scripts, styles, fonts and data from its own site only. Of inline scripts those run
whose hash the policy names, and it names the ones that the theme's templates wrote into the page:
what is slipped into a page later does not run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Literal

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin

_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_DATA = re.compile(r"""\b(?:src=|type=["']?application/json\b)""", re.IGNORECASE)
_PLACE = re.compile(r"<script\b|</head>", re.IGNORECASE)
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    # The cells of a heatmap mix their colors in a style attribute; a style sheet must be a file.
    "style-src-attr": "'unsafe-inline'",
    # The theme's style sheets hold their icons as data.
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'self'",
    "form-action": "'self'",
}


class ContentSecurityPolicy(BasePlugin):  # type: ignore[type-arg, no-untyped-call]
    """Adds the policy to pages and templates, except where MkDocs serves them for writing."""

    serving = False

    def on_startup(self, *, command: Literal["build", "gh-deploy", "serve"], dirty: bool) -> None:
        """Remember what the site is built for: `mkdocs serve` adds an inline script of its own."""
        self.serving = command == "serve"

    def on_post_page(self, output: str, **_: object) -> str:
        """Add the policy to a page."""
        return output if self.serving else with_policy(output)

    def on_post_template(
        self, output_content: str, *, template_name: str, config: MkDocsConfig
    ) -> str:
        """Add the policy to a page that has no source, as that of a missing address."""
        if self.serving or not template_name.endswith(".html"):
            return output_content
        return with_policy(output_content)


def with_policy(html: str) -> str:
    r"""Add the policy to a page's head, before all of its scripts.

    The style sheets of the templates stand before it: a browser that looks ahead in a page, for the
    files that it will need, stops at a policy.

    Raises:
        ValueError: If the page has neither a script nor a head that ends.

    Examples:
        >>> page = "<head><script>go()</script></head>"
        >>> "'sha256-5KYv+PUboo5h+0+YAtGRPbwv5d/QxzHslP4YGnUaxRw='" in with_policy(page)
        True
    """
    place = _PLACE.search(html)
    if place is None:
        raise ValueError(f"no script and no </head> in a page that begins with {html[:60]!r}")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(html)}">'
    return html[: place.start()] + meta + html[place.start() :]


def policy(html: str) -> str:
    """The policy of a page: the rules of the site, and the hashes of the page's inline scripts."""
    found = [match[2] for match in _SCRIPT.finditer(html) if not _DATA.search(match[1])]
    hashes = [f"'{_hash(script)}'" for script in dict.fromkeys(found)]
    rules = _POLICY | {"script-src": " ".join([_POLICY["script-src"], *hashes])}
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def _hash(script: str) -> str:
    # A browser hashes the text that its parser gives, which has Unix line ends.
    text = script.replace("\r\n", "\n").replace("\r", "\n")
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
