# SPDX-License-Identifier: Apache-2.0
"""Sources of a dataset: which files are read, what they are, and the trees that are friends of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hepq.lang.elaborate.context import Context
from hepq.lang.syntax import ast

Format = Literal["root", "parquet", "csv", "npz"]
#: what a source may be -> its settings
FORMATS: dict[Format, tuple[str, ...]] = {
    "root": ("tree", "friend"), "parquet": ("friend",), "csv": ("columns", "friend"), "npz": ("friend",),
}  # fmt: skip


@dataclass(frozen=True)
class SourcePlan:
    """``files``: none of a friend in the same files. ``columns``: names for CSV files without a header.

    ``friend``: entries beside these, file by file; its branches are there too.
    """

    name: str
    format: Format
    files: tuple[str, ...]
    tree: str | None = None
    columns: tuple[str, ...] = ()
    friend: SourcePlan | None = None


def elaborate_source(ctx: Context, item: ast.SourceItem) -> SourcePlan:
    return _source(ctx, item.name, item.value, is_friend=False)


def _source(ctx: Context, name: str, value: ast.Expr, *, is_friend: bool) -> SourcePlan:
    called = value.fn.id if isinstance(value, ast.Call) and isinstance(value.fn, ast.Name) else ""
    format = next((f for f in FORMATS if f == called), None)
    if not isinstance(value, ast.Call) or format is None:
        ctx.error("HQ0604", value.span, found=f"`{value.span.text[:60]}`")
    files = [a.value.value for a in value.args if a.name is None and isinstance(a.value, ast.String)]
    given = {a.name: a.value for a in value.args if a.name is not None}
    same = is_friend and format == "root" and not files and "tree" in given
    if (not files and not same) or len(files) + len(given) != len(value.args):
        if format == "root" and not is_friend:
            ctx.error("HQ0604", value.span, found=f"`{value.span.text[:60]}`")
        ctx.error("HQ0614", value.span, format=format, what="expected names of files in quotes")
    known = tuple(n for n in FORMATS[format] if not (is_friend and n == "friend"))
    for a in value.args:
        if a.name is not None and a.name not in known:
            help = f"`{format}` takes files{''.join(f', `{n}=…`' for n in known)}"
            ctx.error("HQ0614", a.span, format=format, what=f"it has no setting `{a.name}`", help=help)
    return SourcePlan(name, format, tuple(files), _tree(ctx, given), _columns(ctx, given), _friend(ctx, name, given))


def _tree(ctx: Context, given: dict[str, ast.Expr]) -> str | None:
    tree = given.get("tree")
    if tree is not None and not isinstance(tree, ast.String):
        ctx.error("HQ0614", tree.span, format="root", what='expected a name in quotes: `tree="Events"`')
    return tree.value if isinstance(tree, ast.String) else None


def _columns(ctx: Context, given: dict[str, ast.Expr]) -> tuple[str, ...]:
    columns = given.get("columns")
    if columns is None:
        return ()
    items = columns.items if isinstance(columns, ast.ListExpr) else ()
    names = tuple(i.value for i in items if isinstance(i, ast.String))
    if not names or len(names) != len(items) or len(set(names)) != len(names):
        what = 'expected a list of different names: `columns=["pt", "eta"]`'
        ctx.error("HQ0614", columns.span, format="csv", what=what)
    return names


def _friend(ctx: Context, name: str, given: dict[str, ast.Expr]) -> SourcePlan | None:
    friend = given.get("friend")
    return None if friend is None else _source(ctx, name, friend, is_friend=True)
