"""Make mutants of a Python module: small changes, each of which some test should notice.

A mutant is the module's text with one piece replaced, so that its lines, comments and docstrings
stay as they are. Annotations, docstrings and imports are left alone.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

Item = TypeVar("Item")

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
PAIRS = [
    ("min", "max"),
    ("amin", "amax"),
    ("any", "all"),
    ("tril", "triu"),
    ("zeros", "ones"),
    ("sum", "mean"),
    ("floor", "ceil"),
    ("startswith", "endswith"),
    ("lstrip", "rstrip"),
    ("ljust", "rjust"),
    ("TypeError", "ValueError"),
]
NAMES = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
# The parts that a pattern may do without, told from those behind a backslash or in brackets.
PATTERN = re.compile(
    r"\\.|\[\^?\]?[^]]*\]|\(\?(?:[:>]|P[<=])|(?P<part>[*+?^$|]|\(\?<?[!=]|\{[\d,]+\})"
)
# Arguments that a right program does without: zip() is given one length, and nothing is written to
# what is frozen.
GUARDS = {"strict", "frozen"}
# What needs no parentheses, wherever it stands.
CLOSED = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.List, ast.ListComp, ast.Dict)
CLOSED += (ast.JoinedStr, ast.GeneratorExp, ast.Slice, ast.Starred)


@dataclass(frozen=True)
class Mutant:
    """One change to a module.

    Attributes:
        place: The module's path and the name of the function or class.
        line: The line of the change.
        was: The lines that are changed, joined to one.
        now: The same, changed.
        text: The whole module, changed.
        lines: The lines that a test has to run to notice; none where importing is enough.
    """

    place: str
    line: int
    was: str
    now: str
    text: str
    lines: tuple[int, ...]

    @property
    def path(self) -> str:
        """The module's path."""
        return self.place.partition(":")[0]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others, also when it moves to another line."""
        return self.place, self.was, self.now


def mutants(text: str, path: str) -> list[Mutant]:
    """All mutants of a module, in its order; those that are the same program count once."""
    seen = {ast.dump(ast.parse(text))}
    found: list[Mutant] = []
    keys: Counter[tuple[str, str, str]] = Counter()
    for mutant in _Module(text, path).mutants():
        with suppress(SyntaxError):
            program = ast.dump(ast.parse(mutant.text))
            if program not in seen:
                seen.add(program)
                keys[mutant.key] += 1
                number = f"  [{keys[mutant.key]}]" if keys[mutant.key] > 1 else ""
                found.append(replace(mutant, now=mutant.now + number))
    return found


class _Module:
    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.source = text.encode()
        self.tree = ast.parse(text)
        self.starts = [0]
        for line in self.source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def mutants(self) -> Iterator[Mutant]:
        operators = _Operators(self.tree)
        for statement, name in _statements(self.tree.body, ""):
            lines = tuple(_lines(statement)) if name else ()
            for node, new in _changes(statement, operators):
                yield self._mutant(f"{self.path}:{name}".rstrip(":"), lines, node, new)
            for decorator in getattr(statement, "decorator_list", ()):
                yield self._mutant(f"{self.path}:{name}", (), decorator, "", skip=len("@"))

    def _mutant(
        self, place: str, lines: tuple[int, ...], node: ast.AST, new: str, *, skip: int = 0
    ) -> Mutant:
        start, stop = self._span(node)
        head, tail = self.source[: start - skip].decode(), self.source[stop:].decode()
        before, after = head.rpartition("\n")[2], tail.partition("\n")[0]
        was = self.source[start - skip : stop].decode()
        return Mutant(
            place=place,
            line=1 + head.count("\n"),
            was=" ".join(f"{before}{was}{after}".split()),
            now=" ".join(f"{before}{new}{after}".split()),
            text=head + new + tail,
            lines=lines,
        )

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset


def _statements(body: list[ast.stmt], name: str) -> Iterator[tuple[ast.stmt, str]]:
    """Each statement with the name of the function or class that it belongs to."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_static(node):
            continue
        inner = name
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inner = f"{name}.{node.name}".lstrip(".")
        yield node, inner
        for part in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, part, []), inner)
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body, inner)


