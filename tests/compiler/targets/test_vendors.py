# SPDX-License-Identifier: Apache-2.0
"""Vendors' calibrations, small files in each vendor's shape, become devices with the same figures."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.compiler.targets.files import to_toml
from hepq.compiler.targets.quantum import device, known, staleness
from hepq.compiler.targets.vendors import ibm, origin
from hepq.compiler.targets.vendors.table import imported
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.vendors import READERS, VENDORS, Vendor, called
from hepq.runtime.quantum.device import Device, Qubit

ROOT = Path(__file__).resolve().parents[3]
QUARK = {
    "calibration_time": "2026-05-03 21:12:46",
    "global_info": {"one_qubit_gate_length": 3e-8, "two_qubit_gate_length": 2.1e-7, "two_qubit_gate_basis": "CZ"},
    "qubits_info": {
        "Q0": {"index": 0, "T1": 70.0, "T2": 12.5, "fidelity": 0.999, "readout g_fidelity": 0.98,
               "readout e_fidelity": 0.94},
        "Q1": {"T1": 0, "T2": 7.0, "fidelity": 0.994, "readout g_fidelity": 0.72, "readout e_fidelity": 0.92},
        "Q3": {"T1": 80.0, "T2": 19.5, "fidelity": 0.998},
    },
    "couplers_info": {
        "C0": {"index": 0, "fidelity": 0.0, "qubits_index": [0, 1]},
        "C1": {"index": 1, "fidelity": 0.986, "qubits_index": [3, 0]},
    },
}  # fmt: skip
QUAFU = {
    "calibration_time": "2023-05-11 16:40:02",
    "qubits_info": {"Q1": {"T1": 20.0, "T2": 3.0}, "Q2": {"T1": 30.0, "T2": 4.0}, "Q10": {"T1": 40.0, "T2": 5.0}},
    "topological_structure": {
        "Q2_Q1": {"cz": {"fidelity": 0.97}}, "Q1_Q2": {"cz": {"fidelity": 0.96}}, "Q2_Q10": {"cz": {"fidelity": 0.98}},
    },
}  # fmt: skip
ARCH = {
    "QuantumChipArch": {
        "QubitCount": 4, "AvailableQubits": [0, 1, 2], "LastUpdateTime": 1717395244425, "MaxShots": 20000,
        "QGateClock": {"CZ": 40, "RPhi": 30},
        "AdjMatrix": {"0": [{"v": 1, "w": 0.98}, {"v": 2, "w": 0.93}], "1": [{"v": 0, "w": 0.98}]},
        "QubitParams": {
            "0": {"T1": 13.0, "T2": 3.0, "ReadoutFidelity": 0.88, "SingleGateFidelity": 0.998},
            "1": {"T1": 0.0, "T2": 2.0, "ReadoutFidelity": 0.83, "SingleGateFidelity": 0.997},
        },
    }
}  # fmt: skip
CLOUD = {
    "updateTime": "2026-01-02 03:04:05",
    "adjJSON": {
        "4": {"averageFidelity": "0.9981", "readFidelity": "0.95/0.91", "T1": "12.5", "T2": ""},
        "5": {"averageFidelity": 0.997, "readFidelity": 0.9, "T1": 10, "T2": 2},
        "6": {"averageFidelity": "", "readFidelity": "", "T1": "", "T2": ""},
    },
    "gateJSON": {"4_5": {"fidelity": "0.965"}, "5_6": {"fidelity": ""}},
}
TIANYAN = {
    "calibrationTime": "2026-08-06 15:31:18", "computerId": "tianyan9",
    "disabledQubits": "Q3", "disabledCouplers": "G1,",
    "overview": {"qubits": ["Q0", "Q1", "Q2", "Q3"],
                 "coupler_map": {"G0": ["Q0", "Q1"], "G1": ["Q2", "Q1"], "G2": ["Q0", "Q2"], "G3": ["Q2", "Q3"]}},
    "qubit": {
        "singleQubit": {"gate error": {"qubit_used": ["Q0", "Q1", "Q2"], "param_list": [0.1, 0.2, 0.3], "unit": "%"}},
        "relatime": {"T1": {"qubit_used": ["Q0"], "param_list": [25.0]}, "T2": {"qubit_used": [], "param_list": []}},
    },
    "twoQubitGate": {"czGate": {"gate error": {"qubit_used": ["G0", "G2"], "param_list": [0.9, 6.5]}}},
    "readout": {"readoutArray": {"Readout Error": {"qubit_used": ["Q0", "Q1"], "param_list": [3.3, 16.0]}}},
}  # fmt: skip


def observed(field: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"dut_field": field, "value": value, "unit": "", "observation_id": 1, **more}


IQM = {
    "observation_set_type": "quality-metric-set", "dut_label": "M153", "created_timestamp": "2026-09-01T10:00:00Z",
    "end_timestamp": "2026-09-01T11:00:00Z",
    "observations": [
        observed("metrics.rb.prx.drag_crf.QB1.fidelity:par=d1", 0.999),
        observed("metrics.ssro.measure.constant.QB1.error_0_to_1", 0.02),
        observed("metrics.ssro.measure.constant.QB1.error_1_to_0", 0.04),
        observed("metrics.ssro.measure_fidelity.constant.QB1.error_0_to_1", 0.5),
        observed("characterization.model.QB1.t1_time", 3.5e-5),
        observed("characterization.model.QB1.t2_time", 1e-5),
        observed("characterization.model.QB1.t2_echo_time", 1.0),
        observed("metrics.rb.prx.drag_crf.QB2.fidelity", 0.9, invalid=True),
        observed("metrics.ssro.measure.constant.QB2.fidelity", 0.97),
        observed("metrics.irb.cz.crf_crf.QB1__QB2.fidelity", 0.98),
        observed("metrics.irb.cz.tgss.QB1__QB2.fidelity", 0.99),
        observed("metrics.rb.clifford.uz_cz.QB1__QB2.fidelity", 0.5),
        observed("metrics.irb.cz.tgss.QB2__QB3.fidelity", 0.93),
        observed("metrics.ssro.measure.constant.QB3.fidelity", "unknown"),
        observed("anything.else", [1, 2]),
    ],
}  # fmt: skip


def read(data: Any, vendor: str, folder: Path, name: str | None = None) -> Device:
    path = folder / "chip.json"
    path.write_text(json.dumps(data, default=str), encoding="utf-8")
    return imported(path, vendor, name)


def links(chip: Device) -> dict[tuple[int, int], tuple[float | None, bool]]:
    return {(c.a, c.b): (c.error and round(c.error, 9), c.usable) for c in chip.couplings}


def test_quafu_of_quarkstudio(tmp_path: Path) -> None:
    chip = read(QUARK, "quafu", tmp_path, "Baihua")
    assert (chip.name, chip.size, chip.two_qubit) == ("quafu:Baihua", 4, ("cz",))
    assert links(chip) == {(0, 1): (1.0, False), (0, 3): (0.014, True)}
    assert [q.usable for q in chip.qubits] == [True, False, False, True]
    first, second = chip.qubits[:2]
    assert (first.error, first.readout_error, first.t1, first.t2) == pytest.approx((0.001, 0.04, 7e-5, 1.25e-5))
    assert second.readout_error == pytest.approx(0.18)
    assert second.t1 is None
    assert chip.couplings[0].duration == pytest.approx(2.1e-7)
    assert chip.durations == {"gate": pytest.approx(3e-8)}
    assert {(s.date, s.status) for s in chip.sources.values()} == {(date(2026, 5, 3), "calibrated")}


@pytest.mark.parametrize("data", [QUAFU, {"mapping": {}, "full_info": QUAFU}], ids=["info", "chip_info"])
def test_quafu_of_pyquafu(data: Any, tmp_path: Path) -> None:
    """Qubits are numbered by place, each pair has the lower of its two fidelities."""
    chip = read(data, "quafu", tmp_path)
    assert links(chip) == {(0, 1): (0.04, True), (1, 2): (0.02, True)}
    assert [q.t1 for q in chip.qubits] == pytest.approx([2e-5, 3e-5, 4e-5])
    assert [q.readout_error for q in chip.qubits] == [None] * 3
    assert set(chip.sources) == {"topology", "gate_errors", "coherence"}


def test_origin_of_pilot_os(tmp_path: Path) -> None:
    chip = read(ARCH, "origin", tmp_path)
    assert (chip.name, chip.size, chip.max_shots, chip.two_qubit) == ("origin:chip", 4, 20000, ("cz",))
    assert links(chip) == {(0, 1): (0.02, True), (0, 2): (0.07, False)}
    assert [q.usable for q in chip.qubits] == [True, False, True, False]  # readout of 1 beyond 15 %
    assert (chip.qubits[0].error, chip.qubits[0].t1) == pytest.approx((0.002, 1.3e-5))
    assert chip.qubits[1].t1 is None
    assert [c.duration for c in chip.couplings] == pytest.approx([4e-8] * 2)
    assert chip.sources["gate_errors"].date == date(2024, 6, 3)


def test_origin_of_the_cloud(tmp_path: Path) -> None:
    chip = read(CLOUD, "origin", tmp_path)
    assert links(chip) == {(4, 5): (0.035, True), (5, 6): (None, True)}
    assert [q.usable for q in chip.qubits] == [False] * 4 + [True, True, False]
    assert (chip.qubits[4].readout_error, chip.qubits[4].t1) == pytest.approx((0.07, 1.25e-5))
    assert chip.qubits[4].t2 is None
    assert [(c.a, c.b) for c in chip.usable] == [(4, 5)]


def test_tianyan(tmp_path: Path) -> None:
    chip = read(TIANYAN, "tianyan", tmp_path)
    assert chip.name == "tianyan:tianyan9"
    assert links(chip) == {(0, 1): (0.009, True), (1, 2): (None, False), (0, 2): (0.065, False), (2, 3): (None, True)}
    assert [q.usable for q in chip.qubits] == [True, False, True, False]
    assert (chip.qubits[0].error, chip.qubits[0].readout_error, chip.qubits[0].t1) == pytest.approx(
        (0.001, 0.033, 2.5e-5)
    )
    assert chip.sources["topology"].date == date(2026, 8, 6)


def test_iqm(tmp_path: Path) -> None:
    chip = read(IQM, "iqm", tmp_path, "garnet")
    assert (chip.name, chip.one_qubit, chip.free) == ("iqm:garnet", ("r",), ())
    assert links(chip) == {(0, 1): (0.01, True), (1, 2): (0.07, False)}
    first, second, third = chip.qubits
    assert (first.error, first.readout_error, first.t1, first.t2) == pytest.approx((0.001, 0.03, 3.5e-5, 1e-5))
    assert second.error is None
    assert second.readout_error == pytest.approx(0.03)
    assert not third.usable
    assert chip.sources["gate_errors"].source == "IQM, quality metrics of M153"
    assert chip.sources["gate_errors"].date == date(2026, 9, 1)


@pytest.mark.parametrize(("name", "whole"), [("Torino", True), ("Sherbrooke", False)])
def test_ibm_properties_give_the_snapshot(name: str, whole: bool, tmp_path: Path) -> None:
    from qiskit_ibm_runtime import fake_provider

    backend = getattr(fake_provider, f"Fake{name}")()
    properties = backend.properties().to_dict()
    data = {"properties": properties, "configuration": backend.configuration().to_dict()} if whole else properties
    ours, stored = read(data, "ibm", tmp_path), device(f"ibm:{name.lower()}")
    assert ours.name == f"ibm:ibm_{name.lower()}"
    assert (ours.max_shots == stored.max_shots) == whole
    assert (ours.one_qubit, ours.two_qubit, ours.positions) == (stored.one_qubit, stored.two_qubit, stored.positions)
    assert {k: v for k, v in ours.durations.items() if k != "reset"} == pytest.approx(
        {k: v for k, v in stored.durations.items() if k != "reset"}, rel=1e-4
    )
    seconds = {"ns": 1e-9, "us": 1e-6}
    resets = [
        p["value"] * seconds[p["unit"]]
        for gate in properties["gates"] if gate["gate"] == "reset"
        for p in gate["parameters"] if p["name"] == "gate_length"
    ]  # fmt: skip
    assert ours.durations.get("reset") == (pytest.approx(np.median(resets), rel=1e-6) if resets else None)
    assert ours.sources["gate_errors"].date == stored.sources["gate_errors"].date
    for a, b in zip(ours.couplings, stored.couplings, strict=True):
        assert (a.a, a.b, a.gate, a.usable) == (b.a, b.b, b.gate, b.usable)
        assert (a.error, a.duration) == pytest.approx((b.error, b.duration), rel=1e-4)
    for q, r in zip(ours.qubits, stored.qubits, strict=True):
        assert q.usable == r.usable
        assert (q.error, q.readout_error, q.t1, q.t2) == pytest.approx((r.error, r.readout_error, r.t1, r.t2), rel=1e-4)


SAMPLES = {"quafu": QUARK, "origin": ARCH, "tianyan": TIANYAN, "iqm": IQM}


@pytest.mark.parametrize("vendor", SAMPLES)
def test_imported_devices_can_be_written_and_read(vendor: str, tmp_path: Path) -> None:
    chip = read(SAMPLES[vendor], vendor, tmp_path)
    (tmp_path / "mine.toml").write_text(to_toml(chip), encoding="utf-8")
    again = device(str(tmp_path / "mine.toml"))
    assert (again.name, links(again)) == (chip.name, {k: (e, on) for k, (e, on) in links(chip).items()})
    assert [q.usable for q in again.qubits] == [q.usable for q in chip.qubits]
    assert again.sources == chip.sources


def without(data: Any, *keys: str) -> Any:
    [*path, last] = keys
    out = json.loads(json.dumps(data))
    at = out
    for key in path:
        at = at[key]
    del at[last]
    return out


PROPERTIES = {"last_update_date": "2026-01-01T00:00:00Z", "qubits": [[]], "gates": []}
T1_IN_HOURS = {
    "last_update_date": "2026-01-01T00:00:00Z", "qubits": [[{"name": "T1", "value": 1, "unit": "h"}]] * 2,
    "gates": [{"gate": "cz", "qubits": [0, 1], "parameters": []}],
}  # fmt: skip
WRONG: list[tuple[str, Any, str]] = [
    ("quafu", {}, "it has neither couplers_info nor topological_structure"),
    ("quafu", without(QUARK, "calibration_time"), "it has no date"),
    ("quafu", QUARK | {"calibration_time": "yesterday"}, "it has no date of its calibration: 'yesterday'"),
    ("quafu", QUARK | {"couplers_info": {}}, "it has no couplings"),
    ("quafu", QUARK | {"global_info": {"two_qubit_gate_basis": "iswap"}}, "its two-qubit gate is iswap, not cz"),
    ("quafu", QUARK | {"couplers_info": {"C": {"qubits_index": [1]}}}, "couplers_info → C → qubits_index"),
    ("quafu", QUARK | {"qubits_info": {"left": {"T1": 1}}}, "'left' is not a qubit's name"),
    ("quafu", QUAFU | {"topological_structure": {"Q1Q2": {}}}, "'Q1Q2' does not name two qubits"),
    ("origin", QUARK, "it has neither QuantumChipArch nor adjJSON"),
    ("origin", without(ARCH, "QuantumChipArch", "AdjMatrix"), "AdjMatrix: field required"),
    ("origin", CLOUD | {"adjJSON": {"4": {"readFidelity": "a/b"}}}, "readFidelity 'a/b'"),
    ("tianyan", without(TIANYAN, "overview", "coupler_map"), "overview → coupler_map: field required"),
    ("tianyan", without(TIANYAN, "calibrationTime"), "it has no date"),
    ("iqm", without(IQM, "observations"), "observations: field required"),
    ("iqm", IQM | {"created_timestamp": None, "end_timestamp": None}, "it has no created_timestamp"),
    ("iqm", IQM | {"observations": []}, "it has no qubits"),
    ("ibm", {}, "properties → last_update_date: field required"),
    ("ibm", PROPERTIES, "it has no cz, ecr or cx gates"),
    ("ibm", T1_IN_HOURS, "T1 in unit 'h'"),
    ("ibm", [], "it should hold a table of names and values"),
]


@pytest.mark.parametrize(("vendor", "data", "words"), WRONG)
def test_a_file_that_is_not_the_vendors(vendor: str, data: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(HepqError) as caught:
        read(data, vendor, tmp_path)
    [found] = caught.value.diagnostics
    assert found.code == "HQ0723"
    assert words in found.title


def test_broken_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    for name, words in (("broken.json", "not JSON"), ("none.json", "no such file")):
        for vendor in READERS:
            with pytest.raises(HepqError) as caught:
                imported(tmp_path / name, vendor)
            assert words in caught.value.diagnostics[0].title
            assert caught.value.diagnostics[0].code == "HQ0723"


@pytest.mark.parametrize("lacking", ["T1", "T2", "SingleGateFidelity", "ReadoutFidelity"])
def test_origins_figures_may_be_lacking(lacking: str) -> None:
    figures = {"T1": 50, "T2": 20, "SingleGateFidelity": 0.999, "ReadoutFidelity": 0.97}
    wanted = {"T1": 5e-5, "T2": 2e-5, "SingleGateFidelity": 0.001, "ReadoutFidelity": 0.03, lacking: None}
    for parameters in (figures | {lacking: ""}, {k: v for k, v in figures.items() if k != lacking}):
        arch = {
            "QubitCount": 2, "AdjMatrix": {"0": [{"v": 1, "w": 0.98}], "1": []}, "QubitParams": {"0": parameters},
            "LastUpdateTime": "2026-05-03",
        }  # fmt: skip
        found = origin.read({"QuantumChipArch": arch}, "origin:test")
        assert stated(found.qubits[0]) == tuple(wanted.values())
        assert (found.qubits[1].t1, found.qubits[1].usable, found.max_shots) == (None, True, None)
        (coupling,) = found.couplings
        assert (coupling.a, coupling.b, coupling.duration) == (0, 1, None)
        assert coupling.error == pytest.approx(0.02)


@pytest.mark.parametrize("lacking", ["T1", "T2", "averageFidelity", "readFidelity"])
def test_figures_of_origins_cloud_may_be_lacking(lacking: str) -> None:
    figures = {"T1": 50, "T2": 20, "averageFidelity": 0.999, "readFidelity": "0.95/0.91"}
    wanted = {"T1": 5e-5, "T2": 2e-5, "averageFidelity": 0.001, "readFidelity": 0.07, lacking: None}
    for parameters in (figures | {lacking: ""}, {k: v for k, v in figures.items() if k != lacking}):
        gates = {"0_1": {"fidelity": 0.98}, "0": {}}
        cloud = {"adjJSON": {"0": parameters, "1": figures}, "gateJSON": gates, "updateTime": "2026-05-03"}
        found = origin.read(cloud, "origin:test")
        assert stated(found.qubits[0]) == tuple(wanted.values())
        assert [q.usable for q in found.qubits] == [lacking != "averageFidelity", True]
        assert [(c.a, c.b) for c in found.couplings] == [(0, 1)]


def stated(qubit: Qubit) -> tuple[float | None, ...]:
    """In the order of the figures above, to nine digits."""
    figures = (qubit.t1, qubit.t2, qubit.error, qubit.readout_error)
    return tuple(None if f is None else round(f, 9) for f in figures)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_records_name_what_is_there(vendor: Vendor) -> None:
    assert vendor.target in known()
    assert set(vendor.aliases.values()) <= set(known())
    assert bool(vendor.calibration) == bool(vendor.reader)
    for where in (vendor.reader, vendor.live, vendor.client, *vendor.formats.values()):
        assert not where or called(where)
    if vendor.package:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert extras[vendor.name][0].replace("-", "_").startswith(vendor.package)


def test_every_device_has_a_vendor() -> None:
    assert {name.partition(":")[0] for name in known()} == set(VENDORS)


def test_the_live_device_that_a_stale_calibration_points_to() -> None:
    properties = {"backend_name": "ibm_torino", "last_update_date": "2025-01-01T00:00:00", "gates": [
        {"gate": "cz", "qubits": [0, 1], "parameters": [{"name": "gate_error", "value": 0.01}]},
    ], "qubits": [[], []]}  # fmt: skip
    warning = staleness(ibm.read(properties, "ibm:ibm_torino"), date(2026, 1, 1))
    assert warning is not None
    assert str(warning.help).endswith("`--target ibm:ibm_torino`")
