# SPDX-License-Identifier: Apache-2.0
"""How well a kernel tells classes apart, before anything is trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hepq.core.errors import DataError


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
