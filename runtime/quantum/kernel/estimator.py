# SPDX-License-Identifier: Apache-2.0
"""A support vector machine on a kernel of ours, as scikit-learn's tools expect one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import SVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from hepq.runtime.executors import executor
from hepq.runtime.quantum.kernel.gram import gram
from hepq.runtime.quantum.kernel.kernel import KernelFunction
from hepq.runtime.quantum.kernel.matrix import Repair, clip_projection, repaired

if TYPE_CHECKING:
    from hepq.runtime.model import Model
    from hepq.runtime.quantum.backends.backend import Backend

Matrix = NDArray[np.float64]
Plain = Callable[[Matrix, Matrix], ArrayLike]


class QSVC(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """C-support vector classification on K(x, y): scikit-learn's ``SVC``, with kernel matrices as ``gram`` makes them.

    ``kernel``: a ``.hepqx`` file, a model (``hepq.load``), a ``KernelFunction``, or a function of two sets of events.
    ``backend``, ``shots``, ``seed``: how an artifact's circuits are run. ``C``, ``class_weight``: as of ``SVC``.
    ``store``, ``tile``: as of ``gram``. ``workers`` processes, or a ``dask`` scheduler's address, share the work.
    ``psd``: repairs the training matrix (see ``psd.repaired``). After ``clip``, values of new events are projected as
    those of training events were (Chen et al., JMLR 10 (2009) 747); otherwise they are used as they are, and only
    those with support vectors are computed.

    ``X`` is [events, *shape], as ``model.kernel_inputs`` gives it.

    >>> QSVC("zh.hepqx", C=10, store="tiles").fit(x, y).score(x_test, y_test)            # doctest: +SKIP
    """

    def __init__(
        self, kernel: str | Path | Model | KernelFunction | Plain, *, C: float = 1.0,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None, backend: str | Backend = "exact",
        shots: int | None = None, seed: int | None = 0, store: str | Path | None = None, tile: int | None = None,
        workers: int | None = None, dask: str | None = None, psd: Repair | None = None,
    ) -> None:  # fmt: skip
        self.kernel, self.C, self.class_weight = kernel, C, class_weight
        self.backend, self.shots, self.seed = backend, shots, seed
        self.store, self.tile, self.workers, self.dask, self.psd = store, tile, workers, dask, psd

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Compute the kernel of ``X`` [N, *shape] with itself, and train on labels ``y`` [N].

        Raises ValueError as scikit-learn does, DataError as ``gram`` does.
        """
        x: Matrix
        labels: NDArray[Any]
        x, labels = validate_data(self, X, y, allow_nd=True, dtype=np.float64)
        check_classification_targets(labels)
        if len(np.unique(labels)) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: {labels[0]!r}")
        self._function = kernel_function(self.kernel, self.backend, self.shots, self.seed)
        matrix = self._matrix(x)
        self._projection = clip_projection(matrix) if self.psd == "clip" else None
        made = matrix if self.psd is None else repaired(matrix, self.psd)
        machine = SVC(kernel="precomputed", C=self.C, class_weight=self.class_weight)
        self._machine = machine.fit(made, labels, sample_weight)
        self.classes_, self.support_, self.n_support_ = machine.classes_, machine.support_, machine.n_support_
        self.dual_coef_, self.intercept_ = machine.dual_coef_, machine.intercept_
        self._used = np.arange(len(x)) if self._projection is not None else machine.support_
        self._events, self._size = x[self._used], len(x)
        return self

    def decision_function(self, X: ArrayLike) -> Matrix:
        """Distances from the boundary: [N], or [N, classes] of more than two."""
        values: Matrix = self._machine_on(X, "decision_function")
        return values

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class of each event, [N]."""
        found: NDArray[Any] = self._machine_on(X, "predict")
        return found

    def _machine_on(self, X: ArrayLike, method: str) -> Any:
        check_is_fitted(self)
        x: Matrix = validate_data(self, X, allow_nd=True, dtype=np.float64, reset=False)
        values = np.zeros((len(x), self._size))
        values[:, self._used] = self._matrix(x, self._events)
        return getattr(self._machine, method)(values if self._projection is None else values @ self._projection)

    def _matrix(self, x: Matrix, y: Matrix | None = None) -> Matrix:
        if not isinstance(self._function, KernelFunction):
            return np.asarray(self._function(x, x if y is None else y), np.float64)
        with closing(executor(self.workers, self.dask)) as used:
            return gram(self._function, x, y, store=self.store, executor=used, tile=self.tile)


def kernel_function(
    kernel: str | Path | Model | KernelFunction | Plain, backend: str | Backend, shots: int | None, seed: int | None
) -> KernelFunction | Plain:
    """What computes the values of a kernel that is named, loaded or given. Raises ArtifactError, HQ0841 and others."""
    if isinstance(kernel, (str, Path)):
        from hepq.runtime.artifact.artifact import Artifact
        from hepq.runtime.quantum.kernel.artifact_kernel import ArtifactKernel

        return ArtifactKernel(Artifact.open(kernel), backend, shots, seed)
    made = getattr(kernel, "kernel", None)
    return made(backend, shots, seed) if callable(made) else kernel  # type: ignore[return-value]
