# SPDX-License-Identifier: Apache-2.0
"""QSVC against scikit-learn's SVC and its checks of estimators; alignment; exported matrices."""

from __future__ import annotations

import pickle
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from hepq.core.errors import DataError
from hepq.runtime.quantum.kernel import export
from hepq.runtime.quantum.kernel.estimator import QSVC
from hepq.runtime.quantum.kernel.gram import gram
from hepq.runtime.quantum.kernel.matrix import Repair, clip_projection, kernel_alignment, repaired
from tests.runtime.quantum.kernel.kernels import Noisy, Rbf, rbf

X, Y = make_moons(80, noise=0.2, random_state=0)
TRAIN, TEST = slice(0, 50), slice(50, 80)


class Loaded:
    """As a model that ``hepq.load`` gives: it has a kernel for each backend."""

    def kernel(self, backend: str = "exact", shots: int | None = None, seed: int | None = 0) -> Rbf:
        return Rbf() if backend == "exact" else Noisy(seed=seed)


@pytest.mark.parametrize("kernel", [Rbf(), rbf, Loaded()])
@pytest.mark.parametrize("balance", [None, "balanced"])
def test_agrees_with_svc(kernel: Any, balance: Any) -> None:
    ours = QSVC(kernel, C=3, class_weight=balance).fit(X[TRAIN], Y[TRAIN])
    theirs = SVC(kernel=rbf, C=3, class_weight=balance).fit(X[TRAIN], Y[TRAIN])
    np.testing.assert_allclose(ours.decision_function(X[TEST]), theirs.decision_function(X[TEST]), atol=1e-10)
    np.testing.assert_array_equal(ours.predict(X[TEST]), theirs.predict(X[TEST]))
    assert ours.score(X[TEST], Y[TEST]) == theirs.score(X[TEST], Y[TEST]) > 0.8
    np.testing.assert_array_equal(ours.support_, theirs.support_)


def test_more_classes_and_weights() -> None:
    names = np.array(["a", "b", "c"])[np.arange(80) % 3]
    x = X + np.arange(80)[:, None] % 3
    weight = np.linspace(1, 2, 80)
    ours, theirs = QSVC(Rbf()).fit(x, names, weight), SVC(kernel=rbf).fit(x, names, weight)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
    assert ours.decision_function(x).shape == (80, 3)


def test_model_selection() -> None:
    ours = cross_val_score(QSVC(Rbf(), C=2), X, Y, cv=4)
    np.testing.assert_array_equal(ours, cross_val_score(SVC(kernel=rbf, C=2), X, Y, cv=4))
    search = GridSearchCV(make_pipeline(StandardScaler(), QSVC(Rbf())), {"qsvc__C": [0.1, 1.0]}, cv=2).fit(X, Y)
    assert search.best_score_ > 0.7


def test_only_support_vectors_are_computed_and_stored_tiles_are_used(tmp_path: Path) -> None:
    log, x, y = tmp_path / "log", X[:20], Y[:20]

    def computed() -> int:
        return len(log.read_text().split())

    machine = QSVC(Rbf(log), store=tmp_path / "tiles", tile=5).fit(x, y)
    assert computed() == 4 * 5 // 2
    machine.predict(X[TEST])
    assert len(machine.support_) <= 15
    assert computed() == 4 * 5 // 2 + 6 * ceil(len(machine.support_) / 5)
    before = computed()
    clone(machine).set_params(C=10).fit(x, y)
    assert computed() == before


@pytest.mark.parametrize("psd", ["clip", "shift", "nearest", None])
def test_repairs(psd: Repair | None) -> None:
    loaded: Any = Loaded()
    machine = QSVC(loaded, backend="noisy", seed=5, psd=psd).fit(X[TRAIN], Y[TRAIN])
    kernel = Noisy(seed=5)
    matrix = gram(kernel, X[TRAIN])
    theirs = SVC(kernel="precomputed").fit(matrix if psd is None else repaired(matrix, psd), Y[TRAIN])
    if psd == "clip":
        values = gram(kernel, X[TEST], X[TRAIN]) @ clip_projection(matrix)
    else:
        values = np.zeros((30, 50))
        values[:, theirs.support_] = gram(kernel, X[TEST], X[TRAIN][theirs.support_])
    np.testing.assert_allclose(machine.decision_function(X[TEST]), theirs.decision_function(values), atol=1e-10)


