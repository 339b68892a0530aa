# SPDX-License-Identifier: Apache-2.0
"""Code for a model with circuits: compiled code for particles, a program for angles, native circuits for a device."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

from hepq.compiler.hybrid.partition import CannotSplit, Parts, partition
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.program import NotStraight, to_program
from hepq.compiler.passes.base import Weights
from hepq.core.circuits import Circuit
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError
from hepq.runtime.artifact import manifest as m
from hepq.runtime.program import Program
from hepq.runtime.quantum.measurer import to_run
from hepq.runtime.quantum.slot_formulas import slot_formulas

if TYPE_CHECKING:
    from hepq.compiler.circuits.portfolio.search import Compiled
    from hepq.runtime.quantum.device import Device


@dataclass(frozen=True)
class Search:
    """How hard to look for good native circuits, and where to keep them."""

    effort: str = "normal"
    seed: int = 0
    processes: int | None = None
    cache: Path | None = None


@dataclass
class Hybrid:
    """What an artifact with circuits holds, as it is made."""

    target: str
    members: dict[str, bytes] = field(default_factory=dict)
    circuits: dict[str, Circuit] = field(default_factory=dict)
    slots: dict[str, tuple[str, ...]] = field(default_factory=dict)
    compiled: list[m.CompiledCircuit] = field(default_factory=list)
    device: Device | None = None
    warnings: list[Diagnostic] = field(default_factory=list)


def split(module: Module, stages: Sequence[Node]) -> Parts:
    """Raises HepqError HQ0750 for a model whose parts cannot be told apart."""
    try:
        return partition(module, stages)
    except CannotSplit as error:
        raise HepqError([diag("HQ0750", name=module.name, found=str(error))]) from error


def add_program(hybrid: Hybrid, module: Module, weights: Weights, member: str) -> Program:
    """Lower ``module`` to a program, a member of the artifact; remembers its circuits."""
    try:
        program = to_program(module)
    except NotStraight as error:
        raise HepqError([diag("HQ0750", name=module.name, found=f"`{error}` after a circuit")]) from error
    hybrid.members[member] = program.model_dump_json().encode()
    if module.params:
        hybrid.members[weights_member(member)] = save({k: np.asarray(weights[k], order="C") for k in module.params})
    hybrid.circuits |= to_run(program)
    units = {str(node.attrs["name"]): str(node.type.unit) for node in module.inputs}
    hybrid.slots |= slot_formulas(program, {k: np.asarray(weights[k]) for k in module.params}, units)
    return program


def weights_member(member: str) -> str:
    """Where the weights of a program are kept."""
    return member.replace(".json", ".safetensors")


def compile_circuits(hybrid: Hybrid, search: Search, tell: Callable[[str], None]) -> None:
    """Native circuits for the target's device, each the best of the portfolio."""
    from hepq.compiler.circuits.formats.export import export
    from hepq.compiler.circuits.portfolio.search import compile_circuit
    from hepq.compiler.targets.quantum import device, staleness

    hybrid.device = chip = device(hybrid.target)
    if (old := staleness(chip, date.today())) is not None:
        hybrid.warnings.append(old)
    natives: dict[str, Any] = {}
    for i, (digest, circuit) in enumerate(hybrid.circuits.items()):
        tell(f"compiling circuit {i + 1} of {len(hybrid.circuits)} for {chip.name}")
        found = compile_circuit(
            circuit, chip, effort=search.effort, seed=search.seed, processes=search.processes, cache=search.cache
        )
        natives[digest] = found.native.to_json()
        text = export(found.native, chip, "qasm3", slots=hybrid.slots[digest])
        name = f"circuits/{digest[:16]}.qasm"
        hybrid.members[name] = text if isinstance(text, bytes) else text.encode()
        hybrid.compiled.append(_described(digest, circuit, found, name))
    hybrid.members["circuits/natives.json"] = json.dumps(natives, separators=(",", ":")).encode()
    hybrid.members["circuits/device.json"] = chip.model_dump_json().encode()


def _described(digest: str, circuit: Circuit, found: Compiled, qasm3: str) -> m.CompiledCircuit:
    rows = tuple(
        m.Recipe(
            recipe=r.recipe, two_qubit=r.two_qubit, depth=r.depth, duration=r.duration, esp=r.esp, seconds=r.seconds,
            check=r.check, chosen=r.chosen, note=r.note,
        )
        for r in found.rows
    )  # fmt: skip
    return m.CompiledCircuit(
        digest=digest, qubits=circuit.qubits, slots=circuit.slots, recipes=rows, why=found.why, qasm3=qasm3
    )


def described(
    hybrid: Hybrid, *, stage: Sequence[m.Output], kernel: m.Kernel | None, shots: int | None,
    budget: Mapping[str, float],
) -> m.Circuits:  # fmt: skip
    """The manifest's account of the circuits."""
    program = "program.json" if "program.json" in hybrid.members else None
    weights = weights_member("program.json")
    return m.Circuits(
        target=hybrid.target,
        program=program,
        weights=weights if weights in hybrid.members else None,
        stage=tuple(stage),
        kernel=kernel,
        natives="circuits/natives.json" if hybrid.device is not None else None,
        device="circuits/device.json" if hybrid.device is not None else None,
        calibration=hybrid.device.calibration if hybrid.device is not None else None,
        compiled=tuple(hybrid.compiled)
        or tuple(m.CompiledCircuit(digest=d, qubits=c.qubits, slots=c.slots) for d, c in hybrid.circuits.items()),
        shots=shots,
        budget=dict(budget),
    )
