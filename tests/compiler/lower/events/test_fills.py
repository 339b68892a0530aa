# SPDX-License-Identifier: Apache-2.0
"""Fills in machine code against the reference, to the bit: regions, cut flows, weights, made dims; in any chunks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hepq.compiler.ir.node import Module
from hepq.compiler.lower.events import plan
from tests.support.events.fills import compiled, expected, program, random_filling, same
from tests.support.events.programs import random_events
from tests.support.events.regions import random_regions
from tests.support.tvm_call import runnable

TARGETS = [t for t in ("cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:x86-64", "cpu:armv8-a") if runnable(t)]


@pytest.mark.parametrize("make", [random_filling, random_regions])
@pytest.mark.parametrize("seed", range(6))
def test_random_fills(make: Callable[[int], Module], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other one as large programs are: in several functions."""
    if seed % 2:
        monkeypatch.setattr(plan, "STAGE", 40)
    if seed % 3:
        monkeypatch.setattr(plan, "LATE", 2)
    module, events = make(seed), random_events(np.random.default_rng(seed), 100)
    code = program(module, TARGETS[seed // 2 % len(TARGETS)])
    for n_minus_one in (True, False):
        wanted = expected(module, events, n_minus_one)
        same(compiled(code, module, events, n_minus_one=n_minus_one), wanted)
        same(compiled(code, module, events, (1, 7, 70), n_minus_one=n_minus_one), wanted)
