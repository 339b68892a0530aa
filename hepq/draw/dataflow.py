# SPDX-License-Identifier: Apache-2.0
"""A model's IR drawn small: one stage per layer, not one per operation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import networkx as nx

from hepq.compiler.ir.build import Built
from hepq.compiler.ir.node import Node
from hepq.core.ops.table import QUANTUM

_WORDS = {"reduce_" + name: name for name in ("sum", "mean", "max", "min", "any", "all")}


@dataclass
class Stage:
    """A box of the picture. ``gives``: the types that leave it."""

    title: str
    detail: str = ""
    gives: set[str] = field(default_factory=set)


def dataflow(built: Built) -> nx.DiGraph:
    """Stages as nodes (attribute ``stage``) and the data between them as edges.

    Layers are the model's outermost block instances. An operation that belongs to none of them joins
    the stage that all of its users, or else all of its operands, belong to. Nearest-neighbour searches and
    reductions over particles are stages of their own.
    """
    nodes = list(built.module.walk())
    stages: dict[str, Stage] = {}
    home = _layers(built, nodes, stages) | _marked(built, nodes, stages)
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for operand in node.operands:
            users.setdefault(operand, []).append(node)
    drawn = [n for n in nodes if n.op not in ("param", "const")]
    for node in drawn:
        before = {home.get(o) for o in node.operands if o.op not in ("param", "const")}
        if node.op == "input":
            home[node] = _add(stages, "data", Stage("inputs"))
        elif node not in home and len(before) == 1 and (key := before.pop()):
            home[node] = key
    for node in reversed(drawn):
        after = {home.get(user) for user in users.get(node, [])}
        if node not in home and len(after) == 1 and (key := after.pop()):
            home[node] = key
    for node in drawn:
        if node not in home:
            known = [home[o] for o in node.operands if o in home]
            home[node] = known[-1] if known else _add(stages, "data", Stage("inputs"))
    _name_inputs(built, home, stages)
    graph = nx.DiGraph()
    for node in drawn:
        graph.add_node(home[node], stage=stages[home[node]])
        for operand in node.operands:
            if operand in home and home[operand] != home[node] and not _reaches(graph, home[node], home[operand]):
                graph.add_edge(home[operand], home[node])
                stages[home[operand]].gives.add(str(_unprimed(operand).type))
    for name, node in built.module.outputs.items():
        stages[name] = Stage(name, ", ".join(node.type.dims[-1].entries) if node.type.dims else "", {str(node.type)})
        graph.add_node(name, stage=stages[name])
        graph.add_edge(home[node], name)
    return graph


def _add(stages: dict[str, Stage], key: str, stage: Stage) -> str:
    stages.setdefault(key, stage)
    return key


def _unprimed(node: Node) -> Node:
    return _unprimed(node.operands[0]) if node.op == "rename" else node


def _reaches(graph: nx.DiGraph, source: str, target: str) -> bool:
    return source in graph and target in graph and nx.has_path(graph, source, target)


def _layers(built: Built, nodes: list[Node], stages: dict[str, Stage]) -> dict[Node, str]:
    """Operations on weights, by the layer whose weights they are."""
    blocks = {i.path: i.block for i in built.plan.instances}
    paths = [path.rpartition(".")[0] for path in built.module.params]
    prefix = os.path.commonpath([p.replace(".", "/") for p in paths]) if len(set(paths)) > 1 else ""
    depth = len(prefix.split("/")) + 1 if prefix else 1
    home = {}
    for node in nodes:
        params = [o["path"] for o in node.operands if o.op == "param"]
        if params:
            key = ".".join(params[0].split(".")[:-1][:depth]) or built.plan.name
            _add(stages, key, Stage(blocks.get(key, "") or key, key.rpartition(".")[2]))
            home[node] = key
    return home


def _marked(built: Built, nodes: list[Node], stages: dict[str, Stage]) -> dict[Node, str]:
    """Searches for neighbours, reductions over a ragged dim (what moves data between particles), and circuits."""
    home = {}
    for number, node in enumerate(nodes):
        if node.op == "knn":
            home[node] = _add(stages, f"knn {number}", Stage(f"{node['nbr'].size} nearest neighbours", _space(node)))
        elif node.op in QUANTUM:
            circuit = node["left"] if node.op == "fidelity" else node["circuit"]
            size = f"{circuit.qubits} wires, {circuit.slots} angles"
            home[node] = _add(stages, f"{node.op} {number}", Stage(f"circuit: {node.op}", size))
        elif node.op in _WORDS and any(d.ragged for d in node["over"]):
            over = ", ".join(str(d) for d in node["over"])
            home[node] = _add(stages, f"{node.op} {number}", Stage(f"{_WORDS[node.op]} over {over}"))
    return home


def _space(knn: Node) -> str:
    return f"in {knn['coord']}" if not knn["coord"].anonymous else f"in {knn['coord'].size} features"


def _name_inputs(built: Built, home: Mapping[Node, str], stages: dict[str, Stage]) -> None:
    if "data" in stages:
        plan = built.plan.dataset
        stages["data"].title = f"dataset {plan.name}" if plan else "inputs"
        names = [str(n["name"]) for n in built.module.inputs if home.get(n) == "data"]
        rows = [", ".join(names[i : i + 4]) for i in range(0, len(names), 4)]
        stages["data"].detail = "\n".join(rows)
