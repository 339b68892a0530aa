# SPDX-License-Identifier: Apache-2.0
"""Kernel matrices in tiles: equal to those in one piece, each pair once, from the store where it can be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.executors import Serial
from hepq.runtime.quantum.kernel.gram import Progress, gram
from hepq.runtime.quantum.kernel.kernel import KernelFunction, PairKernel, block_seed
from hepq.runtime.quantum.kernel.store import Store
from tests.runtime.quantum.kernel.kernels import Noisy, Pairs, Rbf, Wrong, rbf

X = np.random.default_rng(0).normal(size=(23, 3))
Y = np.random.default_rng(1).normal(size=(9, 3))


def lines(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


@pytest.mark.parametrize("tile", [1, 4, 23, 100, None])
def test_tiles_make_the_whole(tile: int | None) -> None:
    np.testing.assert_allclose(gram(Rbf(), X, tile=tile), rbf(X, X), rtol=1e-14)
    np.testing.assert_allclose(gram(Rbf(), X, Y, tile=tile), rbf(X, Y), rtol=1e-14)
    np.testing.assert_allclose(gram(Rbf(symmetric=False), X, tile=tile), rbf(X, X), rtol=1e-14)


def test_events_may_have_any_shape() -> None:
    x = X.reshape(23, 3, 1)
    np.testing.assert_allclose(gram(Rbf(), x, x[:5], tile=4), rbf(X, X[:5]), rtol=1e-14)
    np.testing.assert_allclose(gram(Rbf(), X[:, 0]), rbf(X[:, :1], X[:, :1]), rtol=1e-14)


def test_only_the_upper_half_is_computed(tmp_path: Path) -> None:
    made = gram(Rbf(tmp_path / "log"), X, tile=4)
    assert len(lines(tmp_path / "log")) == 6 * 7 // 2
    np.testing.assert_array_equal(made, made.T)


def test_a_kernel_that_is_not_symmetric_is_computed_whole(tmp_path: Path) -> None:
    gram(Rbf(tmp_path / "log", symmetric=False), X, tile=4)
    assert len(lines(tmp_path / "log")) == 36


def test_every_pair_is_measured_once(tmp_path: Path) -> None:
    kernel = Pairs(tmp_path / "log")
    assert isinstance(kernel, PairKernel)
    assert not isinstance(Rbf(), PairKernel)
    made = gram(kernel, X, tile=4)
    assert len(lines(tmp_path / "log")) == 23 * 24 // 2
    np.testing.assert_array_equal(made, made.T)
    assert abs(made - 0.9 * rbf(X, X)).max() < 0.2


def test_what_is_measured_by_event_is_measured_in_large_blocks(tmp_path: Path) -> None:
    kernel = Pairs(tmp_path / "log", pairwise=False)
    gram(kernel, X)
    assert len(lines(tmp_path / "log")) == 23 * 23  # one block, not chosen pairs
    gram(Pairs(tmp_path / "more"), X)
    assert len(lines(tmp_path / "more")) == 23 * 24 // 2
    with Store(tmp_path / "tiles") as store:
        gram(kernel, X, store=store)
        gram(Pairs(digest="pairwise"), X, store=store)
        assert sorted(h.shape for h in store.headers()) == [(7, 7), (16, 7), (16, 16), (23, 23)]


def test_what_is_not_allowed_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="276 values, 161 events"):
        gram(Pairs(tmp_path / "log", most=100), X, tile=4, store=tmp_path / "tiles")
    assert lines(tmp_path / "log") == []
    gram(Pairs(tmp_path / "log"), X[:16], tile=4, store=tmp_path / "tiles")
    with pytest.raises(DataError, match="140 values, 81 events"):  # what is stored costs nothing
        gram(Pairs(tmp_path / "log", most=100), X, tile=4, store=tmp_path / "tiles")


def test_a_measured_diagonal_is_not_assumed_to_be_one() -> None:
    made = np.diag(gram(Noisy(), X, tile=4))
    assert made.max() < 1
    assert made.std() > 0


def test_equal_tiles_are_computed_once(tmp_path: Path) -> None:
    x = np.concatenate([X[:4]] * 3)
    made = gram(Rbf(tmp_path / "log"), x, tile=4)
    assert len(lines(tmp_path / "log")) == 1
    np.testing.assert_allclose(made, rbf(x, x), rtol=1e-14)


def test_noise_depends_on_seed_and_content_alone(tmp_path: Path) -> None:
    whole = gram(Noisy(), X, tile=4)
    gram(Noisy(), X[8:], tile=4, store=tmp_path)  # begins elsewhere, in another order
    np.testing.assert_array_equal(gram(Noisy(), X, tile=4, store=tmp_path), whole)
    assert (gram(Noisy(seed=2, digest="other"), X, tile=4) != whole).any()
    blocks = [whole[i : i + 4, i + 4 : i + 8] - 0.9 * rbf(X[i : i + 4], X[i + 4 : i + 8]) for i in (0, 8)]
    assert (blocks[0] != blocks[1]).any()
    assert block_seed(None, X, X) is None
    assert block_seed(1, X, Y) != block_seed(1, Y, X) != block_seed(2, Y, X)


def test_what_is_stored_is_not_computed_again(tmp_path: Path) -> None:
    kernel, log, told = Rbf(tmp_path / "log"), tmp_path / "log", list[Progress]()
    first = gram(kernel, X[:16], tile=4, store=tmp_path / "tiles")
    assert len(lines(log)) == 10
    whole = gram(kernel, X, tile=4, store=tmp_path / "tiles", progress=told.append)
    np.testing.assert_array_equal(whole[:16, :16], first)
    assert max(Counter(lines(log)).values()) == 1
    assert (told[0].found, told[0].done, told[0].tiles) == (10, 10, 21)
    assert (told[-1].computed, told[-1].done, told[-1].values_done, told[-1].values) == (11, 21, 276, 276)
    test = gram(kernel, Y, X, tile=4, store=tmp_path / "tiles")
    np.testing.assert_array_equal(gram(kernel, Y, X, tile=4), test)


def test_kernels_share_a_store(tmp_path: Path) -> None:
    one = gram(Rbf(), X, tile=8, store=tmp_path)
    other = gram(Noisy(), X, tile=8, store=tmp_path)
    with Store(tmp_path) as store:
        kernels = Counter(h.kernel for h in store.headers())
        assert kernels == {"rbf": 6, "noisy": 6}
        assert {h.about.get("calibration") for h in store.headers()} == {None, "2026-04-01-abc"}
    np.testing.assert_array_equal(gram(Rbf(), X, tile=8, store=tmp_path), one)
    np.testing.assert_array_equal(gram(Noisy(), X, tile=8, store=tmp_path), other)


@pytest.mark.parametrize(
    ("x", "y", "code"),
    [
        (np.array([[1.0, np.nan]]), None, "HQ0855"),
        (X, np.array([[1.0, np.inf, 0.0]]), "HQ0855"),
        (X, np.zeros((2, 4)), "HQ0856"),
        (np.zeros((0, 3)), None, "HQ0856"),
        (3.0, None, "HQ0856"),
        ([[1.0], [1.0, 2.0]], None, "HQ0856"),
        ([["a"]], None, "HQ0856"),
    ],
)
def test_bad_events_are_refused(x: Any, y: Any, code: str) -> None:
    with pytest.raises(DataError) as refused:
        gram(Rbf(), x, y)
    assert refused.value.code == code


@pytest.mark.parametrize("value", [None, np.zeros((1, 1)), np.zeros(4)])
def test_bad_values_are_refused_and_not_stored(value: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        gram(Wrong(value=value), X, tile=4, store=tmp_path)
    assert refused.value.code == "HQ0857"
    with Store(tmp_path) as store:
        assert not list(store.headers())
        assert store.working() == 0


def test_a_failure_gives_up_claims_in_a_store_that_stays_open(tmp_path: Path) -> None:
    with Store(tmp_path) as store, Store(tmp_path) as other:
        with pytest.raises(DataError):
            gram(Wrong(value=None), X, tile=4, store=store)
        assert other.working() == 0
        assert list(gram(Rbf(), X[:3], tile=4, store=other).shape) == [3, 3]


def test_an_interrupt_leaves_tiles_and_no_claims(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gram(Rbf(), X, tile=4, store=tmp_path, progress=stop)
    with Store(tmp_path) as store:
        assert len(list(store.headers())) == 5
        assert store.working() == 0


def test_protocol() -> None:
    assert isinstance(Rbf(), KernelFunction)
    assert Serial.slots == 1
    with pytest.raises(ValueError, match="0 events a side"):
        gram(Rbf(), X, tile=0)
