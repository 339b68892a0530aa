# SPDX-License-Identifier: Apache-2.0
"""What ``hepq.load`` gives: a tagger to be called with events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepq.runtime.arguments import whole
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.chunks.run import Tell, no_progress
from hepq.runtime.events import event_files
from hepq.runtime.events.columns import Raw, field_names
from hepq.runtime.events.report import Report
from hepq.runtime.events.source import DEFAULT_STEP
from hepq.runtime.executors import executor
from hepq.runtime.predict import Summary, predict
from hepq.runtime.scorer import Scorer
from hepq.runtime.verify import Verification, verify

if TYPE_CHECKING:
    from hepq.runtime.artifact.trust import Trust
    from hepq.runtime.quantum.backends.backend import Backend
    from hepq.runtime.quantum.kernel.artifact_kernel import ArtifactKernel
    from hepq.runtime.quantum.kernel.features import KernelEvents

#: arrays longer than this are scored piece by piece, so that working memory stays bounded
SLICE = 16384
#: what shows progress: whether to be quiet -> a context that gives what to tell
Bar = Callable[[bool], AbstractContextManager[Tell]]


class Model(Scorer):
    """A compiled tagger. Safe to call from many threads at once.

    ``model(events)`` returns the output, or a dict of them if the model has several, one entry per event:

    - NumPy float32 [events, static dims];
    - awkward, where an output has a ragged dim: the particles in the order they were given, with NaN
      for those dropped or beyond the bound;
    - awkward records, where the last dim's entries have names: ``model(events).Hbb``.
    """

    #: shows the progress of ``predict``
    _bar: Bar | None = None

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

    def predict(
        self,
        files: event_files.Files,
        out: str | Path,
        *,
        tree: str | None = None,
        keep: Sequence[str] = (),
        step: int | str = DEFAULT_STEP,
        progress: bool = True,
        out_tree: str = "tree",
        weight: str | None = None,
        target: str | Sequence[str] = (),
        workers: int | None = None,
        scheduler: Any = None,
        store: str | Path | None = None,
    ) -> Summary:
        """Score files of any size into a ROOT TTree or a Parquet file; see ``runtime.predict.predict``.

        ``workers``: processes of this machine; ``scheduler``: the address of a dask cluster's, or a
        ``distributed.Client``. ``store``: a folder that keeps what is done, so that a run which was killed goes on.
        """
        whole("workers", workers, 1, optional=True)
        with (
            closing(executor(workers, scheduler)) as where,
            nullcontext(no_progress) if self._bar is None else self._bar(not progress) as tell,
        ):
            return predict(
                self, files, out, tree=tree, keep=keep, step=step, progress=tell, out_tree=out_tree, weight=weight,
                target=target, executor=where, store=None if store is None else Path(store),
            )  # fmt: skip

    def verify(self) -> Verification:
        """Replay the artifact's golden vectors on this machine."""
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
            unit = "" if column.unit == "1" else f" in {column.unit}"
            scale = "" if column.factor == 1 else f" (file value × {column.factor:g})"
            default = "" if column.default is None else f", {column.default:g} where a file lacks it"
            described.append(f"  in   {column.branch}: {column.written}{unit}{scale}{default}")
        for output in self.manifest.outputs:
            dims = f"[{', '.join(output.dims)}]" if output.dims else ""
            entries = f": {', '.join(output.entries)}" if output.entries else ""
            described.append(f"  out  {output.name}: {output.elem}{dims}{entries}")
        bounds = [f"{d.name} <= {d.bound}" for d in self.manifest.ragged]
        return "\n".join(described + ([f"  dims {', '.join(bounds)}"] if bounds else []))

    def _pieces(self, events: Any, tree: str | None) -> Iterator[tuple[Raw, str, int]]:
        if event_files.is_files(events):
            for source in event_files.find(events, self.reading(tree)):
                for chunk in event_files.iterate(source, self.branches(source.branches)):
                    yield self.raw(chunk.events, str(source), chunk.first), str(source), chunk.first
            return
        branches = self.branches(field_names(events) or ())
        size = _length(events, branches)
        if size is None or size <= SLICE:
            yield self.raw(events), "the events", 0
            return
        for first in range(0, size, SLICE):
            part = {b: events[b][first : first + SLICE] for b in branches}
            yield self.raw(part, "the events", first), "the events", first


def load(path: str | Path, threads: int | None = None, trust: Trust | None = None, device: str = "cpu") -> Model:
    """The model in an artifact's file."""
    return Model(Artifact.open(path, trust), threads, device=device)


def _length(events: Any, branches: Collection[str]) -> int | None:
    """How many events, if every branch is there and says the same."""
    names = field_names(events) or []
    sizes = {len(events[b]) for b in branches if b in names and hasattr(events[b], "__len__")}
    return sizes.pop() if len(sizes) == 1 and set(branches) <= set(names) else None


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return ak.concatenate(parts)
