# SPDX-License-Identifier: Apache-2.0
"""Columns as files have them become float64 and int64, a block of events at a time."""

from __future__ import annotations

from typing import Any

from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.tir import Expr, cast, const, either
from hepq.compiler.lower.events.context import Context, i64, memory_at
from hepq.runtime.engine.event_code import BAD_INDEX, DTYPES

_BYTES = {"float32": 4, "float64": 8, "int64": 8, "uint64": 8, "int32": 4, "uint32": 4, "int16": 2, "uint16": 2}
_NAMES = {"real": "hepq_read_real", "int": "hepq_read_int", "index": "hepq_read_int", "bool": "hepq_read_bool"}


def read(elem: str, to: Expr, address: Expr, code: Expr, factor: Expr, first: Expr, n: Expr) -> None:
    """``n`` numbers of the column at ``address``, from its ``first`` on."""
    T.evaluate(tirx.call_extern("void", _NAMES[elem], address, code, factor, first, n, to.data))


def converters() -> dict[str, Any]:
    """The functions that ``read`` calls."""
    return {name: _converter(name, elem) for elem, name in _NAMES.items() if elem != "index"}


def _converter(name: str, elem: str) -> Any:
    dtype = "float64" if elem == "real" else "int64"
    with IRBuilder() as builder, T.prim_func():
        T.func_name(name)
        T.func_attr({"tirx.noalias": True, "global_symbol": name, "calling_conv": 1})
        address, code = T.arg("address", T.int64()), T.arg("code", T.int64())
        factor = T.arg("factor", T.float64())
        first, n = T.arg("first", T.int64()), T.arg("n", T.int64())
        out = memory_at(T.arg("out", T.handle(dtype)), dtype)
        for number, kind in enumerate(DTYPES):
            if elem == "int" and kind.startswith("float"):
                continue
            stored = "uint8" if kind == "bool" else kind
            with T.If(tirx.EQ(code, i64(number))), T.Then():
                start = address + first * i64(_BYTES.get(stored, 1))
                column = memory_at(start, stored)
                with T.serial(i64(0), n) as i:
                    x = column[i]
                    if elem == "bool":
                        made = cast(tirx.NE(x, const(0, stored)), "int64")
                    else:
                        made = cast(x, dtype) * factor if elem == "real" else cast(x, dtype)
                    T.buffer_store(out, made, [i])
    return builder.get()


def check(ctx: Context, node: Node, number: int, width: int) -> None:
    """Trouble where an index names no entry, and is not -1."""
    into, dims = node.type.into, node.type.dims
    assert into is not None, "an index says what it numbers"
    rows = ctx.extent(dims[0]) if dims and dims[0].ragged else 1
    begin = ctx.starts[dims[0].name if dims and dims[0].ragged else None] * i64(width)
    with T.serial(i64(0), i64(rows) * i64(width)) as i:
        found = ctx.memory[node][0][begin + i]
        outside = either(found < i64(-1), found >= i64(ctx.extent(into)))
        with T.If(outside), T.Then():
            ctx.trouble(BAD_INDEX, number)
