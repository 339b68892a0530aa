# SPDX-License-Identifier: Apache-2.0
"""Compiled models within an analysis: applied to what an event program makes of events, their results are inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.analysis.description import Argument, ModelCall
from hepq.runtime.artifact.stage import StageOutput
from hepq.runtime.engine.event_code import EventResult

if TYPE_CHECKING:
    from hepq.runtime.events.report import Report
    from hepq.runtime.model import Model

Array = NDArray[Any]


@lru_cache(maxsize=16)
def opened(path: str, digest: str) -> Model:
    """The artifact that the analysis was compiled with. Raises DataError HQ0957 for another one, or none."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError("HQ0957", f"cannot read the model {path}", error.strerror or str(error)) from error
    if sha256(content).hexdigest() != digest:
        why = "it is not the artifact that the analysis was compiled with"
        raise DataError("HQ0957", f"the model {path} was replaced", why, "run the program again")
    from hepq.runtime.model import load

    return load(path, threads=1)


def scores(
    call: ModelCall, made: EventResult, counts: Mapping[str, Array], events: int
) -> tuple[dict[str, Array], Counter[str]]:
    """Results of a model by the name of the input that each is: [entries of ``root`` or events, shape]. Entries that
    it was not applied to have NaN, or -1 for whole numbers. And what the model left out, in words, and how often.
    ``made``: what the event program gave; ``counts``: of each ragged dim of files, in each event."""
    known = {**counts, **made.counts}
    model, given = opened(call.path, call.sha256), _Entries(call, made, known, events).arguments()
    try:
        found, report = model.score(given)
    except DataError as error:
        raise DataError(error.code, f"{Path(call.path).name}: {error.title}", error.why, error.help) from error
    placed = {o.name: _placed(call, made, known, o, _plain(found[n], o)) for n, o in call.outputs.items()}
    return placed, Counter(dict(_left_out(Path(call.path).name, report)))


def _left_out(name: str, report: Report) -> Iterator[tuple[str, int]]:
    for dim, n in report.entries.items():
        yield f"{name}: entries of {dim} beyond its bound, cut", n.cut
        yield f"{name}: entries of {dim} that are not numbers, dropped", n.dropped
    yield f"{name}: NaN, since there is no entry", report.empty
    yield f"{name}: NaN, since a value is not a number", report.unscored - report.empty
    yield f"{name}: NaN of numbers", report.nan_scores


@dataclass(frozen=True)
class _Entries:
    """What a model is applied to: events, or entries of a dim, one after the other."""

    call: ModelCall
    made: EventResult
    counts: Mapping[str, Array]
    events: int

    def arguments(self) -> dict[str, Any]:
        return {branch: self._argument(a) for branch, a in self.call.inputs.items()}

    def _argument(self, a: Argument) -> Any:
        import awkward as ak

        values, each = self.made.outputs[a.output], self.call.each
        if a.factor != 1:
            values = values / a.factor
        if a.dim in ("", each):
            return values if a.dim == each else np.repeat(values, self.counts[each], axis=0)
        if not each:
            return ak.unflatten(values, self.counts[a.dim])
        owner = self._owner(a.dim)
        order = np.argsort(owner, kind="stable")
        return ak.unflatten(values[order], np.bincount(owner, minlength=int(np.sum(self.counts[each]))))

    def _owner(self, dim: str) -> NDArray[np.int64]:
        """Which of all entries each one of a list is of."""
        own = self.made.outputs[self.call.owners[dim]].astype(np.int64)
        return own + np.repeat(_starts(self.counts[self.call.each]), self.counts[dim])


def _placed(
    call: ModelCall, made: EventResult, counts: Mapping[str, Array], output: StageOutput, values: Array
) -> Array:
    """``values`` of entries at their places in the file's collection."""
    if not call.index:
        return values
    nothing = -1 if output.elem == "int" else np.nan
    whole = np.full((int(np.sum(counts[call.root])), *output.shape), nothing, values.dtype)
    entry = made.outputs[call.index].astype(np.int64)
    whole[entry + np.repeat(_starts(counts[call.root]), counts[call.each])] = values
    return whole


def _starts(counts: Array) -> NDArray[np.int64]:
    return np.cumsum(counts, dtype=np.int64) - counts


def _plain(found: Any, output: StageOutput) -> Array:
    """Numbers of a result, whose last entries may have names."""
    import awkward as ak

    if isinstance(found, ak.Array):
        found = np.stack([ak.to_numpy(found[name]) for name in found.fields], axis=-1)
    return np.asarray(found).astype(np.int64 if output.elem == "int" else np.float64)
