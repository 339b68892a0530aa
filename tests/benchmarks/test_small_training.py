# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import multiprocessing

import pytest
import torch

from benchmarks.training.small_training import busy, least


def test_the_least_of_rounds_run_in_turns_without_the_first_two(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = [0.0], []
    costs = {"a": iter([9.0, 9.0, 5.0, 3.0, 4.0]), "b": iter([1.0, 1.0, 7.0, 8.0, 6.0])}
    monkeypatch.setattr("benchmarks.training.small_training.time.process_time", lambda: clock[0])
    monkeypatch.setattr("benchmarks.training.small_training.time.perf_counter", lambda: 2 * clock[0])

    def run(name: str) -> None:
        said.append((name, torch.get_num_threads()))
        clock[0] += next(costs[name])

    found = least({"a": (1, lambda _: run("a")), "b": (2, lambda _: run("b"))}, 3)
    assert found == {"a": (3.0, 6.0), "b": (6.0, 12.0)}
    assert said == [("a", 1), ("b", 2)] * 5


def test_busy_processes_end() -> None:
    with busy(1):
        (other,) = multiprocessing.active_children()
        assert other.is_alive()
    assert not other.is_alive()
