# SPDX-License-Identifier: Apache-2.0
"""What a model costs: FLOPs before and after each rewrite, and what each stage of its CPU code takes at least.

All numbers are means over events; of those, only how many entries their ragged dims have counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.golden.events import candidates
from hepq.compiler.ir.digest import digest
from hepq.compiler.ir.flops import Sizes, total, with_made
from hepq.compiler.ir.node import Module, made_dims
from hepq.compiler.targets.cpu import resolved
from hepq.compiler.targets.limits import Limits, measured
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.artifact.artifact import GOLDEN, Artifact
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.artifact.manifest import EventSchema
from hepq.runtime.events.batch import prepare as batched
from hepq.runtime.events.columns import Raw, joined

#: events of a file that are looked at
MOST = 256


class EntriesError(ValueError):
    """Numbers of entries that do not fit the model; the message says which, as of an option of that name."""


@dataclass(frozen=True)
class Events:
    """How often events of each size occur. ``source``: where they come from, in words."""

    sizes: Mapping[tuple[tuple[str, int], ...], int]
    source: str

    def mean(self, of: Callable[[Sizes], float]) -> float:
        """The mean of a function of an event's sizes."""
        return sum(of(dict(sizes)) * n for sizes, n in self.sizes.items()) / sum(self.sizes.values())

    def entries(self, name: str, module: Module) -> float:
        """The mean number of entries of a dim of ``module``; of one that its operations make, at most."""
        return self.mean(lambda sizes: with_made(module, sizes)[name])


@dataclass(frozen=True)
class Rewritten:
    """The model after the rewrite ``name``. ``flops``: of an event; ``changes``: by operation, how many more there
    are; ``fired``: whether it changed anything."""

    name: str
    flops: float
    operations: int
    changes: Mapping[str, int]
    fired: bool


@dataclass(frozen=True)
class Stage:
    """``over``: the dim whose entries are taken ``rows`` at a time, empty if there is none. ``bytes``: of values that
    it reads from memory or leaves there. ``seconds``: what it takes at least."""

    words: str
    over: str
    rows: int
    flops: float
    bytes: float
    seconds: float


@dataclass(frozen=True)
class Performance:
    """``source``: where events come from; ``entries``: how many they have, on average, of each ragged dim of the
    inputs; ``made``: of those that operations make, at most unless it was said. ``rewrites``: as written, after each
    pass, and as code generation has it. ``limits``: of this machine; None where nothing is compiled for a CPU.
    """

    model: str
    source: str
    entries: Mapping[str, float]
    made: Mapping[str, float]
    rewrites: tuple[Rewritten, ...]
    stages: tuple[Stage, ...]
    limits: Limits | None

    @property
    def seconds(self) -> float:
        """What an event takes at least."""
        return sum(stage.seconds for stage in self.stages)


def of_sizes(program: Compilation, given: Mapping[str, int]) -> Events:
    """Events with ``given`` entries. Raises EntriesError for a dim that is not the model's, or is not given."""
    known = {d.name: d for d in program.source.ragged_dims}
    made = made_dims(program.source)
    for name, size in given.items():
        dim = known.get(name) or made.get(name)
        if dim is None:
            held = f"its dims are {', '.join([*known, *made])}" if known or made else "it has none"
            raise EntriesError(f"{name} is no dim of the model whose size differs between events: {held}")
        if dim.bound is not None and size > dim.bound:
            raise EntriesError(f"{name} has at most {dim.bound} entries, not {size}")
    if missing := [name for name in known if name not in given]:
        raise EntriesError(f"how many entries has {missing[0]}? {missing[0]}=N says so")
    return Events({tuple(given.items()): 1}, "")


