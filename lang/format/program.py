# SPDX-License-Identifier: Apache-2.0
"""The canonical form of a program: ``parse(format_source(text)) == parse(text)``, and every comment is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.core.source import Source, Span
from hepq.lang.format.comments import Comments, Items, stacked
from hepq.lang.format.expressions import ExpressionFormatter
from hepq.lang.format.layout import HARD, SPACE, Doc, Remark, group, layout, nest
from hepq.lang.syntax import ast
from hepq.lang.syntax.limits import allow_deep_recursion
from hepq.lang.syntax.parser import parse

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
    printer = _Formatter(Comments(text, file.comments))
    items = printer.comments.place(file.decls, 0, len(text), printer.declaration)
    out = layout(stacked(_spaced(items, file.decls)), WIDTH).strip("\n")
    return out + "\n" if out else ""


def _spaced(items: Items, decls: Sequence[ast.Decl]) -> Items:
    """A blank line around declarations with a body and after the imports, if none is there."""
    placed = list(items.placed)
    for i, (above, below) in enumerate(pairwise(decls), start=1):
        item = placed[i]
        if item.blank or any(blank for blank, _ in item.before):
            continue
        if not (_tall(above) or _tall(below) or isinstance(above, _IMPORTS) != isinstance(below, _IMPORTS)):
            continue
        if item.before:
            placed[i] = replace(item, before=((True, item.before[0][1]), *item.before[1:]))
        else:
            placed[i] = replace(item, blank=True)
    return replace(items, placed=tuple(placed))


_IMPORTS = (ast.Import, ast.FromImport)
_Item = ast.Stmt | ast.DatasetEntry | ast.MapEntry | ast.TrainEntry


def _tall(decl: ast.Decl) -> bool:
    if isinstance(decl, ast.FnDecl):
        return isinstance(decl.body, tuple) or bool(decl.attrs)
    return isinstance(decl, (ast.CircuitDecl, ast.DatasetDecl, ast.CheckpointDecl, ast.TrainDecl))


class _Formatter(ExpressionFormatter):
    """Declarations and statements."""

    def declaration(self, d: ast.Decl) -> Doc:
        match d:
            case ast.Import(path=path, alias=alias):
                return f"import {'.'.join(path)}" + (f" as {alias}" if alias else "")
            case ast.FromImport(path=path, names=names):
                return _wrapped(f"from {'.'.join(path)} import ", names)
            case ast.DimDecl(names=names, op=op, value=value):
                head = _wrapped("dim ", names)
                return head if value is None else group(head, f" {op} ", self.expr(value))
            case ast.ConstDecl(name=name, type=type, value=value):
                return group(f"const {name}", *self._typed(type), " = ", self.expr(value))
            case ast.FnDecl():
                return self._function(d)
            case ast.CircuitDecl():
                return self._circuit(d)
            case ast.DatasetDecl(name=name, items=entries):
                return group(*self._attributes(d.attrs), f"dataset {name} ", self._block(entries, d.span))
            case ast.TrainDecl(name=name, items=steps):
                return group(*self._attributes(d.attrs), f"train {name} ", self._block(steps, d.span))
            case ast.CheckpointDecl(name=name, block=block, entries=entries):
                return group(
                    *self._attributes(d.attrs), f"checkpoint {name} for {block} ", self._block(entries, d.span)
                )

    def _attributes(self, attrs: Sequence[ast.Attr]) -> list[Doc]:
        out: list[Doc] = []
        for a in attrs:
            out.append(f"@{a.name}")
            if a.args:
                out.append(self.bracketed("(", a.args, ")", a.span.start, a.span.end, self._arg))
            out.append(HARD)
        return out

    def _function(self, d: ast.FnDecl) -> Doc:
        header = self._header(d.kind, d)
        ret: list[Doc] = [] if d.ret is None else [" -> ", self.type(d.ret)]
        if isinstance(d.body, tuple):
            return group(*header, *ret, " ", self._block(d.body, d.span))
        return group(*header, *ret, " =", group(nest(SPACE, self.expr(d.body))))

    def _circuit(self, d: ast.CircuitDecl) -> Doc:
        header = self._header("circuit", d)
        return group(*header, " on ", self.param(d.register), " ", self._block(d.body, d.span))

    def _header(self, keyword: str, d: ast.FnDecl | ast.CircuitDecl) -> list[Doc]:
        start = d.attrs[-1].span.end if d.attrs else d.span.start
        pairs = _brackets(Span(d.span.source, start, d.span.end))
        out: list[Doc] = [*self._attributes(d.attrs), f"{keyword} {d.name}"]
        if d.statics:
            out.append(self.bracketed("[", d.statics, "]", *pairs[0], self.param))
        return [*out, self.bracketed("(", d.params, ")", *pairs[bool(d.statics)], self.param)]

    def _typed(self, type: ast.TypeExpr | None) -> list[Doc]:
        return [] if type is None else [": ", self.type(type)]

    # --- bodies

    def _block(self, items: Sequence[_Item], owner: Span) -> Doc:
        """``{ … }``, one item on each line; the braces are the last brackets of ``owner``."""
        placed = self.comments.place(items, *_brackets(owner)[-1], self._item)
        opening: list[Doc] = [Remark(placed.opening)] if placed.opening else []
        inner = stacked(placed)
        if not inner and not opening:
            return "{}"
        return group("{", *opening, nest(*([HARD] if inner else []), *inner), HARD, "}")

    def _item(self, s: _Item) -> Doc:
        match s:
            case ast.Bind(targets=targets, type=type, value=value):
                return group(", ".join(targets), *self._typed(type), " = ", self.expr(value))
            case ast.ParamDecl(name=name, type=type, init=init, buffer=buffer):
                head = group("buffer " if buffer else "param ", name, ": ", self.type(type))
                return head if init is None else group(head, " ~ ", self.expr(init))
            case ast.LocalDim(name=name, size=size):
                return group(f"dim {name} = ", self.expr(size))
            case ast.For(targets=targets, iter=iter, body=body):
                return group(f"for {', '.join(targets)} in ", self.expr(iter), " ", self._block(body, s.span))
            case ast.Return(value=value):
                return group("return ", self.expr(value))
            case ast.Do(call=call):
                return self.expr(call)
            case ast.SourceItem(name=name, value=value):
                return group(f"source {name} = ", self.expr(value))
            case ast.BranchItem(branches=branches, type=type):
                names = [n if n == branch else f'{n} = "{branch}"' for n, branch in branches]
                return group(_wrapped("branch ", names), ": ", self.type(type))
            case ast.OrderItem(dim=dim, key=key, descending=descending):
                return group(f"order {dim} by ", self.expr(key), " desc" if descending else "")
            case ast.PolicyItem(name=name, value=value):
                return group(f"policy {name} = ", self.expr(value))
            case ast.InputItem(name=name, type=type, value=value):
                return group(f"input {name}", *self._typed(type), " = ", self.expr(value))
            case ast.LabelItem(name=name, dim=dim, pattern=pattern):
                return f'label {name}: {dim} = "{pattern}"'
            case ast.NoiseItem(name=name, type=type, init=init):
                return group(f"noise {name}: ", self.type(type), " ~ ", self.expr(init))
            case ast.StepItem(name=name, items=items):
                return group(f"step {name} ", self._block(items, s.span))
            case ast.MapEntry(theirs=theirs, ours=ours):
                return f'"{theirs}" -> "{ours}"'


def _wrapped(head: str, names: Sequence[str]) -> Doc:
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
