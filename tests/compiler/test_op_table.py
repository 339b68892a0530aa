# SPDX-License-Identifier: Apache-2.0
"""Every back end has a rule for every operation that may reach it, and its passes take away all others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from hepq.compiler.hybrid.partition import partition
from hepq.compiler.ir import flops, infer, interpret
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cpu import codegen
from hepq.compiler.lower.cpu.prepare import LoweringError, prepare
from hepq.compiler.lower.cuda import emit as cuda
from hepq.compiler.lower.events import values as events
from hepq.compiler.lower.onnx import OnnxError, lower
from hepq.compiler.lower.onnx import ops as onnx
from hepq.compiler.lower.program import NotStraight, to_program
from hepq.compiler.lower.torch import ops as torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import LEGALISE
from hepq.core.axes import BinAxis
from hepq.core.circuits import Angle, Circuit, Gate
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import COUNTING, OPS, QUANTUM, SEGMENT
from hepq.core.types import Dim, Type
from hepq.runtime import program
from hepq.runtime.events.elementwise import NUMPY
from tests.support.generate import random_weights

BACKENDS: tuple[Rules[Any], ...] = (
    infer.RULES, interpret.RULES, flops.RULES, torch.RULES, codegen.EMITTERS, cuda.EMITTERS, events.RULES, onnx.RULES,
    program.RULES, program.FITS,
)  # fmt: skip
PART, CHAN, SLOT, SOME = Dim("part", bound=4), Dim("chan", 2), Dim("1", 1), Dim("some", bound=4)


def problems(table: set[str]) -> str:
    return "\n".join(p for rules in BACKENDS for p in rules.problems(table))


def test_rules_and_illegal_operations_are_all_operations() -> None:
    found = problems(set(OPS))
    assert not found, (
        f"{found}\nAn operation needs a rule there, or a pass that takes it away and its place in `illegal`."
    )


def test_what_a_row_alone_lacks_is_named_for_each_back_end() -> None:
    found = problems({*OPS, "frobnicate"}).splitlines()
    assert found == [f"{rules.backend}: no rule for `frobnicate`" for rules in BACKENDS]


def test_a_rule_for_what_is_illegal_or_unknown_is_named() -> None:
    rules: Rules[str] = Rules("abacus", illegal=("add",), elsewhere=("input",))
    rules("add", "sbu")("")
    assert rules.problems({"add", "input"}) == [
        "abacus: a rule for `add`, which is illegal there", "abacus: `sbu` is no operation",
    ]  # fmt: skip


def test_static_values_are_the_references() -> None:
    for op in OPS.values():
        if op.static is not None:
            args = (0.5, 0.25)[: op.arity]
            assert op.static(*args) == pytest.approx(NUMPY[op.name](*args), rel=1e-15), op.name


def module(op: str) -> Module:
    """One with the operation."""
    x = make("input", name="x", type=Type("real", (PART, CHAN)))
    slots = make("input", name="slots", type=Type("real", (SLOT,)))
    stats = [
        make("param", path=p, init=("constant", 1.0), trainable=False, type=Type("real", (CHAN,)))
        for p in ("w", "b", "mean", "var")
    ]
    circuit, four = Circuit(2, 1, (Gate("ry", (0,), (Angle(0.0, ((0, 1.0),)),)),)), Dim("4", 4)
    near = make("knn", x, over=PART, coord=CHAN, nbr=Dim("nbr", 1), short="self")
    first, zero = make("pick", x, dim=CHAN, index=0), make("const", value=0.0)
    number = make("number", make("iota", dim=PART), x, dim=PART)

    def summed(index: Node, over: Dim) -> Node:
        return make("reduce_sum", make("gather", x, index), over=(over,))

    made: dict[str, Callable[[], Node]] = {
        "batch_norm": lambda: make("batch_norm", x, *stats, channel=CHAN, eps=1e-5, momentum=0.1),
        "dropout": lambda: make("dropout", x, p=0.5),
        "stop_gradient": lambda: make("stop_gradient", x),
        "knn": lambda: make("cast", near, type=Type("int", near.type.dims)),
        "gather": lambda: make("gather", x, near),
        "filter": lambda: summed(make("filter", make("gt", first, zero), dim=PART, dst=SOME), SOME),
        "argsort": lambda: summed(make("argsort", first, dim=PART, dst=PART, descending=(True,)), PART),
        "combinations": lambda: summed(make("combinations", x, dim=PART, dst=SOME, slot=SLOT), SOME),
        "unite": lambda: summed(make("unite", x, x, dims=(PART, PART), part=1, dst=SOME), SOME),
        "number": lambda: summed(number, PART),
        "cumsum": lambda: make("cumsum", x, over=PART),
        **{op: partial(make, op, x, number) for op in SEGMENT},
        "bin": lambda: make("bin", x, axis=BinAxis.regular(2, 0.0, 1.0)),
        "lookup": lambda: make("lookup", make("iota", dim=PART), values=(0.5, 2.0)),
        "noise": lambda: make("noise", make("count", dim=PART), make("iota", dim=PART), name="smear"),
        "cut": lambda: make("cut", make("count", dim=PART), make("gt", first, zero), number=0),
        "window": lambda: make("window", x, dim=PART, win=Dim("win", 3), stride=1, pad=1, dst=PART),
        "fidelity": lambda: make("fidelity", slots, slots, left=circuit, right=circuit),
        "expect": lambda: make("expect", slots, circuit=circuit, observables=(((1.0, ((0, "Z"),)),),), dim=None),
        "probs": lambda: make("probs", slots, circuit=circuit, wires=(0, 1), dim=four),
        "sample": lambda: make("sample", slots, circuit=circuit, wires=(1, 0), dim=four, shots=10),
    }
    return Module("m", (slots,) if op in QUANTUM else (x,), {"y": made[op]()})


def on_cpu(given: Module) -> set[str]:
    if any(n.op in COUNTING for n in given.walk()):
        with pytest.raises(LoweringError, match="counted"):
            prepare(given, {})
        return set()
    compiled = partition(given).compiled
    return set() if compiled is None else {n.op for n in prepare(compiled, WEIGHTS)[0].walk()}


def in_onnx(given: Module) -> set[str]:
    if any(n.op in QUANTUM for n in given.walk()):
        with pytest.raises(OnnxError, match="circuit"):
            lower(given, {})
        return set()
    if any(n.op in COUNTING for n in given.walk()):
        with pytest.raises(OnnxError, match="counted"):
            lower(given, {})
        return set()
    lower(given, WEIGHTS)
    return {n.op for n in run_pipeline(LEGALISE, given, {})[0].walk()}


def in_program(given: Module) -> set[str]:
    try:
        return {step.op for step in to_program(given).steps}
    except NotStraight:
        return {n.op for n in partition(given).program.walk()}


WEIGHTS = random_weights(module("batch_norm"), np.random.default_rng(0))
REACHES = {"cpu": on_cpu, "cuda": on_cpu, "onnx": in_onnx, "program": in_program}
ILLEGAL = [(rules.backend, op) for rules in BACKENDS if rules.backend in REACHES for op in sorted(rules.illegal)]


@pytest.mark.parametrize(("backend", "op"), ILLEGAL)
def test_an_illegal_operation_is_taken_away_before(backend: str, op: str) -> None:
    given = module(op)
    assert op in {n.op for n in given.walk()}
    assert op not in REACHES[backend](given)
