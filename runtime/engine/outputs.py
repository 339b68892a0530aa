# SPDX-License-Identifier: Apache-2.0
"""Flat outputs to what a physicist wants: aligned with the events and particles that were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.artifact.manifest import Described, EventSchema, Output
from hepq.runtime.engine.pairs import Pairs
from hepq.runtime.events.batch import Batch

#: what a whole number is where a real one would be NaN
NO_NUMBER = np.iinfo(np.int64).min


def scatter(manifest: Described, batch: Batch, computed: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Outputs in the order of the raw events and their raw particles: float32 (int64 of whole numbers) [events, raw
    rows or raw pairs, static dims].

    NaN (``NO_NUMBER``) for particles that were dropped or cut, and for events not to be scored.
    """
    out: dict[str, NDArray[Any]] = {}
    for output in manifest.outputs:
        value, dim = computed[output.name], manifest.ragged_dim(output.dims)
        inner = manifest.inner_dim(output.dims)
        unscored, nothing = batch.unscored, missing(value.dtype)
        if dim is not None and inner is not None:
            value = _scattered_pairs(batch, dim.name, inner.name, value)
            unscored = np.repeat(unscored, _given(batch, dim.name, inner.name).per_event)
        elif dim is not None:
            rows = batch.rows[dim.name]
            if rows.kept is not None:
                full = np.full((rows.total, *value.shape[1:]), nothing, value.dtype)
                full[rows.kept] = value
                value = full
            unscored = np.repeat(unscored, rows.counts)
        if unscored.any():
            value[unscored] = nothing
        out[output.name] = value
    return out


def _scattered_pairs(batch: Batch, first: str, second: str, value: NDArray[Any]) -> NDArray[Any]:
    """[pairs of what was kept, …] as [pairs of what was given, …]."""
    outer, inner = (batch.rows[name].kept for name in (first, second))
    if outer is None and inner is None:
        return value
    given = _given(batch, first, second)
    full = np.full((int(given.each.sum()), *value.shape[1:]), missing(value.dtype), value.dtype)
    rows = kept_pairs(batch, first, second).rows
    full[given.places(*(r if kept is None else kept[r] for r, kept in zip(rows, (outer, inner), strict=True)))] = value
    return full


def _given(batch: Batch, first: str, second: str) -> Pairs:
    return Pairs(batch.rows[first].counts, batch.rows[second].counts)


def kept_pairs(batch: Batch, first: str, second: str) -> Pairs:
    """Of what compiled code is given."""
    return Pairs(np.diff(batch.offsets[first]), np.diff(batch.offsets[second]))


def without_places(
    schema: EventSchema, outputs: Sequence[Output], batch: Batch, computed: dict[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Results over pairs without the places that an event has no entry for: code leaves them as they were."""
    made = dict(computed)
    for o in outputs:
        dim, inner = schema.ragged_dim(o.dims), schema.inner_dim(o.dims)
        if dim is not None and inner is not None:
            made[o.name] = kept_pairs(batch, dim.name, inner.name).cut(made[o.name])
    return made


def missing(kind: Any) -> float:
    """What stands for no number."""
    return NO_NUMBER if np.dtype(kind).kind == "i" else np.nan


def nan_events(manifest: Described, batch: Batch, computed: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """[events]: which have NaN among what was computed, of whatever output and kept particle."""
    found = np.zeros(batch.events, np.bool_)
    for output in manifest.outputs:
        value, dim = computed[output.name], manifest.ragged_dim(output.dims)
        nan = np.isnan(value)
        if not nan.any():
            continue
        rows = nan.reshape(len(value), -1).any(axis=1)
        if dim is not None:
            inner = manifest.inner_dim(output.dims)
            sizes = np.diff(batch.offsets[dim.name])
            sizes = sizes if inner is None else kept_pairs(batch, dim.name, inner.name).per_event
            owner = np.repeat(np.arange(batch.events), sizes)
            rows = np.bincount(owner[rows], minlength=batch.events) > 0
        found |= rows
    return found


def present(manifest: Described, batch: Batch, scattered: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """NumPy [events, static dims]; awkward of lists, of lists of lists, and where the last dim's entries have names."""
    return {
        o.name: _present(manifest, batch, o, scattered[o.name], scattered[o.counts] if o.counts else None)
        for o in manifest.outputs
    }


def _present(
    manifest: Described, batch: Batch, output: Output, value: NDArray[Any], numbers: NDArray[Any] | None
) -> Any:
    """``numbers``: of a list, how many of its places each event uses; none of one that is not scored."""
    dim, counts = manifest.ragged_dim(output.dims), None
    if numbers is not None:
        counts = np.clip(np.nan_to_num(numbers), 0, value.shape[1]).astype(np.int64)
        value = value[np.arange(value.shape[1]) < counts[:, None]]
    elif dim is not None:
        counts = batch.rows[dim.name].counts
    if counts is None and not output.entries:
        return value
    content: Any = value
    if output.entries:
        content = ak.zip({e: np.ascontiguousarray(value[..., i]) for i, e in enumerate(output.entries)})
    if counts is not None and dim is not None and (inner := manifest.inner_dim(output.dims)) is not None:
        content = ak.unflatten(content, _given(batch, dim.name, inner.name).each)
    return content if counts is None else ak.unflatten(content, counts)


def regrouped(presented: dict[str, Any], rows: NDArray[np.int64] | None) -> dict[str, Any]:
    """Results of each entry of a dim as lists of ``rows`` [events] in each event."""
    return presented if rows is None else {name: ak.unflatten(value, rows) for name, value in presented.items()}


def names(output: Output) -> list[tuple[str, int | None]]:
    """Its columns, and which entry of the last dim each has: ``score``, or ``score_Hbb`` of a named entry."""
    if not output.entries:
        return [(output.name, None)]
    return [(f"{output.name}_{e}", i) for i, e in enumerate(output.entries)]


def columns(manifest: Described, presented: dict[str, Any]) -> dict[str, Any]:
    """One column per output, or per named entry of it: ``score`` or ``score_Hbb``."""
    table: dict[str, Any] = {}
    for output in manifest.outputs:
        value = presented[output.name]
        for name, entry in names(output):
            table[name] = value if entry is None else value[output.entries[entry]]
    return table


def kinds(schema: EventSchema, outputs: Sequence[Output], *, lists: bool = False) -> dict[str, ak.types.Type]:
    """The type of each column of ``outputs``, whatever the events. ``lists``: each event has a list of results.

    Raises DataError HQ0818 for two of one name.
    """
    found: dict[str, ak.types.Type] = {}
    for output in outputs:
        shape = schema.static_shape(output.dims[1:] if output.counts else output.dims)
        kind: ak.types.Type = ak.types.NumpyType(np.dtype(output.kind).name)
        for size in reversed(shape[:-1] if output.entries else shape):
            kind = ak.types.RegularType(kind, size)
        ragged = bool(output.counts) or schema.ragged_dim(output.dims) is not None
        for _ in range(ragged + (schema.inner_dim(output.dims) is not None) + lists):
            kind = ak.types.ListType(kind)
        for name, _ in names(output):
            if name in found:
                why = "two results of the model, or their entries, come to the same name"
                raise DataError("HQ0818", f'two columns "{name}"', why, "rename one of the model's results")
            found[name] = kind
    return found
