# SPDX-License-Identifier: Apache-2.0
"""An artifact ready to score batches of events: what predicting, verifying and judging a model share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import VARIABLES, Artifact
from hepq.runtime.artifact.manifest import Files, Manifest
from hepq.runtime.artifact.trust import Trust
from hepq.runtime.engine import outputs
from hepq.runtime.engine.engine import CPU, Engine, engine, engine_on_gpu
from hepq.runtime.events.batch import Batch, Report, prepare
from hepq.runtime.events.columns import Plain, Raw, Reader
from hepq.runtime.events.report import NotANumber

if TYPE_CHECKING:
    from hepq.runtime.events.derived import Variables
    from hepq.runtime.quantum.backends.backend import Backend
    from hepq.runtime.quantum.engine import HybridEngine


@dataclass(frozen=True)
class Scores:
    """``arrays``: flat, see ``outputs.scatter``. ``outputs``: as users get them. ``report``: what was done."""

    arrays: dict[str, NDArray[Any]]
    outputs: dict[str, Any]
    report: Report


class Scorer:
    """A compiled tagger. Safe to call from many threads at once."""

    def __init__(
        self, artifact: Artifact, threads: int | None = None, backend: str | Backend = "exact",
        shots: int | None = None, seed: int | None = 0, device: str = CPU,
    ) -> None:  # fmt: skip
        self.artifact = artifact
        on_gpu, self.device = engine_on_gpu(artifact, device)
        self._given = (backend, shots, seed, self.device.name)
        self.manifest: Manifest = artifact.manifest
        self._variables = _variables(artifact)
        self.reader: Reader = _reader(artifact)
        self.engine = on_gpu or _engine(artifact, threads, backend, shots, seed)

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process, where the file must still be the one that was opened. Raises DataError HQ0862."""
        if self.artifact.rebuilt:
            help = "compile it to a file, and load that"
            raise DataError("HQ0862", "this cannot be sent to workers", "the model was compiled anew here", help)
        return _opened, (self.artifact.path.absolute(), self.artifact.sha256, *self._given)

    @property
    def exact(self) -> bool:
        """Are scores numbers that follow from the events, and not sampled or measured?"""
        from hepq.runtime.quantum.engine import HybridEngine

        return not isinstance(self.engine, HybridEngine) or self.engine.measurer.backend.exact

    def score_raw(self, raw: Raw, where: str = "the events", first: int = 0) -> Scores:
        """Score one batch of flat raw events."""
        batch: Batch = prepare(self.manifest, raw, where, first)
        computed = self.engine.run(batch)
        report = self.with_nan(batch, outputs.nan_events(self.manifest, batch, computed), where, first)
        arrays = outputs.scatter(self.manifest, batch, computed)
        presented = outputs.present(self.manifest, batch, arrays)
        if raw.stage is None:
            return Scores(arrays, presented, report)
        return Scores(arrays, outputs.regrouped(presented, raw.stage.rows), report)

    def raw(self, events: Any, where: str = "the events", first: int = 0) -> Raw:
        """What the model takes of an awkward record array or a mapping of arrays. Raises DataError."""
        return self.reader(events, where, first)

    def with_nan(self, batch: Batch, nan: NDArray[np.bool_], where: str, first: int) -> Report:
        """The batch's report, with events that score NaN, ``nan`` [events], though nothing read is; and why."""
        events = np.flatnonzero(nan & ~batch.unscored)
        if not len(events):
            return batch.report
        name = self.manifest.name
        if self._variables is None:
            low = first + int(events[0])
            why: tuple[NotANumber, ...] = (NotANumber("model", name, "scored NaN", 0, len(events), where, low),)
        else:
            from hepq.runtime.events.grouped import Rows

            rows = Rows(batch.offsets, batch.contents)
            why = self._variables.causes(self.manifest, rows, events, name, where, first)
        return replace(batch.report, nan_scores=len(events), not_numbers=(*batch.report.not_numbers, *why))

    def branches(self, held: Collection[str] = ()) -> list[str]:
        """The branches to read from a file that holds ``held``; without, those it must have."""
        return self.reader.branches(held)

    def reading(self, tree: str | None) -> Files:
        """How files are read: the tree as asked, all else, and by default the tree, as the dataset says."""
        like = self.manifest.dataset.reading if self.manifest.dataset else Files()
        return like if tree is None else like.model_copy(update={"tree": tree})


def _opened(
    path: Path, sha256: str, backend: str | Backend, shots: int | None, seed: int | None, device: str
) -> Scorer:
    """In a worker, which is one of several: with one thread."""
    return Scorer(Artifact.open(path, Trust(pinned=sha256)), 1, backend, shots, seed, device)


def _reader(artifact: Artifact) -> Reader:
    if artifact.manifest.stage is None:
        return Plain(artifact.manifest)
    from hepq.runtime.engine.events import stage_of

    return stage_of(artifact)


def _variables(artifact: Artifact) -> Variables | None:
    """The dataset's variables, if the artifact has them; those made before hepq kept them do not."""
    if (data := artifact.members.get(VARIABLES)) is None:
        return None
    from hepq.runtime.events.derived import Variables

    return Variables.read(data, str(artifact.path), artifact.manifest)


def _engine(
    artifact: Artifact, threads: int | None, backend: str | Backend, shots: int | None, seed: int | None
) -> Engine | HybridEngine:
    if artifact.manifest.circuits is None or artifact.manifest.circuits.program is None:
        return engine(artifact, threads)
    from hepq.runtime.quantum.engine import Compiled, HybridEngine

    return HybridEngine(artifact, Compiled(artifact).measurer(backend, shots, seed), threads)
