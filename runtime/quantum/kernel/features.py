# SPDX-License-Identifier: Apache-2.0
"""What a kernel takes of events: read from files, computed by the artifact's own code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.events import event_files
from hepq.runtime.events.batch import prepare
from hepq.runtime.events.columns import Raw
from hepq.runtime.events.report import NotANumber, Report
from hepq.runtime.events.source import Source
from hepq.runtime.quantum.engine import HybridEngine
from hepq.runtime.quantum.kernel.artifact_kernel import kernel_of
from hepq.runtime.report.labels import held_label, truth_of
from hepq.runtime.scorer import Scorer


@dataclass(frozen=True)
class KernelEvents:
    """Features ``x`` [N, *shape], NaN for events that are not to be scored; ``labels`` [N], classes (-1: none), where
    files hold them; ``report``: what became of the events.
    """

    x: NDArray[np.float64]
    labels: NDArray[np.int64] | None
    report: Report


def kernel_events(model: Scorer, events: Any, limit: int | None, tree: str | None) -> KernelEvents:
    """What a kernel takes of events. An array [N, *shape] is taken as the features themselves.

    ``limit``: of the first so many events. Raises DataError HQ0842 for arrays that do not fit, and for the files.
    """
    info = kernel_of(model.artifact)
    if isinstance(events, np.ndarray) and events.dtype.names is None:
        if events.shape[1:] != info.shape:
            title = f"kernel {info.name} takes events of shape {info.shape}, not {events.shape[1:]}"
            raise DataError("HQ0842", title, help="give an array [events, *shape], or files")
        if events.dtype.kind not in "fiub":
            title = f"kernel {info.name} takes real numbers, not {events.dtype}"
            raise DataError("HQ0842", title, help="give an array of floats")
        given = events[:limit].astype(np.float64)
        return KernelEvents(given, None, _not_finite(Report(len(events), selected=len(given)), given))
    if info.features is None:
        title = f"kernel {info.name} takes arrays, not files"
        raise ArtifactError("HQ0842", title, "its program has no dataset", "write `dataset` and a model with `svm`")
    if not event_files.is_files(events):
        found, report = _features(model, info.features, model.raw(events), "the events", 0)
        return KernelEvents(found[:limit], None, replace(report, selected=len(found[:limit])))
    return _from_files(model, info.features, event_files.find(events, model.reading(tree)), limit)


def _from_files(model: Scorer, features: str, sources: list[Source], limit: int | None) -> KernelEvents:
    label = held_label(model.manifest, sources)
    rows: list[NDArray[np.float64]] = []
    truth: list[NDArray[np.int64]] = []
    report = Report()
    left = limit
    for source in sources:
        branches = [*model.branches(source.branches), *(label.read(source.branches) if label is not None else ())]
        for chunk in event_files.iterate(source, branches):
            taken = chunk.events[:left]
            where = (str(source), chunk.first)
            raw = model.raw(taken, *where)
            found, done = _features(model, features, raw, *where)
            rows.append(found)
            report += done
            if label is not None:
                classes, said = truth_of(taken, label, model.manifest, *where, stage=raw.stage)
                truth.append(classes)
                report += said
            left = None if left is None else left - len(taken)
            if left == 0:
                break
        if left == 0:
            break
    report = replace(report, events=sum(s.events for s in sources))
    return KernelEvents(np.concatenate(rows), np.concatenate(truth) if truth else None, report)


def _features(model: Scorer, name: str, raw: Raw, where: str, first: int) -> tuple[NDArray[np.float64], Report]:
    batch = prepare(model.manifest, raw, where, first)
    if name in batch.contents:
        found = batch.contents[name]
    else:
        compiled = model.engine.compiled if isinstance(model.engine, HybridEngine) else model.engine
        assert compiled is not None
        found = compiled.run(batch)[name]
    info = kernel_of(model.artifact)
    out = np.array(found, np.float64).reshape(batch.events, *info.shape)
    nan: NDArray[np.bool_] = np.logical_not(np.isfinite(out).all(axis=tuple(range(1, out.ndim))))
    report = model.with_nan(batch, nan, where, first)
    out[batch.unscored] = np.nan
    return out, report


def _not_finite(report: Report, x: NDArray[np.float64]) -> Report:
    """With the events of an array that have no features."""
    bad = np.flatnonzero(~np.isfinite(x).all(axis=tuple(range(1, x.ndim))))
    if not len(bad):
        return report
    one = NotANumber("input", "array", "left out", int((~np.isfinite(x)).sum()), len(bad), "the array", int(bad[0]))
    return replace(report, unscored=len(bad), not_numbers=(one,))
