# SPDX-License-Identifier: Apache-2.0
"""Runs on two wires: the same distribution, no more two-qubit gates, and known shortest forms are found."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest

from hepq.compiler.circuits.dense import probabilities
from hepq.compiler.circuits.synthesis import pair_blocks
from hepq.compiler.circuits.synthesis.pair_blocks import shortened
from hepq.core.circuits import Angle, Barrier, Circuit, Gate, Op
from hepq.core.gates import ARITIES

A, B = Angle.slot(0), Angle.slot(1, -0.7) + 0.2
NAMES = sorted(n for n in ARITIES if n not in ("ccx", "cswap"))


def cost(circuit: Circuit, any_angle: bool = False) -> int:
    """In cx; an rzz of any angle counts one where it is a native gate."""
    prices = {"swap": 3, "rzz": 1 if any_angle else 2, "rxx": 2, "ryy": 2, "cp": 2, "crz": 2}
    return sum(prices.get(op.name, 1) for op in circuit.ops if isinstance(op, Gate) and len(op.qubits) == 2)


def same(source: Circuit, made: Circuit, outputs: tuple[int, ...]) -> bool:
    values = np.random.default_rng(1).uniform(-pi, pi, source.slots)
    one = probabilities(source, values, list(range(source.qubits)))
    return bool(abs(one - probabilities(made, values, list(outputs))).max() < 1e-9)


@pytest.mark.parametrize("any_angle", [False, True])
@pytest.mark.parametrize("exchange", [False, True])
def test_random_circuits(exchange: bool, any_angle: bool) -> None:
    """Of all gates, open and fixed, with a barrier; runs of few wires are long."""
    rng = np.random.default_rng(3)
    for _ in range(25):
        ops: list[Op] = [Gate("h", (0,)), Gate("ry", (1,), (A,))]
        for _ in range(14):
            name = str(rng.choice(NAMES))
            angles = tuple((A, B, Angle(pi / 2), Angle(0.3))[rng.integers(4)] for _ in range(ARITIES[name][0]))
            ops.append(Gate(name, tuple(int(q) for q in rng.permutation(3)[: ARITIES[name][1]]), angles))
        source = Circuit(3, 2, (*ops[:8], Barrier((int(rng.integers(3)),)), *ops[8:]))
        made = shortened(source, exchange=exchange, any_angle=any_angle)
        assert same(source, made.circuit, made.outputs)
        assert len(made.circuit.barriers) == 1
        assert exchange or made.outputs == (0, 1, 2)


@pytest.mark.parametrize(
    ("ops", "least", "exchanged"),
    [
        ((Gate("rzz", (0, 1), (A,)), Gate("swap", (0, 1))), 3, 2),
        ((Gate("rxx", (0, 1), (A,)), Gate("rzz", (0, 1), (B,))), 2, 2),
        ((Gate("rxx", (0, 1), (A,)), Gate("ryy", (0, 1), (B,)), Gate("rzz", (0, 1), (A,))), 3, 3),
        ((Gate("cx", (0, 1)), Gate("h", (0,)), Gate("h", (1,)), Gate("cx", (0, 1)), Gate("h", (0,))), 2, 1),
        ((Gate("cx", (0, 1)), Gate("cx", (1, 0)), Gate("cx", (0, 1)), Gate("rx", (0,), (A,))), 3, 0),
        ((Gate("cp", (0, 1), (A,)), Gate("cp", (1, 0), (B,))), 2, 2),
    ],
)
def test_shortest_forms(ops: tuple[Gate, ...], least: int, exchanged: int) -> None:
    start = (Gate("ry", (0,), (B,)), Gate("ry", (1,), (A,)))
    source = Circuit(2, 2, (*start, *ops, Gate("ry", (0,), (A,)), Gate("h", (1,))))
    for exchange, wanted in ((False, least), (True, exchanged)):
        made = shortened(source, exchange=exchange, any_angle=False)
        assert same(source, made.circuit, made.outputs)
        assert cost(made.circuit) == wanted


def test_runs_end_at_barriers() -> None:
    """On one wire or both, also where only the other wire goes on."""
    pair = Gate("cx", (0, 1))
    for wires in ((0,), (1,), (0, 1)):
        source = Circuit(2, 0, (pair, Barrier(wires), pair))
        assert shortened(source, exchange=True, any_angle=False).circuit.ops == source.ops
    assert not shortened(Circuit(2, 0, (pair, pair)), exchange=True, any_angle=False).circuit.ops


def test_a_search_ends_where_it_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has seen may be as many states as it takes, and no more."""
    ops = (Gate("ry", (0,), (B,)), Gate("ry", (1,), (A,)), Gate("rzz", (0, 1), (A,)), Gate("rxx", (0, 1), (B,)))
    source = Circuit(2, 2, (*ops, Gate("ry", (0,), (A,))))
    for states, wanted in ((4000, 2), (0, 4)):
        monkeypatch.setattr(pair_blocks, "_STATES", states)
        made = shortened(source, exchange=False, any_angle=False)
        assert cost(made.circuit) == wanted
        assert same(source, made.circuit, made.outputs)
