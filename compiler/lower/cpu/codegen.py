# SPDX-License-Identifier: Apache-2.0
"""One function for each stage; and one that, for each event, copies inputs in, calls them, copies outputs out.

In one function, LLVM's optimisation would take time that grows with the square of a network's depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cpu.context import Context, Packer, Tile
from hepq.compiler.lower.cpu.emit_knn import emit_knn
from hepq.compiler.lower.cpu.emit_map import emit_concat, emit_input, emit_map, emit_output, emit_stack
from hepq.compiler.lower.cpu.emit_reduce import emit_contract, emit_reduce
from hepq.compiler.lower.cpu.emit_rows import (
    emit_argsort,
    emit_combinations,
    emit_cumsum,
    emit_filter,
    emit_segment,
    emit_unite,
)
from hepq.compiler.lower.cpu.expressions import RULES
from hepq.compiler.lower.cpu.gemm import emit_product
from hepq.compiler.lower.cpu.layout import passed_as, width
from hepq.compiler.lower.cpu.plan import Plan, Stage, make_plan
from hepq.compiler.lower.cpu.prepare import Weights, prepare
from hepq.compiler.lower.cpu.tir import Expr, bind, cast, ceildiv, const, i32, serial
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import COUNTING, GIVEN, IDENTITY, QUANTUM, REDUCE, SEGMENT
from hepq.core.types import Dim
from hepq.runtime.engine import layout

FUNCTION = "hepq_main"
#: calling_conv of functions called as C has them: TVM leaves their arguments alone
_AS_IN_C = 1
#: entries of a buffer whose size nobody checks
_ANY = 2**31 - 1


@dataclass(frozen=True)
class Generated:
    functions: Mapping[str, Any]
    packed: np.ndarray[Any, Any]
    plan: Plan
    arguments: tuple[str, ...]


def generate(module: Module, weights: Mapping[str, np.ndarray[Any, Any]], width: int) -> Generated:
    """TIR for ``module``; ``width`` is the number of float32 in a vector register."""
    module, values = prepare(module, weights)
    return _Generator(module, values, make_plan(module, width), width).functions()


class _Generator:
    def __init__(self, module: Module, values: Weights, plan: Plan, width: int) -> None:
        self.module, self.values, self.plan, self.width = module, values, plan, width
        self.used = {n["name"]: n for n in module.walk() if n.op == "input"}
        self.names: list[str] = []
        self.packer = Packer()

    def functions(self) -> Generated:
        made = {f"hepq_stage_{i}": stage for i, stage in enumerate(self.plan.stages)}
        functions = {name: self._stage_function(name, stage) for name, stage in made.items()}
        functions[FUNCTION] = self._main(list(made))
        packed = self.packer.array(self.plan.slack)
        functions[layout.FUNCTION] = self._layout(len(packed))
        return Generated(functions, packed, self.plan, tuple(self.names))

    def _layout(self, packed: int) -> Any:
        """What the others take for granted, for the runtime to compare."""
        order = [d.name for d in self.module.ragged_dims]

        def buffer(name: str, node: Node) -> layout.Buffer:
            dims = node.type.dims
            ragged = order.index(dims[0].name) if dims and dims[0].ragged else None
            return layout.Buffer(name, ragged, width(dims), node.type.elem == "int")

        made = layout.Layout(
            packed, self.plan.scratch_floats, self.plan.iscratch_ints, self.plan.lscratch_ints,
            tuple((d.name, d.bound or 0) for d in self.module.ragged_dims),
            tuple(buffer(n["name"], n) for n in self.module.inputs),
            tuple(buffer(name, n) for name, n in self.module.outputs.items()),
        )  # fmt: skip
        with IRBuilder() as builder, T.prim_func():
            T.func_name(layout.FUNCTION)
            T.func_attr({"tirx.noalias": True, "global_symbol": layout.FUNCTION})
            numbers = made.numbers
            out = T.arg("out", T.buffer((len(numbers),), "int64"))
            for i, number in enumerate(numbers):
                T.buffer_store(out, const(number, "int64"), [i])
        return builder.get()

    def _stage_function(self, name: str, stage: Stage) -> Any:
        """Of four pointers and the size of each ragged dim in this event."""
        with IRBuilder() as builder, T.prim_func():
            T.func_name(name)
            T.func_attr({"tirx.noalias": True, "global_symbol": name, "calling_conv": _AS_IN_C})
            dtypes = {"weights": "float32", "scratch": "float32", "iscratch": "int32", "lscratch": "int64"}
            pointers = {buffer: T.arg(buffer, T.handle(dtype)) for buffer, dtype in dtypes.items()}
            sizes = {dim: T.arg(f"n_{dim.name}", T.int32()) for dim in self.module.ragged_dims}
            ctx = self._context(*(T.decl_buffer((_ANY,), dtypes[buffer], data=p) for buffer, p in pointers.items()))
            for dim, size in sizes.items():
                ctx.set_size(dim, size)
            _made_sizes(ctx, stage.made)
            self._stage(ctx, stage)
        return builder.get()

    def _main(self, stages: Sequence[str]) -> Any:
        with IRBuilder() as builder, T.prim_func():
            T.func_name(FUNCTION)
            T.func_attr({"tirx.noalias": True, "global_symbol": FUNCTION})
            begin, end = (T.arg(self._name(n), T.int64()) for n in ("begin", "end"))
            offsets = {d.name: self._buffer(f"offsets:{d.name}", "int64") for d in self.module.ragged_dims}
            inputs = {n["name"]: self._buffer(f"input:{n['name']}", passed_as(n)) for n in self.module.inputs}
            memory = [self._buffer("weights"), self._buffer("scratch")]
            memory += [self._buffer("iscratch", "int32"), self._buffer("lscratch", "int64")]
            outputs = {name: self._buffer(f"output:{name}", passed_as(n)) for name, n in self.module.outputs.items()}
            ctx = self._context(*memory)
            with serial(end - begin) as step:
                self._event(ctx, bind(begin + step), offsets, inputs, outputs, stages)
        return builder.get()

    def _context(self, weights: Expr, scratch: Expr, iscratch: Expr, lscratch: Expr) -> Context:
        return Context(self.width, self.plan, self.values, scratch, iscratch, lscratch, weights, self.packer)

    def _name(self, name: str) -> str:
        self.names.append(name)
        return name.replace(":", "_")

    def _buffer(self, name: str, dtype: str = "float32") -> Expr:
        return T.arg(self._name(name), T.buffer((T.int64(),), dtype))

    def _event(
        self, ctx: Context, event: Expr, offsets: dict[str, Expr], inputs: dict[str, Expr], outputs: dict[str, Expr],
        stages: Sequence[str],
    ) -> None:  # fmt: skip
        starts: dict[str, Expr] = {}
        for dim in self.module.ragged_dims:
            starts[dim.name] = bind(offsets[dim.name][event])
            size = cast(offsets[dim.name][event + 1] - starts[dim.name], "int32")
            # no event may leave its scratch memory, whatever the offsets say
            ctx.set_size(dim, bind(tirx.max(tirx.min(size, i32(dim.bound or 0)), const(0))))

        def first(dims: tuple[Dim, ...]) -> Expr:
            return (starts[dims[0].name] if dims and dims[0].ragged else event) * const(width(dims), "int64")

        for name, node in self.used.items():
            emit_input(ctx, node, inputs[name], first(node.type.dims))
        sizes = [ctx.sizes[dim.name] for dim in self.module.ragged_dims]
        memories = [memory.data for memory in (ctx.scratch, ctx.iscratch, ctx.lscratch)]
        for stage in stages:
            T.evaluate(tirx.call_extern("void", stage, ctx.weights.data, *memories, *sizes))
        _made_sizes(ctx, self.plan.counts)
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


def _made_sizes(ctx: Context, dims: Iterable[Dim]) -> None:
    """Of dims that stages before have made."""
    for dim in dims:
        ctx.set_size(dim, bind(ctx.iscratch[const(ctx.plan.counts[dim])]))


def _emit(ctx: Context, node: Node) -> None:
    product = ctx.plan.inlining.product(node)
    if product is not None:
        emit_product(ctx, node, product)
    elif node.op != "input":
        EMITTERS[node.op](ctx, node)


#: op -> how a node of its own is computed; inputs are copied before, weights packed at compile time
EMITTERS: Rules[Callable[[Context, Node], None]] = Rules(
    "cpu", illegal=(*COUNTING, "batch_norm", *IDENTITY, *QUANTUM), elsewhere=GIVEN
)
EMITTERS(*RULES)(emit_map)
EMITTERS("stack")(emit_stack)
EMITTERS("concat")(emit_concat)
EMITTERS("contract")(emit_contract)
EMITTERS(*REDUCE)(emit_reduce)
EMITTERS("knn")(emit_knn)
EMITTERS("filter")(emit_filter)
EMITTERS("argsort")(emit_argsort)
EMITTERS("combinations")(emit_combinations)
EMITTERS("unite")(emit_unite)
EMITTERS("cumsum")(emit_cumsum)
EMITTERS(*SEGMENT)(emit_segment)
