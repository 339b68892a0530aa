# SPDX-License-Identifier: Apache-2.0
"""The target whose artifacts have code for NVIDIA's GPUs, beside that for CPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.numpy import save

from hepq.compiler.backends.artifact import ArtifactCode, Cpu, differences
from hepq.compiler.backends.target import Program
from hepq.compiler.ir.node import Module
from hepq.compiler.passes.base import Weights
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import ArtifactError
from hepq.runtime.artifact import manifest as m
from hepq.runtime.engine.engine import GPU

if TYPE_CHECKING:
    from hepq.compiler.lower.cuda import CudaCode

TABLE_MEMBER, PACKED = "code/gpu.json", "code/gpu.safetensors"


@dataclass(frozen=True)
class GpuArtifactCode(ArtifactCode):
    """``nvrtc``: the version of what made the code for GPUs."""

    nvrtc: str = ""

    @property
    def tools(self) -> Mapping[str, str]:
        return {**super().tools, "nvrtc": self.nvrtc}

    def replayed_elsewhere(self, path: Path, name: str) -> str:
        """On the GPU, if there is one."""
        try:
            with self.program.stage("replay on the GPU", "replaying golden vectors on the GPU"):
                found = differences(path, GPU)
        except ArtifactError as error:
            if error.code != "HQ0846":
                raise
            return f"code for GPUs not replayed: {error.why}; `hepqc verify --device cuda` where there is one"
        if found:
            raise HepqError([diag("HQ0765", name=name, found="on the GPU: " + "; ".join(found))])
        return ""


class Cuda(Cpu):
    """Code for GPUs of several architectures, and for this CPU."""

    def lower(self, program: Program) -> GpuArtifactCode:
        made = super().lower(program)
        compiled = self.compiled(program)
        assert compiled is not None, "what has circuits is refused before"
        program.tell("compiling for GPUs")
        code, images, nvrtc = gpu_code(compiled, program.optimised.weights, self.name)
        names = {a: f"code/{a}.{'cubin' if a.startswith('sm') else 'ptx'}" for a in images}
        gpu = m.Gpu(
            table=TABLE_MEMBER, packed=PACKED,
            images=tuple(m.Image(architecture=a, member=name) for a, name in names.items()),
        )  # fmt: skip
        members = {
            **made.members, TABLE_MEMBER: code.table.model_dump_json().encode(), PACKED: save({"packed": code.packed}),
            **{names[a]: image for a, image in images.items()},
        }  # fmt: skip
        return GpuArtifactCode(program, made.code, made.held, members, made.found, gpu, nvrtc)

    def emit(self, program: Program, stage: str) -> str:
        if stage != GPU:
            return super().emit(program, stage)
        module = self.compiled(program)
        assert module is not None, "what has circuits is refused before"
        return kernels(module, program.optimised.weights, self.name).source

    def _cut(self, program: Program) -> tuple[Module | None, Module | None, str | None]:
        from hepq.compiler.hybrid.partition import has_circuits

        if has_circuits(program.optimised.module) or program.kernel is not None:
            raise HepqError([diag("HQ0709", op="a circuit", target=self.name)])
        return super()._cut(program)

    def _cpu(self) -> str:
        return "cpu"


def kernels(module: Module, weights: Weights, target: str) -> CudaCode:
    """CUDA C. Raises HepqError HQ0709 for what cannot be compiled."""
    from hepq.compiler.lower.cuda import LoweringError, lower

    try:
        return lower(module, weights)
    except LoweringError as error:
        raise HepqError([diag("HQ0709", op=str(error), target=target)]) from error


def gpu_code(module: Module, weights: Weights, target: str) -> tuple[CudaCode, dict[str, bytes], str]:
    """Kernels, their images by architecture, and the version of what made those.

    Raises HepqError HQ0708 for an unknown architecture, HQ0709 for what cannot be compiled; DataError HQ0871 where
    NVRTC is not installed.
    """
    from hepq.compiler.lower.cuda import LoweringError, nvrtc

    wanted = architectures(target)
    version = nvrtc.installed()
    code = kernels(module, weights, target)
    try:
        return code, nvrtc.assemble(code.source, wanted), version
    except LoweringError as error:
        raise HepqError([diag("HQ0709", op=str(error), target=target)]) from error


def architectures(target: str) -> tuple[str, ...]:
    """``cuda``: all; ``cuda:sm_90``: that one. Raises HepqError HQ0708 for another."""
    from hepq.compiler.lower.cuda.nvrtc import ARCHITECTURES

    named = target.partition(":")[2]
    if not named:
        return ARCHITECTURES
    if named not in ARCHITECTURES:
        known = ", ".join(["cuda", *(f"cuda:{a}" for a in ARCHITECTURES)])
        raise HepqError([diag("HQ0708", name=target, known=known)])
    return (named,)
