# SPDX-License-Identifier: Apache-2.0
"""The measurement of GPU code, on a driver without a GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.compiled import gpu
from benchmarks.shared.data import Absent
from hepq.runtime.engine.cuda import driver
from tests.support.cuda.cuda_call import fake_gpu
from tests.support.cuda.shim import cubin


def test_it_is_rehearsed_and_would_be_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(gpu.random())
    done = gpu.measure(case, rehearse=True)
    assert done.met
    assert not done.rates
    monkeypatch.setattr(gpu, "_image", cubin)
    monkeypatch.setattr(gpu, "BATCHES", (1, 4))
    monkeypatch.setattr(gpu, "event_of", lambda module, n, rng: case.events[1])
    with fake_gpu():
        done = gpu.measure(replace(case, published=True), rehearse=False)
    assert done.met
    assert len(done.rates) == 2


def test_a_result_that_is_off_or_hangs_on_the_batch_is_a_miss() -> None:
    good = gpu.Result("m", 1, 1, 0.1, 1e-6, 1e-5, True)
    assert good.met
    assert not replace(good, largest=float("nan")).met
    assert not replace(good, same=False).met


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LIBRARY", "libnone.so.1")
    with pytest.raises(Absent, match="--rehearse needs no GPU"):
        gpu.main([])
