# SPDX-License-Identifier: Apache-2.0
"""A module with circuits in two: what is compiled (particles, neighbours), and the program that measures circuits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from hepq.compiler.ir.node import Module, Node, made_dims, topological
from hepq.compiler.passes.base import Static, substitute
from hepq.compiler.schema.events import read_inputs
from hepq.core.ops.table import QUANTUM
from hepq.runtime.program import RULES


class CannotSplit(Exception):
    """Compiled code would have to give a value that it cannot, or run after a circuit."""


@dataclass(frozen=True)
class Parts:
    """``compiled`` gives values named ``stage0`` …, which are inputs of ``program``; None where nothing needs it.

    ``names``: what each value of ``stages`` is called: a stage, or an input of the module.
    """

    compiled: Module | None
    program: Module
    names: Mapping[Node, str]


def has_circuits(module: Module) -> bool:
    return any(node.op in QUANTUM for node in module.walk())


def partition(module: Module, stages: Sequence[Node] = ()) -> Parts:
    """Compiled: everything before the circuits that works on ragged dims, or that a program cannot do, and ``stages``.

    Where that cannot be and the program can do all, it does, one event at a time if dims are ragged.
    Raises CannotSplit naming what stands in the way.
    """
    try:
        return _split(module, stages)
    except CannotSplit:
        if all(node.op in RULES or node.op in QUANTUM for node in module.walk()):
            return Parts(None, module, {})
        raise


def _split(module: Module, stages: Sequence[Node]) -> Parts:
    before = _before(module)
    needy = [n for n in before if _ragged(n) or n.op not in RULES]
    wanted = [n for n in (*needy, *stages) if n.op != "input"]
    names = {n: n["name"] for n in stages if n.op == "input"}
    if not wanted:
        return Parts(None, module, names)
    first = set(topological(wanted))
    static = Static()
    users = [n for n in module.walk() if n not in first]
    frontier = dict.fromkeys(o for n in users for o in n.operands if o in first and o.op != "input" and not static(o))
    frontier |= dict.fromkeys(n for n in (*module.outputs.values(), *stages) if n in first and n.op != "input")
    made = made_dims(module)
    for node in frontier:
        _check(node, made)
    given = {
        node: replace(node, op="input", operands=(), attrs={"name": f"stage{i}"}) for i, node in enumerate(frontier)
    }
    outputs = {given[n]["name"]: n for n in frontier}
    compiled = read_inputs(Module(module.name, module.inputs, outputs))
    program = substitute(module, given)
    after = set(program.walk())
    if odd := next((n for n in after if n.op not in RULES and n.op not in QUANTUM), None):
        raise CannotSplit(f"`{odd.op}` after a circuit")
    inputs = [i for i in (*module.inputs, *given.values()) if i in after]
    names |= {n: given[n]["name"] for n in stages if n in given}
    return Parts(compiled, replace(program, inputs=tuple(inputs)), names)


def _before(module: Module) -> list[Node]:
    """Nodes that no circuit comes before, in order."""
    found: list[Node] = []
    known: set[Node] = set()
    for node in module.walk():
        if node.op not in QUANTUM and all(o in known for o in node.operands):
            known.add(node)
            found.append(node)
    return found


def _ragged(node: Node) -> bool:
    if node.op in ("input", "param", "const"):
        return False
    if node.op == "count":
        return bool(node["dim"].ragged)
    return any(d.ragged for t in (node.type, *(o.type for o in node.operands)) for d in t.dims)


def _check(node: Node, made: Collection[str]) -> None:
    ragged = [d for d in node.type.dims if d.ragged]
    if any(d.name in made for d in ragged):
        raise CannotSplit(f"a value of type {node.type}, whose entries the program chooses, before a circuit")
    if len(ragged) > 1 or (ragged and (not node.type.dims[0].ragged or ragged[0].primes)):
        raise CannotSplit(f"a value of type {node.type} between classical code and a circuit")
    if node.type.elem == "index":
        raise CannotSplit("neighbour lists between classical code and a circuit")