def of_events(program: Compilation, file: Path | None) -> Events:
    """Events of ``file``, else of the dataset's own files, else made-up ones. Raises DataError as compiling does."""
    folder, rng = program.path.parent, np.random.default_rng(0)
    found, made_up = candidates(program.described, file, folder, rng, program.reader)
    raw = joined(program.schema, list(islice(found, MOST)))
    where = "made-up events" if made_up else "events of the dataset's files" if file is None else f"events of {file}"
    return of_raw(program.schema, raw, where)


def of_golden(program: Compilation, artifact: Artifact) -> Events:
    """The golden events of the artifact whose ``program`` it is."""
    info = artifact.manifest.golden
    raw = Golden.from_bytes(artifact.members[GOLDEN]).raw
    return of_raw(program.schema, raw, "golden events" + (", which are made up" if info.made_up else ""))


def of_raw(schema: EventSchema, raw: Raw, source: str) -> Events:
    """The sizes of ``raw`` events that are scored, after the schema's cuts and bounds."""
    batch = batched(schema, raw)
    scored = np.flatnonzero(~batch.unscored)
    sizes = {name: np.diff(offsets)[scored] for name, offsets in batch.offsets.items()}
    rows = zip(*sizes.values(), strict=True) if sizes else [()] * len(scored)
    found = Counter(tuple(zip(sizes, map(int, row), strict=True)) for row in rows)
    return Events(found or {tuple((name, 0) for name in sizes): 1}, f"{len(scored)} {source}")


def performance(program: Compilation, events: Events) -> Performance:
    """Raises HepqError for what cannot be compiled for a CPU."""
    compiled = program.target.compiled(program)
    seen = [("as written", program.subject.with_features(program.source)), *program.after]
    stages: tuple[Stage, ...] = ()
    limits = None
    if compiled is not None:
        lowered, stages, limits = _staged(program, compiled, events)
        seen.append(("code generation", lowered))
    source = program.source
    return Performance(
        source.name, events.source,
        {d.name: events.entries(d.name, source) for d in source.ragged_dims},
        {name: events.entries(name, source) for name in made_dims(source)},
        tuple(_rewritten(seen, events)), stages, limits,
    )  # fmt: skip


def _rewritten(seen: Sequence[tuple[str, Module]], events: Events) -> Iterable[Rewritten]:
    before, known = Counter[str](), ""
    for i, (name, module) in enumerate(seen):
        now, key = Counter(node.op for node in module.walk()), digest(module)
        changes = {op: now[op] - before[op] for op in sorted({*now, *before}) if now[op] != before[op]} if i else {}
        yield Rewritten(name, events.mean(partial(total, module)), now.total(), changes, bool(i) and key != known)
        before, known = now, key


def _staged(program: Compilation, module: Module, events: Events) -> tuple[Module, tuple[Stage, ...], Limits]:
    """The module as code generation has it, its stages, and what this machine can do with memory of that size."""
    cpu = resolved(program.options.target)
    from hepq.compiler.lower.cpu import LoweringError
    from hepq.compiler.lower.cpu.plan import make_plan
    from hepq.compiler.lower.cpu.prepare import prepare
    from hepq.compiler.lower.cpu.work import works

    try:
        module, values = prepare(module, program.optimised.weights)
        plan = make_plan(module, cpu.lanes)
    except LoweringError as error:
        raise HepqError([diag("HQ0709", op=str(error), target=program.options.target)]) from error
    made = works(module, plan)
    flops, moved, left = (
        [events.mean(partial(_of, count, module)) for count in counts]
        for counts in zip(*((w.flops, w.moved, w.left_behind) for w in made), strict=True)
    )
    limits = measured(sum(value.nbytes for value in values.values()) + round(sum(left)))
    stages = (
        Stage(w.words, str(w.stage.tile or ""), w.stage.rows, f, b, limits.seconds(f, b))
        for w, f, b in zip(made, flops, moved, strict=True)
    )
    return module, tuple(stages), limits


def _of(count: Callable[[Sizes], int], module: Module, sizes: Sizes) -> int:
    return count(with_made(module, sizes))
