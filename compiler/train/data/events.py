# SPDX-License-Identifier: Apache-2.0
"""Events to train on: read the way a dataset says, labelled, weighed, and split for training and validation."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hepq.compiler.backends.events import compiled_events
from hepq.compiler.driver.compilation import build_training_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.build import LOSS, VARIABLE, WEIGHT, Built
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.torch.module import to_torch
from hepq.compiler.schema.events import event_schema, read_inputs
from hepq.compiler.train.data.held import assigned, divided, held_out
from hepq.compiler.train.data.read import Piece, read_table
from hepq.compiler.train.data.table import Inputs, Pick, Table
from hepq.compiler.train.recipe import Recipe, Resolved
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.lang.declarations.train_events import Split
from hepq.lang.syntax import ast
from hepq.runtime.artifact.manifest import Dim
from hepq.runtime.events.event_files import find, own
from hepq.runtime.events.report import Report, label_words

#: streams of random numbers that one seed feeds
SPLIT, ORDER, NOISE = 0, 1, 2
#: events that are weighed at a time
EVENTS = 4096
Weights = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingSet:
    """``table``: what ``module`` reads of each event, in base units.

    ``truth`` [events]: the number of each event's class, 0 without a label; -1 where the labels name none or the
    event is not ``scored`` [events]. ``numbers`` [events]: what a split tells them apart by. ``label``: the dim of the
    classes. ``report``: what became of the events. ``pieces``: where they are from, in their order. ``lists``: how
    many of these each event of the files became, where the model is applied to each entry of a dim; else None.
    """

    module: Module
    table: Table
    truth: NDArray[np.int64]
    built: Built
    label: Dim | None
    report: Report
    pieces: tuple[Piece, ...]
    scored: NDArray[np.bool_]
    numbers: NDArray[np.int64] | None = None
    lists: NDArray[np.int64] | None = None

    @property
    def outputs(self) -> dict[str, Node]:
        """What the model gives."""
        return results(self.module)

    @cached_property
    def events(self) -> list[dict[str, NDArray[Any]]]:
        """Per event, the branches that ``module`` reads, at true multiplicity."""
        return [self.table.event(i) for i in range(len(self.truth))]


def training_set(
    program: Path, files: Sequence[str | Path], options: Options | None = None, train: str | None = None,
    split: Split | None = None, check: Callable[[Built], object] | None = None,
) -> TrainingSet:  # fmt: skip
    """The training of ``program`` (or its model, if it has no training) and the events of ``files``.

    ``files``: paths or patterns; none: those of the dataset's sources, by their names from the program's folder.
    ``split``: by default the program's. ``check``: is given what was built, before files are opened. Raises HepqError
    if the program is wrong or there is nothing to train on;
    DataError for the files.
    """
    built = build_training_file(program, options, train)
    if check is not None:
        check(built)
    module = read_inputs(built.module)
    plan = built.plan.dataset
    known = {} if plan is None else plan.read
    branches = tuple(n for n in module.inputs if n["name"] in known)
    schema = event_schema(built, Module(module.name, branches, module.outputs))
    if schema.dataset is None or (schema.dataset.label is None and built.training is None):
        raise HepqError([diag("HQ0632", model=built.plan.name)])
    label = schema.dataset.label
    dim = None if label is None else schema.dim(label.dim)
    dataset = schema.dataset
    if files and label is not None and label.by_source:
        raise HepqError([diag("HQ0636", dataset=dataset.name)])
    sources = find(list(files), dataset.reading) if files else own(dataset, program.parent)
    if split is None and built.training is not None:
        split = built.training.settings.get("split")
    events = compiled_events(built, module, "cpu")
    read = read_table(schema, [sources], label, split, None if events is None else events.reader)
    return TrainingSet(
        module,
        read.table,
        read.truth,
        built,
        dim,
        read.reports[0],
        read.pieces,
        read.scored,
        read.numbers,
        read.lists,
    )


@dataclass(frozen=True)
class Labelled:
    """``known``: the rows of ``table`` that are used. Of each, by number: ``truth``, its class; ``training`` and
    ``validation`` are such numbers, and ``tested``, of the fold that is not seen. ``signal``: of a class. Without a
    label there are no ``classes``. ``report``: what became of all events; ``pieces``: where the rows of the table are
    from. ``rows``: of the table, for which results are wanted.
    """

    built: Built
    module: Module
    table: Table
    known: NDArray[np.int64]
    truth: NDArray[np.int64]
    dim: str
    classes: tuple[str, ...]
    signal: int
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    report: Report = field(default_factory=Report)
    pieces: tuple[Piece, ...] = ()
    tested: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def outputs(self) -> dict[str, Node]:
        """What the model gives."""
        return results(self.module)

    def inputs(
        self, nodes: Sequence[Node], table: Table, pick: Pick, seed: int, stream: Sequence[int], dtype: torch.dtype,
        share: slice = slice(None),
    ) -> tuple[Inputs, Inputs]:  # fmt: skip
        """(inputs, counts) of the events ``pick`` for ``nodes``: columns of ``table``, one-hot labels, and noise, which
        ``seed`` and ``stream`` decide. Of a ``share`` of the events alone, with the noise that they have among all.
        """
        plan, mine = self.built.training, pick[share]
        read = tuple(n for n in nodes if n["name"] in table.contents)
        inputs, counts = table.batch(read, self.known[mine], dtype)
        for node in nodes:
            name = node["name"]
            if name in inputs or plan is None:
                continue
            if name in plan.noises:
                noise = plan.noises[name]
                shape = [int(counts[d.name].max()) if d.ragged else d.size or 0 for d in node.type.dims]
                rng = np.random.default_rng([seed, NOISE, *stream, zlib.crc32(name.encode())])
                value = getattr(rng, noise.kind)(*noise.args, (len(pick), *shape))[share]
            else:
                value = np.eye(len(self.classes))[self.truth[mine]]
            inputs[name] = torch.from_numpy(value).to(dtype)
        return inputs, counts

    @cached_property
    def events(self) -> list[dict[str, NDArray[Any]]]:
        """What ``module`` reads of each event, at true multiplicity."""
        return [self.table.event(i) for i in self.known]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the events, their classes, and which are for what."""
        found = hashlib.sha256(self.table.digest.encode())
        for array in (self.known, self.truth, self.training, self.validation):
            found.update(array.tobytes())
        return found.hexdigest()

    @property
    def held(self) -> NDArray[np.int64]:
        """Events that are scored: those held out, or those trained on where none are."""
        return self.validation if len(self.validation) else self.training

    @property
    def held_words(self) -> str:
        return f"{self.what} {'held out' if len(self.validation) else 'trained on, none held out'}"

    @property
    def what(self) -> str:
        """What is trained on: events, or the entries that the model is applied to."""
        return self.report.what

    def place(self, row: int) -> str:
        """Where a row of the table is from."""
        piece = next((p for p in self.pieces if p.begin <= row < p.end), None)
        return f"row {row:,}" if piece is None else f"event {piece.first + row - piece.begin:,} of {piece.where}"

    def is_signal(self, which: NDArray[np.int64]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.truth[which] == self.signal
        return found

    def class_weights(self, kind: str, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """A weight for each class: 1, or what makes the ``weights`` [events] (default: 1 each) of the training events
        sum to the same for every class, and to what they did. Raises HepqError HQ0753 for a sum that is not above 0.
        """
        if kind == "none" or not self.classes:
            return np.ones(max(1, len(self.classes)))
        mine = self.truth[self.training]
        given = np.ones(len(mine)) if weights is None else weights[self.training]
        sums = np.bincount(mine, given, minlength=len(self.classes))
        there = np.bincount(mine, minlength=len(self.classes)) > 0
        for c in np.flatnonzero(there & (sums <= 0)):
            raise HepqError(
                [diag("HQ0753", what=f"the training {self.what} of {self.classes[c]}", found=f"{sums[c]:.6g}")]
            )
        balanced: NDArray[np.float64] = sums.sum() / (there.sum() * np.where(there, sums, 1))
        return balanced


def read_events(
    program: Path, files: Sequence[str | Path], options: Options, train: str | None = None, split: Split | None = None,
    check: Callable[[Built], object] | None = None,
) -> TrainingSet:  # fmt: skip
    """What training needs of ``files``. Raises as ``training_set``, and HQ0738 if no event is left."""
    found = training_set(program, files, options, train, split, check)
    if not (found.truth >= 0).any():
        raise HepqError(
            [diag("HQ0738", found="; ".join([f"{len(found.truth):,} {found.report.what}", *odd(found.report)]))]
        )
    return found


def labelled(found: TrainingSet, recipe: Resolved) -> Labelled:
    """The events that are used, a fraction of each class, or what the split says, held out for validation.

    Raises HepqError HQ0738 where nothing is left to train on, HQ0740 where fewer than two classes occur, HQ0741 for an
    unknown signal.
    """
    known, folds = np.flatnonzero(found.truth >= 0), folds_of(found, recipe)
    rng = np.random.default_rng([recipe.seed, SPLIT])
    report = found.report
    if recipe.events is not None and recipe.events < len(known):
        limit = recipe.events
        report = replace(report, rows_used=limit) if report.each else replace(report, selected=limit)
        known = np.sort(rng.permutation(known)[: recipe.events])
    truth, mine = found.truth[known], np.arange(len(known))
    tested = mine[:0] if folds is None else np.flatnonzero(folds[known] == recipe.fold)
    mine = np.setdiff1d(mine, tested)
    classes = found.label.names if found.label is not None else ()
    if classes:
        counts = {name: int((truth[mine] == i).sum()) for i, name in enumerate(classes)}
        if sum(n > 0 for n in counts.values()) < 2:
            said = "; ".join([", ".join(f"{n} of {name}" for name, n in counts.items()), *odd(found.report)])
            raise HepqError([diag("HQ0740", model=found.built.plan.name, found=said)])
    split = recipe.split
    if found.numbers is not None and split is not None:
        parted = divided(found.numbers[known[mine]] // (recipe.folds or 1), split.parts)
    else:
        parted = held_out(truth[mine], recipe.validation, rng)
    training, validation = (mine[part] for part in parted)
    if not len(training):
        raise HepqError(
            [diag("HQ0738", found=f"{len(mine):,} {report.what}, all of which `split = {split}` holds out")]
        )
    parts = {"training": len(training), "validation": len(validation)} | ({"fold": len(tested)} if recipe.folds else {})
    report = replace(report, parts=parts)
    return Labelled(
        found.built, found.module, found.table, known, truth, found.label.name if found.label else "", classes,
        _signal(classes, recipe.signal), training, validation, report, found.pieces, tested,
    )  # fmt: skip


def folds_of(found: TrainingSet, recipe: Resolved) -> NDArray[np.int64] | None:
    """The fold of each row of the table, if the recipe has any. Raises HepqError HQ0756 for one without events."""
    if recipe.folds is None:
        return None
    if found.lists is None or found.numbers is not None:
        folds = assigned(found.truth, found.numbers, recipe.folds, recipe.seed)
    else:  # what one event became is of one fold
        whole = assigned(np.zeros(len(found.lists), np.int64), None, recipe.folds, recipe.seed)
        folds = np.repeat(whole, found.lists)
    counts = np.bincount(folds[found.truth >= 0], minlength=recipe.folds)
    for empty in np.flatnonzero(counts == 0):
        raise HepqError([diag("HQ0756", fold=empty, folds=recipe.folds)])
    return folds


def results(module: Module) -> dict[str, Node]:
    """Outputs of a training's module that are the model's."""
    return {name: node for name, node in module.outputs.items() if not name.startswith((LOSS, WEIGHT, VARIABLE))}


def of_events(module: Module) -> dict[str, Node]:
    """Those of ``results`` that are as many numbers of every event: no lists, and not what counts their entries."""
    lists = {*module.counts, *module.counts.values()}
    return {
        name: node for name, node in results(module).items()
        if name not in lists and not any(d.ragged for d in node.type.dims)
    }  # fmt: skip


def odd(report: Report) -> list[str]:
    """Why events are not trained on."""
    unscored = [f"{report.unscored:,} not scored, by the dataset's policies"] if report.unscored else []
    return [*unscored, *label_words(report)]


def resolved(recipe: Recipe, built: Built) -> Resolved:
    """The recipe with the program's settings."""
    return recipe.resolved({} if built.training is None else built.training.settings)


def _signal(classes: Sequence[str], name: str | None) -> int:
    if name is not None and name not in classes:
        close = near(name, classes)
        help = None if close else f"classes are: {', '.join(classes)}"
        raise HepqError([diag("HQ0741", name=name, near=close, help=help)])
    return len(classes) - 1 if name is None else classes.index(name)


def weight_words(built: Built) -> str | None:
    """How the program writes the weight, if it has one."""
    decls = built.program.main.file.decls
    for decl in decls:
        if isinstance(decl, ast.TrainDecl) and built.training is not None and decl.name == built.training.name:
            for item in decl.items:
                if isinstance(item, ast.Bind) and item.targets == ("weight",):
                    return item.value.span.text
    return None


def event_weights(data: Labelled, params: Mapping[str, Any], seed: int = 0) -> Weights:
    """Of each event that is used, by number; 1 without a weight. ``params``: weights of the model, if it reads some.

    Raises HepqError HQ0755 for weights that are not finite, HQ0753 for those of the training events, or of the events
    held out, that do not sum to more than 0.
    """
    if WEIGHT not in data.module.outputs:
        return np.ones(len(data.known))
    weights = values_of(data, [WEIGHT], params, seed)[WEIGHT]
    _check(data, weights)
    return weights


def values_of(data: Labelled, names: Sequence[str], params: Mapping[str, Any], seed: int = 0) -> dict[str, Weights]:
    """Outputs of the training's module that are one number of each event that is used, by number."""
    wanted = {name: data.module.outputs[name] for name in names}
    module = read_inputs(Module(data.module.name, data.module.inputs, wanted))
    net = to_torch(module, {path: params[path] for path in module.params}).eval()
    found: dict[str, list[Weights]] = {name: [] for name in names}
    for start in range(0, len(data.known), EVENTS):
        pick = np.arange(start, min(start + EVENTS, len(data.known)))
        inputs, counts = data.inputs(module.inputs, data.table, pick, seed, (start,), torch.float64)
        with torch.no_grad():
            values = net(inputs, counts)
        for name in names:
            found[name].append(values[name].expand(len(pick)).double().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def refuse(data: Labelled, bad: NDArray[np.bool_], what: str) -> None:
    """Raises HepqError HQ0755 where there is an event of such a weight."""
    if len(which := np.flatnonzero(bad)):
        place = data.place(int(data.known[which[0]]))
        raise HepqError([diag("HQ0755", count=f"{len(which):,}", total=f"{len(bad):,}", what=what, place=place)])


def _check(data: Labelled, weights: Weights) -> None:
    refuse(data, ~np.isfinite(weights), "not a finite number")
    parts = {
        f"training {data.what}": data.training, f"{data.what} held out": data.validation,
        f"{data.what} of the fold": data.tested,
    }  # fmt: skip
    for what, which in parts.items():
        if len(which) and (total := float(weights[which].sum())) <= 0:
            raise HepqError([diag("HQ0753", what=f"the {what}", found=f"{total:.6g}")])
