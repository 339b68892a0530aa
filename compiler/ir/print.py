# SPDX-License-Identifier: Apache-2.0
"""A module as text, for ``--emit ir`` and ``--print-after``."""

from __future__ import annotations

from collections.abc import Hashable

from hepq.compiler.ir.node import Module, Node
from hepq.core.circuits import Circuit
from hepq.core.types import Dim


def print_ir(module: Module) -> str:
    """One line per node, operands before users; ends with a newline.

    ``%3 = contract %1, %2 over [in] : real[part, 64]``
    """
    lines = [f"module {module.name}"]
    lines += [f"  dim {d} <= {d.bound}" for d in module.ragged_dims]
    names: dict[Node, str] = {}
    walked = list(module.walk())
    for node in [*module.inputs, *(n for n in walked if n.op != "input")]:
        names[node] = f"%{node['name']}" if node.op == "input" else f"%{len(names) - len(module.inputs)}"
        lines.append(f"  {names[node]} = {_operation(node, names)} : {node.type}")
    lines += [f"  output {name} = {names[node]}" for name, node in module.outputs.items()]
    return "\n".join(lines) + "\n"


def _operation(node: Node, names: dict[Node, str]) -> str:
    words = [node.op]
    if node.operands:
        words.append(", ".join(names[o] for o in node.operands))
    if node.op == "param":
        words.append(node["path"])
        words.append(f"~ {node['init'][0]}({', '.join(map(str, node['init'][1:]))})")
        words += [] if node["trainable"] else ["fixed"]
    elif node.op == "const":
        words.append(_attribute(node["value"]))
    elif node.op != "input":
        words += [f"{key} {_attribute(value)}" for key, value in node.attrs.items()]
    return " ".join(words)


def _attribute(value: Hashable) -> str:
    if isinstance(value, Circuit):
        barriers = len(value.barriers)
        more = f", {barriers} barrier{'s' * (barriers > 1)}" if barriers else ""
        return f"<{value.qubits} wires, {value.slots} slots, {len(value.ops) - barriers} gates{more}>"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_attribute, value))}]"
    if isinstance(value, Dim) and value.size is not None and not value.anonymous:
        return f"{value}={value.size}"
    return str(value)
