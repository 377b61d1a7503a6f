r"""Find the examples in the docstrings of a Python file.

Every string that stands as a statement of its own counts, so that attribute
docstrings, which a reference publishes too, are verified like all others.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import cast

from literate.examples import (
    Block,
    Document,
    Example,
    Problem,
    Script,
    parse_python,
    read_prompts,
)


@lru_cache(maxsize=256)
def parse_module(text: str, path: str, module: str) -> Document:
    r"""Read the docstrings of a module; each is a script of its own in the module's namespace.

    Examples:
        >>> document = parse_module("'''Doc.\n\n>>> 1 + 1\n2\n'''\n", "m.py", "m")
        >>> document.blocks[0].line, document.blocks[0].examples[0].want
        (3, '2\n')
    """
    try:
        tree = parse_python(text, path)
    except SyntaxError as error:
        return Document(path, (), (Problem(error.lineno or 1, f"SyntaxError: {error.msg}"),))
    source = re.split(r"\r\n|\r|\n", text)
    scripts: list[Script] = []
    problems: list[Problem] = []
    for node in _strings(tree):
        examples, found = _read(node, source)
        problems += found
        if examples:
            scripts.append(Script((Block(examples[0].line, examples),), module))
    return Document(path, tuple(scripts), tuple(problems))


def owner(text: str, module: str, line: int) -> str:
    r"""The dotted name of the function or class that holds a line of a module, or of the module.

    Examples:
        >>> owner("class A:\n    def f(self):\n        pass\n", "m", 3)
        'm.A.f'
    """
    names, node = [module], cast("ast.AST | None", ast.parse(text))
    while node:
        inner = [
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and child.lineno <= line <= (child.end_lineno or 0)
        ]
        node = inner[0] if inner else None
        names += [child.name for child in inner]
    return ".".join(names)


def _strings(tree: ast.AST) -> list[ast.Constant]:
    nodes = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return sorted(nodes, key=lambda node: node.lineno)


def _read(node: ast.Constant, source: list[str]) -> tuple[tuple[Example, ...], list[Problem]]:
    lines = str(node.value).split("\n")
    written = source[node.lineno - 1 : node.end_lineno]
    prompts = any(line.lstrip().startswith(">>>") for line in lines)
    if prompts and not _literal(lines, written):
        message = 'examples in a docstring with escapes: make it a raw string, r"""..."""'
        return (), [Problem(node.lineno, message)]
    return read_prompts(
        ((number, line, "") for number, line in enumerate(lines, node.lineno)), prose=True
    )


def _literal(lines: list[str], written: list[str]) -> bool:
    """Whether a string's lines stand in the file as they are, so that they can be rewritten."""
    if len(lines) == 1 or len(lines) != len(written):
        return len(lines) == len(written) and lines[0] in written[0]
    first, last = written[0].endswith(lines[0]), written[-1].startswith(lines[-1])
    return first and last and written[1:-1] == lines[1:-1]
