# SPDX-License-Identifier: Apache-2.0
"""Names of quantum targets: defaults, aliases, abstract topologies, mistakes, stale calibrations."""

from __future__ import annotations

from datetime import date, timedelta

import networkx as nx
import pytest

from hepq.compiler.targets.quantum import STALE, device, is_quantum, stale, staleness
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.quantum.device import Device

GRAPHS = {
    "line:6": nx.path_graph(6), "line:1": nx.empty_graph(1), "ring:8": nx.cycle_graph(8), "ring:2": nx.path_graph(2),
    "full:7": nx.complete_graph(7), "grid:3x4": nx.grid_2d_graph(3, 4), "grid:3×4": nx.grid_2d_graph(3, 4),
    "GRID:1X5": nx.path_graph(5), "line:1000": nx.path_graph(1000), "full:60": nx.complete_graph(60),
}  # fmt: skip


def pairs(chip: Device) -> set[tuple[int, int]]:
    return {(c.a, c.b) for c in chip.couplings}


@pytest.mark.parametrize("name", GRAPHS)
def test_abstract_topology(name: str) -> None:
    chip = device(name)
    rows = nx.convert_node_labels_to_integers(GRAPHS[name], ordering="sorted")
    assert chip.size == rows.number_of_nodes()
    assert pairs(chip) == {(min(e), max(e)) for e in rows.edges}
    assert {s.status for s in chip.sources.values()} == {"assumed"}
    assert all(c.usable for c in chip.couplings)


def test_abstract_figures_are_those_of_the_benchmarks() -> None:
    line, grid = device("line:6"), device("grid:10x13")
    for chip, two, one, readout in ((line, 0.03, 3e-3, 0.06), (grid, 0.006, 5e-4, 0.02)):
        assert {c.error for c in chip.couplings} == {two}
        assert {(q.error, q.readout_error) for q in chip.qubits} == {(one, readout)}
        assert {c.duration for c in chip.couplings} == {60e-9}
        assert chip.durations == {"gate": 30e-9, "readout": 1e-6}
        assert (chip.one_qubit, chip.two_qubit) == (("rz", "sx", "x"), ("cz",))
    assert all(abs(a - b) in (1, 13) for a, b in pairs(grid))


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("ibm", "ibm:torino"), ("origin", "origin:wukong"), ("quafu", "quafu:baihua"), ("iqm", "iqm:garnet"),
        ("origin:kf_c6_130", "origin:wuyuan"), ("origin:KF_C72_300", "origin:wukong"), ("IBM:Torino", "ibm:torino"),
        ("quantinuum", "quantinuum:h2"), ("tianyan", "tianyan:zuchongzhi2"), ("Quafu:ScQ-P10", "quafu:scq-p10"),
    ],
)  # fmt: skip
def test_alias(alias: str, name: str) -> None:
    assert device(alias).name == name


@pytest.mark.parametrize(
    ("target", "yes"),
    [
        ("ibm", True), ("ibm:ibm_fez", True), ("line:6", True), ("grid:3×4", True), ("my.toml", True),
        ("a/b.JSON", True), ("ibm:nothing", True),
        ("cpu", False), ("cpu:haswell", False), ("sim", False), ("cuda:sm_90", False),
        ("torino", False), ("", False),
    ],
)  # fmt: skip
def test_is_quantum(target: str, yes: bool) -> None:
    assert is_quantum(target) == yes


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("ibm:torin", "HQ0720", "did you mean `ibm:torino`?"), ("torino", "HQ0720", "did you mean `ibm:torino`?"),
        ("imb:torino", "HQ0720", "did you mean `ibm:torino`?"),
        ("quafu:p10", "HQ0720", "quafu:scq-p10"),
        ("origin:kf_c6_13", "HQ0720", "did you mean `origin:kf_c6_130`?"),
        ("line", "HQ0720", "write line:N, with numbers"), ("grid:3", "HQ0720", "write grid:RxC, with numbers"),
        ("line:-1", "HQ0720", "write line:N"), ("qqqq:zzzz", "HQ0720", "hepqc targets"),
        ("line:0", "HQ0724", ""), ("grid:40x40", "HQ0724", ""), ("full:999999", "HQ0724", ""),
        ("nowhere.toml", "HQ0721", ""),
    ],
)  # fmt: skip
def test_unknown_name(target: str, code: str, words: str) -> None:
    with pytest.raises(HepqError) as caught:
        device(target)
    [found] = caught.value.diagnostics
    assert found.code == code
    assert words in (found.help or "")


def test_stale() -> None:
    chip = device("ibm:torino")
    day = chip.sources["gate_errors"].date
    assert stale(chip, day) is None
    assert stale(chip, day + STALE) is None
    late = staleness(chip, day + STALE + timedelta(days=1))
    assert late is not None
    assert (late.code, late.severity) == ("HQ0725", "warning")
    assert stale(chip, day + timedelta(days=30)) == "the calibration of `ibm:torino` is of 2025-02-26, 30 days old"
    assert "ibm:ibm_torino" in (late.help or "")
    for name in ("line:4", "iqm:garnet", "origin:wukong"):
        assert stale(device(name), date(2100, 1, 1)) is None
