# SPDX-License-Identifier: Apache-2.0
"""Events to judge a model on: drawn by chance, with their classes; and the score that is judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepq.core.errors import DataError, did_you_mean
from hepq.runtime.artifact.manifest import Label, Manifest, Output
from hepq.runtime.events import event_files
from hepq.runtime.events.batch import Batch, prepare
from hepq.runtime.events.columns import check_present, field_names, joined
from hepq.runtime.report.labels import truth_of
from hepq.runtime.report.metrics import accuracy, auc, discriminants
from hepq.runtime.scorer import Scorer

#: number of each event's class, -1 for none; or whether it is signal
Truth = NDArray[np.int64] | NDArray[np.bool_]
Outputs = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Score:
    """One number for each event: an entry of an output. ``signal``: the number of the class that it stands for.

    ``sign``: -1 where the only score of two classes stands for the other one.
    """

    output: Output
    entry: int | None
    title: str
    signal: int | None
    sign: int = 1
    classes: int = 0

    def values(self, outputs: Outputs) -> NDArray[np.float64]:
        """[events]: the number itself, or the discriminant of its class where there is one for each."""
        found = outputs[self.output.name].astype(np.float64)
        if self.entry is None:
            return self.sign * found
        values: NDArray[np.float64] = (discriminants(found) if self.classes else found)[:, self.entry]
        return values

    def metric(self, name: Literal["auc", "accuracy"], truth: Truth, batch: Batch) -> Callable[[Outputs], float]:
        """What outputs are worth, on the events that are scored and have a class.

        auc: of this score, its class against all others. accuracy: how often the largest score is the right one.
        Raises DataError HQ0829 where that is not defined.
        """
        known = ~batch.unscored if truth.dtype == np.bool_ else ~batch.unscored & (truth >= 0)
        if name == "accuracy":
            if truth.dtype == np.bool_ or self.classes == 0:
                title = f"no accuracy of {self.output.name}"
                raise DataError("HQ0829", title, "it has not one score for each class of the label", "--metric auc")
            return lambda outputs: accuracy(outputs[self.output.name][known], truth[known])
        if truth.dtype != np.bool_ and self.signal is None:
            help = "choose the score of a class, or give the truth of each event"
            raise DataError("HQ0829", f"{self.title} is the score of no class", "the labels name no such class", help)
        signal = truth[known] if truth.dtype == np.bool_ else truth[known] == self.signal
        return lambda outputs: auc(self.values(outputs)[known], signal)


def choose(manifest: Manifest, output: str | None = None, class_: str | None = None) -> Score:
    """The score of ``output``'s entry ``class_``; by default of the output that the labels are about, and the last.

    Raises DataError HQ0831 if there is no such output or class, or several to choose from.
    """
    label = manifest.dataset.label if manifest.dataset else None
    names = manifest.dim(label.dim).names if label else ()
    single = {o.name: o for o in manifest.outputs if manifest.single(o)}
    if output is None:
        about = [o.name for o in single.values() if label and o.dims == (label.dim,)] or list(single)
        if len(about) != 1:
            why = f"it gives {', '.join(single) or 'none'}"
            raise DataError("HQ0831", f"which output of {manifest.name}, one number or one list an event?", why,
                            "name it with --output")  # fmt: skip
        output = about[0]
    if output not in single:
        raise DataError("HQ0831", f"no output {output} of {manifest.name} to attribute", did_you_mean(output, single))
    found = single[output]
    if not found.dims:
        last = len(names) - 1
        which = last if class_ is None else _index(class_, names, output)
        sign = -1 if len(names) == 2 and which == 0 else 1
        return Score(found, None, output, which if len(names) == 2 else None, sign)
    size = manifest.width(found.dims)
    entries = found.entries or tuple(map(str, range(size)))
    entry = size - 1 if class_ is None else _index(class_, entries, output)
    signal = names.index(entries[entry]) if entries[entry] in names else None
    return Score(found, entry, f"{output}.{entries[entry]}", signal, classes=size if entries == names else 0)


def _index(name: str, known: tuple[str, ...], output: str) -> int:
    if name not in known:
        raise DataError("HQ0831", f"no class {name} of {output}", did_you_mean(name, known))
    return known.index(name)


def drawn(
    model: Scorer, events: Any, *, tree: str | None = None, limit: int | None = None, seed: int = 0,
    truth: ArrayLike | None = None, labelled: bool = True,
) -> tuple[Batch, Truth | None]:  # fmt: skip
    """At most ``limit`` events, drawn by chance and in order, as the compiled function takes them, with a report of
    what became of them; and their classes.

    ``events``: files, or as for calling a model. ``truth``: of each event, its class's number, or whether it is
    signal; by default what the dataset's labels say. Raises DataError HQ0809 for no events, HQ0829 without labels.
    """
    manifest = model.manifest
    label = manifest.dataset.label if manifest.dataset else None
    if not labelled or truth is not None:
        label = None
    elif label is None or label.by_source:
        why = "its dataset has none" if label is None else "its dataset's label is the source, which files do not hold"
        help = 'add `label truth: cls = "…"` to the dataset, or give the truth'
        raise DataError("HQ0829", f"no labels of the events of {manifest.name}", why, help)
    pieces, chosen, total = _drawn(model, events, label, tree, limit, np.random.default_rng(seed))
    raws = [model.raw(piece) for piece in pieces]
    batch = prepare(manifest, joined(manifest, raws))
    batch = replace(batch, report=replace(batch.report, events=total))
    if batch.events == 0:
        raise DataError("HQ0809", "no events to attribute scores of", "there is nothing to score")
    if not labelled:
        return batch, None
    if truth is None:
        assert label is not None
        told = [truth_of(piece, label, manifest, stage=raw.stage) for piece, raw in zip(pieces, raws, strict=True)]
        found, reports = zip(*told, strict=True)
        return replace(batch, report=sum(reports, batch.report)), np.concatenate(found)
    given = np.asarray(truth)
    if given.shape != (total,):
        raise DataError("HQ0829", "events and truth differ in length", f"{total} events, truth of shape {given.shape}")
    return batch, given[chosen] if given.dtype == np.bool_ else given[chosen].astype(np.int64)


def _drawn(
    model: Scorer, events: Any, label: Label | None, tree: str | None, limit: int | None, rng: np.random.Generator
) -> tuple[list[Any], NDArray[np.int64], int]:
    """The events drawn, in pieces, with what the label is read from; their numbers among all; how many there are."""
    import awkward as ak

    def some(total: int) -> NDArray[np.int64]:
        every = np.arange(total)
        return every if limit is None or total <= limit else np.sort(rng.choice(every, limit, replace=False))

    def branches(held: Collection[str]) -> list[str]:
        return list(dict.fromkeys([*model.branches(held), *(label.read(held) if label is not None else ())]))

    if not event_files.is_files(events):
        model.raw(events)  # says what is wrong with them
        names = field_names(events) or []
        check_present(wanted := branches(names), names, "the events")
        columns = {b: events[b] if isinstance(events[b], ak.Array) else ak.Array(events[b]) for b in wanted}
        total = len(next(iter(columns.values()), ()))
        chosen = some(total)
        return [{b: column[chosen] for b, column in columns.items()}], chosen, total
    sources = event_files.find(events, model.reading(tree))
    total = sum(s.events for s in sources)
    chosen = some(total)
    parts, first = [], 0
    for source in sources:
        for chunk in event_files.iterate(source, branches(source.branches)):
            mine = chosen[(chosen >= first) & (chosen < first + len(chunk.events))] - first
            parts.append(chunk.events[mine])
            first += len(chunk.events)
    return parts, chosen, total
