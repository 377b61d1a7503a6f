r"""Find the examples in the docstrings of a Python file.

Every string that stands as a statement of its own counts, so that attribute
docstrings, which a reference publishes too, are verified like all others.
"""

from __future__ import annotations

import ast

from literate.examples import Block, Document, Problem, Script, numbered, read_prompts


def parse_module(text: str, path: str, module: str) -> Document:
    r"""Read the docstrings of a module; each is a script of its own in the module's namespace.

    Examples:
        >>> document = parse_module("'''Doc.\n\n>>> 1 + 1\n2\n'''\n", "m.py", "m")
        >>> document.blocks[0].line, document.blocks[0].examples[0].want
        (3, '2\n')
    """
    try:
        tree = ast.parse(text, path)
    except SyntaxError as error:
        return Document(path, (), (Problem(error.lineno or 1, f"SyntaxError: {error.msg}"),))
    scripts: list[Script] = []
    problems: list[Problem] = []
    for node in _strings(tree):
        value = str(node.value)
        if ">>>" not in value:
            continue
        if value.count("\n") != (node.end_lineno or node.lineno) - node.lineno:
            message = "a docstring whose line breaks are escaped has no lines to verify"
            problems.append(Problem(node.lineno, message))
            continue
        examples, found = read_prompts(numbered(value.split("\n"), node.lineno), prose=True)
        problems += found
        if examples:
            scripts.append(Script((Block(examples[0].line, examples),), module))
    return Document(path, tuple(scripts), tuple(problems))


def _strings(tree: ast.AST) -> list[ast.Constant]:
    nodes = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return sorted(nodes, key=lambda node: node.lineno)
