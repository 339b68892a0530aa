# SPDX-License-Identifier: Apache-2.0
"""An artifact's kernel as a function of two sets of events: what Gram matrices are computed from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.manifest import Kernel
from hepq.runtime.artifact.trust import Trust
from hepq.runtime.program import evaluate
from hepq.runtime.quantum.backends.backend import Backend, Task
from hepq.runtime.quantum.backends.mitigation import Mitigated
from hepq.runtime.quantum.engine import Compiled, circuits_of, read_program
from hepq.runtime.quantum.kernel.kernel import block_seed
from hepq.runtime.quantum.measurer import to_run


class ArtifactKernel:
    """K(x, y) of an artifact on a backend; picklable. ``symmetric``: K(x, y) = K(y, x) where nothing is sampled.

    Raises ArtifactError HQ0841 if the artifact holds no kernel.
    """

    symmetric = True

    def __init__(self, artifact: Artifact, backend: str | Backend = "exact", shots: int | None = None,
                 seed: int | None = 0) -> None:  # fmt: skip
        self._given = (artifact.path, artifact.sha256, backend, shots, seed)
        self.info: Kernel = kernel_of(artifact)
        compiled = Compiled(artifact)
        self.measurer = compiled.measurer(backend, shots, seed)
        self.program = read_program(artifact, self.info.program)
        if "k" not in self.program.outputs:
            raise ArtifactError("HQ0840", f"malformed {self.info.program} in {artifact.path.name}", "it gives no k")
        weights = self.info.weights
        self.weights = artifact.tensors(weights) if weights else {}
        self.calibration = compiled.device.calibration if compiled.device is not None else None
        self._content = [digest for m, digest in artifact.manifest.members.items() if m in (self.info.program, weights)]

    @property
    def exact(self) -> bool:
        return self.measurer.backend.exact

    @cached_property
    def digest(self) -> str:
        """Identifies all that a value depends on."""
        run = self.measurer
        parts = [*self._content, run.backend.name]
        if not run.backend.exact:
            natives = sorted(n.circuit.digest for n in run.natives.values())
            parts += [str(run.shots), str(run.seed), str(self.calibration), *natives]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def about(self) -> dict[str, Any]:
        """What is kept with stored values: what ran the circuits, as calibrated when they were compiled."""
        run = self.measurer
        made: dict[str, Any] = {"name": self.info.name, "backend": run.backend.name}
        if self.exact:
            return made
        made |= {"calibration": self.calibration, "shots": run.shots, "seed": run.seed}
        if isinstance(run.backend, Mitigated):
            made["calibration_shots"] = self.calibration_shots
        return made

    @property
    def calibration_shots(self) -> int:
        """Shots that mitigation takes beside those of the values, once."""
        run = self.measurer
        if not isinstance(run.backend, Mitigated):
            return 0
        used = [run.natives[digest] for digest in to_run(self.program) if digest in run.natives]
        return run.backend.calibration_shots(used, run.shots)

    @property
    def pairwise(self) -> bool:
        """Whether each value is measured by a circuit of its own: a fidelity. Projections are measured by event."""
        return any(self.program.steps[i].op == "fidelity" for i in self.program.quantum)

    def allow(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Raises DataError HQ0873 if blocks of (values, rows and columns) would take more than the budget left."""
        from hepq.runtime.quantum.backends.packing import PackedBackend
        from hepq.runtime.quantum.backends.remote import Remote
        from hepq.runtime.quantum.jobs.budget import Estimate

        run, wanted = self.measurer, Estimate()
        sender = run.backend.backend if isinstance(run.backend, (PackedBackend, Mitigated)) else run.backend
        if not isinstance(run.backend, (Remote, PackedBackend, Mitigated)) or not isinstance(sender, Remote):
            return
        tasks = [Task(circuit, run.natives.get(digest)) for digest, circuit in to_run(self.program).items()]
        if isinstance(run.backend, Mitigated):
            wanted += run.backend.calibration(tasks, run.shots)
        for rows, count in Counter(values if self.pairwise else events for values, events in blocks).items():
            for one in (run.backend.estimate(task, rows, run.shots) for task in tasks):
                wanted += Estimate(one.circuits * count, one.shots * count, one.jobs * count, one.seconds * count)
        sender.budget.check(wanted, sender.spent)

    def block(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """K of every pair: [N, *shape], [M, *shape] -> [N, M]. Shots of each block are drawn by a seed of its own.

        Raises DataError HQ0842 for events of another shape.
        """
        out: NDArray[np.float64] = np.broadcast_to(self._values(x[None], y[None], x, y), (1, len(x), len(y)))[0]
        return out

    def pairs(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """K of each row of ``x`` with the same row of ``y``: [P, *shape], [P, *shape] -> [P]."""
        out: NDArray[np.float64] = np.broadcast_to(self._values(x[:, None], y[:, None], x, y), (len(x), 1, 1))[:, 0, 0]
        return out

    def _values(self, a: NDArray[Any], b: NDArray[Any], x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        for events in (x, y):
            if events.shape[1:] != self.info.shape:
                title = f"kernel {self.info.name} takes events of shape {self.info.shape}, not {events.shape[1:]}"
                raise DataError("HQ0842", title, help="give arrays [events, *shape]")
        measurer = replace(self.measurer, seed=block_seed(self.measurer.seed, x, y))
        inputs = {"a": np.asarray(a, np.float64), "b": np.asarray(b, np.float64)}
        return evaluate(self.program, inputs, self.weights, measurer)["k"]

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, self._given


def _opened(path: Path, sha256: str, backend: str | Backend, shots: int | None, seed: int | None) -> ArtifactKernel:
    """In another process, where the file must still be the one that was opened."""
    return ArtifactKernel(Artifact.open(path, Trust(pinned=sha256)), backend, shots, seed)


def kernel_of(artifact: Artifact) -> Kernel:
    """Raises ArtifactError HQ0841 if the artifact holds no kernel."""
    kernel = circuits_of(artifact).kernel
    if kernel is None:
        why = "its model has no `svm`, and it was not compiled from a function of two events"
        raise ArtifactError("HQ0841", f"{artifact.path.name} holds no kernel", why, "hepqc compile PROGRAM --model K")
    return kernel
