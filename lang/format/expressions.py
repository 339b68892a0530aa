# SPDX-License-Identifier: Apache-2.0
"""Expressions, types and parameters in canonical form, with no parentheses but those that are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hepq.lang.format.comments import Comments, Items
from hepq.lang.format.layout import HARD, SOFT, SPACE, Comma, Doc, Remark, group, nest
from hepq.lang.syntax import ast

N = TypeVar("N", bound=ast.Node)

#: binding strength, loosest first: the rules of the grammar from `expr` to `atom`
_EXPR, _OR, _AND, _NOT, _COMPARE, _PIPE, _RANGE, _SUM, _PRODUCT, _SIGNED, _POWER, _POSTFIX, _ATOM = range(13)
_BINARY = {
    "or": _OR, "and": _AND, **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), _COMPARE), "+": _SUM, "-": _SUM,
    "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT, "^": _POWER,
}  # fmt: skip


def strength(e: ast.Expr) -> int:
    match e:
        case ast.If():
            return _EXPR
        case ast.Binary(op=op):
            return _BINARY[op]
        case ast.Unary(op=op):
            return _NOT if op == "not" else _SIGNED
        case ast.Pipe():
            return _PIPE
        case ast.Range():
            return _RANGE
        case ast.Field() | ast.Index() | ast.Call():
            return _POSTFIX
    return _ATOM


class ExpressionFormatter:
    """Turns expressions into documents; lists in brackets claim the comments that stand in them."""

    def __init__(self, comments: Comments) -> None:
        self.comments = comments

    def expr(self, e: ast.Expr, least: int = _EXPR) -> Doc:
        """``e``, in parentheses if it binds looser than ``least``."""
        if strength(e) < least:
            return group("(", self._bare(e), ")")
        return self._bare(e)

    def _bare(self, e: ast.Expr) -> Doc:
        match e:
            case ast.Name(id=name):
                return name
            case ast.Int() | ast.Float():
                return e.text or repr(e.value)
            case ast.Quantity():
                return e.text or f"{e.value!r} {e.unit}" + (f"^{e.power}" if e.power != 1 else "")
            case ast.String(value=value):
                return f'"{value}"'
            case ast.Bool(value=value):
                return "true" if value else "false"
            case ast.ListExpr(items=items):
                return self.bracketed("[", items, "]", e.span.start, e.span.end, self.expr)
            case ast.TupleExpr(items=items):
                return self.bracketed("(", items, ")", e.span.start, e.span.end, self.expr)
            case ast.Field(base=base, name=name):
                return group(self.expr(base, _POSTFIX), f".{name}")
            case ast.Index(base=base, args=args):
                return group(
                    self.expr(base, _POSTFIX),
                    self.bracketed("[", args, "]", base.span.end, e.span.end, self._arg),
                )
            case ast.Call(fn=fn, args=args):
                return group(
                    self.expr(fn, _POSTFIX),
                    self.bracketed("(", args, ")", fn.span.end, e.span.end, self._arg),
                )
            case ast.If(cond=cond, then=then, orelse=orelse):
                parts = ("if ", self.expr(cond, _OR)), ("then ", self.expr(then, _OR)), ("else ", self.expr(orelse))
                return group(nest(*parts[0], SPACE, *parts[1], SPACE, *parts[2]))
            case ast.Range(lo=lo, hi=hi):
                return group(self.expr(lo, _RANGE), "..", self.expr(hi, _SUM))
            case ast.Unary(op=op, operand=operand):
                return group("not " if op == "not" else "-", self.expr(operand, strength(e)))
            case ast.Binary(op="^", left=left, right=right):
                # `20 GeV^2` would be one token
                power = (
                    group("(", self._bare(left), ")") if isinstance(left, ast.Quantity) else self.expr(left, _POSTFIX)
                )
                return group(power, "^", self.expr(right, _SIGNED))
            case ast.Binary() | ast.Pipe():
                return self._chain(e)

    def _chain(self, e: ast.Binary | ast.Pipe) -> Doc:
        """``a + b - c`` or ``x |> f |> g``: broken before each operator if too long."""
        level = strength(e)
        operands: list[ast.Expr] = []
        operators: list[str] = []
        left: ast.Expr = e
        while isinstance(left, (ast.Binary, ast.Pipe)) and strength(left) == level:
            if isinstance(left, ast.Pipe):
                operands.append(left.fn)
                operators.append("|>")
                left = left.value
            else:
                operands.append(left.right)
                operators.append(left.op)
                left = left.left
            if level == _COMPARE:
                break
        operands.append(left)
        operands.reverse()
        operators.reverse()
        first, *later = operands
        least = _POSTFIX if level == _PIPE else level + 1
        head = self.expr(first, level + 1)
        items = self.comments.place(later, first.span.end, later[-1].span.end, lambda o: self.expr(o, least))
        parts: list[Doc] = [Remark(items.opening)] if items.opening else []
        for item, operator in zip(items.placed, operators, strict=True):
            for _, text in item.before:
                parts += [HARD, text]
            parts += [HARD if item.before else SPACE, f"{operator} ", item.doc]
            if item.after:
                parts.append(Remark(item.after))
        return group(head, nest(*parts))

    def _arg(self, a: ast.Arg) -> Doc:
        value = self.expr(a.value)
        return value if a.name is None else group(f"{a.name}=", value)

    # --- brackets

    def bracketed(
        self, open: str, items: Sequence[N], close: str, start: int, end: int, doc: Callable[[N], Doc]
    ) -> Doc:
        """``(a, b)``, or one item on each line; claims the comments in ``[start, end)``."""
        placed = self.comments.place(items, start, end, doc)
        if placed.commented:
            return _broken(open, placed, close)
        docs = [p.doc for p in placed.placed]
        if not docs:
            return open + close
        inner: list[Doc] = [docs[0]]
        for item in docs[1:]:
            inner += [",", SPACE, item]
        return group(open, nest(SOFT, *inner, Comma()), SOFT, close)

    # --- types and parameters

    def type(self, t: ast.TypeExpr) -> Doc:
        dims: list[Doc] = ["..."] if t.rest else []
        dims += [self.expr(d) for d in t.dims]
        power = f"^{t.power}" if t.power != 1 else ""
        if not dims:
            return t.name + power
        inner: list[Doc] = [dims[0]]
        for dim in dims[1:]:
            inner += [", ", dim]
        return group(f"{t.name}{power}[", *inner, "]")

    def param(self, p: ast.Param) -> Doc:
        parts: list[Doc] = [p.name]
        if p.type is not None:
            parts += [": ", self.type(p.type)]
        if p.default is not None:
            parts += [" = ", self.expr(p.default)]
        return group(*parts)


def _broken(open: str, items: Items, close: str) -> Doc:
    """One item per line, with comments."""
    parts: list[Doc] = [open]
    if items.opening:
        parts.append(Remark(items.opening))
    inner: list[Doc] = []
    for item in items.placed:
        for _, text in item.before:
            inner += [HARD, text]
        inner += [HARD, item.doc, ","]
        if item.after:
            inner.append(Remark(item.after))
    for _, text in items.dangling:
        inner += [HARD, text]
    return group(*parts, nest(*inner), HARD, close)
