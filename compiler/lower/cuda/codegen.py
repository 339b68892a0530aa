# SPDX-License-Identifier: Apache-2.0
"""One kernel, or a few, for each value that has memory, in the plan's order; then one for each output."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm_ffi

from hepq.compiler.ir.matmul_dims import positions
from hepq.compiler.ir.node import Module, Node, made_by
from hepq.compiler.lower.cpu.context import Packer
from hepq.compiler.lower.cpu.emit_map import emit_output
from hepq.compiler.lower.cpu.layout import LINE, kept_as, passed_as, width
from hepq.compiler.lower.cpu.plan import make_plan, stages_nodes
from hepq.compiler.lower.cpu.prepare import matrix_product, prepare
from hepq.compiler.lower.cpu.tir import cast, const, variables_in
from hepq.compiler.lower.cuda.context import KernelContext, row_width, rows_of
from hepq.compiler.lower.cuda.emit import EMITTERS, Piece, dims_of, product
from hepq.compiler.lower.cuda.emit_tile import tile
from hepq.compiler.lower.cuda.kernel import Facts, Kernel
from hepq.compiler.lower.cuda.memory import share
from hepq.core.ops.table import GIVEN
from hepq.core.types import Dim
from hepq.runtime.engine.cuda.table import Buffer, Launch, Rows, Shape, Table

_BYTES = {"float32": 4, "int32": 4, "int64": 8}


@dataclass(frozen=True)
class Launched:
    """``arguments``: name in ``function`` -> what the launcher hands over, or the value that it is."""

    function: str
    rows: Rows
    width: int
    shape: Shape
    columns: int
    arguments: Mapping[str, Hashable]


@dataclass(frozen=True)
class Generated:
    """``functions``: name -> TIR; kernels that differ in what they are given alone share one."""

    functions: Mapping[str, Any]
    packed: np.ndarray[Any, Any]
    launched: tuple[Launched, ...]
    sizes: Mapping[Hashable, tuple[Rows, int]]
    dims: tuple[tuple[str, int], ...]
    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]

    def table(self, order: Mapping[str, Sequence[str]]) -> Table:
        """``order``: of each function, the names of its arguments."""
        steps = [[a for a in k.arguments.values() if a in self.sizes] for k in self.launched]
        shared = share(steps, self.sizes)
        words = {value: f"memory:{number}" for value, number in shared.numbers.items()}

        def launch(made: Launched) -> Launch:
            given = [made.arguments[name] for name in order[made.function]]
            arguments = tuple(words[a] if a in words else str(a) for a in given)
            return Launch(
                kernel=made.function, rows=made.rows, width=made.width, shape=made.shape, columns=made.columns,
                arguments=arguments,
            )  # fmt: skip

        return Table(
            dims=self.dims, inputs=self.inputs, outputs=self.outputs, memory=shared.memory,
            launches=tuple(map(launch, self.launched)), packed=self.packed.size,
        )  # fmt: skip


def generate(module: Module, weights: Mapping[str, np.ndarray[Any, Any]]) -> Generated:
    """TIR of the kernels for ``module``."""
    module, values = prepare(module, weights)
    with variables_in("local"):
        given = frozenset(d.name for d in module.ragged_dims)
        return _Generator(module, Facts(make_plan(module, 1), values, Packer(), given)).generated()


def _buffer(name: str, node: Node) -> Buffer:
    dims = node.type.dims
    ragged = dims[0].name if dims and dims[0].ragged else None
    return Buffer(name=name, ragged=ragged, width=width(dims), whole=node.type.elem == "int")


@dataclass
class _Generator:
    module: Module
    facts: Facts
    functions: dict[str, Any] = field(default_factory=dict)
    launched: list[Launched] = field(default_factory=list)
    sizes: dict[Hashable, tuple[Rows, int]] = field(default_factory=dict)
    _hashes: dict[int, list[str]] = field(default_factory=dict)
    _made: dict[str, Any] = field(default_factory=dict)

    def generated(self) -> Generated:
        for node in stages_nodes(self.facts.plan.stages):
            if node.op != "input":
                self._value(node)
        for name, node in self.module.outputs.items():
            self._output(name, node)
        dims = tuple((d.name, d.bound or 0) for d in self.module.ragged_dims)
        inputs = tuple(_buffer(n["name"], n) for n in self.module.inputs)
        outputs = tuple(_buffer(name, n) for name, n in self.module.outputs.items())
        packed = self.facts.packer.array(LINE)
        return Generated(self.functions, packed, tuple(self.launched), self.sizes, dims, inputs, outputs)

    def _output(self, name: str, node: Node) -> None:
        word, dims = f"output:{name}", node.type.dims

        def emit(ctx: KernelContext) -> None:
            start = ctx.starts[dims[0].name,] if dims and dims[0].ragged else ctx.event
            emit_output(ctx, node, ctx.pointers[word], cast(start, "int64") * const(width(dims), "int64"))

        first = rows_of(dims[:1], self.facts.given)
        self._launch(Piece(dims, emit), [node], {word: passed_as(node)}, {}, {first})

    def _value(self, node: Node) -> None:
        contraction = self.facts.plan.inlining.product(node)
        orders: dict[Node, Sequence[Dim]] = {}
        if contraction is not None and (plan := matrix_product(contraction)) is not None:
            orders[contraction.operands[1]] = (*plan.over, *plan.cols)
        noted = made_by(node)
        written: dict[Hashable, str] = {node: kept_as(node)} | ({} if noted is None else {noted: "int32"})
        for piece in EMITTERS[node.op](node) if contraction is None else [self._product(node, contraction)]:
            self._launch(piece, [node, *node.operands], written, orders, set())

    def _product(self, host: Node, contraction: Node) -> Piece:
        seen = self._seen(host.operands)
        stored = [n for n in seen if self.facts.plan.inlining.stored(n)]
        made = {d.name for n in seen for d in n.type.dims if d.ragged} - self.facts.given
        tiled = None if made else tile(host, contraction, seen, stored)
        return product(host, contraction) if tiled is None else tiled

    def _launch(
        self, piece: Piece, reads: Sequence[Node], written: Mapping[Hashable, str],
        orders: Mapping[Node, Sequence[Dim]], starts: set[Rows],
    ) -> None:  # fmt: skip
        """``written``: with the types of numbers; ``reads``: what is computed from what."""
        seen = self._seen(reads)
        stored = [n for n in seen if self.facts.plan.inlining.stored(n)]
        params = {n: orders.get(n, n.type.dims) for n in stored if n.op == "param"}
        dims = dims_of(seen)
        pointers: dict[Hashable, str] = {
            **written,
            **{n: passed_as(n) if n.op == "input" else kept_as(n) for n in stored},
        }
        pointers |= {d: "int32" for name, d in dims.items() if name not in self.facts.given}
        given = self.facts.given
        kernel = Kernel(
            self.facts, piece, pointers, dims,
            starts | {rows_of(n.type.dims, given) for n in stored if n.op != "param"}, params,
        )  # fmt: skip
        function = self._alike(kernel.function())
        for value in pointers:
            if isinstance(value, Dim):
                self.sizes[value] = (), 4
            elif isinstance(value, Node) and value.op not in GIVEN:
                dims_ = value.type.dims
                self.sizes[value] = rows_of(dims_, given), _BYTES[kept_as(value)] * row_width(dims_, given)
        arguments = {name: self._word(value, params) for name, value in kernel.arguments.items()}
        launched = Launched(function, kernel.rows, kernel.width, kernel.shape, piece.columns, arguments)
        self.launched.append(launched)

    def _word(self, value: Hashable, params: Mapping[Node, Sequence[Dim]]) -> Hashable:
        if not isinstance(value, Node) or value.op not in GIVEN:
            return value
        if value.op == "input":
            return f"input:{value['name']}"
        numbers = self.facts.values[value["path"]].transpose(positions(value.type.dims, params[value]))
        return f"weights:{self.facts.packer.add(numbers)}"

    def _seen(self, roots: Sequence[Node]) -> list[Node]:
        """These, and what is computed where they are; values in memory that are read there."""
        found: dict[Node, None] = {}
        todo = list(roots)
        while todo:
            node = todo.pop()
            if node not in found:
                found[node] = None
                todo += [] if self.facts.plan.inlining.stored(node) else node.operands
        return list(found)

    def _alike(self, function: Any) -> str:
        """The name of a function like this one, which is added if it is the first."""
        key = tvm_ffi.structural_hash(function)
        for name in self._hashes.setdefault(key, []):
            if tvm_ffi.structural_equal(self._made[name], function):
                return name
        name = f"hepq_{len(self.functions)}"
        self._hashes[key].append(name)
        self._made[name] = function
        self.functions[name] = function.with_attr("global_symbol", name)
        return name
