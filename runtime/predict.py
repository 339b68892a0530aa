# SPDX-License-Identifier: Apache-2.0
"""Scoring files of any size: chunk by chunk, here or by workers, into one file of scores."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import WEIGHTS
from hepq.runtime.chunks.files import File, Identity, Task, kept_branches
from hepq.runtime.chunks.run import CHUNK, ChunksFailed, Running, Tell, no_progress
from hepq.runtime.chunks.store import Store
from hepq.runtime.engine import outputs
from hepq.runtime.events import event_files
from hepq.runtime.events.copied import Kind, kinds
from hepq.runtime.events.report import Report
from hepq.runtime.events.source import DEFAULT_STEP, Source, asked_step, size
from hepq.runtime.events.writers import Writer, open_writer
from hepq.runtime.executors import Executor, Serial
from hepq.runtime.files import Scratch, digest
from hepq.runtime.report.judged import Judged
from hepq.runtime.scorer import Scorer
from hepq.runtime.scoring import Accounts, Scored, Scoring, unpacked

#: how the mark of scores begins
_OURS = "hepq: scores of "
_KIND = "scores"


@dataclass(frozen=True)
class Summary:
    """What ``predict`` did. ``report``: what became of the events, and how good the scores are.

    ``left_out``: files that a pattern matches too, which are what an earlier run wrote. ``found``: how many of the
    events an earlier run scored. ``notes``: what else is out of the ordinary, in words.
    """

    out: Path
    files: int
    report: Report
    seconds: float
    columns: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    found: int = 0
    notes: tuple[str, ...] = ()

    @property
    def auc(self) -> dict[str, float]:
        """Class -> AUC of its discriminant against all others, where the files hold the labels."""
        return {c: a for m in self.report.metrics for c, a in m.values.get("auc", {}).items()}

    @property
    def rate(self) -> float:
        """Events per second, reading and writing included."""
        return self.report.events / max(self.seconds, 1e-9)


def predict(
    model: Scorer,
    files: event_files.Files,
    out: str | Path,
    *,
    tree: str | None = None,
    keep: Sequence[str] = (),
    step: int | str = DEFAULT_STEP,
    progress: Tell = no_progress,
    out_tree: str = "tree",
    weight: str | None = None,
    target: str | Sequence[str] = (),
    executor: Executor | None = None,
    store: Path | None = None,
) -> Summary:
    """Score every event of ``files`` (path, glob, or list) into ``out``, one row per event in the files' order.

    ``out`` ends in .root (a TTree called ``out_tree``) or .parquet, and appears only when all is done. A TTree has an
    output of several numbers for each particle as ``output_0``, ``output_1``, …, and none over pairs. ``keep`` names
    branches to copy along, labels for example. ``step`` is how much is held at once, as a number of events or as ``"32
    MB"``: a chunk, of ROOT files; scores of a whole file of another kind are held. ``weight``: a branch that weighs
    events in the metrics. ``target``: ``OUTPUT=BRANCH``, or the branch alone: what an output of one number should be,
    or several of these. A
    kept branch has the widest of its types in the files. Files without events give an output without rows.
    ``executor``: where chunks are scored; ``store``: a folder that keeps them as they are done, so that a run which was
    killed goes on.

    Raises DataError; then nothing is left behind, but for what ``store`` has. If several chunks fail, all others are
    done, and HQ0950 lists them. HQ0889 for workers or a store of what is sampled or sent to a device.
    """
    start = time.monotonic()
    _check_alone(model, executor, store)
    sources, own = _sources(model, files, out, tree)
    for source in sources:
        model.raw(event_files.none_of(source, model.branches(source.branches)), str(source))
        source.check_present(keep, "what is kept are branches of the files")
        source.check_present([weight] if weight else [], "a weight is a branch of the files")
    columns = _columns(model, sources, keep)
    targets = (target,) if isinstance(target, str) else target
    work = Scoring(model, Judged.of(model.manifest, sources, weight, targets), tuple(keep), asked_step(step))
    found = [_file(source, work) for source in sources]
    with ExitStack() as stack:
        writer = stack.enter_context(open_writer(out, columns, out_tree, _mark(model)))
        place = store or stack.enter_context(Scratch("hepq-scores"))
        held = stack.enter_context(Store(place, {_KIND: _program(work)}, Accounts()))
        notes = [f"{path} is not the file that it was: it is scored again" for path in held.replaced(found)]
        chunk, most = (work.step, CHUNK) if isinstance(work.step, int) else (None, size(work.step))
        running = Running[File, Scored](held, executor or Serial(), progress, chunk, most, start)
        done = running.compute(found, work)
        if len(running.failed) == 1:
            raise running.failed[0].error
        if running.failed:
            help = "mend or take out these files; with a store, what succeeded is not computed again"
            raise ChunksFailed(running.failed, done.chunks, help)
        report = _written(held, found, work, writer)
    return Summary(
        Path(out), len(sources), report, time.monotonic() - start, tuple(columns), own, done.found, tuple(notes)
    )


def _check_alone(model: Scorer, executor: Executor | None, store: Path | None) -> None:
    """Raises DataError HQ0889: numbers that are drawn, and jobs on devices, are of one process, in order."""
    if not model.exact and (store is not None or not (executor is None or isinstance(executor, Serial))):
        why = "its circuits are sampled or sent to a device: that is of one process, in the order of the events"
        raise DataError("HQ0889", "this model takes no workers and no store", why, 'load it with backend="exact"')


def _file(source: Source, work: Scoring) -> File:
    read = work.branches(source.branches)
    kept = {branch for branch, _ in source.places(read).values()}
    trees = "+".join(part.tree for part in source.parts or (source,))
    size, edges = event_files.read_bytes(source, read), event_files.basket_edges(source, read)
    return File(trees, _KIND, kept_branches(source, kept), Identity.of(source), size, edges)


def _program(work: Scoring) -> str:
    """What tells chunks of one model, kept branches and truths from those of others."""
    judged = work.judged
    label = "" if judged.label is None else judged.label.model_dump_json()
    targets = ",".join(f"{t.output}={t.branch}" for t in judged.targets)
    parts = (
        version("hepq"), work.model.manifest.model_dump_json(), work.model.device.name, *work.keep, label, targets,
        judged.weight or "",
    )  # fmt: skip
    return digest("\n".join(parts).encode())


def _written(store: Store[Scored], files: Sequence[File], work: Scoring, writer: Writer) -> Report:
    """Writes the rows of all files, in order; their report."""
    total, judged = Scored(), work.judged
    for file in files:
        if not file.events:
            total += work.scored(Task(file, 0, 0)).account
        for account in store.accounts(file):
            total += account
        for rows in store.rows(file):
            for piece in unpacked(rows):
                writer.write(piece.columns)
                judged.add(piece.compared)
    if total.odd:
        judged.without_labels(total.odd)
    return replace(total.report, metrics=judged.metrics(), labels=total.report.labels if judged.label else None)


def _mark(model: Scorer) -> str:
    return f"{_OURS}{model.manifest.name}, weights {model.manifest.members[WEIGHTS][:32]}"


def _sources(
    model: Scorer, files: event_files.Files, out: str | Path, tree: str | None
) -> tuple[list[Source], tuple[str, ...]]:
    """What to read, and the files that a pattern matches too but an earlier run wrote: ``out``, or of the same model.

    Raises DataError HQ0817 where ``out`` is an input, HQ0888 for scores of the same model that are named.
    """
    found, own = [], []
    for name in event_files.named(files):
        if os.path.exists(out) and os.path.exists(name.path) and os.path.samefile(out, name.path):
            if name.pattern and event_files.mark_of(name.path).startswith(_OURS):
                own.append(name.path)
                continue
            why, help = "it is one of the files to read", "write to another folder, or name the files of events"
            raise DataError("HQ0817", f"cannot write {out}", why, help)
        source = event_files.opened(name, model.reading(tree))
        if source.mark != _mark(model):
            found.append(source)
        elif name.pattern:
            own.append(name.path)
        else:
            help = "name the files of events"
            raise DataError("HQ0888", f"{source} holds scores of this model", "an earlier run wrote it", help)
    if own and not found:
        raise DataError("HQ0801", "no file but what earlier runs wrote", ", ".join(own[:3]), "name the files of events")
    return found, tuple(own)


def _columns(model: Scorer, sources: Sequence[Source], keep: Sequence[str]) -> dict[str, Kind]:
    """What is written, by name: results and what is kept."""
    stage = model.manifest.stage
    found = outputs.kinds(model.manifest, model.manifest.outputs, lists=stage is not None and stage.each != "")
    for branch in keep:
        if branch in found:
            why = "an output has the same name"
            raise DataError("HQ0818", f'cannot keep "{branch}"', why, "rename the model's output")
    return found | kinds(sources, keep)
