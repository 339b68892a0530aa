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
    """``inputs``: name -> axes behind the batch, of which one at most is longer than 1. ``operations`` stand in an
    order in which they can be done.

    ``batch``: how many events the file takes at a time; None for any number.
    """

    name: str
    inputs: Mapping[str, tuple[int, ...]]
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


def with_layer_norms(network: Network) -> Network:
    """Layer normalisation in steps, (x - mean) / sqrt(mean((x - mean)^2) + eps), as exporters before opset 17 write it:
    as one ``LayerNormalization``, with its ``Mul`` and ``Add`` of constant vectors.
    """
    made = {o.output: o for o in network.operations}
    joined: dict[str, Operation] = {}
    steps: set[str] = set()
    for operation in network.operations:
        new = _normalised(network, made, steps, operation) if operation.kind == "Div" else None
        base = next((joined[i] for i in operation.inputs if i in joined and network.uses(i) == 1), None)
        vector = next((i for i in operation.inputs if np.ndim(network.constants.get(i, 0)) == 1), None)
        if base is not None and vector is not None and (operation.kind, len(base.inputs)) in (("Mul", 1), ("Add", 2)):
            new = replace(base, inputs=(*base.inputs, vector), output=operation.output)
            steps.add(base.output)
        if new is not None:
            joined[operation.output] = new
    kept: list[Operation] = []
    read = set(network.outputs)
    for operation in reversed([joined.get(o.output, o) for o in network.operations]):
        if operation.output in read or operation.output not in steps:
            kept.append(operation)
            read.update(operation.inputs)
    return replace(network, operations=tuple(reversed(kept)))


def _normalised(
    network: Network, made: Mapping[str, Operation], steps: set[str], quotient: Operation
) -> Operation | None:
    """The layer normalisation that ends in ``quotient``, whose other operations are put among ``steps``."""

    def chain(name: str, *kinds: str) -> list[Operation]:
        """Operations of these kinds, each from the one before by its first input that is no constant."""
        found: list[Operation] = []
        for kind in kinds:
            operation = made.get(name)
            if operation is None or operation.kind != kind:
                return []
            found.append(operation)
            name = next((i for i in operation.inputs if i not in network.constants), "")
        return found

    below = chain(quotient.inputs[1], "Sqrt", "Add", "ReduceMean", "Pow")
    below = below or chain(quotient.inputs[1], "Sqrt", "Add", "ReduceMean", "Mul")
    centred = made.get(quotient.inputs[0])
    if not below or centred is None or centred.kind != "Sub":
        return None
    _, shifted, variance, square = below
    mean = made.get(centred.inputs[1])
    if mean is None or mean.kind != "ReduceMean" or mean.inputs[0] != centred.inputs[0]:
        return None
    eps = next((network.constants[i] for i in shifted.inputs if i in network.constants), None)
    power = network.constants.get(square.inputs[1])
    squared = square.inputs[0] == centred.output and (
        square.inputs[1] == centred.output if square.kind == "Mul" else power is not None and np.all(power == 2)
    )
    axes = [axes_of(network, o) for o in (mean, variance)]
    whole = axes[0] is None or len(axes[0]) != 1 or axes[0] != axes[1]
    if not squared or whole or eps is None or eps.size != 1 or not all(_keeps_axes(o) for o in (mean, variance)):
        return None
    steps.update(o.output for o in (*below, centred, mean))
    attributes = {"axis": axes[0][0] if axes[0] else -1, "epsilon": eps.item()}
    return Operation("LayerNormalization", (centred.inputs[0],), quotient.output, attributes)


def _keeps_axes(mean: Operation) -> bool:
    return bool(mean.attributes.get("keepdims", 1))


def axes_of(network: Network, operation: Operation) -> list[int] | None:
    """Of Squeeze, Unsqueeze and ReduceMean: an attribute in older opsets, then an input; None where none are given."""
    given = network.constants.get(operation.inputs[1]) if len(operation.inputs) > 1 else None
    found = operation.attributes.get("axes") if given is None else given.reshape(-1)
    return None if found is None else [int(a) for a in found]
