# SPDX-License-Identifier: Apache-2.0
"""What ``hepq.load`` gives: a tagger to be called with events."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepq.runtime.artifact.artifact import VARIABLES, Artifact
from hepq.runtime.artifact.manifest import Manifest
from hepq.runtime.engine import outputs
from hepq.runtime.engine.cpu import Engine
from hepq.runtime.events import event_files
from hepq.runtime.events.batch import Batch, Report, prepare
from hepq.runtime.events.columns import Raw, collect, field_names
from hepq.runtime.report.report import NotANumber

if TYPE_CHECKING:
    from hepq.runtime.events.derived import Variables
    from hepq.runtime.predict import Summary
    from hepq.runtime.quantum.backends.backend import Backend
    from hepq.runtime.quantum.engine import HybridEngine
    from hepq.runtime.quantum.kernel.artifact_kernel import ArtifactKernel
    from hepq.runtime.quantum.kernel.features import KernelEvents
    from hepq.runtime.verify import Verification

#: arrays longer than this are scored piece by piece, so that working memory stays bounded
SLICE = 16384


@dataclass(frozen=True)
class Scores:
    """``arrays``: flat, see ``outputs.scatter``. ``outputs``: as users get them. ``report``: what was done."""

    arrays: dict[str, NDArray[Any]]
    outputs: dict[str, Any]
    report: Report


class Model:
    """A compiled tagger. Safe to call from many threads at once.

    ``model(events)`` returns the output, or a dict of them if the model has several, one entry per event:

    - NumPy float32 [events, static dims];
    - awkward, where an output has a ragged dim: the particles in the order they were given, with NaN
      for those dropped or beyond the bound;
    - awkward records, where the last dim's entries have names: ``model(events).Hbb``.
    """

    def __init__(
        self, artifact: Artifact, threads: int | None = None, backend: str | Backend = "exact",
        shots: int | None = None, seed: int | None = 0,
    ) -> None:  # fmt: skip
        self.artifact = artifact
        self.manifest: Manifest = artifact.manifest
        self._variables = _variables(artifact)
        self.engine = _engine(artifact, threads, backend, shots, seed)

    def __call__(self, events: Any, *, tree: str | None = None) -> Any:
        """Score an awkward record array, a mapping of arrays, or ROOT files (path, glob or list of them).

        Keys are the dataset's branch names, or the model's input names if it has no dataset. Values are in
        the files' units (with a dataset), or in GeV, mm, ns and rad (without).
        """
        found, _ = self.score(events, tree=tree)
        return next(iter(found.values())) if len(found) == 1 else found

    def score(self, events: Any, *, tree: str | None = None) -> tuple[dict[str, Any], Report]:
        """As calling, but always a dict of outputs, with a report of what was cut, dropped or not scored."""
        parts = [self.score_raw(raw, where, first) for raw, where, first in self._pieces(events, tree)]
        report = sum((p.report for p in parts), Report())
        if len(parts) == 1:
            return parts[0].outputs, report
        return {o.name: _joined([p.outputs[o.name] for p in parts]) for o in self.manifest.outputs}, report

    def score_raw(self, raw: Raw, where: str = "the events", first: int = 0) -> Scores:
        """Score one batch of flat raw events."""
        batch: Batch = prepare(self.manifest, raw, where, first)
        computed = self.engine.run(batch)
        report = self.with_nan(batch, outputs.nan_events(self.manifest, batch, computed), where, first)
        arrays = outputs.scatter(self.manifest, batch, computed)
        return Scores(arrays, outputs.present(self.manifest, batch, arrays), report)

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
            from hepq.runtime.events.derived import Rows

            rows = Rows(batch.offsets, batch.contents)
            why = self._variables.causes(self.manifest, rows, events, name, where, first)
        return replace(batch.report, nan_scores=len(events), not_numbers=(*batch.report.not_numbers, *why))

    def predict(
        self,
        files: event_files.Files,
        out: str | Path,
        *,
        tree: str | None = None,
        keep: Sequence[str] = (),
        step: int | str = event_files.DEFAULT_STEP,
        progress: bool = True,
        out_tree: str = "tree",
        weight: str | None = None,
        target: str | None = None,
    ) -> Summary:
        """Score ROOT files of any size into a ROOT TTree or a Parquet file; see ``runtime.predict.predict``."""
        from hepq.runtime.predict import predict

        return predict(
            self, files, out, tree=tree, keep=keep, step=step, progress=progress, out_tree=out_tree, weight=weight,
            target=target,
        )  # fmt: skip

    def verify(self) -> Verification:
        """Replay the artifact's golden vectors on this machine."""
        from hepq.runtime.verify import verify

        return verify(self)

    def kernel(
        self, backend: str | Backend = "exact", shots: int | None = None, seed: int | None = 0
    ) -> ArtifactKernel:
        """The model's kernel as a function of two sets of events. Raises ArtifactError HQ0841 if it has none."""
        from hepq.runtime.quantum.kernel.artifact_kernel import ArtifactKernel

        return ArtifactKernel(self.artifact, backend, shots, seed)

    def kernel_inputs(
        self, events: Any, limit: int | None = None, *, tree: str | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
        """What the kernel takes of events (files, or as for calling), [N, *shape]; and their classes, if labelled.

        ``limit``: no more than the first so many events. Raises ArtifactError HQ0841 if the model has no kernel.
        """
        found = self.kernel_events(events, limit, tree=tree)
        return found.x, found.labels

    def kernel_events(self, events: Any, limit: int | None = None, *, tree: str | None = None) -> KernelEvents:
        """As ``kernel_inputs``, with a report of what became of the events."""
        from hepq.runtime.quantum.kernel.features import kernel_events

        return kernel_events(self, events, limit, tree)

    @property
    def schema(self) -> str:
        """What goes in and what comes out, in words."""
        described = [f"model {self.manifest.name}"]
        for column in self.manifest.columns:
            dims = f"[{', '.join(column.dims)}]" if column.dims else ""
            unit = "" if column.unit == "1" else f" in {column.unit}"
            scale = "" if column.factor == 1 else f" (file value × {column.factor:g})"
            described.append(f"  in   {column.branch}: {column.elem}{dims}{unit}{scale}")
        for output in self.manifest.outputs:
            dims = f"[{', '.join(output.dims)}]" if output.dims else ""
            entries = f": {', '.join(output.entries)}" if output.entries else ""
            described.append(f"  out  {output.name}: {output.elem}{dims}{entries}")
        bounds = [f"{d.name} <= {d.bound}" for d in self.manifest.ragged]
        return "\n".join(described + ([f"  dims {', '.join(bounds)}"] if bounds else []))

    def branches(self) -> list[str]:
        """The branches a file must have."""
        return list(dict.fromkeys(c.branch for c in self.manifest.columns))

    def tree(self, tree: str | None) -> str | None:
        """The tree to read: as asked, else the dataset's."""
        return tree or (self.manifest.dataset.tree if self.manifest.dataset else None)

    def _pieces(self, events: Any, tree: str | None) -> Iterator[tuple[Raw, str, int]]:
        if event_files.is_files(events):
            for source in event_files.find(events, self.tree(tree)):
                for chunk in event_files.iterate(source, self.branches()):
                    yield collect(self.manifest, chunk.events, str(source), chunk.first), str(source), chunk.first
            return
        size = _length(events, self.branches())
        if size is None or size <= SLICE:
            yield collect(self.manifest, events), "the events", 0
            return
        for first in range(0, size, SLICE):
            part = {b: events[b][first : first + SLICE] for b in self.branches()}
            yield collect(self.manifest, part, "the events", first), "the events", first


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
        return Engine(artifact, threads)
    from hepq.runtime.quantum.engine import Compiled, HybridEngine

    return HybridEngine(artifact, Compiled(artifact).measurer(backend, shots, seed), threads)


def _length(events: Any, branches: Collection[str]) -> int | None:
    """How many events, if every branch is there and says the same."""
    names = field_names(events) or []
    sizes = {len(events[b]) for b in branches if b in names and hasattr(events[b], "__len__")}
    return sizes.pop() if len(sizes) == 1 and set(branches) <= set(names) else None


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return ak.concatenate(parts)
