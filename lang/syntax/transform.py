# SPDX-License-Identifier: Apache-2.0
"""Parse tree to syntax tree, bottom up and without recursion."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from lark import Token, v_args
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.source import Source, Span
from hepq.lang.syntax import ast

_QUANTITY = re.compile(r"([\d.]+(?:[eE][+-]?\d+)?)[ \t]*([A-Za-z]+)(?:\^(-?\d+))?")
_MAX_INT = 2**63 - 1

Children = Sequence[Any]


@v_args(meta=True)
class Build(Transformer_NonRecursive[Token, ast.Node]):
    """One instance per parse. ``base`` is the offset in ``source`` at which the parsed text begins."""

    def __init__(self, source: Source, base: int, sink: Sink) -> None:
        super().__init__()
        self.source, self.base, self.sink = source, base, sink

    def _span(self, meta: Meta | Token) -> Span:
        start = meta.start_pos if isinstance(meta, Token) else getattr(meta, "start_pos", 0)
        end = meta.end_pos if isinstance(meta, Token) else getattr(meta, "end_pos", 0)
        return Span(self.source, self.base + (start or 0), self.base + (end or 0))

    # --- declarations

    def start(self, meta: Meta, decls: Children) -> ast.File:
        return ast.File(decls=tuple(decls), span=self._span(meta))

    def import_(self, meta: Meta, c: Children) -> ast.Import:
        return ast.Import(path=c[0], alias=_text(c[1]), span=self._span(meta))

    def from_import(self, meta: Meta, c: Children) -> ast.FromImport:
        return ast.FromImport(path=c[0], names=tuple(map(str, c[1:])), span=self._span(meta))

    def path(self, meta: Meta, c: Children) -> tuple[str, ...]:
        return tuple(map(str, c))

    targets = path

    def attr(self, meta: Meta, c: Children) -> ast.Attr:
        return ast.Attr(name=str(c[0]), args=c[1] or (), span=self._span(meta))

    def dim(self, meta: Meta, c: Children) -> ast.DimDecl:
        op: Any = _text(c[1])
        return ast.DimDecl(names=c[0], op=op, value=c[2], span=self._span(meta))

    def const(self, meta: Meta, c: Children) -> ast.ConstDecl:
        return ast.ConstDecl(name=str(c[0]), type=c[1], value=c[2], span=self._span(meta))

    def fn(self, meta: Meta, c: Children) -> ast.FnDecl:
        attrs, (kind, name, statics, params, ret, body) = _split_attrs(c)
        return ast.FnDecl(
            kind=str(kind), name=str(name), statics=statics or (), params=params,  # type: ignore[arg-type]
            ret=ret, body=body, attrs=attrs, span=self._span(meta),
        )  # fmt: skip

    def circuit(self, meta: Meta, c: Children) -> ast.CircuitDecl:
        attrs, (name, statics, params, register, body) = _split_attrs(c)
        return ast.CircuitDecl(
            name=str(name), statics=statics or (), params=params, register=register, body=body,
            attrs=attrs, span=self._span(meta),
        )  # fmt: skip

    def dataset(self, meta: Meta, c: Children) -> ast.DatasetDecl:
        attrs, (name, *items) = _split_attrs(c)
        return ast.DatasetDecl(name=str(name), items=tuple(items), attrs=attrs, span=self._span(meta))

    def checkpoint(self, meta: Meta, c: Children) -> ast.CheckpointDecl:
        attrs, (name, block, *entries) = _split_attrs(c)
        return ast.CheckpointDecl(
            name=str(name), block=str(block), entries=tuple(entries), attrs=attrs, span=self._span(meta)
        )

    def train(self, meta: Meta, c: Children) -> ast.TrainDecl:
        attrs, (name, *items) = _split_attrs(c)
        return ast.TrainDecl(name=str(name), items=tuple(items), attrs=attrs, span=self._span(meta))

    def noise(self, meta: Meta, c: Children) -> ast.NoiseItem:
        return ast.NoiseItem(str(c[0]), c[1], c[2], span=self._span(meta))

    def step(self, meta: Meta, c: Children) -> ast.StepItem:
        return ast.StepItem(str(c[0]), tuple(c[1:]), span=self._span(meta))

    def map_entry(self, meta: Meta, c: Children) -> ast.MapEntry:
        return ast.MapEntry(theirs=c[0][1:-1], ours=c[1][1:-1], span=self._span(meta))

    # --- parameters and types

    def params(self, meta: Meta, c: Children) -> tuple[ast.Param, ...]:
        return tuple(p for p in c if p is not None)

    statics = params

    def param(self, meta: Meta, c: Children) -> ast.Param:
        return ast.Param(name=str(c[0]), type=c[1], default=c[2], span=self._span(meta))

    def type_(self, meta: Meta, c: Children) -> ast.TypeExpr:
        rest, dims = c[2] or (False, ())
        power = 1 if c[1] is None else c[1]
        return ast.TypeExpr(name=str(c[0]), power=power, dims=dims, rest=rest, span=self._span(meta))

    def power(self, meta: Meta, c: Children) -> int:
        return self._int("".join(c), meta)

    def dims(self, meta: Meta, c: Children) -> tuple[bool, tuple[ast.Expr, ...]]:
        return c[0] is not None, tuple(c[1:])

    # --- statements

    def body(self, meta: Meta, c: Children) -> tuple[ast.Stmt, ...]:
        return tuple(c)

    def bind(self, meta: Meta, c: Children) -> ast.Bind:
        return ast.Bind(targets=c[0], type=c[1], value=c[2], span=self._span(meta))

    def do(self, meta: Meta, c: Children) -> ast.Do:
        fn, statics, bracket, args = c
        span = self._span(meta)
        if bracket is not None:
            fn = ast.Index(fn, statics, span=fn.span.to(self._span(bracket)))
        return ast.Do(call=ast.Call(fn, args or (), span=span), span=span)

    def callee(self, meta: Meta, c: Children) -> ast.Expr:
        fn: ast.Expr = ast.Name(str(c[0]), span=self._span(c[0]))
        for part in c[1:]:
            fn = ast.Field(fn, str(part), span=fn.span.to(self._span(part)))
        return fn

    def weight(self, meta: Meta, c: Children) -> ast.ParamDecl:
        keyword, name, type_, init = c
        return ast.ParamDecl(str(name), type_, init, buffer=keyword == "buffer", span=self._span(meta))

    def local_dim(self, meta: Meta, c: Children) -> ast.LocalDim:
        return ast.LocalDim(str(c[0]), c[1], span=self._span(meta))

    def for_(self, meta: Meta, c: Children) -> ast.For:
        return ast.For(targets=c[0], iter=c[1], body=c[2], span=self._span(meta))

    def return_(self, meta: Meta, c: Children) -> ast.Return:
        return ast.Return(c[0], span=self._span(meta))

    # --- dataset items

    def source_item(self, meta: Meta, c: Children) -> ast.SourceItem:
        return ast.SourceItem(str(c[0]), c[1], span=self._span(meta))

    def branch(self, meta: Meta, c: Children) -> ast.BranchItem:
        return ast.BranchItem(branches=tuple(c[:-1]), type=c[-1], span=self._span(meta))

    def branch_name(self, meta: Meta, c: Children) -> tuple[str, str]:
        return str(c[0]), str(c[0]) if c[1] is None else str(c[1][1:-1])

    def order(self, meta: Meta, c: Children) -> ast.OrderItem:
        return ast.OrderItem(str(c[0]), c[1], descending=_text(c[2]) == "desc", span=self._span(meta))

    def policy(self, meta: Meta, c: Children) -> ast.PolicyItem:
        return ast.PolicyItem(str(c[0]), c[1], span=self._span(meta))

    def input(self, meta: Meta, c: Children) -> ast.InputItem:
        return ast.InputItem(str(c[0]), c[1], c[2], span=self._span(meta))

    def label(self, meta: Meta, c: Children) -> ast.LabelItem:
        return ast.LabelItem(str(c[0]), str(c[1]), str(c[2][1:-1]), span=self._span(meta))

    # --- expressions

    def if_(self, meta: Meta, c: Children) -> ast.If:
        return ast.If(*c, span=self._span(meta))

    def binary(self, meta: Meta, c: Children) -> ast.Binary:
        left, op, right = c
        return ast.Binary(str(op), left, right, span=self._span(meta))

    def unary(self, meta: Meta, c: Children) -> ast.Unary:
        op: Any = str(c[0])
        return ast.Unary(op, c[1], span=self._span(meta))

    def pipe(self, meta: Meta, c: Children) -> ast.Pipe:
        return ast.Pipe(*c, span=self._span(meta))

    def range_(self, meta: Meta, c: Children) -> ast.Range:
        return ast.Range(*c, span=self._span(meta))

    def field(self, meta: Meta, c: Children) -> ast.Field:
        return ast.Field(c[0], str(c[1]), span=self._span(meta))

    def index(self, meta: Meta, c: Children) -> ast.Index:
        self._warn_if_line_begins(c[1])
        return ast.Index(c[0], c[2], span=self._span(meta))

    def call(self, meta: Meta, c: Children) -> ast.Call:
        self._warn_if_line_begins(c[1])
        return ast.Call(c[0], c[2] or (), span=self._span(meta))

    def args(self, meta: Meta, c: Children) -> tuple[ast.Arg, ...]:
        return tuple(c)

    def arg(self, meta: Meta, c: Children) -> ast.Arg:
        return ast.Arg(_text(c[0]), c[1], span=self._span(meta))

    def name(self, meta: Meta, c: Children) -> ast.Name:
        return ast.Name(str(c[0]), span=self._span(meta))

    def integer(self, meta: Meta, c: Children) -> ast.Int:
        return ast.Int(self._int(c[0], meta), str(c[0]), span=self._span(meta))

    def floating(self, meta: Meta, c: Children) -> ast.Float:
        return ast.Float(self._float(c[0], meta), str(c[0]), span=self._span(meta))

    def quantity(self, meta: Meta, c: Children) -> ast.Quantity:
        match = _QUANTITY.fullmatch(c[0])
        assert match is not None
        number, unit, power = match.groups()
        text = f"{number} {unit}" + (f"^{power}" if power else "")
        return ast.Quantity(self._float(number, meta), unit, self._int(power or "1", meta), text, span=self._span(meta))

    def string(self, meta: Meta, c: Children) -> ast.String:
        return ast.String(str(c[0][1:-1]), span=self._span(meta))

    def true(self, meta: Meta, c: Children) -> ast.Bool:
        return ast.Bool(True, span=self._span(meta))

    def false(self, meta: Meta, c: Children) -> ast.Bool:
        return ast.Bool(False, span=self._span(meta))

    def group(self, meta: Meta, c: Children) -> ast.Expr:
        inner: ast.Expr = c[0]
        return inner

    def tuple_(self, meta: Meta, c: Children) -> ast.TupleExpr:
        return ast.TupleExpr(_present(c), span=self._span(meta))

    def list_(self, meta: Meta, c: Children) -> ast.ListExpr:
        return ast.ListExpr(_present(c), span=self._span(meta))

    # --- checks that the grammar cannot make

    def _int(self, text: str, at: Meta) -> int:
        digits = text.lstrip("-0") or "0"
        if len(digits) > len(str(_MAX_INT)) or int(digits) > _MAX_INT:
            self.sink.add(diag("HQ0021", self._span(at)))
            return 1
        return -int(digits) if text.startswith("-") else int(digits)

    def _float(self, text: str, at: Meta) -> float:
        value = float(text)
        if not math.isfinite(value):
            self.sink.add(diag("HQ0021", self._span(at)))
            return 0.0
        return value

    def _warn_if_line_begins(self, bracket: Token) -> None:
        start = self.base + (bracket.start_pos or 0)
        line, col = self.source.line_col(start)
        if not self.source.line(line)[: col - 1].strip():
            self.sink.add(diag("HQ0012", self._span(bracket), bracket=str(bracket)))


def _text(token: Token | None) -> str | None:
    return None if token is None else str(token)


def _present(items: Children) -> Any:
    return tuple(item for item in items if item is not None)


def _split_attrs(children: Children) -> tuple[Any, Children]:
    n = sum(isinstance(c, ast.Attr) for c in children)
    return tuple(children[:n]), children[n:]
