# SPDX-License-Identifier: Apache-2.0
"""What a module computes, as a hash: of its nodes, not of where in a program they stand."""

from __future__ import annotations

import hashlib

from hepq.compiler.ir.node import Module, Node


def digest(module: Module) -> str:
    """SHA-256 in hexadecimal: the same for modules that are built in the same way, in any process."""
    numbers: dict[Node, int] = {}
    lines = [module.name]
    for node in [*module.inputs, *module.walk()]:
        if node not in numbers:
            numbers[node] = len(numbers)
            operands = [numbers[o] for o in node.operands]
            lines.append(f"{node.op} {operands} {sorted(node.attrs.items())!r} {node.type!r}")
    lines += [f"{name} {numbers[node]}" for name, node in module.outputs.items()]
    lines += [repr(sorted(module.counts.items())), repr(module.fills), repr(module.checks)]
    lines += [repr(sorted(module.within.items()))] if module.within else []
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
