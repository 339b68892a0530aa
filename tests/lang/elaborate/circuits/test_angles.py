# SPDX-License-Identifier: Apache-2.0
"""Slots of circuits: numbers without a unit, of which equal ones are one."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module
from tests.support.circuits import measured, module

TEXT = """
dim wire = 2
circuit Turned(x: real[wire], m: GeV, t: ns) on q: qubit[wire] {{ {} }}
model M(x: real[wire], m: GeV, t: ns) -> real = expect(Z[0], Turned(x, m, t))
"""


@pytest.mark.parametrize(
    ("angles", "slots", "wanted"),
    [
        (("m / (2 GeV)", "x[0]"), 2, (1.5, 0.25)),
        (("x[0]", "m / (2 GeV) + 1", "t / (500 ps)"), 3, (0.25, 2.5, 4.0)),
        (("m / (2 GeV)", "3 * (m / (2 GeV)) - 1"), 1, (1.5, 3.5)),
        (("(m + 1 GeV) / (1 GeV)", "m * m / (1 GeV)^2"), 2, (4.0, 9.0)),
        (("2 * x[0]", "pi - x[0]", "x[0] + x[1]"), 2, (0.5, np.pi - 0.25, 0.0)),
    ],
)
def test_angles(angles: tuple[str, ...], slots: int, wanted: tuple[float, ...]) -> None:
    built = module(TEXT.format("  ".join(f"rx({a}, q[{i % 2}])" for i, a in enumerate(angles))))
    node = measured(built)
    circuit, values = node["circuit"], Module("slots", built.inputs, {"slots": node.operands[0]})
    event = {"x": np.array([0.25, -0.25]), "m": np.array(3.0), "t": np.array(2.0)}
    found = run_event(values, event, {})["slots"]
    assert circuit.slots == slots
    turned = [op.angles[0] for op in circuit.ops]
    np.testing.assert_allclose([a.constant + sum(c * found[k] for k, c in a.terms) for a in turned], wanted, atol=1e-12)
