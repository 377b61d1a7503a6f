r"""The MkDocs plugin that shows the first page's readers what stands behind it.

An element with nothing in it, `<span class="literate-total"></span>`, is given the number of
examples that ran while the site was built. The first page's figure becomes the site's card,
`assets/images/card.png`.
"""

from __future__ import annotations

from html import unescape
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from literate.build import Build, build_of
from literate.card import card

CARD = "assets/images/card.png"
TOTAL = '<span class="literate-total">{}</span>'


class Front(BasePlugin):  # type: ignore[type-arg, no-untyped-call]
    """Fills in the number of examples, and draws the card."""

    home: Page | None = None

    def on_nav(self, nav: Navigation, **_: object) -> None:
        """Find the first page."""
        self.home = nav.homepage

    def on_page_context(
        self, context: object, *, page: Page, config: MkDocsConfig, **_: object
    ) -> None:
        """Fill in the number; when the first page gets here, all pages have run."""
        place = TOTAL.format("")
        if page.content and place in page.content:
            page.content = page.content.replace(place, TOTAL.format(_build(config).total()))

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Draw the card of a site with a logo, if its first page draws a figure."""
        logo = config.theme.get("logo") or ""
        figure = first_figure(_build(config), self.home) if self.home else ""
        if self.home is None or not figure or not logo.endswith(".svg"):
            return
        site = Path(config.site_dir)
        png = card(
            figure,
            name=config.site_name,
            title=unescape(next((item.title for item in self.home.toc), config.site_name)),
            note=_build(config).total(),
            logo=(site / logo).read_text("utf-8"),
            styles=[(site / name).read_text("utf-8") for name in config.extra_css],
            cache=_build(config).cache,
        )
        (site / CARD).parent.mkdir(parents=True, exist_ok=True)
        (site / CARD).write_bytes(png)


def _build(config: MkDocsConfig) -> Build:
    return build_of(Path(config.docs_dir))


def first_figure(build: Build, page: Page) -> str:
    """The first picture that a page drew, as SVG; empty where it drew none."""
    report = build.report_of(Path(page.file.abs_src_path or ""))
    outcomes = report.outcomes if report else []
    pictures = (figure.svg for outcome in outcomes for figure in outcome.figures)
    return next(filter(None, pictures), "")
