# SPDX-License-Identifier: Apache-2.0
"""Targets whose files are artifacts: compiled code, programs that measure circuits, native circuits for a device."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from hepq.compiler.backends.target import Backend, Lowered, Program, Replay, Runner
from hepq.compiler.golden.vectors import CIRCUIT_TOLERANCE, TOLERANCE
from hepq.compiler.hybrid.kernel import FEATURES, KernelModule
from hepq.compiler.hybrid.partition import CannotSplit, has_circuits, partition
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.program import NotStraight, to_program
from hepq.compiler.passes.base import Weights
from hepq.compiler.schema import events as schema
from hepq.compiler.schema.derived import variables
from hepq.compiler.targets.cpu import resolved
from hepq.core.circuits import Circuit
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError
from hepq.core.errors import ArtifactError
from hepq.runtime.artifact import manifest as m
from hepq.runtime.artifact.artifact import GOLDEN, SOURCE, VARIABLES, WEIGHTS, Artifact, encoded
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.engine.engine import CPU, engine
from hepq.runtime.events.batch import one_event
from hepq.runtime.files import replacing
from hepq.runtime.program import Program as Straight
from hepq.runtime.quantum.measurer import to_run
from hepq.runtime.quantum.slot_formulas import slot_formulas
from hepq.runtime.scorer import Scorer
from hepq.runtime.verify import rescored

if TYPE_CHECKING:
    from hepq.compiler.circuits.portfolio.search import Compiled
    from hepq.compiler.lower.cpu import CpuCode
    from hepq.runtime.quantum.device import Device

PROGRAM, NATIVES, DEVICE = "program.json", "circuits/natives.json", "circuits/device.json"


@dataclass(frozen=True)
class ArtifactCode(Lowered):
    """What an artifact holds, but for what is in every artifact."""

    code: m.Code | None
    held: m.Circuits | None
    members: Mapping[str, bytes]
    found: tuple[Diagnostic, ...] = ()
    gpu: m.Gpu | None = None

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return self.found

    @property
    def tools(self) -> Mapping[str, str]:
        return {} if self.code is None else {"tvm": version("apache-tvm")}

    @property
    def circuits(self) -> tuple[m.CompiledCircuit, ...]:
        return self.held.compiled if self.held is not None else ()

    def describe(self, fields: Mapping[str, Any]) -> m.Manifest:
        return m.Manifest(**fields, code=self.code, gpu=self.gpu, circuits=self.held)

    def write(self, out: Path, manifest: m.Manifest, golden: Golden) -> Replay:
        """Raises HepqError HQ0765 where it differs from the reference."""
        program = self.program
        derived = variables(program.built, program.source)
        members = {
            **self.members,
            **_objects(program),
            **({} if derived is None else {VARIABLES: derived.model_dump_json().encode()}),
            WEIGHTS: save(dict(program.weights)),
            SOURCE: program.text.encode(),
            GOLDEN: golden.to_bytes(),
        }
        program.tell("writing")
        with replacing(out) as temporary:
            temporary.write_bytes(encoded(manifest, members))
            with program.stage("replay", "replaying golden vectors"):
                found = differences(temporary)
            if found:
                raise HepqError([diag("HQ0765", name=manifest.name, found="; ".join(found))])
            more = self.replayed_elsewhere(temporary, manifest.name)
        if found is None:
            note = "golden vectors not replayed: the code is for another machine; `hepqc verify` there"
            return Replay(False, "\n".join(filter(None, [note, more])))
        return Replay(True, more)

    def replayed_elsewhere(self, path: Path, name: str) -> str:
        """Replays the artifact at ``path`` where it runs beside the CPU; what to tell the user. Raises as ``write``."""
        return ""


def _objects(program: Program) -> Mapping[str, bytes]:
    """What makes the objects of the dataset, if there are any, and how it was checked."""
    events, golden = program.events, program.golden_events
    if events is None or golden is None:
        return {}
    return {**events.members, events.stage.golden: golden.to_bytes()}


def differences(path: Path, device: str = CPU) -> list[str] | None:
    """What of the golden vectors in the artifact at ``path`` differs from the reference on a device here, in words.

    None where its code is for another machine, so that nothing was run.
    """
    try:
        model = Scorer(Artifact.open(path), threads=1, device=device)
    except ArtifactError as error:
        if error.code == "HQ0826":
            return None
        raise
    golden = Golden.from_bytes(model.artifact.members[GOLDEN])
    _, checks = rescored(model.manifest, golden, lambda raw, where: model.score_raw(raw, where).arrays)
    return [f"output {c.output} of golden event {c.event} by {c.largest:.1e}" for c in checks if not c.ok]


class Cpu(Backend):
    """Machine code; circuits are simulated."""

    def tolerance(self, program: Program) -> float:
        compiled, measured, _ = self._cut(program)
        return TOLERANCE if compiled is None or measured is None else CIRCUIT_TOLERANCE

    def lower(self, program: Program) -> ArtifactCode:
        compiled, measured, features = self._cut(program)
        weights, hybrid = program.optimised.weights, Hybrid(self.name)
        if measured is not None:
            add_program(hybrid, measured, weights, PROGRAM)
        kernel = _kernel(hybrid, program.kernel, features)
        code, members = (None, {}) if compiled is None else _code(cpu_code(compiled, weights, self._cpu()), self._cpu())
        if measured is None and kernel is None:
            return ArtifactCode(program, code, None, members)
        self._compile_circuits(hybrid, program)
        stage = () if compiled is None or measured is None else schema.stage(compiled)
        circuits = _described(hybrid, stage, kernel, program)
        return ArtifactCode(program, code, circuits, hybrid.members | members, tuple(hybrid.warnings))

    def emit(self, program: Program, stage: str) -> str:
        compiled, _, _ = self._cut(program)
        return "" if compiled is None else cpu_code(compiled, program.optimised.weights, self._cpu()).tir

    def compiled(self, program: Program) -> Module | None:
        return self._cut(program)[0]

    def runner(self, module: Module, weights: Weights) -> Runner:
        code, members = _code(cpu_code(module, weights, self._cpu()), self._cpu())
        manifest = m.Manifest(
            **schema.event_schema(None, module).model_dump(), name=module.name, outputs=(), code=code,
            golden=m.GoldenInfo(events=0, tolerance=0), provenance=m.Provenance(source_sha256="", hepq="", created=""),
        )  # fmt: skip
        held = engine(Artifact(Path(module.name), manifest, members), 1, schema.stage(module))

        def run(event: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            found = held.run(one_event(manifest, event))
            sizes = {d.key: n for i in module.inputs for d, n in zip(i.type.dims, event[i["name"]].shape, strict=True)}
            shapes = {n: [d.size if d.size is not None else sizes[d.base.key] for d in node.type.dims]
                      for n, node in module.outputs.items()}  # fmt: skip
            return {n: v.reshape(shapes[n]) for n, v in found.items()}

        return run

    def _cut(self, program: Program) -> tuple[Module | None, Module | None, str | None]:
        """What is compiled, the program that measures circuits, and the name of what the kernel takes of an event.

        Raises HepqError HQ0750 for a model whose parts cannot be told apart.
        """
        module, _, features = program.optimised
        if not has_circuits(module) and program.kernel is None:
            self._check_classical(module)
            return module, None, None
        if not program.subject.trained:
            return module, None, FEATURES
        try:
            parts = partition(module, [] if features is None else [features])
        except CannotSplit as error:
            raise HepqError([diag("HQ0750", name=module.name, found=str(error))]) from error
        return parts.compiled, parts.program, None if features is None else parts.names.get(features)

    def _cpu(self) -> str:
        """The CPU that what is not measured is compiled for."""
        return self.name

    def _check_classical(self, module: Module) -> None:
        """Raises HepqError for a target that a model without circuits cannot be compiled for."""

    def _compile_circuits(self, hybrid: Hybrid, program: Program) -> None:
        """Adds native circuits, if the target has any."""


class Simulator(Cpu):
    """Circuits are simulated exactly."""

    def _cpu(self) -> str:
        return "cpu"

    def _check_classical(self, module: Module) -> None:
        raise HepqError([diag("HQ0752", name=module.name, target=self.name)])


class QuantumDevice(Simulator):
    """Native circuits, each the best of the portfolio."""

    def _check_classical(self, module: Module) -> None:
        from hepq.compiler.targets.quantum import is_quantum

        if is_quantum(self.name):
            super()._check_classical(module)
        resolved(self.name)

    def _compile_circuits(self, hybrid: Hybrid, program: Program) -> None:
        from hepq.compiler.circuits.formats.export import export
        from hepq.compiler.circuits.portfolio.search import compile_circuit
        from hepq.compiler.targets.quantum import device, staleness

        hybrid.device = chip = device(self.name)
        if (old := staleness(chip, date.today())) is not None:
            hybrid.warnings.append(old)
        natives: dict[str, Any] = {}
        how = program.options
        for i, (digest, circuit) in enumerate(hybrid.circuits.items()):
            program.tell(f"compiling circuit {i + 1} of {len(hybrid.circuits)} for {chip.name}")
            found = compile_circuit(
                circuit, chip, effort=how.effort, seed=how.seed, processes=how.processes, cache=how.cache
            )
            natives[digest] = found.native.to_json()
            text = export(found.native, chip, "qasm3", slots=hybrid.slots[digest])
            name = f"circuits/{digest[:16]}.qasm"
            hybrid.members[name] = text if isinstance(text, bytes) else text.encode()
            hybrid.compiled.append(_recipes(digest, circuit, found, name))
        hybrid.members[NATIVES] = json.dumps(natives, separators=(",", ":")).encode()
        hybrid.members[DEVICE] = chip.model_dump_json().encode()


def cpu_code(module: Module, weights: Weights, target: str) -> CpuCode:
    """Machine code. Raises HepqError HQ0708 for an unknown CPU, HQ0709 for what cannot be compiled."""
    cpu = resolved(target)
    from hepq.compiler.lower.cpu import LoweringError, lower

    try:
        return lower(module, weights, cpu)
    except LoweringError as error:
        raise HepqError([diag("HQ0709", op=str(error), target=target)]) from error


def _code(made: CpuCode, target: str) -> tuple[m.Code, dict[str, bytes]]:
    """The manifest's account of compiled code, and its members."""
    code = m.Code(
        target=target, mcpu=made.mcpu, features=made.features, library="code/cpu.so", packed="code/packed.safetensors",
        scratch_floats=made.scratch_floats, iscratch_ints=made.iscratch_ints,
        lscratch_ints=made.lscratch_ints,
    )  # fmt: skip
    return code, {code.library: made.library, code.packed: save({"packed": made.packed})}


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


