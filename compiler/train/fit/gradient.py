# SPDX-License-Identifier: Apache-2.0
"""Gradient descent on the training in torch; the weights of the best validation loss are kept.

Steps that work against each other have no loss that tells how good the whole is: then the last weights are kept.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepq.compiler.ir.build import VARIABLE, WEIGHT
from hepq.compiler.ir.formulas import SOFTMAX
from hepq.compiler.ir.node import Module
from hepq.compiler.ir.print import print_ir
from hepq.compiler.lower.torch.module import TorchModule, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import TRAINING
from hepq.compiler.schema.events import read_inputs
from hepq.compiler.train.blame import input_error
from hepq.compiler.train.data.events import ORDER, Labelled, event_weights, of_events, weight_words
from hepq.compiler.train.data.prepared import prepared
from hepq.compiler.train.data.reweight import factors
from hepq.compiler.train.data.table import ahead, batches
from hepq.compiler.train.fit import checkpoint
from hepq.compiler.train.fit.checkpoint import State
from hepq.compiler.train.fit.machine import Group, device, joined, threads_for
from hepq.compiler.train.fit.objective import Objective, measures, objective
from hepq.compiler.train.fit.optimisers import factor
from hepq.compiler.train.fit.steps import Step, first_weights, make_steps, matches
from hepq.compiler.train.recipe import Resolved
from hepq.compiler.train.report import Watch
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.engine.threads import limited
from hepq.runtime.events.report import Metrics, Reweighted

#: what a softmax that is scored is taken of
LOGITS = "<logits>"
#: events scored at a time, at most
SCORED = 512
#: bytes of a batch: less is made ready sooner than a thread wakes up
WORTH_A_THREAD = 2**18

Values = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Of some events: their loss, and, if they are classified, ``scores``, larger for signal, which of them are signal,
    and ``metrics`` that physicists quote, weighted by ``event_weights``, those of the program without those of classes;
    ``account`` says which events these are.
    """

    loss: float = math.nan
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    is_signal: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    metrics: Mapping[str, float] = field(default_factory=dict)
    event_weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    account: Metrics | None = None

    @property
    def auc(self) -> float:
        return math.nan if self.account is None else self.account.values.get("auc", math.nan)


@dataclass(frozen=True, kw_only=True)
class Fitted(Scores):
    """``weights`` by path; ``dims``: sizes found for open dims. Scores are of the events held out; where none were, of
    those trained on. ``tested``: of the fold that was not seen. ``predictions`` [rows wanted, …]: what the model gives.
    """

    weights: dict[str, NDArray[np.float32]]
    dims: Mapping[str, int]
    tested: Scores | None = None
    predictions: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    reweighted: tuple[Reweighted, ...] = ()


