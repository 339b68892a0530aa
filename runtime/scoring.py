# SPDX-License-Identifier: Apache-2.0
"""What is made of a chunk of files that are scored: rows of scores and of branches that are kept, what the scores are
compared with, and an account of the events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.artifact import tensors
from hepq.runtime.chunks.files import Done, File, Task, read_safely
from hepq.runtime.engine import outputs
from hepq.runtime.events import event_files
from hepq.runtime.events.columns import plain
from hepq.runtime.events.report import Report
from hepq.runtime.files import seal, unseal
from hepq.runtime.report.judged import Arrays, Judged
from hepq.runtime.scorer import Scorer

Columns = Mapping[str, Any]


@dataclass(frozen=True)
class Scored:
    """Of consecutive events. ``report``: all of it; ``scores``: without what is said of labels. ``odd``: why labels
    cannot be used, from some event on."""

    report: Report = field(default_factory=Report)
    scores: Report = field(default_factory=Report)
    odd: str = ""

    def __add__(self, other: Scored) -> Scored:
        """With events that follow. Beyond odd labels none are accounted for."""
        more = other.scores if self.odd else other.report
        return Scored(self.report + more, self.scores + other.scores, self.odd or other.odd)

    def to_bytes(self) -> bytes:
        from pydantic_core import to_json

        return to_json(self, inf_nan_mode="constants")


class Accounts:
    """How they are read and added up, for a store."""

    def read(self, data: bytes) -> Scored:
        found: Scored = _adapter().validate_json(data)
        return found

    def added(self, accounts: Iterable[Scored]) -> Scored:
        return sum(accounts, Scored())


@lru_cache(maxsize=1)
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Scored)


@dataclass(frozen=True)
class Piece:
    """Rows of some events: what is written of them, and by what their scores are judged."""

    columns: Columns
    compared: Arrays


@dataclass(frozen=True)
class Scoring:
    """Scores a task's events, ``step`` of them at a time, with the branches ``keep``."""

    model: Scorer
    judged: Judged
    keep: tuple[str, ...]
    step: int | str

    def __call__(self, task: Task[File]) -> Done[Scored] | DataError:
        return read_safely(task, self.scored)

    def branches(self, held: Iterable[str]) -> set[str]:
        """All that is read of a file that holds ``held``."""
        held = tuple(held)
        return {*self.model.branches(held), *self.keep, *self.judged.branches(held)}

    def scored(self, task: Task[File]) -> Done[Scored]:
        """Raises DataError."""
        source, where = task.file.opened, str(task.file.opened)
        pieces, account = list[Piece](), Scored()
        for chunk in event_files.iterate(source, self.branches(source.branches), self.step, task.entries):
            raw = self.model.raw(chunk.events, where, chunk.first)
            scores = self.model.score_raw(raw, where, chunk.first)
            kept = {b: plain(chunk.events[b], b, where, chunk.first) for b in self.keep}
            found = self.judged.compared(scores.arrays, chunk, raw.stage)
            account += Scored(scores.report + found.report, scores.report, found.odd)
            columns = outputs.columns(self.model.manifest, scores.outputs) | kept
            pieces.append(Piece(columns, found.arrays))
        return Done(account, packed(pieces))


def packed(pieces: Iterable[Piece]) -> bytes:
    """With a checksum."""
    from safetensors.numpy import save

    arrays, heads = dict[str, NDArray[Any]](), []
    for i, piece in enumerate(pieces):
        forms = {}
        for name, column in piece.columns.items():
            form, length, buffers = ak.to_buffers(ak.to_packed(ak.Array(column)))
            forms[name] = form.to_json(), length
            arrays |= {f"{i}\n{name}\n{key}": np.ascontiguousarray(b) for key, b in buffers.items()}
        arrays |= {f"{i}\n{name}": np.ascontiguousarray(values) for name, values in piece.compared.items()}
        heads.append({"columns": forms, "compared": list(piece.compared)})
    return seal(json.dumps(heads).encode() + b"\n" + save(arrays))


def unpacked(data: bytes) -> Iterator[Piece]:
    """Raises ValueError for anything but what ``packed`` gave."""
    line, _, content = unseal(data).partition(b"\n")
    arrays = tensors.read(content)
    for i, head in enumerate(json.loads(line)):
        columns = {
            name: ak.from_buffers(ak.forms.from_json(form), length, _under(arrays, f"{i}\n{name}\n"))
            for name, (form, length) in head["columns"].items()
        }
        yield Piece(columns, {name: arrays[f"{i}\n{name}"] for name in head["compared"]})


def _under(arrays: Arrays, prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
