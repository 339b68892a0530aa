# SPDX-License-Identifier: Apache-2.0
"""Repairs of kernel matrices, against what is published or known of them."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.quantum.kernel.gram import gram
from hepq.runtime.quantum.kernel.matrix import REPAIRS, Repair, clip_projection, repaired, smallest
from tests.runtime.quantum.kernel.kernels import Noisy

X = np.random.default_rng(0).normal(size=(30, 2)) / 3


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    matrix = gram(Noisy(), X, tile=8)
    assert smallest(matrix) < -0.1
    return matrix


@pytest.mark.parametrize("how", REPAIRS)
def test_no_negative_eigenvalues_are_left(how: Repair, noisy: np.ndarray) -> None:
    made = repaired(noisy, how)
    np.testing.assert_array_equal(made, made.T)
    assert smallest(made) > -1e-12
    np.testing.assert_array_equal(gram(Noisy(), X, tile=8, psd=how), made)


@pytest.mark.parametrize("how", REPAIRS)
def test_what_needs_no_repair_stays(how: Repair) -> None:
    matrix = np.exp(-((X[:, None] - X[None]) ** 2).sum(axis=-1))
    matrix = (matrix + matrix.T) / 2 + 1e-3 * np.eye(30)
    matrix /= 1 + 1e-3
    np.testing.assert_allclose(repaired(matrix, how), matrix, atol=1e-9)


def test_clip_is_the_nearest_in_frobenius_norm(noisy: np.ndarray) -> None:
    """‖K − K₊‖² is the sum of the squares of the negative eigenvalues (Higham 1988, theorem 2.1)."""
    values = np.linalg.eigvalsh(noisy)
    distance = np.linalg.norm(noisy - repaired(noisy, "clip"))
    np.testing.assert_allclose(distance**2, (values[values < 0] ** 2).sum(), rtol=1e-10)
    projection = clip_projection(noisy)
    np.testing.assert_allclose(projection @ projection, projection, atol=1e-12)


def test_shift_changes_the_diagonal_alone(noisy: np.ndarray) -> None:
    change = repaired(noisy, "shift") - noisy
    np.testing.assert_allclose(change, -smallest(noisy) * np.eye(30), atol=1e-14)


def test_nearest_as_published() -> None:
    """Higham 2002, section 4: the nearest correlation matrix of tridiag(1, 1, 1) of order 3."""
    matrix = np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])
    expected = [[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]]
    np.testing.assert_allclose(repaired(matrix, "nearest"), expected, atol=5e-5)


def test_nearest_is_no_further_than_other_correlation_matrices(noisy: np.ndarray) -> None:
    made = repaired(noisy, "nearest")
    np.testing.assert_array_equal(np.diag(made), 1.0)
    clipped = repaired(noisy, "clip")
    scale = np.sqrt(np.diag(clipped))
    assert np.linalg.norm(made - noisy) < np.linalg.norm(clipped / np.outer(scale, scale) - noisy)


def test_what_cannot_be_repaired(noisy: np.ndarray) -> None:
    for matrix, how in ((noisy[:, :5], "clip"), (np.triu(noisy), "shift"), (noisy, "squeeze")):
        with pytest.raises(DataError, match="HQ0861"):
            repaired(matrix, how)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="HQ0861"):
        gram(Noisy(), X, X, psd="clip")
