# SPDX-License-Identifier: Apache-2.0
"""A module as a straight-line program that the runtime runs in NumPy, circuits and all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import LEGALISE
from hepq.core.circuits import Circuit
from hepq.core.ops.table import QUANTUM, REDUCE
from hepq.core.types import Dim
from hepq.runtime import program as p


class NotStraight(Exception):
    """An operation that such a program cannot do."""


def to_program(module: Module) -> p.Program:
    """Raises NotStraight naming an op that needs compiled code (neighbours, windows)."""
    circuits: dict[str, tuple[int, Circuit]] = {}
    steps: list[p.Step] = []
    where: dict[Node, int] = {}

    def number(circuit: Circuit) -> int:
        return circuits.setdefault(circuit.digest, (len(circuits), circuit))[0]

    module, _ = run_pipeline(LEGALISE, module, {})
    for node in module.walk():
        where[node] = len(steps)
        steps.append(_step(node, tuple(where[o] for o in node.operands), number))
    return p.Program(
        inputs={n["name"]: _dims(n.type.dims) for n in module.inputs},
        steps=tuple(steps),
        outputs={name: where[node] for name, node in module.outputs.items()},
        circuits=tuple(c.to_json() for _, c in circuits.values()),
    )


def _dims(dims: tuple[Dim, ...]) -> tuple[p.Dim, ...]:
    return tuple((str(d), d.size) for d in dims)


def _step(node: Node, args: tuple[int, ...], number: Callable[[Circuit], int]) -> p.Step:
    if node.op not in p.RULES and node.op not in QUANTUM:
        raise NotStraight(node.op)
    elem: Any = node.type.elem
    return p.Step(op=node.op, args=args, elem=elem, dims=_dims(node.type.dims), attrs=_attrs(node, number))


def _attrs(node: Node, number: Callable[[Circuit], int]) -> dict[str, Any]:
    match node.op:
        case "input":
            return {"name": node["name"]}
        case "param":
            return {"path": node["path"]}
        case "const":
            return {"value": node["value"]}
        case "iota" | "count":
            return {"dim": [str(node["dim"]), node["dim"].size]}
        case "concat":
            return {"along": [str(d) for d in node["along"]]}
        case "pick":
            return {"dim": str(node["dim"]), "start": node["index"]}
        case "slice":
            return {"dim": str(node["dim"]), "start": node["start"], "size": node["dst"].size}
        case op if op == "contract" or op in REDUCE:
            return {"over": [str(d) for d in node["over"]]}
        case "fidelity":
            return {"left": number(node["left"]), "right": number(node["right"])}
        case "expect":
            observables = [[[c, [list(q) for q in pauli]] for c, pauli in terms] for terms in node["observables"]]
            return {"circuit": number(node["circuit"]), "observables": observables, "single": node["dim"] is None}
        case "probs":
            return {"circuit": number(node["circuit"]), "wires": list(node["wires"])}
        case "sample":
            return {
                "circuit": number(node["circuit"]), "wires": list(node["wires"]), "shots": node["shots"]
            }  # fmt: skip
    return {}
