# SPDX-License-Identifier: Apache-2.0
"""Circuits in other programs' formats: each says what the native circuit says, and a wrong one is not given out."""

from __future__ import annotations

import json
from math import pi
from typing import Any

import numpy as np
import pytest

from hepq.compiler.circuits.formats import originir, qcis
from hepq.compiler.circuits.formats import tket as tket_json
from hepq.compiler.circuits.formats.export import FORMATS, export
from hepq.compiler.circuits.formats.flat import Flat, Format, difference, flat
from hepq.compiler.targets.quantum import device as named_device
from hepq.compiler.targets.quantum import known as targets
from hepq.core.circuits import Angle, Circuit, Gate
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.gates import ARITIES
from hepq.runtime.quantum.matrices import matrix
from hepq.runtime.quantum.native import Native
from tests.support.devices import device, line

CHIP = device(5, line(5))
COMMON = "x y z h s t rx ry rz sx sxdg sdg tdg r cz".split()
WRITES = {
    "qasm3": list(ARITIES), "qasm2": list(ARITIES), "qpy": list(ARITIES), "tket": sorted(set(ARITIES) - {"cu"}),
    "originir": [*COMMON, *"id p u gpi gpi2 cx swap iswap cp rxx ryy rzz ccx".split()],
    "qcis": [*COMMON, *"id p gpi gpi2".split()],
}  # fmt: skip


def native(names: list[str], seed: int = 0) -> Native:
    """Every gate once, on wires 1, 3 and 4 of five qubits, wires exchanged."""
    rng = np.random.default_rng(seed)
    ops = []
    for name in names:
        angles, wires = ARITIES[name]
        qubits = tuple(int(q) for q in rng.permutation([1, 3, 4])[:wires])
        given = [Angle(0.3 * k, ((k, 0.7), (k + 1, -2.0))) for k in range(angles)]
        ops.append(Gate(name, qubits, tuple(given)))
    ops += [Gate("rz", (1,), (Angle(1e-7),)), Gate("rz", (1,), (Angle(-3 * pi),))]
    return Native("test", "now", Circuit(5, 5, tuple(ops)), (4, 1, 3), (3, 4, 1))


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_format_reads_back_as_it_was_written(fmt: str) -> None:
    made = native(WRITES[fmt])
    for values in (np.random.default_rng(1).normal(size=5), None):
        if values is None and not FORMATS[fmt].open:
            continue
        text = export(made, CHIP, fmt, values)
        assert difference(FORMATS[fmt].read(text, 5), flat(made, values)) < 1e-9


@pytest.mark.parametrize("fmt", FORMATS)
def test_gates_that_the_format_defines_anew_for_each_angle(fmt: str) -> None:
    ops = [Gate(name, (q,), (a,)) for name in ("gpi2", "gpi") for q, a in [(0, Angle(0.4)), (1, Angle(-2.0))]]
    made = Native("test", "now", Circuit(5, 1, (*ops, Gate("gpi2", (0,), (Angle.slot(0),)))), (0, 1), (0, 1))
    for values in (np.array([0.3]), None) if FORMATS[fmt].open else (np.array([0.3]),):
        assert difference(FORMATS[fmt].read(export(made, CHIP, fmt, values), 5), flat(made, values)) < 1e-9


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_reader_sees_every_change(fmt: str) -> None:
    made, values = native(["rx", "cz", "sx"]), np.random.default_rng(1).normal(size=5)
    read = FORMATS[fmt].read(export(made, CHIP, fmt, values), 5)
    ops = made.circuit.ops
    for changed in (
        Native("test", "now", Circuit(5, 5, ops[:-1]), made.layout, made.measured),
        Native("test", "now", Circuit(5, 5, (*ops[1:], ops[0])), made.layout, made.measured),
        Native("test", "now", Circuit(5, 5, (*ops[:-1], Gate("rz", (1,), (Angle(0.1),)))), made.layout, made.measured),
        Native("test", "now", made.circuit, made.layout, made.measured[::-1]),
    ):
        assert difference(read, flat(changed, values)) > 1e-3