def test_clip_treats_training_events_alike() -> None:
    """The projection of a training event's own values is its row of the clipped matrix."""
    matrix = gram(Noisy(), X[TRAIN])
    np.testing.assert_allclose(matrix @ clip_projection(matrix), repaired(matrix, "clip"), atol=1e-12)


def test_events_of_any_shape_and_workers() -> None:
    x = X.reshape(80, 2, 1)
    machine = QSVC(Rbf(), workers=2, tile=20).fit(x, Y)
    np.testing.assert_array_equal(machine.predict(x), SVC(kernel=rbf).fit(X, Y).predict(X))


def test_pickled() -> None:
    machine = QSVC(Rbf(), psd="clip").fit(X, Y)
    again = pickle.loads(pickle.dumps(machine))
    np.testing.assert_array_equal(again.decision_function(X), machine.decision_function(X))


@pytest.mark.filterwarnings("ignore")  # checks skipped for want of pandas
def test_scikit_learn_finds_nothing_wrong() -> None:
    reason = {"check_sample_weight_equivalence_on_dense_data": "does not hold for SVC itself, which libsvm solves"}
    results = check_estimator(QSVC(Rbf()), expected_failed_checks=reason, on_fail="raise")
    assert sum(r["status"] == "passed" for r in results) > 50


def test_no_artifact() -> None:
    with pytest.raises(DataError, match="HQ0801"):
        QSVC("nowhere.hepqx").fit(X, Y)


def test_alignment() -> None:
    y = np.where(Y == 1, 1.0, -1.0)
    assert kernel_alignment(np.outer(y, y), Y) == pytest.approx(1)
    assert kernel_alignment(-np.outer(y, y), Y) == pytest.approx(-1)
    k = rbf(X, X)
    n = len(y)
    assert kernel_alignment(k, Y) == pytest.approx(y @ k @ y / (n * np.linalg.norm(k)))
    h = np.eye(n) - 1 / n
    kc, tc = h @ k @ h, h @ np.outer(y, y) @ h
    expected = (kc * tc).sum() / np.linalg.norm(kc) / np.linalg.norm(tc)
    assert kernel_alignment(k, Y, centred=True) == pytest.approx(expected)
    assert kernel_alignment(np.eye(3), [0, 1, 2]) > 0
    for matrix, labels in ((k, np.zeros(n)), (k, Y[:5]), (k[:, :5], Y)):
        with pytest.raises(DataError, match="HQ0829"):
            kernel_alignment(matrix, labels)


def test_export(tmp_path: Path) -> None:
    path, rows = tmp_path / "gram.npz", export.Side(X[:6], np.arange(6), Y[:6])
    columns = export.Side(X[6:9], np.arange(3))
    matrix = gram(Noisy(), rows.x, columns.x)
    export.save(path, matrix, Noisy(), rows, columns, {"command": "hepqc kernel"})
    found = export.load(path)
    np.testing.assert_array_equal(found.gram, matrix)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, Y[:6])
    told = found.provenance
    assert (told["kernel"], told["shots"], told["command"]) == ("noisy", 100, "hepqc kernel")
    assert told["x_sha256"] != told["x_sha256_against"] == str(found.arrays["x_sha256_against"])
    for bad in (tmp_path / "gram.csv", tmp_path / "none/gram.npz", tmp_path):
        with pytest.raises(DataError, match="HQ0817"):
            export.save(bad, matrix, Noisy(), rows)
    assert [p.name for p in tmp_path.iterdir()] == ["gram.npz"]
