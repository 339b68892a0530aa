# SPDX-License-Identifier: Apache-2.0
"""From optimised IR to what an artifact holds: compiled code, programs, circuits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from safetensors.numpy import save

from hepq.compiler.hybrid.code import Hybrid, Search, add_program, compile_circuits, described, split, weights_member
from hepq.compiler.hybrid.partition import has_circuits
from hepq.compiler.ir.node import Module
from hepq.compiler.passes.base import Weights
from hepq.compiler.schema import events as s
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError
from hepq.runtime.artifact import manifest as m

if TYPE_CHECKING:
    from hepq.compiler.lower.cpu import CpuCode

#: output under which the optimiser carries what a kernel takes of an event
FEATURES = "features"


@dataclass(frozen=True)
class KernelModule:
    """A kernel over rows and columns as optimised IR; ``shape``: of what it takes of one event."""

    module: Module
    weights: Weights
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Job:
    """What to generate code for. ``shots``, ``budget``: as the program declares them."""

    target: str
    search: Search = field(default_factory=Search)
    kernel: KernelModule | None = None
    shots: int | None = None
    budget: Mapping[str, float] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Generated:
    code: m.Code | None
    circuits: m.Circuits | None
    members: dict[str, bytes]
    warnings: tuple[Diagnostic, ...] = ()


def simulated(target: str) -> bool:
    """Whether a target runs circuits by simulating them exactly."""
    return target.partition(":")[0] in ("cpu", "sim")


def generate(module: Module, weights: Weights, job: Job) -> Generated:
    """Code for the target. With a kernel, the output ``features`` is what it takes of an event: an output of the
    model only where there is no other.

    Raises HepqError for a target or an operation that cannot be compiled.
    """
    from hepq.compiler.targets.quantum import is_quantum

    if not has_circuits(module) and job.kernel is None:
        if is_quantum(job.target) or job.target == "sim":
            raise HepqError([diag("HQ0752", name=module.name, target=job.target)])
        code = cpu_code(module, weights, job.target)
        return Generated(_described(code, job.target), None, _members(code))
    hybrid = Hybrid(job.target)
    compiled, stage, features = _program(hybrid, module, weights)
    kernel = _kernel(hybrid, job.kernel, features)
    cpu = job.target if job.target.startswith("cpu") else "cpu"
    made = None if compiled is None else cpu_code(compiled, weights, cpu)
    if not simulated(job.target):
        compile_circuits(hybrid, job.search, job.tell)
    circuits = described(hybrid, stage=stage, kernel=kernel, shots=job.shots, budget=job.budget)
    members = hybrid.members | (_members(made) if made is not None else {})
    described_code = _described(made, cpu) if made is not None else None
    return Generated(described_code, circuits, members, tuple(hybrid.warnings))


def _program(
    hybrid: Hybrid, module: Module, weights: Weights
) -> tuple[Module | None, tuple[m.Output, ...], str | None]:
    """Adds the program; returns the module to compile, what it gives the program, and the name of the features."""
    outputs = {name: node for name, node in module.outputs.items() if name != FEATURES}
    features = module.outputs.get(FEATURES)
    if not outputs:
        return module, (), FEATURES
    parts = split(Module(module.name, module.inputs, outputs), [] if features is None else [features])
    add_program(hybrid, parts.program, weights, "program.json")
    stage = () if parts.compiled is None else s.stage(parts.compiled)
    return parts.compiled, stage, None if features is None else parts.names.get(features)


def _kernel(hybrid: Hybrid, kernel: KernelModule | None, features: str | None) -> m.Kernel | None:
    if kernel is None:
        return None
    info = m.Kernel(name=kernel.module.name, shape=kernel.shape, features=features)
    add_program(hybrid, kernel.module, kernel.weights, info.program)
    weights = weights_member(info.program)
    return info.model_copy(update={"weights": weights if weights in hybrid.members else None})


def cpu_code(module: Module, weights: Weights, target: str) -> CpuCode:
    """Machine code. Raises HepqError HQ0708 for an unknown CPU, HQ0709 for what cannot be compiled."""
    from hepq.compiler.targets.cpu import parse

    try:
        cpu = parse(target)
    except ValueError as error:
        raise HepqError([diag("HQ0708", name=target, known="cpu, cpu:native, cpu:NAME", help=str(error))]) from error
    from hepq.compiler.lower.cpu import LoweringError, lower

    try:
        return lower(module, weights, cpu)
    except LoweringError as error:
        raise HepqError([diag("HQ0709", op=str(error), target=target)]) from error


def _members(code: CpuCode) -> dict[str, bytes]:
    return {"code/cpu.so": code.library, "code/packed.safetensors": save({"packed": code.packed})}


def _described(code: CpuCode, target: str) -> m.Code:
    return m.Code(
        target=target,
        mcpu=code.mcpu,
        features=code.features,
        library="code/cpu.so",
        packed="code/packed.safetensors",
        scratch_floats=code.scratch_floats,
        iscratch_ints=code.iscratch_ints,
    )
