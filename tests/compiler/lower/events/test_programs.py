# SPDX-License-Identifier: Apache-2.0
"""Random event programs in machine code against the reference: whole numbers exactly, NaN in the same places."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.lower.events import plan
from hepq.compiler.lower.events.rules import RULES
from hepq.core.ops.table import ELEMENTWISE, GIVEN
from tests.support.events.programs import agree, random_events, random_program, run
from tests.support.tvm_call import runnable

TARGETS = [t for t in ("cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:x86-64", "cpu:armv8-a") if runnable(t)]
SEEDS = range(16)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other one as large programs are: in several functions."""
    if seed % 2:
        monkeypatch.setattr(plan, "STAGE", 40)
    module, events = random_program(seed, 60), random_events(np.random.default_rng(seed), 70)
    agree(module, events, run(module, events, TARGETS[seed // 2 % len(TARGETS)]))


def test_the_random_programs_together_use_every_operation() -> None:
    """``test_mathfn.py`` has the elementwise ones."""
    used = {node.op for seed in SEEDS for node in random_program(seed, 60).walk()}
    assert used >= {*RULES, *RULES.elsewhere} - GIVEN - ELEMENTWISE


@pytest.mark.parametrize("seed", [3, 7])
def test_an_events_results_do_not_depend_on_its_chunk(seed: int) -> None:
    module, events = random_program(seed, 60), random_events(np.random.default_rng(seed), 150)
    whole, last = run(module, events), run(module, events[83:])
    for name, node in module.outputs.items():
        dims = node.type.dims
        if not dims or not dims[0].ragged:
            np.testing.assert_array_equal(whole.outputs[name][83:], last.outputs[name])
        else:
            np.testing.assert_array_equal(whole.outputs[name][len(whole.outputs[name]) - len(last.outputs[name]) :],
                                          last.outputs[name])  # fmt: skip