class Run:
    """Raises HepqError as ``fit_gradient`` says."""

    def __init__(self, data: Labelled, recipe: Resolved, group: Group) -> None:
        self.data, self.recipe, self.group = data, recipe, group
        self.target = _target(data)
        moved_by = {name: n for name, n in data.module.outputs.items() if not name.startswith(VARIABLE)}
        module, _ = run_pipeline(TRAINING, read_inputs(replace(data.module, outputs=moved_by)), {})
        module, self.table = prepared(_with_logits(module, self.target), data.table)
        self.device = device(recipe.device)
        first = first_weights(data.module, recipe)
        self.net: TorchModule = to_torch(module, first).to(self.device)
        self.steps: list[Step] = make_steps(self.net, data.built.training, recipe)
        moved = {path for step in self.steps for path in step.weights}
        for path, weight in self.net.named_parameters():
            weight.requires_grad_(path in moved)
        self.event_weights = event_weights(data, first, recipe.seed)
        self.factors, self.reweighted = factors(data, recipe, self.event_weights, first)
        weighed = self.event_weights * self.factors
        by_class = data.class_weights(recipe.class_weight, weighed)
        weighed = weighed[data.training] * by_class[data.truth[data.training]]
        #: of training events: what makes losses of weighted events as large as those of others
        self._mean_weight = float(np.abs(weighed).mean())
        self._mean_signed = float(weighed.mean())
        self.class_weights = torch.from_numpy(by_class).float().to(self.device)
        self.held = data.held
        self.rate = 0.0
        self._lengths = self._multiplicities()

    @property
    def mark(self) -> str:
        """Of everything that the weights after an epoch depend on."""
        r = self.recipe
        settings = [(f.name, getattr(r, f.name)) for f in fields(r) if f.name not in checkpoint.FREE]
        length = r.epochs if r.schedule.name != "constant" or r.schedule["warmup"] else ""
        steps = [(s.loss, sorted(s.weights), s.spec) for s in self.steps]
        options = f"{settings} {length} {steps} {self.target} {self.group.size}"
        return checkpoint.fingerprint(print_ir(self.data.module), self.data.digest, options)

    @property
    def threads(self) -> int:
        """As many as a step keeps busy, of those available."""
        table, share = self.data.table, -(-self.recipe.batch // self.group.size)
        entries = {dim: float(np.mean(np.diff(offsets)[self.data.known])) for dim, offsets in table.offsets.items()}
        return threads_for(self.net.ir, min(share, len(self.data.training)), entries)

    # --- state

    def weights(self) -> dict[str, Tensor]:
        return {path: value.detach().cpu().clone() for path, value in self.net.state_dict().items()}

    def load(self, weights: Mapping[str, Tensor]) -> None:
        self.net.load_state_dict(dict(weights))

    def optimisers(self) -> dict[str, Any]:
        return {str(i): step.optimiser.state_dict() for i, step in enumerate(self.steps)}

    def load_optimisers(self, states: Mapping[str, Any]) -> None:
        for i, step in enumerate(self.steps):
            step.optimiser.load_state_dict(states[str(i)])

    # --- training

    def epoch(self, number: int, watch: Watch) -> float:
        """One pass over the training events, in an order that seed and number decide; their mean loss."""
        rng = np.random.default_rng([self.recipe.seed, ORDER, number])
        picks = batches(self.data.training, self.recipe.batch, rng)
        self._seed(zlib.crc32(repr((self.recipe.seed, number, self.group.rank)).encode()))
        stays = {k: v.clone() for k, v in self.net.named_buffers() if matches(k, self.recipe.freeze)}
        total, done = 0.0, 0
        self.net.train()
        ready = ahead(picks, lambda i, pick: self._inputs(pick, (number + 1, i), share=True), self._reads)
        for i, (pick, made) in enumerate(ready):
            self.rate = factor(self.recipe.schedule, number * len(picks) + i, self.recipe.epochs * len(picks))
            total += sum(self._move(step, pick, *made) for step in self.steps) * len(pick)
            done += len(pick)
            watch.step(done, len(self.data.training))
        self.group.average(self.net.buffers())
        for path, value in stays.items():
            self.net.get_buffer(path).copy_(value)
        self.rate *= self.steps[0].spec["lr"]
        return total / done * self._mean_weight / self._mean_signed

    def _seed(self, seed: int) -> None:
        # torch.manual_seed prepares the seeding of devices that are not there, which takes as long as some steps
        torch.default_generator.manual_seed(seed) if self.device.type == "cpu" else torch.manual_seed(seed)

    def _move(self, step: Step, pick: NDArray[np.int64], inputs: Values, counts: Values) -> float:
        mine = self.group.share(pick)
        with step.alone():
            values = self._values(inputs, counts, [step.loss] if step.loss else [])
            losses, weights = self._losses(step, values, mine)
            loss = (weights * losses).sum() / (len(pick) * self._mean_weight)
            step.move(loss, self.rate, self.recipe.clip, self.group)
        shown = loss.detach()
        self.group.add([shown])
        return float(shown)

    def _losses(self, step: Step, values: Values, pick: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Of each event: the loss and its weight."""
        truth = torch.from_numpy(self.data.truth[pick]).to(self.device)
        weights = self.class_weights[truth]
        if self.reweighted:
            weights = weights * torch.from_numpy(self.factors[pick]).float().to(self.device)
        if WEIGHT in values:
            weights = weights * values[WEIGHT].expand(len(pick))
        if step.loss is not None:
            return values[step.loss].expand(len(pick)), weights
        assert self.target is not None
        logits = LOGITS in values
        return self.target.losses(values[LOGITS if logits else self.target.output], truth, logits), weights

    def scored(self, which: NDArray[np.int64], words: str) -> Scores:
        """The loss of some events, which ``words`` say, and, if they are classified, how well."""
        self.net.eval()
        given, total, whole = [], 0.0, 0.0
        order = self._by_length(which)
        for pick, values in self._evaluated(which[order]):
            for step in self.steps:
                losses, weights = self._losses(step, values, pick)
                total += float((weights * losses).sum())
            whole += float(weights.sum())
            if self.target is not None:
                given.append(values[self.target.output].double().cpu().numpy())
        if whole <= 0:
            raise HepqError([diag("HQ0753", what=f"the {words}", found=f"{whole:.6g}")])
        weight = self.event_weights[which]
        if self.target is None:
            return Scores(loss=total / whole, event_weights=weight)
        outputs, is_signal = np.concatenate(given)[np.argsort(order)], self.data.is_signal(which)
        found, lacking = measures(self.target, outputs, self.data.truth[which], is_signal, weight)
        scores = self.target.signal_scores(outputs)
        known = ~np.isnan(scores)
        account = Metrics(
            words, int(known.sum()), found, weight_words(self.data.built), float(weight[known].sum()),
            int((~known).sum()), lacking=lacking, without="reweighting" if self.reweighted else "",
        )  # fmt: skip
        return Scores(loss=total / whole, scores=scores, is_signal=is_signal, metrics=found, event_weights=weight,
                      account=account)  # fmt: skip

    def predicted(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """What the model gives for some rows of the table, of its results without ragged dims: [rows, dims] by name."""
        self.net.eval()
        wanted = {name: node.type for name, node in of_events(self.data.module).items()}
        data = replace(self.data, known=rows, truth=np.zeros_like(rows))
        found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in wanted}
        for start in range(0, len(rows), SCORED):
            pick = np.arange(start, min(start + SCORED, len(rows)))
            inputs, counts = data.inputs(
                self.net.ir.inputs, self.table, pick, self.recipe.seed, (0, start), torch.float32
            )
            with torch.no_grad():
                values = self.net(self._placed(inputs), self._placed(counts), outputs=list(wanted))
            for name, type in wanted.items():
                value = values[name].float().expand(len(pick), *(d.size or 0 for d in type.dims))
                found[name].append(value.cpu().numpy())
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def _not_finite(self, which: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of some events whose loss is NaN or infinite."""
        self.net.eval()
        bad = []
        for pick, values in self._evaluated(which[self._by_length(which)]):
            for step in self.steps:
                losses, _ = self._losses(step, values, pick)
                bad.append(pick[~torch.isfinite(losses).cpu().numpy()])
        return np.unique(np.concatenate(bad)).astype(np.int64)

    def refused(self, weights: Mapping[str, Tensor], what: str) -> HepqError:
        """``what`` is not a number, though it was with ``weights``, or at the very beginning.

        HQ0754 where a variable of the dataset is not a number, whatever the weights; else HQ0746.
        """
        self.load(weights)
        bad = self._not_finite(np.sort(np.concatenate([self.data.training, self.data.validation])))
        if not len(bad):
            return HepqError([diag("HQ0746", what=what)])
        return input_error(self.data, self.data.known[bad], what)

    def _by_length(self, which: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.arange(len(which)) if self._lengths is None else np.argsort(self._lengths[which], kind="stable")

    def _evaluated(self, which: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Values]]:
        """Some events at a time, and what the losses, or the labels, speak of."""
        size = min(self.recipe.batch, SCORED)
        wanted = [s.loss for s in self.steps if s.loss]
        for start in range(0, len(which), size):
            pick = which[start : start + size]
            with torch.no_grad():
                yield pick, self._values(*self._inputs(pick, (0, start)), wanted)

    # --- inputs

    def _values(self, inputs: Values, counts: Values, losses: list[str]) -> Values:
        known = self.net.ir.outputs
        wanted = [*losses, *([self.target.output] if self.target else []), *(n for n in (WEIGHT, LOGITS) if n in known)]
        mixed = self.recipe.precision == "mixed"
        with torch.autocast(self.device.type, torch.bfloat16) if mixed else nullcontext():
            found = self.net(inputs, counts, outputs=wanted)
        return {name: value.float() for name, value in found.items()}

    def _inputs(self, pick: NDArray[np.int64], stream: tuple[int, int], share: bool = False) -> tuple[Values, Values]:
        """(inputs, counts): branches, one-hot labels and noise; of this process's share alone, if ``share``."""
        mine = slice(self.group.rank, None, self.group.size) if share else slice(None)
        inputs, counts = self.data.inputs(
            self.net.ir.inputs, self.table, pick, self.recipe.seed, stream, torch.float32, mine
        )
        return self._placed(inputs), self._placed(counts)

    def _placed(self, values: Values) -> Values:
        return {name: value.to(self.device) for name, value in values.items()}

    @cached_property
    def _reads(self) -> bool:
        """Whether a batch is large enough for a thread to make it ready."""
        rows = sum(content.nbytes for content in self.table.contents.values()) / max(1, self.table.events)
        return rows * self.recipe.batch / self.group.size >= WORTH_A_THREAD

    def _multiplicities(self) -> NDArray[np.int64] | None:
        """By number of the event: the entries of the longest ragged dim."""
        offsets = self.data.table.offsets
        if not offsets:
            return None
        longest: NDArray[np.int64] = np.maximum.reduce([np.diff(o)[self.data.known] for o in offsets.values()])
        return longest


def _with_logits(module: Module, target: Objective | None) -> Module:
    """With what a softmax that is compared with labels is taken of: its logarithm has better derivatives."""
    found = SOFTMAX.match(module.outputs[target.output]) if target is not None else None
    return module if found is None else replace(module, outputs={**module.outputs, LOGITS: found["x"]})


def _target(data: Labelled) -> Objective | None:
    """What the labels speak of. A training with losses of its own need not have any."""
    plan = data.built.training
    own = data.outputs
    if plan is not None and plan.steps and (not own or not data.classes):
        return None
    try:
        return objective(data, own)
    except HepqError:
        if plan is not None and plan.steps:
            return None
        raise


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
            found = run.scored(run.held, data.held_words)
            tested = run.scored(data.tested, f"{data.what} of fold {recipe.fold}") if len(data.tested) else None
            predictions = run.predicted(data.rows) if len(data.rows) and group.main else {}
    weights = {path: value.detach().cpu().numpy().astype(np.float32) for path, value in state.best.items()}
    return Fitted(
        weights=weights, dims={}, tested=tested, predictions=predictions, reweighted=run.reweighted, **vars(found)
    )


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
        raise run.refused(state.weights, f"the loss of epoch {state.epoch + 1}")
    found = run.scored(run.held, run.data.held_words)
    if not math.isfinite(found.loss):
        raise run.refused(state.weights, f"the loss of the {run.data.held_words} after epoch {state.epoch + 1}")
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
