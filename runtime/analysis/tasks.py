# SPDX-License-Identifier: Apache-2.0
"""What workers do of an analysis: look at a file; add up a chunk of its events. What fails says which entry of which
file.

Both are sent to other processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.analyses import NOMINAL, Kind
from hepq.core.errors import DataError
from hepq.runtime.analysis import keys
from hepq.runtime.analysis.description import Program, Saved, SourceFiles
from hepq.runtime.analysis.models import scores
from hepq.runtime.analysis.program import Compiled
from hepq.runtime.analysis.skimmed import Columns, Skimmed
from hepq.runtime.analysis.sums import Sums, counted
from hepq.runtime.analysis.writers.skims import changed
from hepq.runtime.artifact import manifest as m
from hepq.runtime.artifact.stage import EventStage
from hepq.runtime.chunks.files import Done, File, Identity, Task, kept_branches, read_safely
from hepq.runtime.engine.event_code import (
    BAD_WEIGHT,
    CHECK_FAILED,
    EventError,
    EventProgram,
    EventResult,
)
from hepq.runtime.events import event_files
from hepq.runtime.events.columns import one_each, whole_each
from hepq.runtime.events.event_files import Named
from hepq.runtime.events.source import Chunk
from hepq.runtime.events.stage import Read, collected


@dataclass(frozen=True)
class SourceFile(File):
    """``numbering``: branches that the keys of its events follow from. ``sumw``: numbers of its own bookkeeping.
    ``lacking``: values of branches that it does not have."""

    kind: Kind
    numbering: tuple[str, ...] = ()
    sumw: tuple[float, ...] = ()
    lacking: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Look:
    """Opens a file of a source: (source, name) to SourceFile, or what is wrong with it."""

    compiled: bytes

    def __call__(self, item: tuple[SourceFiles, Named]) -> SourceFile | DataError:
        of, name = item
        compiled = loaded(self.compiled)
        try:
            return _looked(compiled.reader(of.kind), compiled.analysis.programs[of.kind], of, name)
        except DataError as error:
            return error
        except OSError as error:
            return DataError("HQ0803", f"cannot read {name.path}", error.strerror or str(error))


def _looked(stage: EventStage, program: Program, of: SourceFiles, name: Named) -> SourceFile:
    source = event_files.opened(name, m.Files(tree=of.tree))
    wanted = stage.files(source.branches)
    source.check_present(wanted)
    numbering = keys.numbering(source.branches) if program.key else ()
    read = [*wanted, *numbering]
    kept = {branch for branch, _ in source.places(read).values()}
    held = (b for b in stage.branches if b.branch and b.branch not in wanted and b.default is not None)
    return SourceFile(
        of.name, of.kind, kept_branches(source, kept), Identity.of(source), event_files.read_bytes(source, read),
        event_files.basket_edges(source, read), numbering,
        () if of.sumw is None else _sum_of_weights(source.path, of.sumw),
        {b.branch: b.default or 0.0 for b in held},
    )  # fmt: skip


def _sum_of_weights(path: str, where: str) -> tuple[float, ...]:
    """The numbers of a branch of a tree, ``Runs:genEventSumw``."""
    tree, _, branch = where.rpartition(":")
    source = event_files.opened(Named(path, tree or None))
    chunks = event_files.iterate(source, {branch})
    return tuple(float(x) for c in chunks for x in one_each(c.events, branch, str(source), c.first))


@dataclass(frozen=True)
class Compute:
    """Adds up the events of a task: Done, or what is wrong with them. ``skims``: whether what is saved is kept."""

    compiled: bytes
    n_minus_one: bool = True
    skims: bool = True

    def __call__(self, task: Task[SourceFile]) -> Done[Sums] | DataError:
        return read_safely(task, self._done)

    def _done(self, task: Task[SourceFile]) -> Done[Sums]:
        kind, source = task.file.kind, task.file.opened
        compiled, (stage, program, code) = loaded(self.compiled), _code(self.compiled, kind)
        saves = {(n, v): program.saves[v][n] for n, v in written(compiled, kind)}
        wanted = {*stage.files(source.branches), *task.file.numbering}
        sums, skims, left_out, where = code.accumulators(), Skimmed(), Counter[str](), str(source)
        for chunk in event_files.iterate(source, wanted, entries=task.entries):
            read = collected(stage, chunk.events, where, chunk.first)
            columns = dict(read.columns)
            if program.key is not None:
                columns[program.key] = _event_keys(task.file, chunk, where)
            factors = {b.name: b.factor for b in stage.branches}
            running = code
            try:
                for running, models in zip(_before(self.compiled, kind), program.models, strict=True):
                    made = running.run(columns, read.counts, factors, read.events, offsets=read.offsets)
                    for call in models.calls:
                        found, left = scores(call, made, read.counts, read.events)
                        columns |= found
                        left_out += left
                running = code
                made = code.run(
                    columns, read.counts, factors, read.events, sums, self.n_minus_one, offsets=read.offsets
                )
            except EventError as error:
                raise _told(error, program, running, where, chunk.first) from error
            for place, saved in saves.items() if self.skims else ():
                skims.add(place, _passed(saved, made, read))
        return Done(sums.sums() + counted(left_out), skims.to_bytes() if skims else b"")


def written(compiled: Compiled, kind: Kind) -> list[tuple[str, str]]:
    """Skims, and variations in which each is written, of sources of that kind."""
    names = dict.fromkeys(n for saves in compiled.analysis.programs[kind].saves.values() for n in saves)
    return [(n, v) for n in names for v in changed(n, compiled.analysis).get(kind, ())]


def _event_keys(file: SourceFile, chunk: Chunk, where: str) -> NDArray[np.int64]:
    if file.numbering:
        numbers = [whole_each(chunk.events, branch, where, chunk.first) for branch in file.numbering]
        return keys.of_events(file.source, numbers)
    return keys.of_entries(file.identity.uuid or file.identity.name, chunk.first, len(chunk.events))


def _passed(saved: Saved, made: EventResult, read: Read) -> Columns:
    """What is saved of the events that pass: of each column its numbers, and of lists how long each is."""
    passed = made.outputs[saved.passed].astype(np.bool_)
    counts, found = {**read.counts, **made.counts}, Columns()
    for column, output in saved.columns.items():
        values: NDArray[Any] = made.outputs[output.name]
        if output.dim:
            lengths = np.asarray(counts[output.dim], np.int64)
            found[column] = values[np.repeat(passed, lengths)], lengths[passed]
        else:
            found[column] = values[passed], None
    return found


def _told(error: EventError, program: Program, code: EventProgram, where: str, first: int) -> DataError:
    of = code.description
    title, why, help = f"event {first + error.event:,} of {where} cannot be computed", error.why, ""
    if error.status == CHECK_FAILED:
        name = of.checks[error.detail]
        why = f"it must hold, and does not: {program.checks[name] or name}"
    elif error.status == BAD_WEIGHT:
        why = f"a weight of {_filled_by(of.fills[error.detail].name, program)} is not a number below 2^64"
        help = "cut the event before the weight, or give the weight another value there"
    return DataError("HQ0951", title, why, help)


def _filled_by(sums: str, program: Program) -> str:
    """What sums are for."""
    for variation in program.histograms:
        varied = "" if variation == NOMINAL else f", {variation},"
        for name, filled in program.histograms[variation].items():
            if filled.sums == sums:
                return f"histogram {name}{varied}"
        for region, flow in program.flows.get(variation, {}).items():
            if any(step.filled.sums == sums for step in flow.steps):
                return f"the cut flow of {region or 'the analysis'}{varied}"
    return sums


@lru_cache(maxsize=4)
def loaded(compiled: bytes) -> Compiled:
    return Compiled.from_bytes(compiled)


@lru_cache(maxsize=8)
def _before(compiled: bytes, kind: Kind) -> tuple[EventProgram, ...]:
    return loaded(compiled).load_before(kind)


@lru_cache(maxsize=8)
def _code(compiled: bytes, kind: Kind) -> tuple[EventStage, Program, EventProgram]:
    found = loaded(compiled)
    return found.reader(kind), found.analysis.programs[kind], found.load(kind)
