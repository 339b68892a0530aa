# SPDX-License-Identifier: Apache-2.0
"""The generated function: for each event, copy inputs in, run every stage, copy outputs out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir import ELEMENTWISE, Module, Node
from hepq.lang.types import Dim

from .context import Context, Tile
from .emit_knn import emit_knn
from .emit_map import emit_concat, emit_input, emit_map, emit_output, emit_stack
from .emit_reduce import emit_contract, emit_reduce
from .gemm import emit_product
from .inline import ACCESS
from .plan import Plan, Stage, make_plan
from .prepare import Weights, prepare
from .tir import Expr, bind, cast, ceildiv, const, i32, serial

FUNCTION = "hepq_main"


@dataclass(frozen=True)
class Generated:
    function: Any
    packed: np.ndarray[Any, Any]
    plan: Plan
    arguments: tuple[str, ...]


def generate(module: Module, weights: Mapping[str, np.ndarray[Any, Any]], width: int) -> Generated:
    """TIR for ``module``; ``width`` is the number of float32 in a vector register."""
    module, values = prepare(module, weights)
    return _Generator(module, values, make_plan(module, width), width).function()


class _Generator:
    def __init__(self, module: Module, values: Weights, plan: Plan, width: int) -> None:
        self.module, self.values, self.plan, self.width = module, values, plan, width
        self.used = {n["name"]: n for n in module.walk() if n.op == "input"}
        self.names: list[str] = []

    def function(self) -> Generated:
        with IRBuilder() as builder, T.prim_func():
            T.func_name(FUNCTION)
            T.func_attr({"tirx.noalias": True, "global_symbol": FUNCTION})
            begin, end = (T.arg(self._name(n), T.int64()) for n in ("begin", "end"))
            offsets = {d.name: self._buffer(f"offsets:{d.name}", "int64") for d in self.module.ragged_dims}
            inputs = {n["name"]: self._buffer(f"input:{n['name']}") for n in self.module.inputs}
            memory = [self._buffer("weights"), self._buffer("scratch"), self._buffer("iscratch", "int32")]
            outputs = {name: self._buffer(f"output:{name}") for name in self.module.outputs}
            ctx = Context(self.width, self.plan, self.values, memory[1], memory[2], memory[0])
            with serial(end - begin) as step:
                self._event(ctx, bind(begin + step), offsets, inputs, outputs)
        packed = ctx.packer.array(self.plan.slack)
        return Generated(builder.get(), packed, self.plan, tuple(self.names))

    def _name(self, name: str) -> str:
        self.names.append(name)
        return name.replace(":", "_")

    def _buffer(self, name: str, dtype: str = "float32") -> Expr:
        return T.arg(self._name(name), T.buffer((T.int64(),), dtype))

    def _event(
        self, ctx: Context, event: Expr, offsets: dict[str, Expr], inputs: dict[str, Expr], outputs: dict[str, Expr]
    ) -> None:
        starts: dict[str, Expr] = {}
        for dim in self.module.ragged_dims:
            starts[dim.name] = bind(offsets[dim.name][event])
            size = cast(offsets[dim.name][event + 1] - starts[dim.name], "int32")
            # no event may leave its scratch memory, whatever the offsets say
            ctx.set_size(dim, bind(tirx.max(tirx.min(size, i32(dim.bound or 0)), const(0))))

        def first(dims: tuple[Dim, ...]) -> Expr:
            row = prod(d.size or 1 for d in dims)
            return (starts[dims[0].name] if dims and dims[0].ragged else event) * const(row, "int64")

        for name, node in self.used.items():
            emit_input(ctx, node, inputs[name], first(node.type.dims))
        for stage in self.plan.stages:
            self._stage(ctx, stage)
        for name, node in self.module.outputs.items():
            emit_output(ctx, node, outputs[name], first(node.type.dims))

    def _stage(self, ctx: Context, stage: Stage) -> None:
        if stage.tile is None:
            for node in stage.nodes:
                _emit(ctx, node)
            return
        size = i32(ctx.extent(stage.tile))
        with serial(ceildiv(size, stage.rows)) as step:
            origin = bind(step * stage.rows)
            ctx.tile = Tile(stage.tile.key, origin, bind(tirx.min(size - origin, const(stage.rows))))
            for node in stage.nodes:
                _emit(ctx, node)
            ctx.tile = None


def _emit(ctx: Context, node: Node) -> None:
    product = ctx.plan.inlining.product(node)
    if product is not None:
        emit_product(ctx, node, product)
    else:
        EMITTERS[node.op](ctx, node)


#: op -> how a node of its own is computed
EMITTERS: Mapping[str, Any] = {
    "input": lambda ctx, node: None,
    **dict.fromkeys((*ELEMENTWISE, *ACCESS), emit_map),
    "stack": emit_stack,
    "concat": emit_concat,
    "contract": emit_contract,
    **dict.fromkeys(("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_any", "reduce_all"), emit_reduce),
    "knn": emit_knn,
}
