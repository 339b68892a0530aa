# SPDX-License-Identifier: Apache-2.0
"""An ONNX graph as it grows: nodes and initializers by name, equal ones made once, sizes known or computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

#: of onnxruntime 1.6 (2020) and all later ones: what CMSSW, Athena and key4hep load. Nothing here needs a newer one.
OPSET, IR_VERSION = 13, 7

#: a size: known, or the name of an int64 tensor [1] that holds it
Extent = int | str


class Graph:
    """Names made here begin with a slash, which no name of the language does."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, NDArray[Any]] = {}
        self._made: dict[Any, tuple[str, ...]] = {}
        self._constants: dict[Any, str] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The output of a node with one output; an equal node is not made twice."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> tuple[str, ...]:
        key = (kind, outputs, inputs, tuple((k, _hashable(v)) for k, v in sorted(attributes.items())))
        if key not in self._made:
            names = tuple(f"/{kind}_{len(self.nodes)}{f'.{i}' if outputs > 1 else ''}" for i in range(outputs))
            self.nodes.append(helper.make_node(kind, inputs, names, f"/{kind}_{len(self.nodes)}", **attributes))
            self._made[key] = names
        return self._made[key]

    def constant(self, values: Any, dtype: Any, name: str | None = None) -> str:
        """An initializer; under ``name`` if that is free."""
        array = np.asarray(values, dtype, order="C")
        key = (array.dtype.str, array.shape, array.tobytes(), name)
        if key not in self._constants:
            free = name is not None and name not in self.initializers
            self._constants[key] = made = name if free and name else f"/{name or 'const'}_{len(self.initializers)}"
            self.initializers[made] = array
        return self._constants[key]

    def ints(self, *values: int) -> str:
        """int64 [len(values)]."""
        return self.constant(values, np.int64)

    def cast(self, x: str, dtype: Any) -> str:
        return self.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    # --- sizes

    def extent(self, x: str, axis: int) -> str:
        """The size of an axis of ``x``."""
        return self.op("Gather", self.op("Shape", x), self.ints(axis), axis=0)

    def size(self, extent: Extent) -> str:
        """int64 [1]."""
        return self.ints(extent) if isinstance(extent, int) else extent

    def product(self, extents: Sequence[Extent]) -> Extent:
        known = int(np.prod([e for e in extents if isinstance(e, int)], dtype=np.int64))
        result: Extent = known
        for e in extents:
            if isinstance(e, str):
                result = e if result == 1 else self.op("Mul", self.size(result), e)
        return result

    def shape(self, extents: Sequence[Extent]) -> str:
        """int64 [len(extents)]."""
        if all(isinstance(e, int) for e in extents):
            return self.constant(extents, np.int64)
        return self.op("Concat", *(self.size(e) for e in extents), axis=0)

    def iota(self, extent: Extent) -> str:
        """int64 [extent] = 0, 1, 2 …"""
        if isinstance(extent, int):
            return self.constant(np.arange(extent), np.int64)
        zero, one = self.constant(0, np.int64), self.constant(1, np.int64)
        return self.op("Range", zero, self.op("Squeeze", extent, self.ints(0)), one)

    def total(self, x: str, rank: int, axes: Sequence[int], whole: bool) -> str:
        """The sum over axes; of ``whole`` numbers by a product with ones, as onnxruntime's own sums round them."""
        if not whole:
            return self.op("ReduceSum", x, self.ints(*axes), keepdims=0)
        for axis in sorted((a % rank for a in axes), reverse=True):
            moved = self.transpose(x, [*(i for i in range(rank) if i != axis), axis])
            ones = self.op("Expand", self.constant(1, np.int64), self.extent(moved, rank - 1))
            x, rank = self.op("MatMul", moved, ones), rank - 1
        return x

    # --- layout

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """``x`` with axes in another order; of an initializer, another initializer."""
        if list(order) == sorted(order):
            return x
        if x in self.initializers:
            name = None if x.startswith("/") else f"{x}.T"
            return self.constant(self.initializers[x].transpose(order), self.initializers[x].dtype, name)
        return self.op("Transpose", x, perm=tuple(order))

    def unsqueeze(self, x: str, axes: Sequence[int]) -> str:
        if not axes:
            return x
        if x in self.initializers:
            return self.constant(np.expand_dims(self.initializers[x], tuple(axes)), self.initializers[x].dtype)
        return self.op("Unsqueeze", x, self.ints(*axes))

    def reshape(self, x: str, extents: Sequence[Extent]) -> str:
        if x in self.initializers and all(isinstance(e, int) for e in extents):
            return self.constant(self.initializers[x].reshape(extents), self.initializers[x].dtype)
        return self.op("Reshape", x, self.shape(extents))

    def used(self, outputs: Sequence[str]) -> tuple[list[NodeProto], list[TensorProto]]:
        """The nodes and initializers that ``outputs`` depend on."""
        wanted, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                nodes.append(node)
                wanted |= set(node.input)
        kept = {name: value for name, value in self.initializers.items() if name in wanted}
        return nodes[::-1], [numpy_helper.from_array(value, name) for name, value in kept.items()]


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
