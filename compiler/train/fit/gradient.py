# SPDX-License-Identifier: Apache-2.0
"""Gradient descent on the training in torch; the weights of the best validation loss are kept.

Steps that work against each other have no loss that tells how good the whole is: then the last weights are kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.train.blame import not_finite
from hepq.compiler.train.data.split import Labelled
from hepq.compiler.train.fit import checkpoint
from hepq.compiler.train.fit.checkpoint import State
from hepq.compiler.train.fit.group import joined
from hepq.compiler.train.fit.run import Run
from hepq.compiler.train.recipe import Resolved
from hepq.compiler.train.report import Watch
from hepq.runtime.engine.threads import limited
from hepq.runtime.report.report import Metrics


@dataclass(frozen=True)
class Fitted:
    """``weights`` by path; ``dims``: sizes found for open dims; ``loss``: of the events held out.

    Of those events (where none were, of those trained on), if they are classified: ``scores``, larger for signal,
    which of them are signal, the area under the ROC curve, and ``metrics`` that physicists quote, weighted by
    ``event_weights``; ``account`` says which events these are.
    """

    weights: dict[str, NDArray[np.float32]]
    dims: Mapping[str, int]
    scores: NDArray[np.float64]
    is_signal: NDArray[np.bool_]
    auc: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    loss: float = math.nan
    event_weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    account: Metrics | None = None


def fit_gradient(data: Labelled, recipe: Resolved, watch: Watch) -> Fitted:
    """Train every ``param`` of the module that the recipe does not freeze.

    Raises HepqError: HQ0739 for names of weights, HQ0742 for a result that cannot be compared with the labels,
    HQ0743 and HQ0744 for checkpoints, HQ0745 if nothing can be trained, HQ0746 if the loss is no longer a number,
    HQ0754 if what it is made of is not, HQ0753 and HQ0755 for weights of events.
    """
    with joined() as group:
        run = Run(data, recipe, group)
        state = _start(run, recipe)
        watch.begin(state.history, recipe.epochs, recipe.checkpoint if recipe.resume else None)
        with limited(state.threads):
            while state.epoch < recipe.epochs and not _ended(state, recipe.patience):
                state = _epoch(run, state, watch if group.main else Watch())
                if recipe.checkpoint is not None and group.main:
                    checkpoint.save(recipe.checkpoint, state, run.mark)
                if group.main:
                    watch.epoch(state.history)
            run.load(state.best)
            found = run.scored(run.held)
    weights = {path: value.detach().cpu().numpy().astype(np.float32) for path, value in state.best.items()}
    return Fitted(weights, {}, found.scores, found.is_signal, found.auc, found.metrics, found.loss,
                  found.weights, found.account)  # fmt: skip


def _start(run: Run, recipe: Resolved) -> State:
    """From the checkpoint, if there is one and it is wanted; else from the beginning."""
    folder, state = recipe.checkpoint, None
    if folder is not None and recipe.resume:
        state = checkpoint.load(folder, run.mark)
    elif folder is not None:
        checkpoint.refuse_leftover(folder)
    if state is None:
        weights = run.weights()
        return State(0, weights, run.optimisers(), weights, recipe.threads or run.threads)
    run.load(state.weights)
    run.load_optimisers(state.optimiser)
    return state if recipe.threads is None else replace(state, threads=recipe.threads)


def _ended(state: State, patience: int | None) -> bool:
    """Whether the validation loss has not got better for ``patience`` epochs."""
    if patience is None or len(state.history) <= patience:
        return False
    losses = [row["validation"] for row in state.history]
    return min(losses[-patience:]) >= min(losses[:-patience])


def _epoch(run: Run, state: State, watch: Watch) -> State:
    start = time.perf_counter()
    loss = run.epoch(state.epoch, watch)
    if not math.isfinite(loss):
        raise not_finite(run, state.weights, f"the loss of epoch {state.epoch + 1}")
    found = run.scored(run.held)
    if not math.isfinite(found.loss):
        raise not_finite(run, state.weights, f"the loss of the {run.held_words} after epoch {state.epoch + 1}")
    row = {
        "epoch": state.epoch + 1, "loss": loss, "validation": found.loss, **found.metrics,
        "rate": run.rate, "seconds": time.perf_counter() - start,
    }  # fmt: skip
    weights = run.weights()
    better = len(run.steps) > 1 or found.loss < state.loss
    return State(
        state.epoch + 1, weights, run.optimisers(), weights if better else state.best,
        state.threads, min(found.loss, state.loss), [*state.history, row],
    )  # fmt: skip
