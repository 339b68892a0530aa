# SPDX-License-Identifier: Apache-2.0
"""A network as read from a file: operations over named vectors, and constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """``inputs``: name -> numbers of an event. ``operations`` stand in an order in which they can be done."""

    name: str
    inputs: Mapping[str, int]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...]
    constants: Mapping[str, Array]

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
    return Network(network.name, network.inputs, network.outputs, tuple(joined), network.constants)
