# SPDX-License-Identifier: Apache-2.0
"""Kernels as machine code for GPUs, made without one. Nothing here runs it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks.shared.stdlib_programs import module_of, moved_weights
from hepq.compiler.lower.cuda import CudaCode, LoweringError, lower, nvrtc
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.runtime.engine.cuda.table import TABLE

pytest.importorskip("nvidia.cuda_nvrtc", reason="the extra cuda is not installed")


def code(library: str, name: str) -> CudaCode:
    module = module_of(library, name)
    return lower(*run_pipeline(INFERENCE, module, moved_weights(module, np.random.default_rng(0))))


@pytest.mark.parametrize("model", ["particlenet.ParticleNetLite", "lorentznet.LorentzNet"])
def test_models_assemble_for_three_generations(model: str) -> None:
    made = code(*model.split("."))
    images = nvrtc.assemble(made.source, ("sm_80", "sm_100", "compute_80"))
    assert all(images[a].startswith(b"\x7fELF") for a in ("sm_80", "sm_100"))
    text = images["compute_80"].decode()
    kernels = {launch.kernel for launch in made.table.launches}
    assert kernels | {TABLE} == set(re.findall(r"\.visible \.entry (\w+)", text))
    # no contraction but where the rules of operations say so
    assert "fma.rn.f32" in text
    assert "ex2.approx" not in text


def test_kernels_keep_to_registers() -> None:
    """A kernel that spills says that its loops are badly cut; that of neighbours has lists, in its stack."""
    said = nvrtc.report(code("particlenet", "ParticleNetLite").source, "sm_90")
    spills = [int(n) for n in re.findall(r"(\d+) bytes spill", said)]
    assert spills
    assert not any(spills)


def test_text_that_does_not_compile_is_refused() -> None:
    with pytest.raises(LoweringError, match="does not compile for sm_90"):
        nvrtc.assemble('extern "C" __global__ void f() { none(); }', ("sm_90",))
