# SPDX-License-Identifier: Apache-2.0
"""What a kernel takes of events: read from files, computed by the artifact's own code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime import event_files
from hepq.runtime.columns import Raw, collect
from hepq.runtime.engine import Engine
from hepq.runtime.errors import ArtifactError, DataError
from hepq.runtime.events import prepare
from hepq.runtime.labels import classes_of
from hepq.runtime.quantum.artifact_kernel import kernel_of

if TYPE_CHECKING:
    from hepq.runtime.model import Model


def kernel_inputs(
    model: Model, events: Any, limit: int | None, tree: str | None
) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """Features [N, *shape], NaN for events that are not to be scored, and classes (-1: none) where files are labelled.

    An array [N, *shape] is taken as the features themselves.
    """
    info = kernel_of(model.artifact)
    if isinstance(events, np.ndarray) and events.dtype.names is None:
        if events.shape[1:] != info.shape:
            title = f"kernel {info.name} takes events of shape {info.shape}, not {events.shape[1:]}"
            raise DataError("HQ0842", title, help="give an array [events, *shape], or files")
        if events.dtype.kind not in "fiub":
            title = f"kernel {info.name} takes real numbers, not {events.dtype}"
            raise DataError("HQ0842", title, help="give an array of floats")
        return events[:limit].astype(np.float64), None
    if info.features is None:
        title = f"kernel {info.name} takes arrays, not files"
        raise ArtifactError("HQ0842", title, "its program has no dataset", "write `dataset` and a model with `svm`")
    if not event_files.is_files(events):
        return _features(model, info.features, collect(model.manifest, events), "the events", 0)[:limit], None
    return _from_files(model, info.features, event_files.find(events, model.tree(tree)), limit)


def _from_files(
    model: Model, features: str, sources: list[event_files.Source], limit: int | None
) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    label = model.manifest.dataset.label if model.manifest.dataset else None
    labelled = label is not None and all(set(label.branches) <= set(s.branches) for s in sources)
    branches = [*model.branches(), *(label.branches if label is not None and labelled else ())]
    rows: list[NDArray[np.float64]] = []
    truth: list[NDArray[np.int64]] = []
    left = limit
    for source in sources:
        for chunk in event_files.iterate(source, branches):
            taken = chunk.events[:left]
            where = (str(source), chunk.first)
            rows.append(_features(model, features, collect(model.manifest, taken, *where), *where))
            if label is not None and labelled:
                truth.append(classes_of(taken, label.branches, model.manifest.dim(label.dim).size or 0, *where))
            left = None if left is None else left - len(taken)
            if left == 0:
                break
        if left == 0:
            break
    if not sum(map(len, rows)):
        raise DataError("HQ0809", "no events", "there is nothing to compute a kernel of")
    return np.concatenate(rows), np.concatenate(truth) if truth else None


def _features(model: Model, name: str, raw: Raw, where: str, first: int) -> NDArray[np.float64]:
    batch = prepare(model.manifest, raw, where, first)
    if name in batch.contents:
        found = batch.contents[name]
    else:
        compiled = model.engine if isinstance(model.engine, Engine) else model.engine.compiled
        assert compiled is not None
        found = compiled.run(batch)[name]
    info = kernel_of(model.artifact)
    out = np.array(found, np.float64).reshape(batch.events, *info.shape)
    out[batch.unscored] = np.nan
    return out
