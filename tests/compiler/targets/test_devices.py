# SPDX-License-Identifier: Apache-2.0
"""Devices that come with hepq: whole, connected, sourced; IBM's as Qiskit's copies of the same backends."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

import networkx as nx
import pytest

from hepq.compiler.circuits.check import verify_native
from hepq.compiler.circuits.synthesis.structure import structure_aware
from hepq.compiler.targets.files import drawn, unsourced
from hepq.compiler.targets.lattices import places
from hepq.compiler.targets.quantum import device, known, listed
from hepq.compiler.targets.vendors import ibm
from hepq.compiler.targets.vendors.table import MAX_ONE_QUBIT, MAX_READOUT, MAX_TWO_QUBIT
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.gates import ARITIES
from hepq.runtime.quantum.device import Device
from tests.support.families import kernel

NAMED = {
    "ibm:torino", "ibm:fez", "ibm:marrakesh", "ibm:kingston", "ibm:boston", "ibm:miami", "ibm:sherbrooke",
    "ibm:brisbane", "ibm:aachen", "ibm:berlin", "ibm:pittsburgh", "iqm:adonis", "iqm:apollo", "iqm:aphrodite",
    "iqm:garnet", "quantinuum:h2", "ionq:aria", "ionq:forte", "rigetti:ankaa3", "origin:wuyuan", "origin:wukong",
    "quafu:scq-p10", "quafu:scq-p18", "quafu:scq-p136", "quafu:baihua", "tianyan:zuchongzhi2", "tianyan:zuchongzhi3",
}  # fmt: skip
#: qubits and couplings as their makers state them
SIZES = {
    "ibm:torino": (133, 150), "ibm:sherbrooke": (127, 144), "ibm:boston": (156, 176), "ibm:miami": (120, 218),
    "iqm:garnet": (20, 30), "iqm:aphrodite": (54, 90), "quantinuum:h2": (56, 56 * 55 // 2), "ionq:aria": (25, 300),
    "origin:wuyuan": (6, 5), "origin:wukong": (72, 126), "quafu:scq-p10": (10, 9), "tianyan:zuchongzhi2": (66, 110),
    "tianyan:zuchongzhi3": (105, 182),
}  # fmt: skip
SNAPSHOTS = ["Torino", "Sherbrooke", "Miami", "Boston"]


def graph(chip: Device) -> nx.Graph:
    """What may be used."""
    return nx.Graph([(c.a, c.b) for c in chip.usable])


def test_all_are_there() -> None:
    assert set(known()) == NAMED
    assert [e.name for e in listed()] == sorted(NAMED)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_device_is_whole(name: str) -> None:
    chip = device(name)
    assert chip.name == name
    assert unsourced(chip) == ()
    assert set(chip.free) <= set(chip.one_qubit) <= set(ARITIES)
    assert len(drawn(chip)) == len(set(drawn(chip))) == chip.size
    assert all(c.error is not None for c in chip.couplings)
    assert all(q.error is not None and q.readout_error is not None for q in chip.qubits if q.usable)
    largest = max(nx.connected_components(graph(chip)), key=len)
    assert len(largest) >= 0.8 * chip.size
    assert chip.calibration.startswith(max(s.date for s in chip.sources.values()).isoformat())


@pytest.mark.parametrize("name", SIZES)
def test_size_is_published(name: str) -> None:
    chip = device(name)
    assert (chip.size, len(chip.couplings)) == SIZES[name]


def test_only_ibm_is_calibrated() -> None:
    for entry in listed():
        assert (set(entry.statuses.values()) == {"calibrated"}) == entry.name.startswith("ibm:")


@pytest.mark.parametrize("name", ["tianyan:zuchongzhi2", "tianyan:zuchongzhi3"])
def test_zuchongzhi_is_a_lattice_of_squares_on_a_corner(name: str) -> None:
    found = nx.Graph([(c.a, c.b) for c in device(name).couplings])
    assert nx.is_bipartite(found)
    assert max(dict(found.degree).values()) == 4
    places_ = drawn(device(name))
    assert {(abs(places_[a][0] - places_[b][0]), abs(places_[a][1] - places_[b][1])) for a, b in found.edges} == {
        (0.5, 0.5)
    }


def test_zuchongzhi_2_is_numbered_as_tianyan_does() -> None:
    """Some couplers of tianyan176, as its own configuration has them."""
    pairs = {(c.a, c.b) for c in device("tianyan:tianyan176").couplings}
    assert {(0, 6), (0, 7), (1, 7), (1, 8), (2, 8), (2, 9), (6, 12), (7, 12), (7, 13), (8, 13)} <= pairs


def backend(name: str) -> Any:
    from qiskit_ibm_runtime import fake_provider

    return getattr(fake_provider, f"Fake{name}")()


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_snapshot_has_the_numbers_of_qiskit(name: str) -> None:
    chip, theirs = device(f"ibm:{name.lower()}"), backend(name)
    target, gate = theirs.target, chip.two_qubit[0]
    assert chip.size == target.num_qubits
    assert {s.date for s in chip.sources.values()} == {theirs.properties().last_update_date.date()}
    for q, qubit in enumerate(chip.qubits):
        assert qubit.error == pytest.approx(target["sx"][q,].error, rel=1e-4)
        assert qubit.readout_error == pytest.approx(target["measure"][q,].error, rel=1e-4)
        assert qubit.t1 == pytest.approx(target.qubit_properties[q].t1, rel=1e-4)
        assert qubit.t2 == pytest.approx(target.qubit_properties[q].t2, rel=1e-4)
    ours = {(c.a, c.b): c for c in chip.couplings}
    for (a, b), figures in target[gate].items():
        coupling = ours.pop((a, b), None) or ours.get((b, a))
        if coupling is None:
            assert gate == "cz"  # the other direction, seen before
            continue
        assert coupling.error == pytest.approx(figures.error, rel=1e-4)
        assert coupling.duration == pytest.approx(figures.duration, rel=1e-4)
    assert not ours


def test_what_is_dead() -> None:
    """22 of Torino's 300 directed couplings have errors of a half or more; figures stay as they are."""
    chip = device("ibm:torino")
    failed = [c for c in chip.couplings if (c.error or 0) >= 0.5]
    assert 2 * len(failed) == 22
    assert not any(c.usable for c in failed)
    for c in chip.couplings:
        assert c.usable == ((c.error or 0) <= MAX_TWO_QUBIT)
    for q in chip.qubits:
        assert q.usable == ((q.error or 0) <= MAX_ONE_QUBIT and (q.readout_error or 0) <= MAX_READOUT)
    assert all(chip.qubits[c.a].usable and chip.qubits[c.b].usable for c in chip.usable)


