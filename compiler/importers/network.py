# SPDX-License-Identifier: Apache-2.0
"""A network as read from a file: operations over named vectors, and constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Unfit(Exception):
    """What is no feed-forward network on vectors, in words."""


@dataclass(frozen=True)
class Operation:
    """``kind``: as ONNX calls it. An input is the name of a vector or of a constant; "" where it is left out."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """``inputs``: name -> numbers of an event. ``operations`` stand in an order in which they can be done.

    ``batch``: how many events the file takes at a time; None for any number.
    """

    name: str
    inputs: Mapping[str, int]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...]
    constants: Mapping[str, Array]
    batch: int | None = None

    def uses(self, name: str) -> int:
        """How often a value is read, as an output too."""
        return sum(o.inputs.count(name) for o in self.operations) + self.outputs.count(name)


def with_biases(network: Network) -> Network:
    """``MatMul`` by a constant, then ``Add`` of a constant vector, as one ``Gemm``."""
    made = {o.output: o for o in network.operations if o.kind == "MatMul" and o.inputs[1] in network.constants}
    joined: list[Operation] = []
    for operation in network.operations:
        product = next((made[i] for i in operation.inputs if i in made and network.uses(i) == 1), None)
        bias = next((i for i in operation.inputs if i in network.constants), None)
        if operation.kind == "Add" and product is not None and bias is not None:
            width = network.constants[product.inputs[1]].shape[-1]
            if np.size(network.constants[bias]) == width:
                joined.remove(product)
                operation = Operation("Gemm", (*product.inputs, bias), operation.output)
        joined.append(operation)
    return replace(network, operations=tuple(joined))


def without_axes(network: Network) -> Network:
    """``Unsqueeze``, ``BatchNormalization``, ``Squeeze`` of one axis behind the channels: the normalisation."""
    made = {o.output: o for o in network.operations}
    kept: list[Operation] = []
    for operation in network.operations:
        norm = made.get(operation.inputs[0]) if operation.kind == "Squeeze" else None
        grown = made.get(norm.inputs[0]) if norm is not None and norm.kind == "BatchNormalization" else None
        if norm is None or grown is None or grown.kind != "Unsqueeze":
            kept.append(operation)
            continue
        behind = all(_axes(network, o) in ([2], [-1]) for o in (grown, operation))
        if behind and network.uses(norm.output) == network.uses(grown.output) == 1:
            kept = [o for o in kept if o is not norm and o is not grown]
            operation = replace(norm, inputs=(grown.inputs[0], *norm.inputs[1:]), output=operation.output)
        kept.append(operation)
    return replace(network, operations=tuple(kept))


def _axes(network: Network, operation: Operation) -> list[int] | None:
    """Of Squeeze and Unsqueeze: an attribute before opset 13, then an input."""
    given = network.constants.get(operation.inputs[1]) if len(operation.inputs) > 1 else None
    found = operation.attributes.get("axes") if given is None else given.reshape(-1)
    return None if found is None else [int(a) for a in found]
