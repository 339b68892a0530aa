# SPDX-License-Identifier: Apache-2.0
"""The benchmark of killed kernel jobs, in small; and that it would notice if something were wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.quantum import kills
from hepq.runtime.quantum.kernel.store import Store


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "EVENTS", 24)


@pytest.mark.parametrize("workers", [1, 2])
def test_kills_lose_and_redo_nothing(workers: int) -> None:
    found = kills.measure(5, workers, seed=1, progress=False)
    assert found.ok, found
    assert found.kills == 5
    assert found.tiles == 21 * found.jobs


def test_the_kernel_is_a_kernel() -> None:
    x = np.random.default_rng(0).uniform(0, 1, (9, kills.WIRES))
    made = kills.Fidelity().block(x, x)
    np.testing.assert_allclose(np.diag(made), 1, atol=1e-12)
    assert np.linalg.eigvalsh(made).min() > -1e-12
    assert made.min() < 0.5


def test_a_forgetful_store_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(store: Store, key: str) -> Any:
        return None

    monkeypatch.setattr(Store, "get", forget)
    found = kills.measure(5, 1, seed=1, progress=False)
    assert found.redone > 0
    assert not found.ok


def test_a_store_that_changes_numbers_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Store.get

    def change(store: Store, key: str) -> Any:
        found = real(store, key)
        return None if found is None else np.nextafter(found, 2)

    monkeypatch.setattr(Store, "get", change)
    found = kills.measure(12, 1, seed=1, progress=False)
    assert found.different > 0
    assert not found.ok
