# SPDX-License-Identifier: Apache-2.0
"""``source ttbar = mc("ttbar/*.root", xsec=830 pb)``: files of an analysis, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import PurePath

from hepq.core.analyses import Kind
from hepq.core.diagnostics.catalogue import near
from hepq.core.types import UNITS
from hepq.lang.declarations.analysis.plan import SourcePlan
from hepq.lang.declarations.dataset_sources import Format
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import Quantity, Value, describe
from hepq.lang.syntax import ast

#: what a source may be -> its settings
SETTINGS: dict[Kind, tuple[str, ...]] = {"data": ("tree", "format"), "mc": ("tree", "format", "xsec", "sumw")}
#: endings of names of files
_ENDINGS: dict[str, Format] = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".npz": "npz"}
_FORMATS: tuple[Format, ...] = ("root", "parquet", "csv", "npz")


def kind_of(item: ast.SourceItem) -> Kind | None:
    """What it is called as, if it is any kind of source."""
    called = item.value.fn.id if isinstance(item.value, ast.Call) and isinstance(item.value.fn, ast.Name) else ""
    return next((k for k in SETTINGS if k == called), None)


def elaborate_source(ctx: Context, item: ast.SourceItem) -> SourcePlan:
    kind = kind_of(item)
    if kind is None or not isinstance(item.value, ast.Call):
        ctx.error("HQ0901", item.value.span, found=item.value.span.text[:60])
    given: dict[str, tuple[Value, ast.Arg]] = {}
    files: list[str] = []
    for arg in item.value.args:
        value = ctx.value(arg.value)
        if arg.name is None:
            files += _files(ctx, value, arg)
        elif arg.name not in SETTINGS[kind] or arg.name in given:
            close = near(arg.name, SETTINGS[kind])
            known = ", ".join(SETTINGS[kind])
            help = None if close else f"`{kind}` takes files, and {known}"
            problem = "it is there already" if arg.name in given else f"`{kind}` has no such setting"
            ctx.error("HQ0902", arg.span, name=arg.name, problem=problem, near=close, help=help)
        else:
            given[arg.name] = value, arg
    if not files:
        ctx.error("HQ0901", item.value.span, found=item.value.span.text[:60])
    return SourcePlan(
        item.name, kind, tuple(files), _format(ctx, item, files, given), item.span, _text(ctx, "tree", given),
        _cross_section(ctx, given), _bookkeeping(ctx, given),
    )  # fmt: skip


def _files(ctx: Context, value: Value, arg: ast.Arg) -> list[str]:
    names = value if isinstance(value, tuple) else (value,)
    if not names or not all(isinstance(name, str) and name for name in names):
        ctx.error("HQ0901", arg.span, found=arg.span.text[:60])
    return list(names)


def _format(ctx: Context, item: ast.SourceItem, files: list[str], given: Mapping[str, tuple[Value, ast.Arg]]) -> Format:
    if "format" in given:
        value, arg = given["format"]
        found = next((f for f in _FORMATS if f == value), None)
        if found is None:
            problem = f"expected one of {', '.join(_FORMATS)} in quotes"
            ctx.error("HQ0902", arg.span, name="format", problem=problem, near=near(str(value), _FORMATS))
        return found
    first, *others = sorted({_ENDINGS.get(PurePath(name).suffix, "root") for name in files})
    if others:
        problem = f"files of one source are of one format, and not some {first}, some {others[0]}"
        ctx.error("HQ0902", item.value.span, name="format", problem=problem, near=[])
    return next(f for f in _FORMATS if f == first)


def _text(ctx: Context, name: str, given: Mapping[str, tuple[Value, ast.Arg]]) -> str | None:
    if name not in given:
        return None
    value, arg = given[name]
    if not isinstance(value, str) or not value:
        problem = f"expected a name in quotes, and not {describe(value)}"
        ctx.error("HQ0902", arg.span, name=name, problem=problem, near=[])
    return value


def _cross_section(ctx: Context, given: Mapping[str, tuple[Value, ast.Arg]]) -> float | None:
    if "xsec" not in given:
        return None
    value, arg = given["xsec"]
    if not isinstance(value, Quantity) or value.unit != UNITS["pb"][0] or not (isfinite(value.value) and value.value):
        problem = f"expected a cross-section, as `830 pb` or `12.3 fb` is, and not {describe(value)}"
        ctx.error("HQ0902", arg.span, name="xsec", problem=problem, near=[])
    return value.value


def _bookkeeping(ctx: Context, given: Mapping[str, tuple[Value, ast.Arg]]) -> str | None:
    found = _text(ctx, "sumw", given)
    if found is not None and (found.count(":") != 1 or not all(found.split(":"))):
        problem = 'expected a tree and its branch, `"Runs:genEventSumw"`'
        ctx.error("HQ0902", given["sumw"][1].span, name="sumw", problem=problem, near=[])
    return found
