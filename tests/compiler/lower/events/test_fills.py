# SPDX-License-Identifier: Apache-2.0
"""Fills in machine code against the reference, to the bit: regions, cut flows, weights, made dims; in any chunks."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.lower.events import plan
from tests.compiler.lower.events.fills import compiled, expected, program, random_filling, same
from tests.compiler.lower.events.programs import random_events
from tests.support.tvm_call import runnable

TARGETS = [t for t in ("cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:x86-64", "cpu:armv8-a") if runnable(t)]


@pytest.mark.parametrize("seed", range(12))
def test_random_fills(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other one as large programs are: in several functions."""
    if seed % 2:
        monkeypatch.setattr(plan, "STAGE", 40)
    module, events = random_filling(seed), random_events(np.random.default_rng(seed), 150)
    code = program(module, TARGETS[seed // 2 % len(TARGETS)])
    for n_minus_one in (True,):
        wanted = expected(module, events, n_minus_one)
        same(compiled(code, module, events, n_minus_one=n_minus_one), wanted)
        same(compiled(code, module, events, (1, 7, 90), n_minus_one=n_minus_one), wanted)