def _is_static(node: ast.stmt) -> bool:
    """Whether a statement speaks to other readers than Python: a docstring, a list of exports."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar"))):
            return True
    return False


def _lines(node: ast.stmt) -> range:
    """The lines that run when a statement does: of a function, those of its body."""
    end = node.end_lineno or node.lineno
    body = getattr(node, "body", None)
    if isinstance(node, ast.ClassDef):
        return range(0)
    if isinstance(node, ast.FunctionDef):
        return range(node.body[0].lineno, end + 1)
    return range(node.lineno, max(body[0].lineno, node.lineno + 1) if body else end + 1)


def _changes(statement: ast.stmt, operators: _Operators) -> Iterator[tuple[ast.AST, str]]:
    """What can be replaced in a statement, and by what."""
    yield from _replacements(statement)
    for host, target in _parts(statement):
        for variant in operators.variants(target):
            with suppress(ValueError):  # an f-string that Python 3.11 cannot write
                yield host, _written(copy.deepcopy(host, {id(target): variant}))


def _replacements(statement: ast.stmt) -> Iterator[tuple[ast.AST, str]]:
    match statement:
        case ast.Expr() | ast.AugAssign() | ast.Delete() | ast.Break() | ast.Continue():
            yield statement, "pass"
        case ast.Assign(targets=[target], value=value):
            names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
            if not isinstance(target, ast.Name) or target.id in names:
                yield statement, "pass"
        case ast.Return(value=ast.expr() as value):
            yield value, "None"
        case ast.If(test=test) | ast.While(test=test):
            yield from ((test, "True"), (test, "False"))
        case ast.For(iter=iterable):
            yield iterable, "[]"
        case ast.Try(handlers=handlers):
            yield from ((handler.type, "()") for handler in handlers if handler.type)


def _parts(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.AST]]:
    """Each node of a statement's own expressions, with the expression to be written anew."""
    roots: list[ast.AST] = []
    if isinstance(statement, ast.FunctionDef):
        defaults = [*statement.args.defaults, *statement.args.kw_defaults]
        roots = [*statement.decorator_list, *filter(None, defaults)]
    elif isinstance(statement, ast.ClassDef):
        roots = [*statement.decorator_list]
    else:
        blocks = (ast.stmt, ast.ExceptHandler)
        annotation = getattr(statement, "annotation", None)
        children = ast.iter_child_nodes(statement)
        roots = [each for each in children if not isinstance(each, blocks)]
        roots = [each for each in roots if each is not annotation]
    for root in roots:
        yield from _within(root, None)


def _within(node: ast.AST, host: ast.expr | None) -> Iterator[tuple[ast.expr, ast.AST]]:
    # Python 3.11 does not say where in the file a part of an f-string is.
    if isinstance(node, ast.expr) and not isinstance(host, ast.JoinedStr):
        host = node
    if host:
        yield host, node
    for child in ast.iter_child_nodes(node):
        guard = isinstance(child, ast.keyword) and child.arg in GUARDS
        if not guard and child is not getattr(node, "format_spec", None):
            yield from _within(child, host)


def _written(node: ast.expr) -> str:
    text = ast.unparse(node)
    constant = isinstance(node, ast.Constant) and not text.startswith("-")
    return text if constant or isinstance(node, CLOSED) else f"({text})"