def test_what_reads_back_wrong_is_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    form = FORMATS["qcis"]
    wrong = Format(form.suffix, lambda n, v: form.write(n, v).replace("X2P", "X2M"), form.read, False)  # type: ignore[arg-type]
    monkeypatch.setitem(FORMATS, "qcis", wrong)
    with pytest.raises(HepqError) as caught:
        export(native(["sx"]), CHIP, "qcis", np.zeros(5))
    assert caught.value.diagnostics[0].code == "HQ0736"


@pytest.mark.parametrize(
    ("fmt", "names", "values", "code"),
    [
        ("qasm4", ["rx"], None, "HQ0733"),
        ("qasm2", ["rx"], None, "HQ0734"),
        ("qcis", ["ecr"], np.zeros(5), "HQ0735"),
        ("tket", ["cu"], None, "HQ0735"),
    ],
)
def test_mistakes_are_told(fmt: str, names: list[str], values: Any, code: str) -> None:
    with pytest.raises(HepqError) as caught:
        export(native(names), CHIP, fmt, values)
    assert caught.value.diagnostics[0].code == code


@pytest.mark.parametrize("module", [originir, qcis])
def test_gates_are_spelled_as_equals_up_to_a_phase(module: Any) -> None:
    for name, (angles, wires) in ARITIES.items():
        gate = Gate(name, (0, 1, 2)[:wires], tuple(Angle(0.4 + k) for k in range(angles)))
        if (made := module.spelled(gate)) is not None:
            assert difference(Flat(3, (gate,), ()), Flat(3, (made,), ())) < 1e-9


@pytest.mark.parametrize("name", sorted(set(ARITIES) - {"cu"}))
def test_pytkets_gates_are_ours(name: str) -> None:
    """pytket's own unitary, whose first qubit is the most significant."""
    from pytket import Circuit as Tket

    angles, wires = ARITIES[name]
    gate = Gate(name, tuple(range(wires)), tuple(Angle(0.4 + k) for k in range(angles)))
    made = Native("test", "now", Circuit(wires, 0, (gate,)), (0,), (0,))
    circuit = Tket.from_dict(json.loads(tket_json.write_tket(made, None)))
    bare = Tket(wires)
    for command in circuit.get_commands():
        if command.op.type.name != "Measure":
            bare.add_gate(command.op, command.qubits)
    order = [int(format(i, f"0{wires}b")[::-1], 2) for i in range(1 << wires)]
    theirs = bare.get_unitary()[np.ix_(order, order)]
    ours = matrix(name, *(0.4 + k for k in range(angles)))
    assert abs(abs(np.vdot(theirs, ours)) - len(ours)) < 1e-9


def test_text_formats_on_one_page() -> None:
    """As the vendors' own parsers (pyqpanda3 0.5, cqlib 1.3) read it."""
    ops = (
        Gate("r", (2,), (Angle(0.5), Angle(-0.25))), Gate("sx", (0,)), Gate("cz", (2, 1)),
        Gate("gpi2", (1,), (Angle(4.0),)),
    )  # fmt: skip
    made = Native("test", "now", Circuit(3, 0, ops), (0, 1), (2, 0))
    small = device(3, line(3))
    assert export(made, small, "originir", np.zeros(0)) == (
        "QINIT 3\nCREG 2\nRPHI q[2],(0.5,-0.25)\nRX q[0],(1.570796326794897)\nCZ q[2],q[1]\n"
        "RPHI q[1],(1.570796326794897,-2.283185307179586)\nMEASURE q[2],c[0]\nMEASURE q[0],c[1]\n"
    )
    assert export(made, small, "qcis", np.zeros(0)) == (
        "RXY Q2 -0.25 0.5\nX2P Q0\nCZ Q2 Q1\nXY2P Q1 -2.283185307179586\nM Q2\nM Q0\n"
    )


