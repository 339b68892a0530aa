# SPDX-License-Identifier: Apache-2.0
"""Models of the standard library as GPU code, run by the shim, against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.compiled.agreement import OWN_LOSS, difference, is_stable
from benchmarks.shared.stdlib_programs import event_of, module_of, moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from tests.support.cuda.cuda_call import Loaded
from tests.support.cuda.shim import SCHEDULES

MODELS = (
    "abcnet.ABCNet", "autoencoder.Anomaly", "diffusion.Denoiser", "hits.HitGNN", "image.EndToEnd", "jedinet.JEDINet",
    "lgn.LGN", "lorentznet.LorentzNet", "part.ParT", "particlenet.ParticleNetLite", "pcnn.PCNN", "pct.PCT", "pfn.PFN",
    "pfn.EFN", "pileup.PileupGNN", "pulse.PulseCNN", "rpcn.RPCN", "shapes.EventShapeMLP", "vq.DrawCodes",
)  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_a_model_agrees_whatever_the_order_of_threads_and_the_batch(model: str) -> None:
    library, _, name = model.partition(".")
    module, rng = module_of(library, name), np.random.default_rng(0)
    weights = moved_weights(module, rng)
    events = [event_of(module, n, rng) for n in (0, 1, 2, 5, 17, 40, 0)]
    events = [e for e in events if is_stable(module, e, weights)]
    assert len(events) >= 4
    reference = run(module, events, weights)
    allowed = max(1e-5, OWN_LOSS * difference(run(module, events, weights, np.float32), reference))
    optimised, folded = run_pipeline(INFERENCE, module, weights)
    loaded = Loaded(optimised, folded)
    first = loaded(events)
    assert difference(first, reference) <= allowed
    for schedule in SCHEDULES[1:]:
        assert difference(loaded(events, schedule), first) == 0
    # alone, in another order, and in chunks that memory for one event dictates
    turned = loaded(events[::-1])
    assert difference({n: v[::-1] for n, v in turned.items()}, first) == 0
    loaded.launcher.memory = 1
    assert difference(loaded(events), first) == 0
