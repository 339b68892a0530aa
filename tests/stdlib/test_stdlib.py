# SPDX-License-Identifier: Apache-2.0
"""The whole standard library: well formed, and the same from interpreter, passes and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.shared.stdlib_programs import PROGRAMS, QUANTUM_PROGRAMS, declared, event_of, module_of, moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE

COUNTS = (0, 1, 2, 5, 40)
ALL = PROGRAMS | QUANTUM_PROGRAMS


@pytest.mark.parametrize("library", ALL)
def test_every_name_has_a_program(library: str) -> None:
    assert sorted(ALL[library]) == sorted(declared(library))


@pytest.mark.parametrize(("library", "name"), [(lib, name) for lib, names in ALL.items() for name in names])
def test_passes_and_torch_agree_with_the_reference(library: str, name: str) -> None:
    module, rng = module_of(library, name), np.random.default_rng(0)
    weights = {path: value.astype(np.float64) for path, value in moved_weights(module, rng).items()}
    # a circuit for each pair of particles: fewer are enough
    events = [event_of(module, n, rng) for n in (COUNTS[:-1] if name == "QuantumAttention" else COUNTS)]
    reference = run(module, events, weights)

    optimised, folded = run_pipeline(INFERENCE, module, weights, verify_each=True)
    after = run(optimised, events, folded)
    batched = to_torch(module, weights).eval()(*pad_events(events, module, torch.float64))
    for output, values in reference.items():
        assert all(np.isfinite(v).all() for v in values)
        for i, value in enumerate(values):
            np.testing.assert_allclose(after[output][i], value, rtol=1e-9, atol=1e-9)
            inside = batched[output][i].detach()[tuple(slice(n) for n in value.shape)]
            np.testing.assert_allclose(inside, value, rtol=1e-9, atol=1e-9)


TAGGERS = [
    ("lgn", "LGN"), ("lorentznet", "LorentzNet"), ("part", "ParT"), ("part", "ParTPlain"),
    ("particlenet", "ParticleNet"), ("particlenet", "ParticleNetLite"), ("pfn", "EFN"), ("pfn", "PFN"),
]  # fmt: skip


@pytest.mark.parametrize(("library", "name"), TAGGERS)
def test_taggers_do_not_see_the_order_of_particles(library: str, name: str) -> None:
    module, rng = module_of(library, name), np.random.default_rng(1)
    weights, event = moved_weights(module, rng), event_of(module, 12, rng)
    order = rng.permutation(12)
    straight, shuffled = run(module, [event, {k: v[order] for k, v in event.items()}], weights)["output"]
    np.testing.assert_allclose(shuffled, straight, atol=1e-12)
    assert straight.sum() == pytest.approx(1)


def test_rapidity_does_not_cancel_in_float32() -> None:
    module, rng = module_of("hep", "rapidity"), np.random.default_rng(0)
    eta, pt = rng.uniform(-6, 6, 200), np.exp(rng.uniform(-1, 5, 200))
    p = np.stack([pt, 0 * pt, pt * np.sinh(eta), np.hypot(pt * np.cosh(eta), 0.14)], axis=-1).astype(np.float32)
    events = [{node["name"]: p[: node.type.dims[0].bound] for node in module.inputs}]
    exact, rounded = (run(module, events, {}, dtype) for dtype in (np.float64, np.float32))
    for output, values in exact.items():
        np.testing.assert_allclose(rounded[output][0], values[0], rtol=2e-6)
