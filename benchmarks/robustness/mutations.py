# SPDX-License-Identifier: Apache-2.0
"""Single faults that could be planted in a Python source.

Words (strings, docstrings), types, imports, decorators, assertions and what is raised are left alone. mutmut and
cosmic-ray have fewer kinds (neither swaps min and max, any and all, drops a check or an element of a key), and neither
can map folders to a package of another name.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_OPPOSITE = {
    a: b
    for pair in ("min max", "any all", "minimum maximum", "argmin argmax", "floor ceil", "amin amax", "nanmin nanmax")
    for a, b in (pair.split(), pair.split()[::-1])
}
#: keyword arguments that only hold words, say where a message points, or check
_WORDS = frozenset("help note notes title hint message description span strict".split())
_SYMMETRIC = frozenset("min max minimum maximum hypot isclose array_equal".split())
_UNTOUCHED = (ast.Import, ast.ImportFrom, ast.Assert, ast.Raise, ast.JoinedStr, ast.Global, ast.Nonlocal)


@dataclass(frozen=True)
class Mutation:
    """``number``: its place among those of its file. ``what``: old → new."""

    line: int
    number: int
    what: str


def mutations(source: str) -> list[Mutation]:
    """All of a source, in the order of :func:`planted`'s numbers."""
    return [
        Mutation(old.lineno, number, f"{_text(old)} → {_text(new)}{_where(old, parent)}")
        for number, (old, new, parent) in enumerate(_of_tree(ast.parse(source)))
    ]


def _where(old: ast.AST, parent: ast.AST) -> str:
    """A constant or a name alone says too little."""
    small = isinstance(old, ast.Constant | ast.Name | ast.Attribute)
    return f" in {_text(parent)}" if small and isinstance(parent, ast.expr) else ""


def planted(source: str, number: int) -> ast.Module:
    """The tree of ``source`` with that fault."""
    tree = ast.parse(source)
    old, new, _ = next(found for i, found in enumerate(_of_tree(tree)) if i == number)
    replaced = _Replace(old, new).visit(tree)
    assert isinstance(replaced, ast.Module)
    return ast.fix_missing_locations(replaced)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


Located = ast.expr | ast.stmt
N = TypeVar("N", bound=ast.AST)


def _text(node: Located) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else text[:97] + "..."


def _of_tree(node: ast.AST, parent: ast.AST | None = None) -> Iterator[tuple[Located, Located, ast.AST]]:
    """Each node that may be changed, what it may become, and what it stands in."""
    around = node if parent is None else parent
    if isinstance(node, ast.stmt):
        yield from ((node, new, around) for new in _of_statement(node))
    elif isinstance(node, ast.expr):
        yield from ((node, new, around) for new in _of_expression(node))
    for child in _children(node):
        yield from _of_tree(child, node)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What of a node may be changed."""
    match node:
        case ast.If(test=test) if "TYPE_CHECKING" in ast.dump(test):
            return
        case ast.FunctionDef(name="__repr__" | "__str__"):
            return
        case ast.FunctionDef(args=arguments, body=body) | ast.AsyncFunctionDef(args=arguments, body=body):
            yield from (d for d in (*arguments.defaults, *arguments.kw_defaults) if d)
            yield from body
        case ast.ClassDef(body=body):
            yield from body
        case ast.AnnAssign(value=value):
            yield from [value] if value else []
        case ast.Call(func=func, args=args, keywords=keywords):
            yield func
            yield from args
            yield from (k.value for k in keywords if k.arg not in _WORDS)
        case _ if isinstance(node, _UNTOUCHED):
            return
        case _:
            yield from ast.iter_child_nodes(node)


def _changed(node: N, **fields: object) -> N:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _not(test: ast.expr) -> ast.expr:
    return (
        test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else ast.UnaryOp(ast.Not(), test)
    )


def _of_statement(node: ast.stmt) -> Iterator[ast.stmt]:
    nothing = ast.copy_location(ast.Pass(), node)
    match node:
        case ast.If(test=test):
            if "TYPE_CHECKING" in ast.dump(test):
                return
            yield _changed(node, test=_not(test))
            if not node.orelse:
                yield nothing
        case ast.While(test=test):
            yield _changed(node, test=ast.copy_location(ast.Constant(False), test))
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.For() | ast.Continue() | ast.Break() | ast.Delete():
            yield nothing
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield nothing
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield _changed(node, value=ast.copy_location(ast.Constant(None), value))


def _of_expression(node: ast.expr) -> Iterator[ast.expr]:
    for new in _expressions(node):
        yield ast.copy_location(new, node)


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                for other in _COMPARE[type(op)]:
                    yield _changed(node, ops=[*ops[:i], other(), *ops[i + 1 :]])
        case ast.BoolOp(op=op, values=values):
            yield _changed(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for i in range(len(values)):
                left = [*values[:i], *values[i + 1 :]]
                yield _changed(node, values=left) if len(left) > 1 else left[0]
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            yield _changed(node, op=_ARITHMETIC[type(op)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.IfExp(test=test):
            yield _changed(node, test=_not(test))
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value=float() as value):
            yield ast.Constant(2 * value if value else 1.0)
        case ast.Name(id=name, ctx=ast.Load()) if name in _OPPOSITE:
            yield ast.Name(_OPPOSITE[name], ast.Load())
        case ast.Attribute(attr=name, ctx=ast.Load()) if name in _OPPOSITE:
            yield _changed(node, attr=_OPPOSITE[name])
        case ast.Call():
            yield from _calls(node)
        case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper) as cut, ctx=ast.Load()):
            for name, bound in (("lower", lower), ("upper", upper)):
                if bound is not None and not isinstance(bound, ast.Constant):
                    less = ast.BinOp(bound, ast.Sub(), ast.Constant(1))
                    yield _changed(node, slice=ast.copy_location(_changed(cut, **{name: less}), cut))
        case ast.Tuple(elts=elts, ctx=ast.Load()) | ast.List(elts=elts, ctx=ast.Load()) | ast.Set(elts=elts):
            for i in range(len(elts) if len(elts) > 1 else 0):
                yield _changed(node, elts=[*elts[:i], *elts[i + 1 :]])
        case ast.Dict(keys=keys, values=values):
            for i in range(len(keys) if len(keys) > 1 else 0):
                yield _changed(node, keys=[*keys[:i], *keys[i + 1 :]], values=[*values[:i], *values[i + 1 :]])
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            for i, loop in enumerate(node.generators):
                for j in range(len(loop.ifs)):
                    fewer = ast.comprehension(
                        loop.target, loop.iter, [*loop.ifs[:j], *loop.ifs[j + 1 :]], loop.is_async
                    )
                    yield _changed(node, generators=[*node.generators[:i], fewer, *node.generators[i + 1 :]])


def _calls(node: ast.Call) -> Iterator[ast.expr]:
    args = [] if _text(node.func).rpartition(".")[2] in _SYMMETRIC else node.args
    for i, (a, b) in enumerate(pairwise(args)):
        if not isinstance(a, ast.Starred) and not isinstance(b, ast.Starred) and ast.dump(a) != ast.dump(b):
            yield _changed(node, args=[*args[:i], b, a, *args[i + 2 :]])
    for i, keyword in enumerate(node.keywords):
        if keyword.arg and keyword.arg not in _WORDS:
            yield _changed(node, keywords=[*node.keywords[:i], *node.keywords[i + 1 :]])
