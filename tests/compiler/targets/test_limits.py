# SPDX-License-Identifier: Apache-2.0
"""A machine's limits are measured, not guessed, and bound work by what is slower."""

from __future__ import annotations

import pytest

from hepq.compiler.targets import limits
from hepq.compiler.targets.limits import SHAPES, Limits, measured


def test_the_slower_of_arithmetic_and_copies_bounds() -> None:
    machine = Limits(flops=100.0, bandwidth=10.0, memory=1)
    assert machine.seconds(200.0, 1.0) == 2.0
    assert machine.seconds(200.0, 30.0) == 3.0


def test_limits_follow_from_the_least_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of each shape takes a second, a copy of half the memory two."""
    times = iter([1.0] * len(SHAPES) + [2.0])
    monkeypatch.setattr(limits, "_least", lambda run, seconds: next(times))
    found = measured(10**6)
    assert found == Limits(2.0 * 256**3, 10**6 / 2.0, 10**6)


def test_the_least_of_many_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call takes no time, then turns of as many calls as fill one take 3 s, 2 s, 5 s of the CPU."""
    wall, cpu = iter([0.0, limits.TURN / 4, 0.0, 1.0, 2.0, 3.0, 99.0]), iter([0.0, 3.0, 10.0, 12.0, 20.0, 25.0])
    monkeypatch.setattr("hepq.compiler.targets.limits.time.perf_counter", lambda: next(wall))
    monkeypatch.setattr("hepq.compiler.targets.limits.time.process_time", lambda: next(cpu))
    calls = list[int]()
    assert limits._least(lambda: calls.append(1), 10.0) == 2.0 / 4
    assert len(calls) == 1 + 3 * 4


def test_it_can_be_measured() -> None:
    found = measured(1, moment=0.003)
    assert found.memory == 1 << 15
    assert found.flops > 0
    assert found.bandwidth > 0
