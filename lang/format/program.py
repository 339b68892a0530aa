# SPDX-License-Identifier: Apache-2.0
"""The canonical form of a program: ``parse(format_source(text)) == parse(text)``, and every comment is kept.

There are no parentheses but those that are needed. Every comment is claimed by the innermost list of items whose
brackets it stands in. There it follows an item on its line, or stands on lines of its own before one. A comment within
an item, in no list of its own, moves before that item.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.core.source import Source, Span
from hepq.lang.format.layout import HARD, SOFT, SPACE, Comma, Doc, Remark, group, layout, nest
from hepq.lang.syntax import ast
from hepq.lang.syntax.declaration import WRITTEN, declaration_of
from hepq.lang.syntax.parser import parse
from hepq.lang.syntax.reading import allow_deep_recursion

WIDTH = 100

_TOKEN = re.compile(r'"[^"\n]*"|#[^\n]*|(?P<bracket>[()\[\]{}])')


def format_source(text: str, path: str = "<input>") -> str:
    """``text`` in canonical form: two spaces of indent, lines of 100 columns where possible.

    Raises HepqError, with the diagnostics, if the text has syntax errors.
    """
    allow_deep_recursion()
    sink = Sink()
    file = parse(Source(path, text), sink)
    if sink.errors:
        raise HepqError(sink.errors)
    printer = Formatter(Comments(text, file.comments))
    items = printer.comments.place(file.decls, 0, len(text), printer.written)
    out = layout(stacked(_spaced(items, file.decls)), WIDTH).strip("\n")
    return out + "\n" if out else ""


def _spaced(items: Items, decls: Sequence[ast.Decl]) -> Items:
    """A blank line around declarations with a body and after the imports, if none is there."""
    placed = list(items.placed)
    for i, (above, below) in enumerate(pairwise(decls), start=1):
        item = placed[i]
        if item.blank or any(blank for blank, _ in item.before):
            continue
        tall = any(declaration_of(decl).tall(decl) for decl in (above, below))
        if not tall and isinstance(above, _IMPORTS) == isinstance(below, _IMPORTS):
            continue
        if item.before:
            placed[i] = replace(item, before=((True, item.before[0][1]), *item.before[1:]))
        else:
            placed[i] = replace(item, blank=True)
    return replace(items, placed=tuple(placed))


_IMPORTS = (ast.Import, ast.FromImport)


N = TypeVar("N", bound=ast.Node)


@dataclass(frozen=True)
class Placed:
    """An item as laid out, the comments before it (with whether a blank line precedes each) and the one after it."""

    doc: Doc
    before: tuple[tuple[bool, str], ...]
    blank: bool  #: a blank line stood before the item itself
    after: str | None


@dataclass(frozen=True)
class Items:
    """The contents of a pair of brackets or of the file."""

    placed: tuple[Placed, ...]
    opening: str | None  #: a comment right after the opening bracket
    dangling: tuple[tuple[bool, str], ...]  #: comments after the last item

    @property
    def commented(self) -> bool:
        return bool(self.opening or self.dangling or any(p.before or p.after for p in self.placed))


class Comments:
    """The comments of a file that no item has claimed yet."""

    def __init__(self, text: str, comments: Sequence[ast.Comment]) -> None:
        self._text = text
        self._all = comments
        self._starts = [c.span.start for c in comments]
        self._free = [True] * len(comments)

    def place(self, items: Sequence[N], start: int, end: int, doc: Callable[[N], Doc]) -> Items:
        """Lay out ``items`` with ``doc`` and share among them the comments in ``[start, end)``."""
        placed: list[Placed] = []
        opening = self._after(start, items[0].span.start if items else end)
        at = self._line_end(start) if opening else start
        for i, item in enumerate(items):
            before, at = self._own_lines(at, item.span.start, first=not placed)
            blank = self._blank(at, item.span.start) and bool(placed or before)
            body = doc(item)
            inner = [(False, self._all[k].text) for k in self._take(item.span.start, item.span.end)]
            if inner:
                inner[0] = (blank, inner[0][1])
                blank = False
            limit = items[i + 1].span.start if i + 1 < len(items) else end
            after = self._after(item.span.end, limit)
            at = self._line_end(item.span.end) if after else item.span.end
            placed.append(Placed(body, (*before, *inner), blank, after))
        dangling, _ = self._own_lines(at, end, first=not placed)
        return Items(tuple(placed), opening, tuple(dangling))

    def _range(self, start: int, end: int) -> range:
        return range(bisect_left(self._starts, start), bisect_left(self._starts, end))

    def _take(self, start: int, end: int) -> list[int]:
        taken = [i for i in self._range(start, end) if self._free[i]]
        for i in taken:
            self._free[i] = False
        return taken

    def _after(self, start: int, limit: int) -> str | None:
        """Claim the comment that ends the line of ``start``, if it stands before ``limit``."""
        for i in self._range(start, limit)[:1]:
            if self._free[i] and not self._all[i].own_line and "\n" not in self._text[start : self._starts[i]]:
                self._free[i] = False
                return self._all[i].text
        return None

    def _own_lines(self, start: int, end: int, *, first: bool) -> tuple[list[tuple[bool, str]], int]:
        """Claim the comments in a range; with each, whether a blank line precedes it."""
        out: list[tuple[bool, str]] = []
        at = start
        for i in self._take(start, end):
            blank = self._blank(at, self._starts[i]) and not (first and not out)
            out.append((blank, self._all[i].text))
            at = self._all[i].span.end
        return out, at

    def _line_end(self, start: int) -> int:
        end = self._text.find("\n", start)
        return len(self._text) if end < 0 else end

    def _blank(self, start: int, end: int) -> bool:
        return any(not line.strip(" \t\r,") for line in self._text[start:end].split("\n")[1:-1])


def stacked(items: Items) -> list[Doc]:
    """Items one below the other, comments and single blank lines kept; begins without a newline."""
    out: list[Doc] = []

    def line(blank: bool, *docs: Doc) -> None:
        if out:
            out.extend([HARD, HARD] if blank else [HARD])
        out.extend(docs)

    for item in items.placed:
        for blank, text in item.before:
            line(blank, text)
        line(item.blank, item.doc, *([Remark(item.after)] if item.after else []))
    for blank, text in items.dangling:
        line(blank, text)
    return out


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


class Formatter:
    """Turns the syntax tree into documents; lists in brackets claim the comments that stand in them."""

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
            case ast.NamedExpr(items=args):
                return self.bracketed("(", args, ")", e.span.start, e.span.end, self.argument)
            case ast.Field(base=base, name=name):
                return group(self.expr(base, _POSTFIX), f".{name}")
            case ast.Index(base=base, args=args):
                return group(
                    self.expr(base, _POSTFIX),
                    self.bracketed("[", args, "]", base.span.end, e.span.end, self.argument),
                )
            case ast.Call(fn=fn, args=args):
                return group(
                    self.expr(fn, _POSTFIX),
                    self.bracketed("(", args, ")", fn.span.end, e.span.end, self.argument),
                )
            case ast.If(cond=cond, then=then, orelse=orelse):
                parts = ("if ", self.expr(cond, _OR)), ("then ", self.expr(then, _OR)), ("else ", self.expr(orelse))
                return group(nest(*parts[0], SPACE, *parts[1], SPACE, *parts[2]))
            case ast.Range(lo=lo, hi=hi):
                return group(self.expr(lo, _SUM), "..", self.expr(hi, _SUM))
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

    def argument(self, a: ast.Arg) -> Doc:
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
        of = f" of {t.of}" + (f" by {t.by}" if t.by else "") if t.of else ""
        if not dims:
            return t.name + power + of
        inner: list[Doc] = [dims[0]]
        for dim in dims[1:]:
            inner += [", ", dim]
        return group(f"{t.name}{power}[", *inner, f"]{of}")

    def param(self, p: ast.Param) -> Doc:
        parts: list[Doc] = [p.name]
        if p.type is not None:
            parts += [": ", self.type(p.type)]
        if p.default is not None:
            parts += [" = ", self.expr(p.default)]
        return group(*parts)

    # --- declarations and statements

    def attributes(self, attrs: Sequence[ast.Attr]) -> list[Doc]:
        out: list[Doc] = []
        for a in attrs:
            out.append(f"@{a.name}")
            if a.args:
                out.append(self.bracketed("(", a.args, ")", a.span.start, a.span.end, self.argument))
            out.append(HARD)
        return out

    def braced(self, d: Any, head: str, items: Sequence[ast.Node]) -> Doc:
        """A declaration with its attributes and a block of items."""
        return group(*self.attributes(d.attrs), head, self.block(items, d.span))

    def header(self, keyword: str, d: ast.FnDecl | ast.CircuitDecl) -> list[Doc]:
        start = d.attrs[-1].span.end if d.attrs else d.span.start
        pairs = _brackets(Span(d.span.source, start, d.span.end))
        out: list[Doc] = [*self.attributes(d.attrs), f"{keyword} {d.name}"]
        if d.statics:
            out.append(self.bracketed("[", d.statics, "]", *pairs[0], self.param))
        return [*out, self.bracketed("(", d.params, ")", *pairs[bool(d.statics)], self.param)]

    def typed(self, type: ast.TypeExpr | None) -> list[Doc]:
        return [] if type is None else [": ", self.type(type)]

    # --- bodies

    def block(self, items: Sequence[ast.Node], owner: Span) -> Doc:
        """``{ … }``, one item on each line; the braces are the last brackets of ``owner``."""
        placed = self.comments.place(items, *_brackets(owner)[-1], self.written)
        opening: list[Doc] = [Remark(placed.opening)] if placed.opening else []
        inner = stacked(placed)
        if not inner and not opening:
            return "{}"
        return group("{", *opening, nest(*([HARD] if inner else []), *inner), HARD, "}")

    def short_block(self, items: Sequence[ast.Node], owner: Span) -> Doc:
        """The same, on one line if it fits and no comment stands in it."""
        placed = self.comments.place(items, *_brackets(owner)[-1], self.written)
        if placed.commented or not items:
            opening: list[Doc] = [Remark(placed.opening)] if placed.opening else []
            inner = stacked(placed)
            return group("{", *opening, nest(HARD, *inner), HARD, "}") if inner or opening else "{}"
        parts: list[Doc] = []
        for item in placed.placed:
            parts += [SPACE, item.doc]
        return group("{", nest(*parts), SPACE, "}")

    def written(self, s: ast.Node) -> Doc:
        match s:
            case ast.Bind(targets=targets, type=t, value=value):
                return group(", ".join(targets), *self.typed(t), " = ", self.expr(value))
            case ast.ParamDecl(name=name, type=t, init=init, buffer=buffer):
                head = group("buffer " if buffer else "param ", name, ": ", self.type(t))
                return head if init is None else group(head, " ~ ", self.expr(init))
            case ast.LocalDim(name=name, size=size):
                return group(f"dim {name} = ", self.expr(size))
            case ast.For(targets=targets, iter=iter, body=body):
                return group(f"for {', '.join(targets)} in ", self.expr(iter), " ", self.block(body, s.span))
            case ast.Return(value=value):
                return group("return ", self.expr(value))
            case ast.Do(call=call):
                return self.expr(call)
        doc: Doc = WRITTEN[type(s)](self, s)
        return doc


def wrapped(head: str, names: Sequence[str]) -> Doc:
    """``head a, b, c``, filling lines; the first name stays on the line of ``head``."""
    parts: list[Doc] = [head + names[0]]
    for name in names[1:]:
        parts += [",", group(SPACE, name)]
    return nest(*parts)


def _brackets(span: Span) -> list[tuple[int, int]]:
    """Outermost pairs of brackets in ``span``: offsets after the opening and of the closing one."""
    pairs, depth, start = [], 0, 0
    for match in _TOKEN.finditer(span.source.text, span.start, span.end):
        bracket = match["bracket"]
        if not bracket:
            continue
        if bracket in "([{":
            start = match.end() if depth == 0 else start
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                pairs.append((start, match.start()))
    return pairs


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
