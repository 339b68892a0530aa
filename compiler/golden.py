# SPDX-License-Identifier: Apache-2.0
"""Golden vectors: events, and what the reference interpreter gives for them in float64.

Events whose answer depends on rounding (a near-tie between neighbours) would make any machine look
wrong, so only those are kept where the interpreter agrees with itself in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.interpret import run_event
from hepq.compiler.ir import Module
from hepq.runtime import event_files, outputs
from hepq.runtime.columns import Raw, collect
from hepq.runtime.errors import DataError
from hepq.runtime.events import Batch, prepare
from hepq.runtime.golden import Golden
from hepq.runtime.lorentz import P4
from hepq.runtime.manifest import Described, EventSchema

CANDIDATES, KEPT, TOLERANCE = 48, 16, 1e-5
#: of models whose circuits turn by what compiled code computes in float32: support vectors add up many small errors
CIRCUIT_TOLERANCE = 1e-4


def golden_vectors(
    module: Module,
    weights: Mapping[str, NDArray[Any]],
    manifest: Described,
    data: Path | None,
    folder: Path,
    seed: int = 0,
) -> Golden:
    """Up to ``KEPT`` events with their reference outputs.

    Events come from ``data`` (a ROOT file), else from the dataset's own files where they are present
    (relative to ``folder``), else they are made up: positive numbers, energies above momenta,
    multiplicities from 0 to the bound. Raises DataError for a file that is there and cannot be read as it says.
    """
    raw = _from_file(manifest, data, folder) or _made_up(manifest, np.random.default_rng(seed))
    events = (_event(manifest, raw, i) for i in range(raw.events))
    stable = (event for event in events if _is_stable(module, weights, manifest, event))
    raw = _join(manifest, list(islice(stable, KEPT)))
    return Golden(
        raw, {k: v.astype(np.float32) for k, v in reference(module, weights, manifest, raw, np.float64).items()}
    )


def reference(
    module: Module, weights: Mapping[str, NDArray[Any]], manifest: Described, raw: Raw, dtype: Any
) -> dict[str, NDArray[Any]]:
    """The interpreter's outputs for raw events, laid out as the engine's."""
    batch = prepare(manifest, raw)
    rows: dict[str, list[NDArray[Any]]] = {o.name: [] for o in manifest.outputs}
    for i in range(raw.events):
        result = run_event(module, inputs_of(module, manifest, batch, i), weights, dtype)
        for name, value in result.items():
            rows[name].append(value)
    computed = {o.name: _assemble(manifest, o, rows[o.name]).astype(dtype) for o in manifest.outputs}
    return outputs.scatter(manifest, batch, computed)


def inputs_of(module: Module, manifest: EventSchema, batch: Batch, i: int) -> dict[str, NDArray[Any]]:
    """One event's inputs, at its true multiplicity."""
    found: dict[str, NDArray[Any]] = {}
    for value in manifest.inputs:
        dim, shape = manifest.ragged_dim(value.dims), manifest.static_shape(value.dims)
        content = batch.contents[value.name]
        width = manifest.width(value.dims)
        lo, hi = (i, i + 1) if dim is None else (batch.offsets[dim.name][i], batch.offsets[dim.name][i + 1])
        flat = content.reshape(-1)[lo * width : hi * width]
        found[value.name] = flat.reshape(shape if dim is None else (hi - lo, *shape)).astype(np.float64)
    return found


def _assemble(manifest: Described, output: Any, values: list[NDArray[Any]]) -> NDArray[Any]:
    shape = manifest.static_shape(output.dims)
    if manifest.ragged_dim(output.dims) is None:
        return np.stack(values).reshape(len(values), *shape) if values else np.zeros((0, *shape))
    return np.concatenate(values) if values else np.zeros((0, *shape))


def _is_stable(module: Module, weights: Mapping[str, NDArray[Any]], manifest: Described, raw: Raw) -> bool:
    try:
        a, b = (reference(module, weights, manifest, raw, t) for t in (np.float64, np.float32))
    except DataError:
        return False
    for name, exact in a.items():
        unscored, rounded = np.isnan(exact), b[name]
        if (np.isnan(rounded) != unscored).any() or not np.isfinite(exact[~unscored]).all():
            return False
        allowed = 0.2 * manifest.golden.tolerance * np.maximum(1, np.abs(exact[~unscored]))
        if (np.abs(rounded - exact)[~unscored] > allowed).any():
            return False
    return True


def _from_file(manifest: Described, data: Path | None, folder: Path) -> Raw | None:
    dataset = manifest.dataset
    files: list[str] = [str(data)] if data else [str(folder / f) for f in dataset.files] if dataset else []
    tree = dataset.tree if dataset else None
    branches = [c.branch for c in manifest.columns]
    for source in event_files.find(files, tree, absent=data is None):
        if source.events:
            chunk = next(event_files.iterate(source, branches, CANDIDATES))
            return collect(manifest, chunk.events[:CANDIDATES], str(source))
    return None


def _made_up(manifest: Described, rng: np.random.Generator) -> Raw:
    counts = {
        d.name: np.r_[1, 2, 0, d.bound or 1, rng.integers(1, (d.bound or 1) + 1, CANDIDATES - 4)].astype(np.int64)
        for d in manifest.ragged
    }
    contents: dict[str, NDArray[Any]] = {}
    for c in manifest.columns:
        dim = manifest.ragged_dim(c.dims)
        rows = CANDIDATES if dim is None else int(counts[dim.name].sum())
        shape = (rows, *manifest.static_shape(c.dims))
        match c.elem:
            case "bool":
                contents[c.name] = rng.integers(0, 2, shape).astype(np.bool_)
            case "int":
                contents[c.name] = rng.integers(0, 4, shape)
            case _:
                contents[c.name] = np.exp(rng.normal(0, 0.5, shape)).astype(np.float32)
                if c.dims[-1:] == (P4,):
                    contents[c.name][..., 3] = np.linalg.norm(contents[c.name], axis=-1)
    for v in manifest.dataset.vectors if manifest.dataset else ():
        if v.energy is not None and not v.polar:
            p = np.stack([contents[name] for name in v.moving])
            contents[v.energy] = np.linalg.norm(p, axis=0)
    return Raw(CANDIDATES, counts, contents)


def _event(manifest: Described, raw: Raw, i: int) -> Raw:
    counts = {k: v[i : i + 1] for k, v in raw.counts.items()}
    contents: dict[str, NDArray[Any]] = {}
    for c in manifest.columns:
        dim = manifest.ragged_dim(c.dims)
        lo, hi = (
            (i, i + 1)
            if dim is None
            else (int(raw.counts[dim.name][:i].sum()), int(raw.counts[dim.name][: i + 1].sum()))
        )
        contents[c.name] = raw.contents[c.name][lo:hi]
    return Raw(1, counts, contents)


def _join(manifest: Described, events: list[Raw]) -> Raw:
    if not events:
        empty = {c.name: np.zeros((0, *manifest.static_shape(c.dims)), np.float32) for c in manifest.columns}
        return Raw(0, {d.name: np.zeros(0, np.int64) for d in manifest.ragged}, empty)
    counts = {k: np.concatenate([e.counts[k] for e in events]) for k in events[0].counts}
    contents = {k: np.concatenate([e.contents[k] for e in events]) for k in events[0].contents}
    return Raw(len(events), counts, contents)
