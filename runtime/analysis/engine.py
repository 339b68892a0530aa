# SPDX-License-Identifier: Apache-2.0
"""Runs a compiled analysis: its files' chunks to workers, what they add up to a store, and all of that to a result.

Sums are exact, random numbers follow from the events: the result has the same bits whatever the chunks, the workers and
their order, and however often the run was killed.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from hepq.core.analyses import Kind
from hepq.core.errors import DataError
from hepq.runtime.analysis.description import SourceFiles
from hepq.runtime.analysis.program import Compiled
from hepq.runtime.analysis.provenance import Provenance, ReadFile
from hepq.runtime.analysis.results import Result, SourceRead
from hepq.runtime.analysis.skimmed import Skimmed
from hepq.runtime.analysis.sums import Summing, Sums
from hepq.runtime.analysis.tasks import Compute, Look, SourceFile
from hepq.runtime.analysis.writers.skims import ENDINGS, open_skim
from hepq.runtime.chunks.run import ChunksFailed, Failed, Progress, Running, Tell, no_progress
from hepq.runtime.chunks.store import Store
from hepq.runtime.events import event_files
from hepq.runtime.events.event_files import Named
from hepq.runtime.executors import Executor, Serial, map_unordered
from hepq.runtime.files import Scratch, digest


@dataclass(frozen=True)
class Options:
    """``folder``: what names of files are relative to. ``store``: the folder of chunks; None: of this run alone.
    ``chunk``: events of one; by default by their bytes. ``fresh``: compute all again. ``skip_bad``: leave out files
    that cannot be read or computed, and say so in the result. ``skims``: the folder for what is saved, as files of that
    ``skim_format``."""

    folder: Path = Path()
    store: Path | None = None
    chunk: int | None = None
    fresh: bool = False
    skip_bad: bool = False
    n_minus_one: bool = True
    skims: Path | None = None
    skim_format: str = ENDINGS[0]


@dataclass(frozen=True)
class Run:
    """``skims``: files that were written. ``failed``: what was left out. ``notes``: what else is out of the ordinary,
    in words. ``progress``: at the end."""

    result: Result
    progress: Progress
    skims: tuple[Path, ...] = ()
    failed: tuple[Failed, ...] = ()
    notes: tuple[str, ...] = ()


def run(
    compiled: Compiled,
    options: Options = Options(),
    executor: Executor | None = None,
    progress: Tell = no_progress,
) -> Run:
    """Raises DataError: HQ0801, HQ0837, HQ0955 for names of files; HQ0950 (``ChunksFailed``) where chunks failed,
    after all others are done; HQ0953, HQ0954 for the store; HQ0965 for what weights need and nothing says."""
    return _Running(compiled, options, executor or Serial(), progress).run()


@dataclass
class _Running:
    compiled: Compiled
    options: Options
    executor: Executor
    tell: Tell
    failed: list[Failed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self) -> Run:
        start = time.monotonic()
        with ExitStack() as stack:
            place = self.options.store or stack.enter_context(Scratch("hepq-chunks"))
            store = stack.enter_context(Store(place, self._programs(), Summing(), fresh=self.options.fresh))
            chunks = Running[SourceFile, Sums](
                store, self.executor, self.tell, self.options.chunk, start=start, failed=self.failed
            )
            files = self._looked()
            self._say_replaced(store, files)
            work = Compute(self.compiled.to_bytes(), self.options.n_minus_one, self.options.skims is not None)
            unread = len(self.failed)
            progress = chunks.compute(files, work)
            if self.failed and not self.options.skip_bad:
                help = "mend or take out these files and run again: what succeeded is not computed again"
                raise ChunksFailed(self.failed, progress.chunks + unread, help)
            bad = {(one.source, one.path) for one in self.failed}
            good = [file for file in files if (file.source, file.opened.path) not in bad]
            self._say_copies(good)
            self._say_lacking(good)
            result = self._result(store, good)
            self._say_outside(result)
            self._say_left_out(result)
            skims = tuple(self._skims(store, good, result))
        if store.damaged:
            self.notes.append(f"{store.damaged:,} chunks of {place} were damaged, and computed again")
        return Run(result, progress, skims, tuple(self.failed), tuple(self.notes))

    def _programs(self) -> dict[Kind, str]:
        """What tells sums of one analysis from those of another."""
        return {
            kind: digest(f"{self.compiled.identity(kind)} {self.options.n_minus_one} {self._skimming(kind)}".encode())
            for kind in self.compiled.code
        }

    def _skimming(self, kind: Kind) -> bool:
        """Whether skims are made, of a program that has any."""
        return self.options.skims is not None and bool(self.compiled.analysis.programs[kind].saves)

    def _looked(self) -> list[SourceFile]:
        """The files that can be opened, in the order of the program."""
        items = list(self._named())
        work = self.compiled.to_bytes()
        found: dict[int, SourceFile] = {}
        numbers = {id(item): i for i, item in enumerate(items)}
        for item, file in map_unordered(self.executor, Look(work), iter(items), _died_looking):
            if isinstance(file, DataError):
                self._fail(item[0].name, item[1].path, item[1].path, file)
            else:
                found[numbers[id(item)]] = file
        return [found[i] for i in sorted(found)]

    def _named(self) -> Iterator[tuple[SourceFiles, Named]]:
        """Raises DataError HQ0801 where there is no such file, HQ0955 for one that a source has twice."""
        for source in self.compiled.analysis.sources:
            seen: dict[str, str] = {}
            for name in event_files.named([self._near(f) for f in source.files]):
                real = name.path if "://" in name.path else os.path.realpath(name.path)
                if real in seen:
                    why = f"its events would count twice: {seen[real]}, {name.path}"
                    raise DataError("HQ0955", f"source {source.name} has a file twice", why, "name it once")
                seen[real] = name.path
                format = None if source.format == "root" else source.format
                yield source, replace(name, format=format)

    def _near(self, file: str) -> str:
        """A file, or a file and its friend, from the program's folder."""
        folder = self.options.folder
        parts = [file] if (folder / file).exists() else file.split(" + ")
        return " + ".join(f if "://" in f else str(folder / f) for f in parts)

    def _fail(self, source: str, path: str, what: str, error: DataError) -> None:
        self.failed.append(Failed(source, path, what, error))

    def _result(self, store: Store[Sums], files: Sequence[SourceFile]) -> Result:
        analysis, of = self.compiled.analysis, dict[str, SourceRead]()
        for source in analysis.sources:
            mine = [file for file in files if file.source == source.name]
            sums = added(part for file in mine for part in store.accounts(file))
            sumw = math.fsum(x for file in mine for x in file.sumw) if source.sumw is not None else None
            of[source.name] = SourceRead(sums, sum(file.events for file in mine), sumw)
        read = tuple(
            ReadFile(source=f.source, path=self._shown(f.opened.path), size=f.identity.size, events=f.events,
                     uuid=f.identity.uuid)
            for f in files
        )  # fmt: skip
        missing = tuple(f"{one.source}: {one}" for one in self.failed)
        about = Provenance.of(Path(self.compiled.program).name, analysis.digest, read, missing=missing)
        return Result(analysis, of, about, self.options.n_minus_one)

    def _shown(self, path: str) -> str:
        """As the program names it, wherever that lies."""
        folder = str(self.options.folder)
        return os.path.relpath(path, folder) if "://" not in path and path.startswith(f"{folder}{os.sep}") else path

    def _skims(self, store: Store[Sums], files: Sequence[SourceFile], result: Result) -> Iterator[Path]:
        folder, analysis = self.options.skims, self.compiled.analysis
        if folder is None:
            return
        names = {n for program in analysis.programs.values() for saves in program.saves.values() for n in saves}
        for name in sorted(names):
            path = folder / f"{name}{self.options.skim_format}"
            with open_skim(path, name, analysis, result.provenance) as skim:
                for file in files:
                    for part in store.rows(file):
                        for (saved, variation), columns in Skimmed.from_bytes(part).written():
                            if saved == name:
                                skim.write(file.source, variation, columns)
            yield path

    def _say_replaced(self, store: Store[Sums], files: Sequence[SourceFile]) -> None:
        for path in store.replaced(files):
            self.notes.append(f"{path} is not the file that it was: its chunks are computed again")

    def _say_copies(self, files: Sequence[SourceFile]) -> None:
        seen: dict[tuple[str, str], str] = {}
        for file in files:
            if uuid := file.identity.uuid:
                first = seen.setdefault((file.source, uuid), file.opened.path)
                if first != file.opened.path:
                    self.notes.append(f"{file.opened.path} has the UUID of {first}: do its events count twice?")

    def _say_lacking(self, files: Sequence[SourceFile]) -> None:
        found: dict[tuple[str, float], list[SourceFile]] = {}
        for file in files:
            for branch, value in (file.lacking or {}).items():
                found.setdefault((branch, value), []).append(file)
        for (branch, value), lacking in found.items():
            path, events = lacking[0].opened.path, sum(f.events for f in lacking)
            where = path if len(lacking) == 1 else f"{len(lacking):,} files, the first {path}"
            self.notes.append(f"no branch {branch} in {where}: {value:g} for {events:,} events")

    def _say_outside(self, result: Result) -> None:
        for source in result.sources:
            for name, calls in result.outside(source.name).items():
                if calls:
                    self.notes.append(f"{calls:,} calls of correction {name} are outside of its bins, in {source.name}")

    def _say_left_out(self, result: Result) -> None:
        for source in result.sources:
            for what, times in result.left_out(source.name).items():
                self.notes.append(f"{times:,} times in {source.name}, all variations: {what}")


def added(sums: Iterable[Sums]) -> Sums:
    """All of them, holding few at a time: as many as there are binary digits in their number."""
    held: list[tuple[int, Sums]] = []
    for one in sums:
        held.append((1, one))
        while len(held) > 1 and held[-2][0] == held[-1][0]:
            (n, a), (m, b) = held[-2:]
            held[-2:] = [(n + m, a + b)]
    total = Sums()
    for _, part in reversed(held):
        total = total + part
    return total


def _died_looking(item: tuple[SourceFiles, Named]) -> DataError:
    return DataError("HQ0860", "a worker process died, twice", f"it opened {item[1].path}")