def test_qasm3_says_what_open_angles_are() -> None:
    text = export(native(["rx", "cz"]), CHIP, "qasm3")
    assert isinstance(text, str)
    assert "// a0 = 0.7 * s0 - 2.0 * s1\n" in text
    assert "input float[64] a0;" in text
    assert "c[0] = measure $3;" in text


@pytest.mark.case("qasm2_sx")
@pytest.mark.parametrize("name", sorted(ARITIES))
def test_openqasm_2_is_read_without_knowing_more_than_its_papers_gates(name: str) -> None:
    """Of Qiskit's own unitary; its reader's legacy mode and pytket's reader take the file too."""
    from pytket.qasm.qasm import circuit_from_qasm_str
    from qiskit import qasm2
    from qiskit.quantum_info import Operator

    angles, wires = ARITIES[name]
    gate = Gate(name, tuple(range(wires)), tuple(Angle(0.4 + k) for k in range(angles)))
    made = Native("test", "now", Circuit(wires, 0, (gate,)), (0,), (0,))
    text = export(made, device(wires, line(wires)), "qasm2", np.zeros(0))
    assert isinstance(text, str)
    read = qasm2.loads(text)
    read.remove_final_measurements()
    assert abs(abs(np.vdot(Operator(read).data, matrix(name, *(0.4 + k for k in range(angles))))) - 2**wires) < 1e-9
    qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    assert circuit_from_qasm_str(text).n_qubits == wires


@pytest.mark.parametrize("target", [*targets()])
def test_every_device_in_every_format(target: str) -> None:
    """Its native gates are written and read again by the foreign tool, or refused by name (ions and iswap in QCIS)."""
    chip = named_device(target)
    ops = [Gate(n, (0,), tuple(Angle(0.3 + k) for k in range(ARITIES[n][0]))) for n in chip.one_qubit]
    seen = {c.gate: c for c in chip.usable}
    ops += [Gate(g, (c.a, c.b), tuple(Angle(0.5 + k) for k in range(ARITIES[g][0]))) for g, c in seen.items()]
    first = chip.usable[0]
    made = Native(chip.name, chip.calibration, Circuit(chip.size, 0, tuple(ops)), (first.a,), (first.a,))
    for fmt, form in FORMATS.items():
        if all(form.spelled(gate) is not None for gate in ops):
            assert difference(form.read(export(made, chip, fmt, np.zeros(0)), chip.size), flat(made, None)) < 1e-8
        else:
            assert fmt in ("qcis", "originir")


@pytest.mark.parametrize("fmt", ["qasm3", "qpy", "tket"])
def test_open_angles_are_computed_from_the_file_alone(fmt: str) -> None:
    import math
    import re
    from io import BytesIO

    made, slots = (
        native(["rx", "u", "rzz", "cz"]),
        ["x: [wire: 5] of the event", *(f"s{k} = 2 * x[{k}]" for k in range(5))],
    )
    written = export(made, CHIP, fmt, slots=slots)
    if fmt == "qpy":
        from qiskit import qpy

        assert isinstance(written, bytes)
        lines = qpy.load(BytesIO(written))[0].metadata["angles"]
        names = {p.name for p in qpy.load(BytesIO(written))[0].parameters}
    elif fmt == "tket":
        lines = json.loads(written)["angles"]
        names = {line.split(" = ")[0] for line in lines if line.startswith("a")}
    else:
        lines = [line.removeprefix("// ") for line in str(written).splitlines() if line.startswith("// ")]
        names = set(re.findall(r"^input float\[64\] (\w+);", str(written), re.M))
    x = np.array([0.3, -1.0, 2.0, 0.5, 0.1])
    known: dict[str, Any] = {"x": x, **vars(math)}
    for formula in filter(re.compile(r"\w+ = ").match, lines):
        name, text = formula.split(" = ")
        known[name] = eval(text, {"__builtins__": {}}, known)
    wanted = made.bind(2 * x[None])[0]
    places = [k for k, angle in enumerate(made.circuit.angles) if not angle.fixed]
    assert sorted(names) == [f"a{k}" for k in places]
    np.testing.assert_allclose([known[f"a{k}"] for k in places], wanted[places], atol=1e-12)
