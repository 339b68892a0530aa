# SPDX-License-Identifier: Apache-2.0
"""Parse tree to syntax tree, bottom up and without recursion. Rules of declarations are in ``lang/declarations``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from lark import Token, Tree
from lark.tree import Meta

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.source import Source, Span
from hepq.lang.syntax import ast
from hepq.lang.syntax.declaration import RULES, Rule

_QUANTITY = re.compile(r"([\d.]+(?:[eE][+-]?\d+)?)[ \t]*([A-Za-z]+)(?:\^(-?\d+))?")
_MAX_INT = 2**63 - 1

Children = Sequence[Any]


class Build:
    """One for each parse. ``base`` is the offset in ``source`` at which the parsed text begins."""

    def __init__(self, source: Source, base: int, sink: Sink) -> None:
        self.source, self.base, self.sink = source, base, sink

    def transform(self, tree: Tree[Token]) -> Any:
        """The node that the rules make of ``tree``."""
        order: list[Tree[Token] | Token | None] = []
        waiting: list[Tree[Token] | Token | None] = [tree]
        while waiting:
            node = waiting.pop()
            order.append(node)
            if isinstance(node, Tree):
                waiting += node.children
        made: list[Any] = []
        for node in reversed(order):
            if isinstance(node, Tree):
                first = len(made) - len(node.children)
                made[first:] = [RULES[node.data](self, node.meta, made[first:])]
            else:
                made.append(node)
        return made[0]

    def span(self, meta: Meta | Token) -> Span:
        start, end = (getattr(meta, name, None) or 0 for name in ("start_pos", "end_pos"))
        return Span(self.source, self.base + start, self.base + end)

    def int(self, text: str, at: Meta) -> int:
        digits = text.lstrip("-0") or "0"
        if len(digits) > len(str(_MAX_INT)) or int(digits) > _MAX_INT:
            self.sink.add(diag("HQ0021", self.span(at)))
            return 1
        return -int(digits) if text.startswith("-") else int(digits)

    def float(self, text: str, at: Meta) -> float:
        value = float(text)
        if not math.isfinite(value):
            self.sink.add(diag("HQ0021", self.span(at)))
            return 0.0
        return value

    def warn_if_line_begins(self, bracket: Token) -> None:
        span = self.span(bracket)
        line, col = self.source.line_col(span.start)
        if not self.source.line(line)[: col - 1].strip():
            self.sink.add(diag("HQ0012", span, bracket=str(bracket)))


def plain(child: Any) -> Any:
    """A word as its text, a string without its quotes; anything else as it is."""
    if not isinstance(child, Token):
        return child
    return child[1:-1] if child.type == "STRING" else str(child)


def node(cls: type[ast.Node]) -> Rule:
    """The rule whose children are the fields of a node, in order."""

    def rule(b: Build, meta: Meta, c: Children) -> ast.Node:
        return cls(*map(plain, c), span=b.span(meta))

    return rule


def attributed(cls: type[ast.Decl], *, statics: int | None = None, items: int | None = None) -> Rule:
    """The same for a declaration, before whose fields stand attributes.

    ``statics``: the field of static parameters, of which there may be none; ``items``: the field of all that follow.
    """

    def rule(b: Build, meta: Meta, c: Children) -> ast.Decl:
        n = sum(isinstance(child, ast.Attr) for child in c)
        fields = [plain(child) for child in c[n:]]
        if statics is not None:
            fields[statics] = fields[statics] or ()
        if items is not None:
            fields[items:] = [tuple(fields[items:])]
        return cls(*fields, attrs=tuple(c[:n]), span=b.span(meta))  # type: ignore[call-arg]

    return rule


def present(b: Build, meta: Meta, c: Children) -> tuple[Any, ...]:
    return tuple(plain(child) for child in c if child is not None)


def _attr(b: Build, meta: Meta, c: Children) -> ast.Attr:
    return ast.Attr(str(c[0]), c[1] or (), span=b.span(meta))


def _type(b: Build, meta: Meta, c: Children) -> ast.TypeExpr:
    name, power, (rest, dims), of, by = c[0], c[1], c[2] or (False, ()), c[3], c[4]
    return ast.TypeExpr(str(name), 1 if power is None else power, dims, rest, plain(of), plain(by), span=b.span(meta))


def _callee(b: Build, meta: Meta, c: Children) -> ast.Expr:
    fn: ast.Expr = ast.Name(str(c[0]), span=b.span(c[0]))
    for part in c[1:]:
        fn = ast.Field(fn, str(part), span=fn.span.to(b.span(part)))
    return fn


def _do(b: Build, meta: Meta, c: Children) -> ast.Do:
    fn, statics, bracket, args = c
    span = b.span(meta)
    if bracket is not None:
        fn = ast.Index(fn, statics, span=fn.span.to(b.span(bracket)))
    return ast.Do(ast.Call(fn, args or (), span=span), span=span)


def _weight(b: Build, meta: Meta, c: Children) -> ast.ParamDecl:
    keyword, name, type_, init = c
    return ast.ParamDecl(str(name), type_, init, buffer=keyword == "buffer", span=b.span(meta))


def _binary(b: Build, meta: Meta, c: Children) -> ast.Binary:
    left, op, right = c
    return ast.Binary(str(op), left, right, span=b.span(meta))


def _index(b: Build, meta: Meta, c: Children) -> ast.Index:
    b.warn_if_line_begins(c[1])
    return ast.Index(c[0], c[2], span=b.span(meta))


def _call(b: Build, meta: Meta, c: Children) -> ast.Call:
    b.warn_if_line_begins(c[1])
    return ast.Call(c[0], c[2] or (), span=b.span(meta))


def _tuple(b: Build, meta: Meta, c: Children) -> ast.TupleExpr | ast.NamedExpr:
    """The first item is an expression where it has no name; the others are arguments."""
    items = [i if isinstance(i, ast.Arg) else ast.Arg(None, i, span=i.span) for i in c]
    if any(i.name is not None for i in items):
        return ast.NamedExpr(tuple(items), span=b.span(meta))
    return ast.TupleExpr(tuple(i.value for i in items), span=b.span(meta))


def _quantity(b: Build, meta: Meta, c: Children) -> ast.Quantity:
    match = _QUANTITY.fullmatch(c[0])
    assert match is not None
    number, unit, power = match.groups()
    text = f"{number} {unit}" + (f"^{power}" if power else "")
    return ast.Quantity(b.float(number, meta), unit, b.int(power or "1", meta), text, span=b.span(meta))


RULES.update({
    "start": lambda b, meta, c: ast.File(tuple(c), span=b.span(meta)),
    **dict.fromkeys(("path", "targets", "params", "statics", "body", "args"), present),
    "attr": _attr, "param": node(ast.Param), "type_": _type, "power": lambda b, meta, c: b.int("".join(c), meta),
    "dims": lambda b, meta, c: (c[0] is not None, tuple(c[1:])),
    # statements
    "bind": node(ast.Bind), "do": _do, "callee": _callee, "weight": _weight, "local_dim": node(ast.LocalDim),
    "for_": node(ast.For), "return_": node(ast.Return),
    # expressions
    "if_": node(ast.If), "binary": _binary, "unary": node(ast.Unary), "pipe": node(ast.Pipe),
    "range_": node(ast.Range), "field": node(ast.Field), "index": _index, "call": _call, "arg": node(ast.Arg),
    "name": node(ast.Name), "quantity": _quantity, "string": node(ast.String),
    "integer": lambda b, meta, c: ast.Int(b.int(c[0], meta), str(c[0]), span=b.span(meta)),
    "floating": lambda b, meta, c: ast.Float(b.float(c[0], meta), str(c[0]), span=b.span(meta)),
    "true": lambda b, meta, c: ast.Bool(True, span=b.span(meta)),
    "false": lambda b, meta, c: ast.Bool(False, span=b.span(meta)),
    "group": lambda b, meta, c: c[0],
    "tuple_": _tuple,
    "list_": lambda b, meta, c: ast.ListExpr(present(b, meta, c), span=b.span(meta)),
})  # fmt: skip
