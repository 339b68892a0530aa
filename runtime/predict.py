# SPDX-License-Identifier: Apache-2.0
"""Scoring ROOT files of any size: read a piece, score it, append it to the output, forget it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import WEIGHTS
from hepq.runtime.engine import outputs
from hepq.runtime.events import event_files
from hepq.runtime.events.columns import plain
from hepq.runtime.events.copied import Kind, kinds
from hepq.runtime.events.report import Report
from hepq.runtime.events.source import DEFAULT_STEP, Source
from hepq.runtime.events.writers import open_writer
from hepq.runtime.report.judged import Judged
from hepq.runtime.scorer import Scorer

#: how the mark of scores begins
_OURS = "hepq: scores of "


@dataclass(frozen=True)
class Summary:
    """What ``predict`` did. ``report``: what became of the events, and how good the scores are.

    ``left_out``: files that a pattern matches too, which are what an earlier run wrote.
    """

    out: Path
    files: int
    report: Report
    seconds: float
    columns: tuple[str, ...]
    left_out: tuple[str, ...] = ()

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
    progress: Callable[[int, int], None] | None = None,
    out_tree: str = "tree",
    weight: str | None = None,
    target: str | None = None,
) -> Summary:
    """Score every event of ``files`` (path, glob, or list) into ``out``, one row per event in the files' order.

    ``out`` ends in .root (a TTree called ``out_tree``) or .parquet, and appears only when all is done. A TTree has
    an output of several numbers for each particle as ``output_0``, ``output_1``, …, and none over pairs. ``keep``
    names branches to copy along, labels for example. ``step`` is how much is held at once, as a number of events
    or as ``"32 MB"``. ``progress`` is told (events done, of all). ``weight``: a branch that weighs events in the
    metrics. ``target``: ``OUTPUT=BRANCH``, or the branch alone: what an output of one number should be. A kept
    branch has the widest of its types in the files. Files without events give an output without rows.
    Raises DataError; then nothing is left behind.
    """
    start = time.monotonic()
    sources, own = _sources(model, files, out, tree)
    for source in sources:
        model.raw(event_files.none_of(source, model.branches(source.branches)), str(source))
        source.check_present(keep, "what is kept are branches of the files")
        source.check_present([weight] if weight else [], "a weight is a branch of the files")
    total = sum(s.events for s in sources)
    columns = _columns(model, sources, keep)
    judged = Judged.of(model.manifest, sources, weight, target)
    report = Report()
    done = 0
    with open_writer(out, columns, out_tree, _mark(model)) as writer:
        for source in sources:
            where = str(source)
            wanted = {*model.branches(source.branches), *keep, *judged.branches(source.branches)}
            for chunk in event_files.iterate(source, wanted, step):
                raw = model.raw(chunk.events, where, chunk.first)
                scores = model.score_raw(raw, where, chunk.first)
                kept = {b: plain(chunk.events[b], b, where, chunk.first) for b in keep}
                writer.write(outputs.columns(model.manifest, scores.outputs) | kept)
                report += scores.report + judged.add(scores.arrays, chunk, raw.stage)
                done += len(chunk.events)
                if progress is not None:
                    progress(done, total)
    report = replace(report, metrics=judged.metrics(), labels=report.labels if judged.label else None)
    return Summary(Path(out), len(sources), report, time.monotonic() - start, tuple(columns), own)


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