class _Operators:
    """The kinds of change, one method for each kind of node."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {each.asname or each.name for node in nodes for each in node.names}
        classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        # What a call is looked up in, so that it is not itself something to be computed with.
        self.namespaces = names | classes | {"super"}

    def variants(self, node: ast.AST) -> Iterator[ast.AST]:
        """The changed forms of a node."""
        operator = getattr(self, f"_{type(node).__name__.lower()}", None)
        if operator:
            yield from operator(node)

    def _compare(self, node: ast.Compare) -> Iterator[ast.AST]:
        for index, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                yield _with(node, ops=_put(node.ops, index, other()))

    def _binop(self, node: ast.BinOp) -> Iterator[ast.AST]:
        yield _with(node, op=OPERATORS[type(node.op)]())

    def _boolop(self, node: ast.BoolOp) -> Iterator[ast.AST]:
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        for index in range(len(node.values)):
            rest = _put(node.values, index)
            yield rest[0] if len(rest) == 1 else _with(node, values=rest)

    def _unaryop(self, node: ast.UnaryOp) -> Iterator[ast.AST]:
        yield node.operand

    def _ifexp(self, node: ast.IfExp) -> Iterator[ast.AST]:
        yield from (node.body, node.orelse)

    def _constant(self, node: ast.Constant) -> Iterator[ast.AST]:
        match node.value:
            case bool():
                yield ast.Constant(not node.value)
            case int() | float():
                yield from (ast.Constant(node.value + 1), ast.Constant(node.value - 1))
            case str():
                yield ast.Constant(node.value + "XX")

    def _formattedvalue(self, node: ast.FormattedValue) -> Iterator[ast.AST]:
        if node.format_spec:
            yield _with(node, format_spec=None)
        if node.conversion != -1:
            yield _with(node, conversion=-1)

    def _call(self, node: ast.Call) -> Iterator[ast.AST]:
        for index, keyword in enumerate(node.keywords):
            if keyword.arg and keyword.arg not in GUARDS:
                yield _with(node, keywords=_put(node.keywords, index))
        plain = [each for each in node.args if not isinstance(each, ast.Starred)]
        if len(plain) == len(node.args) > 1:
            yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
        yield from self._without_call(node, plain)
        if ast.unparse(node.func) == "re.compile":
            pattern = ast.literal_eval(node.args[0])
            for other in _patterns(pattern):
                yield _with(node, args=[ast.Constant(other), *node.args[1:]])

    def _without_call(self, node: ast.Call, plain: list[ast.expr]) -> Iterator[ast.AST]:
        root: ast.expr = node.func
        while isinstance(root, ast.Attribute | ast.Call):
            root = root.func if isinstance(root, ast.Call) else root.value
        method = isinstance(node.func, ast.Attribute)
        if method and not (isinstance(root, ast.Name) and root.id in self.namespaces):
            yield node.func.value  # type: ignore[attr-defined]
        elif len(plain) == len(node.args) == 1 and not ast.unparse(node.func).endswith("Error"):
            yield plain[0]

    def _attribute(self, node: ast.Attribute) -> Iterator[ast.AST]:
        if node.attr in NAMES:
            yield _with(node, attr=NAMES[node.attr])
        if node.attr in ("mT", "T"):
            yield node.value

    def _name(self, node: ast.Name) -> Iterator[ast.AST]:
        if node.id in NAMES and isinstance(node.ctx, ast.Load):
            yield _with(node, id=NAMES[node.id])

    def _slice(self, node: ast.Slice) -> Iterator[ast.AST]:
        for part in ("lower", "upper", "step"):
            if getattr(node, part):
                yield _with(node, **{part: None})

    def _comprehension(self, node: ast.comprehension) -> Iterator[ast.AST]:
        for index in range(len(node.ifs)):
            yield _with(node, ifs=_put(node.ifs, index))


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _put(items: list[Item], index: int, *new: Item) -> list[Item]:
    return [*items[:index], *new, *items[index + 1 :]]


def _patterns(pattern: str) -> Iterator[str]:
    """Regular expressions that lack one part, or have a plus for a star or the other way round."""
    for match in PATTERN.finditer(pattern):
        if part := match["part"]:
            # An assertion that may also be empty always holds.
            empty = "(?=|" if part.startswith("(?") else ""
            for new in {empty, {"*": "+", "+": "*"}.get(part, empty)}:
                other = pattern[: match.start()] + new + pattern[match.end() :]
                with suppress(re.error):
                    re.compile(other)
                    yield other
