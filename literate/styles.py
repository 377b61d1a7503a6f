r"""The MkDocs plugin that makes one style sheet of those that a site adds to its theme's.

A page is not painted before all of its style sheets are there, and each is a request. So the files
that `extra_css` names are joined, in its order, into `assets/stylesheets/site.css`. Those that
another plugin writes stay what they are.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File, Files

JOINED = "assets/stylesheets/site.css"


class OneStyleSheet(BasePlugin):  # type: ignore[type-arg, no-untyped-call]
    """Joins the style sheets of the site."""

    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Put one file in the place of several.

        Raises:
            PluginError: If a file lies in another folder: what it names, it names from there.
        """
        named = {name: files.get_file_from_path(name) for name in config.extra_css}
        own = {name: file for name, file in named.items() if file is not None}
        for name, file in own.items():
            if Path(name).parent != Path(JOINED).parent:
                folder = Path(JOINED).parent.as_posix()
                message = f"extra_css: style sheets in {folder} are joined, not {name!r}"
                raise PluginError(message)
            files.remove(file)
        if own:
            text = "\n".join(file.content_string for file in own.values())
            files.append(File.generated(config, JOINED, content=text))
            config.extra_css = [name for name in config.extra_css if name not in own] + [JOINED]
        return files