@pytest.mark.parametrize("name", [n for n in sorted(NAMED) if n.startswith("ibm:")])
def test_heavy_hex_is_drawn_on_a_grid(name: str) -> None:
    chip = device(name)
    at = drawn(chip)
    assert all(abs(at[c.a][0] - at[c.b][0]) + abs(at[c.a][1] - at[c.b][1]) == 1 for c in chip.couplings)


def test_places_of_any_graph() -> None:
    star = places(5, [(0, 1), (0, 2), (0, 3), (0, 4)])
    apart = places(4, [(0, 1), (2, 3)])
    assert len(set(star)) == 5
    assert len(set(apart)) == 4


class Service:
    """IBM's service with one backend."""

    found: Any = None

    def backend(self, name: str) -> Any:
        if self.found is None:
            raise ValueError(f"No backend {name} matches the criteria.\nmore words")
        return self.found


def test_a_live_backend_is_read_as_the_snapshot_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import qiskit_ibm_runtime

    monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", Service)
    monkeypatch.setattr(Service, "found", backend("Torino"))
    live, stored = device("ibm:ibm_torino"), device("ibm:torino")
    assert live.name == "ibm:ibm_torino"
    assert live.sources["gate_errors"].status == "calibrated"
    assert live.sources["gate_errors"].date == date(2025, 2, 26)
    assert [q.usable for q in live.qubits] == [q.usable for q in stored.qubits]
    assert live.usable[0].error == pytest.approx(stored.usable[0].error, rel=1e-4)
    assert (live.positions, live.max_circuits, live.max_shots) == (
        stored.positions, stored.max_circuits, stored.max_shots
    )  # fmt: skip


def test_a_service_out_of_reach_is_a_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    import qiskit_ibm_runtime

    monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", Service)
    with pytest.raises(HepqError) as caught:
        device("ibm:ibm_nowhere")
    [found] = caught.value.diagnostics
    assert (found.code, "No backend ibm_nowhere" in found.title) == ("HQ0722", True)
    assert "more words" not in found.title
    monkeypatch.setitem(sys.modules, "qiskit_ibm_runtime", None)
    with pytest.raises(HepqError) as caught:
        ibm.live("ibm_torino")
    assert "not installed" in caught.value.diagnostics[0].title
    assert "hepq[ibm]" in (caught.value.diagnostics[0].help or "")


@pytest.mark.parametrize("name", [*sorted(n for n in NAMED if not n.startswith("ibm:")), "ibm:miami", "ibm:sherbrooke"])
def test_circuits_can_be_written_in_its_gates(name: str) -> None:
    chip, circuit = device(name), kernel(3, 1, "full")
    native = structure_aware(circuit, chip, effort=0)
    assert native is not None
    assert verify_native(native, circuit, chip).problem == ""
