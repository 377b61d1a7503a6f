r"""The settings of a project, from the table `[tool.literate]` of its `pyproject.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

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
        slow: Pages that run for long: they start first, and MkDocs waits for them last.
        timeout: Seconds after which a page counts as hanging.
    """

    root: Path
    pages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    setup: str = ""
    slow: tuple[str, ...] = ()
    timeout: float = 60.0

    @classmethod
    def find(cls, start: Path) -> Config:
        """Read the settings of the nearest project at or above `start`.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If a setting is unknown or of another type.
        """
        for folder in (start.resolve(), *start.resolve().parents):
            file = folder / "pyproject.toml"
            if file.is_file():
                table = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("literate")
                if table is not None:
                    return cls._from_table(folder, table)
        raise FileNotFoundError(
            f"no pyproject.toml with a table [tool.literate] at or above {start}"
        )

    @classmethod
    def _from_table(cls, root: Path, table: dict[str, object]) -> Config:
        settings: dict[str, object] = {}
        for key, value in table.items():
            default = cls.__dataclass_fields__[key].default if key in _KEYS else None
            if isinstance(default, tuple) and _are_texts(value):
                value = tuple(value)
            elif isinstance(default, float) and type(value) is int:
                value = float(value)
            if type(value) is not type(default):
                raise ValueError(f"tool.literate.{key} = {value!r} is not a setting of literate")
            settings[key] = value
        return cls(root, **settings)  # type: ignore[arg-type]

    @cached_property
    def files(self) -> list[Path]:
        """All files that match `pages`, and then all Python files of `sources`."""
        pages = {file for pattern in self.pages for file in self.root.glob(pattern)}
        modules = {file for name in self.sources for file in (self.root / name).rglob("*.py")}
        return [*sorted(pages), *sorted(modules)]

    def name(self, file: Path) -> str:
        """A file's name from the root, with slashes, as messages show it."""
        file = file.resolve()
        if file.is_relative_to(self.root):
            return file.relative_to(self.root).as_posix()
        return file.as_posix()

    def parse(self, file: Path) -> Document:
        """Read a page or a module.

        Raises:
            ValueError: If the file is not UTF-8.
        """
        return self.parse_text(file, self.read(file))

    def read(self, file: Path) -> str:
        """The text of a file with its own line ends.

        Raises:
            ValueError: If the file is not UTF-8.
        """
        try:
            return file.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.name(file)} is not UTF-8: {error}") from error

    def parse_text(self, file: Path, text: str) -> Document:
        """Read a page or a module whose text is at hand."""
        name = self.name(file)
        if file.suffix == ".py":
            return parse_module(text.removeprefix("\ufeff"), name, module_name(name))
        return parse_page(text, name)


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_KEYS = set(Config.__dataclass_fields__) - {"root"}


def module_name(name: str) -> str:
    """The dotted name of a module from that of its file."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
