# SPDX-License-Identifier: Apache-2.0
"""Circuits as text and as pictures."""

from __future__ import annotations

from math import pi
from pathlib import Path

import pytest

from hepq.compiler.circuits.formats.draw import MAX_OPS, formula, picture, text
from hepq.core.circuits import Angle, Circuit, Diagonal, Gate
from hepq.core.gates import GATES

CIRCUIT = Circuit(
    3, 2, (Gate("h", (0,)), Gate("ry", (1,), (Angle(pi / 2, ((0, 2.0), (1, -1.0))),)),
           Diagonal((((0, 1, 2), Angle.slot(1)), ((0,), Angle.slot(0, -1.0)))), Gate("ccx", (0, 1, 2))),
)  # fmt: skip


@pytest.mark.parametrize(
    ("angle", "written"),
    [
        (Angle(pi), "π"),
        (Angle(-pi / 2, ((3, -2.0),)), "-2 s3 - 0.5 π"),
        (Angle(0.0, ((0, 1.0), (4, -1.0))), "s0 - s4"),
    ],
)
def test_angles_are_written_as_functions_of_slots(angle: Angle, written: str) -> None:
    assert formula(angle) == written


def test_text_shows_every_gate() -> None:
    drawn = text(CIRCUIT)
    assert all(word in drawn for word in ("H", "Ry(2 s0 - s1 + 0.5 π)", "RZZZ(s1)", "Rz(-s0)", "q_2"))


@pytest.mark.parametrize("name", GATES)
def test_every_gate_can_be_drawn(name: str) -> None:
    spec = GATES[name]
    gate = Gate(name, tuple(range(spec.qubits)), tuple(Angle.slot(k) for k in range(spec.angles)))
    assert all(f"s{k}" in text(Circuit(3, 4, (gate,))) for k in range(spec.angles))


def test_long_circuits_are_cut_in_the_middle() -> None:
    long = Circuit(2, 0, (Gate("cx", (0, 1)),) * (MAX_OPS + 1))
    assert "…" in text(long)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_picture_is_written(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"c.{suffix}"
    picture(CIRCUIT, path)
    assert path.stat().st_size > 2000
