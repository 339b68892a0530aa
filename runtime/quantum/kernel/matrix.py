# SPDX-License-Identifier: Apache-2.0
"""Kernel matrices: those with negative eigenvalues made positive semidefinite; how well one tells classes apart.

clip     negative eigenvalues become 0: the nearest such matrix in the Frobenius norm (Higham, Linear Algebra
         Appl. 103 (1988) 103; for kernels Wu, Chang, Zhang, ICML 2005)
shift    the smallest eigenvalue, if negative, is taken off the diagonal: what differs stays as it is (Roth et al.,
         IEEE TPAMI 25 (2003) 1540)
nearest  the nearest one with unit diagonal, by alternating projections with Dykstra's correction (Higham, IMA J.
         Numer. Anal. 22 (2002) 329, algorithm 3.3)
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from hepq.core.errors import DataError

Matrix = NDArray[np.float64]
Repair = Literal["clip", "shift", "nearest"]
REPAIRS: tuple[Repair, ...] = get_args(Repair)


def repaired(matrix: Matrix, how: Repair) -> Matrix:
    """A symmetric matrix [N, N] without negative eigenvalues (beyond rounding).

    Raises DataError HQ0861 if it is not symmetric, or if ``nearest`` does not converge.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.array_equal(matrix, matrix.T):
        why = "only a kernel of one set of events with itself can be: compute it without `--against`"
        raise DataError("HQ0861", f"a matrix of shape {matrix.shape} that is not symmetric cannot be repaired", why)
    check(how)
    match how:
        case "clip":
            return _symmetric(clip_projection(matrix) @ matrix)
        case "shift":
            return matrix + max(0.0, -smallest(matrix)) * np.eye(len(matrix))
        case "nearest":
            return _nearest(matrix)


def check(how: str, square: bool = True) -> None:
    """Raise DataError HQ0861 for a repair that is unknown or, unless ``square``, out of place."""
    if how not in REPAIRS:
        known = ", ".join(REPAIRS)
        raise DataError("HQ0861", f"no way to repair a matrix is called {how!r}", help=f"choose one of {known}")
    if not square:
        raise DataError("HQ0861", "only a kernel of one set of events with itself can be repaired")


def smallest(matrix: Matrix) -> float:
    """The smallest eigenvalue."""
    return float(scipy.linalg.eigh(matrix, eigvals_only=True, subset_by_index=(0, 0))[0])


def clip_projection(matrix: Matrix) -> Matrix:
    """P, onto eigenvectors of eigenvalues ≥ 0: P K is K clipped, and P k what becomes of a new event's values k
    (Chen, Garcia, Gupta, Rahimi, Cazzanti, JMLR 10 (2009) 747, section 4.1).
    """
    values, vectors = scipy.linalg.eigh(matrix)
    kept = vectors[:, values >= 0]
    out: Matrix = kept @ kept.T
    return out


def _nearest(matrix: Matrix, tolerance: float = 1e-10, rounds: int = 5000) -> Matrix:
    y, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(rounds):
        r = y - correction
        x = _positive(r)
        correction = x - r
        before, y = y, x.copy()
        np.fill_diagonal(y, 1.0)
        change = float(max(np.linalg.norm(y - x), np.linalg.norm(y - before)))
        if change <= tolerance * np.linalg.norm(y):
            return _unit_diagonal(_positive(y))
    why = f"after {rounds} rounds it still changes by {change:.1e}"
    raise DataError("HQ0861", "the nearest matrix was not found", why, "try clip or shift")


def _positive(matrix: Matrix) -> Matrix:
    values, vectors = scipy.linalg.eigh(matrix)
    return _symmetric((vectors * values.clip(0)) @ vectors.T)


def _unit_diagonal(matrix: Matrix) -> Matrix:
    """Scaled from both sides, which keeps it positive semidefinite."""
    scale = 1 / np.sqrt(np.diag(matrix))
    out = _symmetric(matrix * np.outer(scale, scale))
    np.fill_diagonal(out, 1.0)
    return out


def _symmetric(matrix: Matrix) -> Matrix:
    out: Matrix = (matrix + matrix.T) / 2
    return out


def kernel_alignment(matrix: ArrayLike, labels: ArrayLike, *, centred: bool = False) -> float:
    """How like a kernel matrix [N, N] is to the ideal one of its labels [N], between -1 and 1.

    <K, T> / (|K| |T|), T = 1 in a class and -1/(classes - 1) across: y yᵀ for two (Cristianini, Shawe-Taylor,
    Elisseeff, Kandola, NIPS 14 (2001) 367). ``centred``: of K and T with their means over rows and columns taken off
    (Cortes, Mohri, Rostamizadeh, JMLR 13 (2012) 795). Raises DataError HQ0829 unless there are two classes.
    """
    k, (classes, of) = np.asarray(matrix, np.float64), np.unique(np.asarray(labels), return_inverse=True)
    if len(classes) < 2 or k.shape != (len(of), len(of)):
        why = f"{len(classes)} class(es), {len(of)} labels, a matrix of shape {k.shape}"
        raise DataError("HQ0829", "an alignment needs two classes, and a label for each row and column", why)
    target = np.where(of[:, None] == of[None], 1.0, -1.0 / (len(classes) - 1))
    if centred:
        k, target = (m - m.mean(0) - m.mean(1)[:, None] + m.mean() for m in (k, target))
    return float((k * target).sum() / (np.linalg.norm(k) * np.linalg.norm(target)))
