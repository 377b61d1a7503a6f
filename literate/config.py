r"""The settings of a project, from the table `[tool.literate]` of its `pyproject.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from literate.docstrings import parse_module
from literate.examples import Document
from literate.fences import parse_page


@dataclass(frozen=True)
class Config:
    """Where a project's examples are and how they run.

    Attributes:
        root: The folder of `pyproject.toml`; pages run in it and are named from it.
        pages: Patterns of Markdown files with live blocks.
        sources: Packages whose docstrings are verified.
        preload: Modules to import once for all pages.
        versions: Distributions whose versions a page's last line names.
        setup: Code to run before each page and each docstring.
        timeout: Seconds after which a page counts as hanging.
    """

    root: Path
    pages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    setup: str = ""
    timeout: float = 60.0

    @classmethod
    def find(cls, start: Path) -> Config:
        """Read the settings of the nearest project at or above `start`.

        Raises:
            ValueError: If there is none, or if a setting is unknown or of another type.
        """
        for folder in (start.resolve(), *start.resolve().parents):
            file = folder / "pyproject.toml"
            if file.is_file():
                table = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("literate")
                if table is not None:
                    return cls._from_table(folder, table)
        raise ValueError(f"no pyproject.toml with a table [tool.literate] at or above {start}")

    @classmethod
    def _from_table(cls, root: Path, table: dict[str, object]) -> Config:
        settings: dict[str, object] = {}
        for key, value in table.items():
            default = cls.__dataclass_fields__[key].default if key in _KEYS else None
            if isinstance(value, list) and isinstance(default, tuple):
                value = tuple(value)
            if isinstance(value, int) and isinstance(default, float):
                value = float(value)
            if type(value) is not type(default):
                raise ValueError(f"tool.literate.{key} = {value!r} is not a setting of literate")
            settings[key] = value
        return cls(root, **settings)  # type: ignore[arg-type]

    @cached_property
    def page_files(self) -> list[Path]:
        """All Markdown files that match `pages`."""
        return sorted({file for pattern in self.pages for file in self.root.glob(pattern)})

    @cached_property
    def source_files(self) -> list[Path]:
        """All Python files of `sources`."""
        return sorted({file for name in self.sources for file in (self.root / name).rglob("*.py")})

    def name(self, file: Path) -> str:
        """A file's name from the root, with slashes, as messages show it."""
        file = file.resolve()
        if file.is_relative_to(self.root):
            return file.relative_to(self.root).as_posix()
        return file.as_posix()

    def parse(self, file: Path) -> Document:
        """Read a page or a module."""
        return self.parse_text(file, file.read_bytes().decode("utf-8"))

    def parse_text(self, file: Path, text: str) -> Document:
        """Read a page or a module whose text is at hand."""
        name, text = self.name(file), text.removeprefix("\ufeff")
        if file.suffix == ".py":
            return parse_module(text, name, _module(name))
        return parse_page(text, name)


_KEYS = set(Config.__dataclass_fields__) - {"root"}


def _module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
