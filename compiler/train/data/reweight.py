# SPDX-License-Identifier: Apache-2.0
"""Factors on events' weights that make distributions of classes flat, or like those of one class.

As weaver-core does with ``reweight_method: flat`` and ``ref``; here a class keeps its sum of weights, and each bin that
has events of it gets the same share, or that of the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.ir.build import variable_name
from hepq.compiler.train.data.events import Labelled, Weights, values_of
from hepq.compiler.train.recipe import Resolved
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.lang.declarations.train_events import Reweight
from hepq.runtime.events.report import Evened, Reweighted

#: what all events are called where there are no classes
ALL = "all"


def factors(
    data: Labelled, recipe: Resolved, weights: Weights, params: Mapping[str, Any]
) -> tuple[Weights, tuple[Reweighted, ...]]:
    """Of each event that is used, by number, a factor on its weight in losses; and what became of the training events.

    ``weights`` [events]: without it. ``params``: weights of the model, if a variable reads some. The training events
    decide; others have the factor of their bin, 0 where it has none.
    Raises HepqError HQ0758 for a class of which no training event is in a bin that can be evened out, HQ0753 for one
    whose weights do not sum to more than 0.
    """
    if recipe.reweight is None:
        return np.ones(len(data.known)), ()
    names = [variable_name(axis.name) for axis in recipe.reweight.axes]
    cells, count = binned(recipe.reweight, [*values_of(data, names, params, recipe.seed).values()])
    truth = data.truth if data.classes else np.zeros(len(data.known), np.int64)
    classes = data.classes or (ALL,)
    mine = data.training
    sums = np.zeros((len(classes), count + 1))  # the last bin: outside of all
    np.add.at(sums, (truth[mine], cells[mine]), weights[mine])
    table, evened = np.zeros_like(sums), dict[str, Evened]()
    for c, name in enumerate(classes):
        own = mine[truth[mine] == c]
        if not len(own):
            continue
        if (total := float(sums[c].sum())) <= 0:
            raise HepqError([diag("HQ0753", what=f"the training {data.what} of {name}", found=f"{total:.6g}")])
        table[c, :count] = _of_class(recipe.reweight, classes, sums[:, :count], c, total)
        found = table[c, cells[own]]
        outside, most = cells[own] == count, recipe.reweight.most
        if not (found > 0).any():
            raise HepqError([diag("HQ0758", name=name, how=recipe.reweight.words)])
        capped = int((found > most).sum()) if most is not None else 0
        table[c] = np.minimum(table[c], np.inf if most is None else most)
        found = table[c, cells[own]]
        both = weights[own] * found
        evened[name] = Evened(
            len(own), int((table[c] > 0).sum()), int(outside.sum()), int(((found == 0) & ~outside).sum()), capped,
            float(found.max()), float(both.sum() ** 2 / (both**2).sum()),
        )  # fmt: skip
    of = f"training {data.what}" + ("" if recipe.fold is None else f" without fold {recipe.fold}")
    account = Reweighted(recipe.reweight.words, of, count, recipe.reweight.most, evened)
    return table[truth, cells], (account,)


def binned(how: Reweight, values: list[Weights]) -> tuple[NDArray[np.int64], int]:
    """The bin of each event [events], and how many there are: its number for events outside (NaN is)."""
    cells, count = np.zeros(len(values[0]), np.int64), 1
    outside = np.zeros(len(values[0]), np.bool_)
    for axis, value in zip(how.axes, values, strict=True):
        edges = np.asarray(axis.edges)
        outside |= ~((value >= edges[0]) & (value < edges[-1]))
        found = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, len(edges) - 2)
        cells, count = cells * (len(edges) - 1) + found, count * (len(edges) - 1)
    return np.where(outside, count, cells), count


def _of_class(how: Reweight, classes: tuple[str, ...], sums: Weights, c: int, total: float) -> Weights:
    """Factors [bins] of a class; ``sums`` [classes, bins] of weights, ``total`` what those of the class come to."""
    wanted = np.ones(sums.shape[1]) if how.reference is None else sums[classes.index(how.reference)]
    filled = (sums[c] > 0) & (wanted > 0)
    if not filled.any():
        return np.zeros(sums.shape[1])
    share = np.where(filled, wanted, 0) / wanted[filled].sum()
    found: Weights = np.where(filled, total * share / np.where(filled, sums[c], 1), 0)
    return found
