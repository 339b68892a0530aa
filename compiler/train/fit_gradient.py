# SPDX-License-Identifier: Apache-2.0
"""Gradient descent: Adam on the model in torch; the weights of the best validation loss are kept."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepq.compiler.lower.torch import TorchModule, pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.cse import MergeEqual
from hepq.compiler.passes.linear_gather import LinearGather
from hepq.compiler.print_ir import print_ir
from hepq.compiler.train import checkpoint
from hepq.compiler.train.checkpoint import State
from hepq.compiler.train.data import ORDER, Labelled
from hepq.compiler.train.objective import Objective, objective
from hepq.compiler.train.recipe import Recipe
from hepq.compiler.train.report import Watch
from hepq.lang.catalogue import diag
from hepq.lang.diagnostic import HepqError
from hepq.runtime.metrics import auc

#: events scored at a time
SCORED = 512


@dataclass(frozen=True)
class Fitted:
    """``weights`` by path; ``dims``: sizes found for open dims. Of the events held out (where none were, of those
    trained on): ``scores``, larger for signal, which of them are signal, and the area under the ROC curve."""

    weights: dict[str, NDArray[np.float32]]
    dims: Mapping[str, int]
    scores: NDArray[np.float64]
    is_signal: NDArray[np.bool_]
    auc: float


def fit_gradient(data: Labelled, recipe: Recipe, watch: Watch) -> Fitted:
    """Train every ``param`` of the model.

    Raises HepqError: HQ0742 for a result that cannot be compared with the labels, HQ0743 and HQ0744 for checkpoints,
    HQ0745 if nothing can be trained, HQ0746 if the loss is no longer a number.
    """
    run = _Run(data, recipe, objective(data))
    state = run.start()
    watch.begin(state.history, recipe.epochs)
    while state.epoch < recipe.epochs:
        state = run.epoch(state, watch)
        if recipe.checkpoint is not None:
            checkpoint.save(recipe.checkpoint, state, run.mark)
        watch.epoch(state.history)
    run.net.load_state_dict(state.best)
    scores, _ = run.scored(run.held)
    weights = {path: value.detach().numpy().astype(np.float32) for path, value in state.best.items()}
    is_signal = data.is_signal(run.held)
    return Fitted(weights, {}, scores, is_signal, auc(scores, is_signal))


class _Run:
    """The model in torch, its optimiser, and the events."""

    def __init__(self, data: Labelled, recipe: Recipe, target: Objective) -> None:
        self.data, self.recipe, self.target = data, recipe, target
        if not any(node["trainable"] for node in data.module.params.values()):
            raise HepqError([diag("HQ0745", model=data.module.name)])
        module, _ = run_pipeline((MergeEqual(), LinearGather()), data.module, {})
        self.net: TorchModule = to_torch(module, seed=recipe.seed)
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=recipe.rate)
        self.truth = torch.from_numpy(data.truth)
        self.inputs, self.counts = pad_events(data.events, module)
        self.class_weights = torch.from_numpy(data.class_weights(recipe.class_weight)).float()
        self.held = data.validation if len(data.validation) else data.training

    @property
    def mark(self) -> str:
        r = self.recipe
        options = f"{r.batch} {r.rate!r} {r.seed} {r.class_weight} {self.target}"
        return checkpoint.fingerprint(print_ir(self.data.module), self.data.digest, options)

    def start(self) -> State:
        """From the checkpoint, if there is one and it is wanted; else from the beginning."""
        folder, state = self.recipe.checkpoint, None
        if folder is not None and self.recipe.resume:
            state = checkpoint.load(folder, self.mark)
        elif folder is not None:
            checkpoint.refuse_leftover(folder)
        if state is None:
            weights = self._weights()
            return State(0, weights, self.optimiser.state_dict(), weights)
        self.net.load_state_dict(state.weights)
        self.optimiser.load_state_dict(state.optimiser)
        return state

    def epoch(self, state: State, watch: Watch) -> State:
        """One pass over the training events, in an order that seed and epoch decide."""
        rng = np.random.default_rng([self.recipe.seed, ORDER, state.epoch])
        torch.manual_seed(zlib.crc32(repr((self.recipe.seed, state.epoch)).encode()))
        order, total = rng.permutation(self.data.training), 0.0
        self.net.train()
        for start in range(0, len(order), self.recipe.batch):
            pick = order[start : start + self.recipe.batch]
            loss = self._loss(self._values(pick), pick)
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            total += float(loss.detach()) * len(pick)
            watch.step(start + len(pick), len(order))
        if not math.isfinite(total):
            raise HepqError([diag("HQ0746", what=f"the loss of epoch {state.epoch + 1}")])
        scores, checked = self.scored(self.held)
        row = {
            "epoch": state.epoch + 1,
            "loss": total / len(order),
            "validation": checked,
            "auc": auc(scores, self.data.is_signal(self.held)),
            "rate": self.recipe.rate,
        }
        weights = self._weights()
        better = checked < state.loss
        return State(
            state.epoch + 1, weights, self.optimiser.state_dict(), weights if better else state.best,
            min(checked, state.loss), [*state.history, row],
        )  # fmt: skip

    def scored(self, which: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
        """How much some events look like signal, and their loss."""
        self.net.eval()
        scores, total = [], 0.0
        with torch.no_grad():
            for start in range(0, len(which), SCORED):
                pick = which[start : start + SCORED]
                values = self._values(pick)
                scores.append(self.target.signal_scores(values.double().numpy()))
                total += float(self._loss(values, pick)) * len(pick)
        return np.concatenate(scores), total / len(which)

    def _values(self, pick: NDArray[np.int64]) -> Tensor:
        """The trained output for some events, padded to the largest of them."""
        counts = {name: found[pick] for name, found in self.counts.items()}
        inputs = {}
        for node in self.net.ir.inputs:
            found = self.inputs[node["name"]][pick]
            ragged = [int(counts[d.name].max()) for d in node.type.dims if d.ragged]
            inputs[node["name"]] = found[:, : ragged[0]] if ragged else found
        return self.net(inputs, counts)[self.target.output]  # type: ignore[no-any-return]

    def _loss(self, values: Tensor, pick: NDArray[Any]) -> Tensor:
        truth = self.truth[pick]
        weights = self.class_weights[truth]
        return (weights * self.target.losses(values, truth)).sum() / weights.sum()

    def _weights(self) -> dict[str, Tensor]:
        return {path: value.detach().clone() for path, value in self.net.state_dict().items()}
