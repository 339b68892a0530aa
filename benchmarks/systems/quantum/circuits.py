# SPDX-License-Identifier: Apache-2.0
"""Circuits of these systems compiled for four devices, each checked against its source, beside Qiskit's level 3."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.quantum.circuit_peers import SEEDS, qiskit_o3
from benchmarks.systems.row import Reached, Row
from hepq.compiler.circuits.portfolio.search import compile_circuit
from hepq.compiler.circuits.score import score
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.targets.quantum import device as named_device
from hepq.core.circuits import Circuit
from hepq.runtime.quantum.measure import fidelity_circuit

HERE = Path(__file__).parent
#: program and model of each family, and one device of each kind: heavy hexagons, grids, all with all
FAMILIES = (("transformers", "Quantum"), ("sentences", "Quantum"), ("classifiers", "Support"), ("kernels", "Grid"))
DEVICES = ("ibm:torino", "origin:wukong", "quafu:baihua", "quantinuum:h2")


def circuit_of(program: str, model: str) -> Circuit:
    """The largest circuit that a model measures."""
    dims = {"sv": 1} if model == "Support" else {}
    module = build_file(HERE / f"{program}.hepq", Options(model=model, use_dataset=False, dims=dims)).module
    found = [
        fidelity_circuit(node["left"], node["right"]) if node.op == "fidelity" else node["circuit"]
        for node in module.walk() if node.op in ("fidelity", "expect", "probs")
    ]  # fmt: skip
    return max(found, key=lambda circuit: len(circuit.ops))


def against_qiskit(seed: int) -> Reached:
    """The least ESP of ours over the best of five seeds of Qiskit's; what is not equivalent is never handed out."""
    ratios = []
    with tempfile.TemporaryDirectory() as cache:
        for family in FAMILIES:
            source = circuit_of(*family)
            for name in DEVICES:
                device = named_device(name)
                made = compile_circuit(source, device, effort="quick", cache=Path(cache), seed=seed).native
                peers = [native for start in SEEDS for native in qiskit_o3(source, device, start)]
                best = max(score(native, device).esp for native in peers)
                ratios.append(score(made, device).esp / best)
    quantity = f"least ESP ratio, {len(FAMILIES)} families, {len(DEVICES)} devices"
    return Reached(quantity, min(ratios), 0, "Qiskit O3, best of 5", 1, ">=", 1)


ROWS = [Row("Circuits of these systems", "std.quantum", against_qiskit)]