def add_program(hybrid: Hybrid, module: Module, weights: Weights, member: str) -> Straight:
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


def _kernel(hybrid: Hybrid, kernel: KernelModule | None, features: str | None) -> m.Kernel | None:
    if kernel is None:
        return None
    info = m.Kernel(name=kernel.module.name, shape=kernel.shape, features=features)
    add_program(hybrid, kernel.module, kernel.weights, info.program)
    weights = weights_member(info.program)
    return info.model_copy(update={"weights": weights if weights in hybrid.members else None})


def weights_member(member: str) -> str:
    """Where the weights of a program are kept."""
    return member.replace(".json", ".safetensors")


def _recipes(digest: str, circuit: Circuit, found: Compiled, qasm3: str) -> m.CompiledCircuit:
    rows = tuple(m.Recipe(**{name: getattr(row, name) for name in m.Recipe.model_fields}) for row in found.rows)
    return m.CompiledCircuit(
        digest=digest, qubits=circuit.qubits, slots=circuit.slots, recipes=rows, why=found.why, qasm3=qasm3
    )


def _described(hybrid: Hybrid, stage: tuple[m.Output, ...], kernel: m.Kernel | None, program: Program) -> m.Circuits:
    """The manifest's account of the circuits."""
    weights, device, plan = weights_member(PROGRAM), hybrid.device, program.built.plan
    return m.Circuits(
        target=hybrid.target,
        program=PROGRAM if PROGRAM in hybrid.members else None,
        weights=weights if weights in hybrid.members else None,
        stage=stage,
        kernel=kernel,
        natives=NATIVES if device is not None else None,
        device=DEVICE if device is not None else None,
        calibration=device.calibration if device is not None else None,
        compiled=tuple(hybrid.compiled)
        or tuple(m.CompiledCircuit(digest=d, qubits=c.qubits, slots=c.slots) for d, c in hybrid.circuits.items()),
        shots=plan.shots,
        budget=dict(plan.budget),
    )
