# SPDX-License-Identifier: Apache-2.0
"""Golden vectors of a dataset's objects: events, and what the reference interpreter makes of them in float64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.golden.vectors import WANTED
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module, Node, made_dims
from hepq.runtime.artifact.golden_events import TOLERANCE, GoldenEvents
from hepq.runtime.artifact.manifest import Described
from hepq.runtime.artifact.stage import EventStage, StageBranch
from hepq.runtime.events import event_files
from hepq.runtime.events.stage import Read, collected

Event = dict[str, NDArray[Any]]
#: events read or made up at a time; entries that one has at most, where they are made up
BATCH, ENTRIES = 48, 7
#: relative errors of a float64 computation, a few units in the last place: what falls to another side is left out
ERRORS = 8 * 2.0**-53


def golden_objects(
    module: Module, stage: EventStage, manifest: Described, data: Path | None, folder: Path, seed: int = 0
) -> GoldenEvents:
    """Up to ``WANTED`` events, as ``candidates`` finds those of a model, that rounding does not decide."""
    rng = np.random.default_rng(seed)
    events = _events(stage, _read(stage, manifest, data, folder))
    first = next(events, None)
    events = _events(stage, _made_up(stage, rng)) if first is None else _again(first, events)
    kept = list(islice((e for e in islice(events, 8 * WANTED) if _certain(module, stage, e, rng)), WANTED))
    made = made_dims(module)
    outputs: dict[str, list[NDArray[Any]]] = {name: [] for name in module.outputs}
    counts: dict[str, list[int]] = {d: [] for n in module.outputs.values() for d in _led(n) if d in made}
    for event in kept:
        found = run_event(module, _scaled(stage, event), {})
        for name, node in module.outputs.items():
            outputs[name].append(np.asarray(found[name]).reshape(-1))
            for d in _led(node):
                if d in counts and len(counts[d]) < len(outputs[name]):
                    counts[d].append(len(found[name]))
    columns = {b.name: _joined([e[b.name].reshape(-1) for e in kept], b.elem) for b in stage.branches}
    return GoldenEvents(
        len(kept), columns, {d: _counts(stage, d, kept) for d in stage.read_dims},
        {name: _joined(values, module.outputs[name].type.elem) for name, values in outputs.items()},
        {d: np.asarray(n, np.int64) for d, n in counts.items()},
    )  # fmt: skip


def _led(node: Node) -> tuple[str, ...]:
    dims = node.type.dims
    return (dims[0].name,) if dims and dims[0].ragged else ()


def _joined(parts: list[NDArray[Any]], elem: str) -> NDArray[Any]:
    none = np.float64 if elem == "real" else np.bool_ if elem == "bool" else np.int64
    return np.concatenate(parts) if parts else np.zeros(0, none)


def _counts(stage: EventStage, dim: str, events: list[Event]) -> NDArray[np.int64]:
    column = next(b.name for b in stage.branches if b.dim == dim)
    return np.asarray([len(e[column]) for e in events], np.int64)


def _again(first: Event, rest: Iterator[Event]) -> Iterator[Event]:
    yield first
    yield from rest


def _scaled(stage: EventStage, event: Event) -> Event:
    """As the program sees it: in base units, in double precision."""
    return {
        b.name: event[b.name].astype(np.float64) * b.factor if b.elem == "real" else event[b.name]
        for b in stage.branches
    }


def _certain(module: Module, stage: EventStage, event: Event, rng: np.random.Generator) -> bool:
    """Whether results stay what they are when real inputs are off by a few roundings."""
    exact = run_event(module, _scaled(stage, event), {})
    off = {
        b.name: event[b.name] * (1 + ERRORS * rng.choice([-1, 1], event[b.name].shape)) if b.elem == "real" else
        event[b.name] for b in stage.branches
    }  # fmt: skip
    return not differences(exact, run_event(module, _scaled(stage, off), {}))


def differences(exact: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Outputs that are apart by more than the tolerance, or not numbers at other places."""
    apart = []
    for name, value in exact.items():
        a, b = np.asarray(value, np.float64).reshape(-1), np.asarray(found[name], np.float64).reshape(-1)
        if a.shape != b.shape:
            apart.append(f"{name}: {b.size} numbers, not {a.size}")
            continue
        with np.errstate(invalid="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= TOLERANCE * np.maximum(1, np.abs(a)))
        if not same.all():
            apart.append(f"{name} by {np.abs(a - b)[~same].max():.1e}")
    return apart


def _read(stage: EventStage, manifest: Described, data: Path | None, folder: Path) -> Iterator[Read]:
    dataset = manifest.dataset
    sources = event_files.own(dataset, folder, absent=True) if dataset else []
    if data is not None:
        sources = event_files.find(data, dataset.reading if dataset else None)
    for source in sources:
        if source.events:
            for chunk in event_files.iterate(source, stage.files(source.branches), BATCH):
                yield collected(stage, chunk.events, str(source), chunk.first)


def _events(stage: EventStage, batches: Iterable[Read]) -> Iterator[Event]:
    for read in batches:
        ends = {d: np.cumsum(n) for d, n in read.counts.items()}
        for i in range(read.events):
            yield {b.name: _of_event(b, read, ends, i) for b in stage.branches}


def _of_event(b: StageBranch, read: Read, ends: Mapping[str, NDArray[np.int64]], i: int) -> NDArray[Any]:
    values = read.columns[b.name].reshape(-1, *b.shape)
    if not b.dim:
        found: NDArray[Any] = values[i]
        return found
    return values[ends[b.dim][i] - read.counts[b.dim][i] : ends[b.dim][i]]


def _made_up(stage: EventStage, rng: np.random.Generator) -> Iterator[Read]:
    """Events without end: positive numbers, lists of 0 to ``ENTRIES``, references to entries that there are."""
    while True:
        counts: dict[str, NDArray[np.int64]] = {}
        lengths: dict[str, NDArray[np.int64]] = {}
        left = dict.fromkeys(stage.read_dims)
        while left:
            dim = next(d for d in left if stage.parents.get(d) not in left)
            parent = stage.parents.get(dim)
            del left[dim]
            if parent is None:
                counts[dim] = rng.integers(0, ENTRIES + 1, BATCH)
                continue
            lengths[dim] = rng.integers(0, ENTRIES + 1, int(counts[parent].sum()))
            owner = np.repeat(np.arange(BATCH), counts[parent])
            counts[dim] = np.bincount(owner, lengths[dim], minlength=BATCH).astype(np.int64)
        columns = {b.name: _column(b, counts, lengths, stage, rng) for b in stage.branches}
        yield Read(BATCH, columns, counts)


def _column(
    b: StageBranch, counts: Mapping[str, NDArray[np.int64]], lengths: Mapping[str, NDArray[np.int64]],
    stage: EventStage, rng: np.random.Generator,
) -> NDArray[Any]:  # fmt: skip
    n = counts[b.dim] if b.dim else np.ones(BATCH, np.int64)
    shape = (int(n.sum()), *b.shape)
    if b.owner:
        lists = counts[b.owner]
        place = np.arange(int(lists.sum())) - np.repeat(np.cumsum(lists) - lists, lists)
        return np.repeat(place, lengths[b.dim])
    if b.elem == "index":
        most = np.repeat(counts.get(b.into, np.zeros(BATCH, np.int64)), n)
        return rng.integers(np.minimum(0, most - 1) if b.sure else -1, np.maximum(most, 0))
    if b.elem == "bool":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if b.elem == "int":
        return rng.choice([-1, 0, 1, 2, 3], shape)
    return np.exp(rng.normal(2.5 if b.factor != 1 or "pt" in b.name else 0, 0.8, shape)).astype(np.float32)
