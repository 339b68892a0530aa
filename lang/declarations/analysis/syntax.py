# SPDX-License-Identifier: Apache-2.0
"""How analyses and fits are read and written."""

from __future__ import annotations

from lark.tree import Meta

from hepq.lang.declarations.analysis.check import check_analysis, check_fit
from hepq.lang.format.layout import SPACE, Doc, group, nest
from hepq.lang.format.program import Formatter, wrapped
from hepq.lang.syntax import ast_analysis as ast
from hepq.lang.syntax.ast import CorrectionItem
from hepq.lang.syntax.build import Build, Children, attributed, node
from hepq.lang.syntax.declaration import Declaration, register

_ITEMS = (
    "source", "branch", "noise", "correction", "object", "cut", "weight", "vary", "hist", "save", "region",
)  # fmt: skip


_COMMA: tuple[Doc, ...] = (",", SPACE)


def _numbered(b: Build, meta: Meta, c: Children) -> ast.Numbered:
    return ast.Numbered(str(c[0]), c[1] or (), span=b.span(meta))


def _vary(b: Build, meta: Meta, c: Children) -> ast.VaryItem:
    return ast.VaryItem(c[0], tuple(c[1:]), span=b.span(meta))


def _direction(b: Build, meta: Meta, c: Children) -> ast.Direction:
    return ast.Direction(str(c[0]), tuple(c[1:]), span=b.span(meta))


def _hist(b: Build, meta: Meta, c: Children) -> ast.HistItem:
    axes = tuple(child for child in c[1:] if isinstance(child, ast.AxisItem))
    per = tuple(child for child in c[1 + len(axes) :] if child is not None)
    return ast.HistItem(c[0], axes, per, span=b.span(meta))


def _save(b: Build, meta: Meta, c: Children) -> ast.SaveItem:
    return ast.SaveItem(c[0], tuple(c[1:]), span=b.span(meta))


def _region(b: Build, meta: Meta, c: Children) -> ast.RegionItem:
    extends = tuple(str(child) for child in c[1:] if isinstance(child, str))
    items = tuple(child for child in c[1:] if child is not None and not isinstance(child, str))
    return ast.RegionItem(c[0], extends, items, span=b.span(meta))


def _loop(b: Build, meta: Meta, c: Children) -> ast.LoopItem:
    return ast.LoopItem(c[0], c[1], tuple(c[2:]), span=b.span(meta))


def _marked(b: Build, meta: Meta, c: Children) -> ast.MarkedItem:
    return ast.MarkedItem(tuple(c[:-1]), c[-1], span=b.span(meta))


def _name_written(f: Formatter, n: ast.Numbered) -> Doc:
    start = n.span.start + len(n.name)
    return group(n.name, f.bracketed("[", n.args, "]", start, n.span.end, f.argument)) if n.args else n.name


def _hist_written(f: Formatter, item: ast.HistItem) -> Doc:
    parts: list[Doc] = []
    for i, axis in enumerate(item.axes):
        parts += _COMMA if i else ()
        parts += [f.expr(axis.value), " in ", f.expr(axis.bins)]
    for i, category in enumerate(item.per):
        parts += (", ",) if i else (SPACE, "per ")
        parts.append(f.expr(category))
    return group("hist ", _name_written(f, item.name), " = ", nest(*parts))


def _save_written(f: Formatter, item: ast.SaveItem) -> Doc:
    parts: list[Doc] = []
    for i, column in enumerate(item.columns):
        parts += _COMMA if i else ()
        parts.append(f.argument(column))
    return group("save ", _name_written(f, item.name), " = ", nest(*parts))


def _correction_written(f: Formatter, item: CorrectionItem) -> Doc:
    start = item.span.start + len("correction ") + len(item.name)
    params = f.bracketed("(", item.params, ")", start, item.value.span.start, f.param)
    return group(f"correction {item.name}", params, nest(" =", SPACE, f.expr(item.value)))


def _direction_written(f: Formatter, item: ast.Direction) -> Doc:
    return group(f"{item.name} ", f.short_block(item.rebinds, item.span))


def _vary_written(f: Formatter, item: ast.VaryItem) -> Doc:
    return group("vary ", _name_written(f, item.name), " ", f.short_block(item.directions, item.span))


def _region_written(f: Formatter, item: ast.RegionItem) -> Doc:
    extends: list[Doc] = [wrapped(" extends ", item.extends)] if item.extends else []
    return group("region ", _name_written(f, item.name), *extends, " ", f.block(item.items, item.span))


def _loop_written(f: Formatter, item: ast.LoopItem) -> Doc:
    return group(f"for {', '.join(item.targets)} in ", f.expr(item.iter), " ", f.block(item.items, item.span))


register(
    Declaration(
        ast.AnalysisDecl,
        words=("analysis",),
        items=_ITEMS,
        rules={
            "analysis": attributed(ast.AnalysisDecl, items=1),
            "marked": _marked,
            "correction": lambda b, meta, c: CorrectionItem(str(c[0]), c[1], c[2], span=b.span(meta)),
            "redefine": node(ast.RedefineItem),
            "numbered": _numbered,
            "cut": node(ast.CutItem),
            "weigh": node(ast.WeightItem),
            "vary": _vary,
            "direction": _direction,
            "rebind": node(ast.Rebind),
            "hist": _hist,
            "axis": node(ast.AxisItem),
            "save": _save,
            "region": _region,
            "loop": _loop,
        },
        written={
            ast.AnalysisDecl: lambda f, d: f.braced(d, f"analysis {d.name} ", d.items),
            ast.MarkedItem: lambda f, i: group(*f.attributes(i.attrs), f.written(i.item)),
            CorrectionItem: _correction_written,
            ast.RedefineItem: lambda f, i: group(f"{i.name}.{i.field} = ", f.expr(i.value)),
            ast.CutItem: lambda f, i: group("cut ", _name_written(f, i.name), " = ", nest(f.expr(i.value))),
            ast.WeightItem: lambda f, i: group("weight ", _name_written(f, i.name), " = ", nest(f.expr(i.value))),
            ast.VaryItem: _vary_written,
            ast.Direction: _direction_written,
            ast.Rebind: lambda f, i: group(f.expr(i.target), " = ", f.expr(i.value)),
            ast.HistItem: _hist_written,
            ast.SaveItem: _save_written,
            ast.RegionItem: _region_written,
            ast.LoopItem: _loop_written,
        },
        check=check_analysis,
        tall=lambda d: True,
    )
)
register(
    Declaration(
        ast.FitDecl,
        words=("fit",),
        items=("rate",),
        rules={"fit": attributed(ast.FitDecl, items=1), "rate": node(ast.RateItem)},
        written={
            ast.FitDecl: lambda f, d: f.braced(d, f"fit {d.name} ", d.items),
            ast.RateItem: lambda f, i: group("rate ", _name_written(f, i.name), " = ", f.expr(i.value)),
        },
        check=check_fit,
        tall=lambda d: True,
    )
)
