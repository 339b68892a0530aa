# SPDX-License-Identifier: Apache-2.0
"""The whole standard library, optimised, in onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.compiled.agreement import OWN_LOSS, difference, is_stable
from benchmarks.shared.stdlib_programs import PROGRAMS, event_of, module_of, moved_weights
from hepq.compiler.ir.interpret import run
from hepq.compiler.lower.onnx import IR_VERSION, OPSET
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from tests.support.ort_call import Loaded


@pytest.mark.parametrize(("library", "name"), [(lib, name) for lib, names in PROGRAMS.items() for name in names])
def test_the_library_agrees_with_the_reference(library: str, name: str) -> None:
    module, rng = module_of(library, name), np.random.default_rng(0)
    weights = moved_weights(module, rng)
    events = [event_of(module, n, rng) for n in (0, 1, 2, 5, 40, 17, 0)]
    events = [e for e in events if is_stable(module, e, weights)]
    assert len(events) >= 4
    reference = run(module, events, weights)
    allowed = max(1e-5, OWN_LOSS * difference(run(module, events, weights, np.float32), reference))
    loaded = Loaded(*run_pipeline(INFERENCE, module, weights))
    first = loaded(events)
    assert difference(first, reference) <= allowed
    # longer padding: the same but for the order in which vector units add, which moves both by what float32 loses
    assert difference(loaded(events, extra=7, junk=1e30), first) <= 1e-6 + 2 * allowed / OWN_LOSS
    assert loaded.model.opset_import[0].version == OPSET == 13
    assert loaded.model.ir_version == IR_VERSION == 7
