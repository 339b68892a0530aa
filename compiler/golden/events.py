# SPDX-License-Identifier: Apache-2.0
"""Events of a program's dataset: do its files hold what it reads? Which may become golden: theirs, or made-up ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.artifact.manifest import Branch, Described, EventSchema
from hepq.runtime.events import event_files
from hepq.runtime.events.columns import Raw, Reader
from hepq.runtime.events.lorentz import P4

#: events read or made up at a time
BATCH = 48


def check_files(schema: EventSchema, folder: Path, read: Reader) -> None:
    """Compare the branches that ``schema`` reads with those of the dataset's files; absent files are passed over.

    Names are relative to ``folder``; nothing is fetched from elsewhere. Raises DataError HQ0802 to HQ0807.
    """
    for source in event_files.own(schema.dataset, folder, absent=True) if schema.dataset else ():
        read(event_files.none_of(source, read.branches(source.branches)), str(source))


def candidates(
    manifest: Described, data: Path | None, folder: Path, rng: np.random.Generator, read: Reader
) -> tuple[Iterator[Raw], bool]:
    """One event after another, and whether they are made up: of ``data`` (ROOT or Parquet), else of the dataset's own
    files where they are present (relative to ``folder``), else made up, without end: positive numbers, energies above
    momenta, multiplicities from 0 to the bound, references to what there is or to none.

    Raises DataError for a file that is there and cannot be read as it says, HQ0809 for ``data`` without events.
    """
    held = _each(manifest, _from_files(manifest, data, folder, read))
    first = next(held, None)
    if first is not None:
        return chain([first], held), False
    if data is not None:
        raise DataError(
            "HQ0809", f"no events in {data}", "golden vectors are made of its events, those that no `select` leaves out"
        )
    return _each(manifest, (_made_up(manifest, rng) for _ in count())), True


def _each(manifest: Described, batches: Iterable[Raw]) -> Iterator[Raw]:
    """Those that the dataset does not leave out."""
    return (_event(manifest, raw, i) for raw in batches for i in _selected(raw))


def _selected(raw: Raw) -> Iterable[int]:
    return range(raw.events) if raw.stage is None else map(int, np.flatnonzero(raw.stage.selected))


def _from_files(manifest: Described, data: Path | None, folder: Path, read: Reader) -> Iterator[Raw]:
    dataset = manifest.dataset
    sources = event_files.own(dataset, folder, absent=True) if dataset else []
    if data is not None:
        sources = event_files.find(data, dataset.reading if dataset else None)
    for source in sources:
        if source.events:
            for chunk in event_files.iterate(source, read.branches(source.branches), BATCH):
                yield read(chunk.events, str(source))


def _made_up(manifest: Described, rng: np.random.Generator) -> Raw:
    counts = {
        d.name: np.r_[1, 2, 0, d.bound or 1, rng.integers(1, (d.bound or 1) + 1, BATCH - 4)].astype(np.int64)
        for d in manifest.ragged
    }
    contents: dict[str, NDArray[Any]] = {}
    for c in manifest.columns:
        dim = manifest.ragged_dim(c.dims)
        rows = BATCH if dim is None else int(counts[dim.name].sum())
        shape = (rows, *manifest.static_shape(c.dims))
        match c.elem:
            case "bool":
                contents[c.name] = rng.integers(0, 2, shape).astype(np.bool_)
            case "int":
                contents[c.name] = rng.integers(0, 4, shape)
            case "index":
                contents[c.name] = _references(manifest, c, counts, shape, rng)
            case _:
                contents[c.name] = np.exp(rng.normal(0, 0.5, shape)).astype(np.float32)
                if c.dims[-1:] == (P4,):
                    contents[c.name][..., 3] = np.linalg.norm(contents[c.name], axis=-1)
    for v in manifest.dataset.vectors if manifest.dataset else ():
        if v.energy is not None and not v.polar:
            contents[v.energy] = np.linalg.norm(np.stack([contents[name] for name in v.moving]), axis=0)
    return Raw(BATCH, counts, contents)


def _references(
    manifest: Described, column: Branch, counts: Mapping[str, NDArray[np.int64]], shape: tuple[int, ...],
    rng: np.random.Generator,
) -> NDArray[np.int64]:  # fmt: skip
    """To entries that the events have, or to none."""
    dim, into = manifest.ragged_dim(column.dims), manifest.dim(column.into)
    most = counts[into.name] if into.ragged else np.full(BATCH, into.size or 0)
    each = most if dim is None else np.repeat(most, counts[dim.name])
    return rng.integers(-1, each.reshape(-1, *[1] * (len(shape) - 1)), shape)


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
