# SPDX-License-Identifier: Apache-2.0
"""The classifier two-sample test: are two files of events drawn from one distribution?

Lopez-Paz and Oquab, arXiv:1610.06545 (for a test that is a likelihood ratio see D'Agnolo and Wulzer,
arXiv:1806.02350). A classifier is trained to tell the files apart on one half of the events; the other half, which
training has not seen in any way, says how well it can. If both files are of one distribution, the scores of that half
say nothing of which event is of which file: exchanging these labels gives the statistic's distribution, whatever the
classifier, and without training it again. The p-value is valid then for any number of events. It wants independent
events of weight 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.build import Built
from hepq.compiler.ir.node import Module
from hepq.compiler.schema.events import event_schema, read_inputs
from hepq.compiler.train.recipe import Recipe
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.engine.threads import limited, sleep_when_idle
from hepq.runtime.events.event_files import find
from hepq.runtime.events.report import Metrics, Report

if TYPE_CHECKING:
    from hepq.compiler.train.data.events import Labelled
    from hepq.compiler.train.report import Watch

#: streams of random numbers beside those of ``data.events``
HALVES, LABELS = 10, 11
#: events of either file, at least
FEWEST = 20


@dataclass(frozen=True)
class TwoSample:
    """``value`` of ``statistic`` on the events held out, and the fraction of exchanged labels that reach it.

    ``auc``: area under the ROC curve, 0.5 if the files look alike. ``accuracy``: of telling them apart, the mean of
    both files' own. ``events``: scored ones of each file; ``held``: those of them that are tested on. Of the latter,
    ``scores`` [held], larger for what looks like the second file, and ``second`` [held], which are of it.
    ``reports``: what became of the events of each file.
    """

    statistic: str
    p_value: float
    permutations: int
    auc: float
    accuracy: float
    events: tuple[int, int]
    held: tuple[int, int]
    scores: NDArray[np.float64]
    second: NDArray[np.bool_]
    reports: tuple[Report, ...] = ()

    @property
    def value(self) -> float:
        return self.auc if self.statistic == "auc" else self.accuracy


def compare_files(
    program: Path, first: Sequence[str | Path], second: Sequence[str | Path], *, statistic: str = "auc",
    permutations: int = 1000, recipe: Recipe | None = None, options: Options | None = None, watch: Watch | None = None,
) -> TwoSample:  # fmt: skip
    """The test of the events of ``first`` and ``second`` with a model of ``program``, whose labels are not used.

    ``statistic``: ``auc`` or ``accuracy``, chosen beforehand: the better of both would not be a fair test.
    Raises HepqError as training does, and HQ0790 where there is nothing to compare; DataError for the files.
    """
    sleep_when_idle()
    import torch

    from hepq.compiler.train.data.events import resolved
    from hepq.compiler.train.fit.gradient import Run, fit_gradient
    from hepq.compiler.train.fit.machine import Group
    from hepq.compiler.train.report import Watch

    recipe = replace(recipe or Recipe(), class_weight="balanced")
    built = build_file(program, options)
    decided = resolved(recipe, built)
    data, held, reports = _labelled(built, (first, second), decided.validation, recipe.seed)
    _check_result(data)
    fitted = fit_gradient(data, decided, watch or Watch())
    run = Run(data, replace(decided, checkpoint=None), Group())
    run.load({path: torch.from_numpy(value) for path, value in fitted.weights.items()})
    with limited(decided.threads or run.threads):
        scores, is_second = run.scored(held, f"{data.what} tested on").scores, data.is_signal(held)
    assert run.target is not None
    guess = scores > run.target.threshold
    accuracy = float(guess[is_second].mean() + (~guess[~is_second]).mean()) / 2
    ranks = midranks(scores)
    values = {"auc": _auc(ranks, is_second), "accuracy": accuracy}
    account = Metrics(f"{data.what} of both files, tested on", len(scores), values, sum_of_weights=float(len(scores)))
    rng = np.random.default_rng([recipe.seed, LABELS])
    p = permutation_p(ranks if statistic == "auc" else guess.astype(np.float64), is_second, permutations, rng)
    return TwoSample(
        statistic, p, permutations, values["auc"], accuracy,
        _counts(data.truth), _counts(data.truth[held]), scores, is_second,
        tuple(replace(r, metrics=(account,)) for r in reports),
    )  # fmt: skip


def permutation_p(
    values: NDArray[np.float64], second: NDArray[np.bool_], permutations: int, rng: np.random.Generator
) -> float:
    """How often exchanged labels give a sum of the second sample's ``values`` as large, those observed counted in.

    [held] both. AUC and balanced accuracy grow with that sum, of ranks and of guesses. (1 + reached) /
    (1 + permutations), which is never 0: Phipson and Smyth, arXiv:1603.05766.
    """
    count, observed = int(second.sum()), float(values[second].sum())
    reached = sum(float(rng.permutation(values)[:count].sum()) >= observed for _ in range(permutations))
    return (1 + reached) / (1 + permutations)


def midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 for the smallest of ``values`` and so on; equal ones share the mean of their ranks."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[which]
    return ranks


def _auc(ranks: NDArray[np.float64], second: NDArray[np.bool_]) -> float:
    n, m = int((~second).sum()), int(second.sum())
    return float((ranks[second].sum() - m * (m + 1) / 2) / (n * m))


def _counts(truth: NDArray[np.int64]) -> tuple[int, int]:
    first, second = np.bincount(truth, minlength=2)
    return int(first), int(second)


def _check_result(data: Labelled) -> None:
    """Raises HepqError HQ0790 for a model whose result does not tell two files apart."""
    from hepq.compiler.train.fit.objective import objective

    try:
        objective(data, data.outputs)
    except HepqError:
        types = ", ".join(f"`{node.type}`" for node in data.outputs.values())
        found = f"the result of `{data.module.name}`, {types}, cannot say which of two files an event is of"
        help = "the files are the classes: return `real`, large for the second, or a number for each over a dim of 2"
        raise HepqError([diag("HQ0790", found=found, help=help)]) from None


def _labelled(
    built: Built, samples: Sequence[Sequence[str | Path]], validation: float, seed: int
) -> tuple[Labelled, NDArray[np.int64], tuple[Report, ...]]:
    """The events, the sample that each is of for its class; the half of each sample that is not for training; and what
    became of the events of each.
    """
    from hepq.compiler.train.data.events import Labelled, odd
    from hepq.compiler.train.data.read import read_table

    if built.plan.dataset is None:
        raise HepqError([diag("HQ0790", found=f"model `{built.plan.name}` has no dataset")])
    module = read_inputs(built.module)
    schema = event_schema(built, Module(module.name, module.inputs, module.outputs))
    sources = [find(list(files), schema.dataset.reading if schema.dataset else None) for files in samples]
    read = read_table(schema, sources)
    found, reports = read.truth, read.reports
    known = np.flatnonzero(found >= 0)
    counts = _counts(found[known])
    if min(counts) < FEWEST:
        left = "; ".join(o for report in reports for o in odd(report))
        counted = f"{counts[0]:,} and {counts[1]:,} {reports[0].what}, of {FEWEST} at least"
        said = "; ".join(filter(None, (counted, left)))
        raise HepqError([diag("HQ0790", found=said)])
    dims = {d.name for node in module.outputs.values() for d in node.type.dims if d.size == 2}
    rng = np.random.default_rng([seed, HALVES])
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for number in (0, 1):
        mine = rng.permutation(np.flatnonzero(found[known] == number))
        half = len(mine) // 2
        for part, piece in zip(
            parts, np.split(mine, [half, half + round(validation * (len(mine) - half))]), strict=True
        ):
            part.append(piece)
    held, checked, trained = (np.sort(np.concatenate(part)) for part in parts)
    data = Labelled(
        built, module, read.table, known, found[known], min(dims, default=""), ("first", "second"), 1, trained,
        checked, sum(reports, Report()), read.pieces,
    )  # fmt: skip
    for which, name in ((trained, "training"), (checked, "validation"), (held, "tested")):
        reports = tuple(replace(r, parts={**r.parts, name: n})
                        for r, n in zip(reports, _counts(data.truth[which]), strict=True))  # fmt: skip
    return data, held, reports
