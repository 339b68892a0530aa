# SPDX-License-Identifier: Apache-2.0
"""A dataset with objects, for the runtime: what it reads, what it gives the model, what it counts."""

from __future__ import annotations

from collections.abc import Mapping

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.stages import CUT, KEPT, LABEL, OUTSIDE, OWNER, SELECT, ZEROED
from hepq.core.types import Dim
from hepq.lang.declarations.dataset import DatasetPlan
from hepq.lang.elaborate.branches import BranchPlan
from hepq.runtime.artifact.stage import Elem, EventStage, StageBranch, StageOutput


def event_stage(plan: DatasetPlan, events: Module, mcpu: str, features: tuple[str, ...]) -> EventStage:
    """Of the event program ``events`` of a dataset."""
    branches = tuple(stage_branch(plan.branches, n) for n in events.inputs)
    special = (SELECT, CUT, KEPT, ZEROED, OWNER, LABEL, OUTSIDE)
    inputs = tuple(
        stage_output(name, n)
        for name, n in events.outputs.items() if not name.startswith(special)
    )  # fmt: skip
    return EventStage(
        branches=branches, inputs=inputs,
        lists={d: p for d, p in plan.lists.items() if any(b.dim == d for b in branches)},
        selects=_named(events, SELECT), cuts=_named(events, CUT), zeroed=_named(events, ZEROED),
        owned=_named(events, OWNER), outside=_named(events, OUTSIDE),
        labels={n: _led(events.outputs[LABEL + n]) for n in _named(events, LABEL)},
        each="" if plan.each is None else str(plan.each), mcpu=mcpu, features=features,
    )  # fmt: skip


def _named(events: Module, head: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(head) for name in events.outputs if name.startswith(head))


def stage_output(name: str, node: Node) -> StageOutput:
    return StageOutput(name=name, elem=_elem(node), dim=_led(node), shape=_shape(node))


def stage_branch(branches: Mapping[str, BranchPlan], node: Node) -> StageBranch:
    """Of an input."""
    b, t = branches[node["name"]], node.type
    into: Dim | None = t.into
    return StageBranch(
        name=b.name, branch=b.branch, elem=_elem(node), dim=_led(node), shape=_shape(node), factor=b.factor,
        default=b.default,
        into="" if into is None else str(into), owner=b.owner, ends=b.ends, by=b.by, key=b.key, sure=b.sure,
    )  # fmt: skip


def _elem(node: Node) -> Elem:
    elem = node.type.elem
    assert elem != "complex", "events hold no complex numbers"
    return elem


def _led(node: Node) -> str:
    dims = node.type.dims
    return str(dims[0]) if dims and dims[0].ragged else ""


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(d.size for d in node.type.dims if d.size is not None)
