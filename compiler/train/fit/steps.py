# SPDX-License-Identifier: Apache-2.0
"""What moves which weights: where they start, which stay, and the loss and the optimiser of each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from hepq.compiler.ir.build import loss_name
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import TorchModule
from hepq.compiler.train.fit.machine import Group
from hepq.compiler.train.fit.optimisers import make_optimiser
from hepq.compiler.train.recipe import Resolved
from hepq.compiler.weights.files import fit, read_used
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.lang.declarations.train import StepPlan, TrainPlan
from hepq.lang.declarations.train_settings import Spec


@dataclass
class Step:
    """``loss``: the output of the module that is made small, None for what suits the labels.

    ``others``: weights that other steps move, and not this one.
    """

    loss: str | None
    weights: Mapping[str, Tensor]
    optimiser: Any
    spec: Spec
    others: tuple[Tensor, ...] = ()

    def move(self, loss: Tensor, rate: float, clip: float | None, group: Group) -> None:
        """One step down; ``rate`` multiplies the learning rate. ``loss`` is this process's part of the batch's."""
        for weight in self.weights.values():
            weight.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        for weight in self.weights.values():
            if weight.grad is None:  # what the loss does not depend on stays where it is
                weight.grad = torch.zeros_like(weight)
        group.add(w.grad for w in self.weights.values() if w.grad is not None)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(list(self.weights.values()), clip)
        for entry in self.optimiser.param_groups:
            entry["lr"] = self.spec["lr"] * entry["factor"] * rate
        self.optimiser.step()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, derivatives are taken by this step's weights only."""
        for weight in self.others:
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for weight in self.others:
                weight.requires_grad_(True)


def make_steps(net: TorchModule, plan: TrainPlan | None, recipe: Resolved) -> list[Step]:
    """In the program's order; one for all weights without any. Raises HepqError HQ0745 if a step moves nothing."""
    made = []
    for wanted in plan.steps if plan is not None and plan.steps else (None,):
        over = wanted.over if wanted is not None else ()
        spec = (wanted.optimiser if wanted is not None else None) or recipe.optimiser
        weights = {
            path: w for path, w in net.named_parameters()
            if (not over or matches(path, over)) and rate_factor(path, recipe) > 0
        }  # fmt: skip
        if not weights:
            raise _idle(net, wanted, over)
        factors = sorted({rate_factor(path, recipe) for path in weights})
        groups = [
            {"params": [w for path, w in weights.items() if rate_factor(path, recipe) == f], "factor": f}
            for f in factors
        ]
        loss = None if wanted is None else loss_name(wanted.name)
        made.append(Step(loss, weights, make_optimiser(spec, groups), spec))
    moved = {path: w for step in made for path, w in step.weights.items()}
    for step in made:
        step.others = tuple(w for path, w in moved.items() if path not in step.weights)
    return made


def _idle(net: TorchModule, step: StepPlan | None, over: Sequence[str]) -> HepqError:
    """Why a step moves nothing."""
    name = f"step {step.name}" if step is not None and step.name else net.ir.name
    if not any(not over or matches(path, over) for path, _ in net.named_parameters()):
        return HepqError([diag("HQ0745", name=name, reason="it has no weights")])
    reason = "all its weights stay, by `freeze` or factors of 0 in `scale`"
    help = "leave out one of their patterns, so that some weights are trained"
    return HepqError([diag("HQ0745", name=name, reason=reason, help=help)])


def first_weights(module: Module, recipe: Resolved) -> dict[str, NDArray[Any]]:
    """From ``recipe.start``, but for those that ``recipe.replace`` names; without it, as declared.

    Raises HepqError for a file that does not fit, and HQ0739 for a pattern that no weight matches.
    """
    patterns = [*recipe.replace, *recipe.freeze, *(p for p, _ in recipe.scale)]
    for pattern in patterns:
        if not any(matches(path, [pattern]) for path in module.params):
            close = near(pattern.rstrip("*."), {part for p in module.params for part in (p, p.split(".")[0])})
            raise HepqError([diag("HQ0739", pattern=pattern, model=module.name, near=close)])
    fresh = initial_weights(module, recipe.seed)
    if recipe.start is None:
        return fresh
    path = Path(recipe.start)
    kept = {name: t for name, t in read_used(path, module).items() if not matches(name, recipe.replace)}
    renewed = {name: value for name, value in fresh.items() if matches(name, recipe.replace)}
    return dict(fit(kept | renewed, module, path))


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a weight's path is named: itself, a block it is in, or by ``*`` for anything."""
    return any(fnmatchcase(path, p) or fnmatchcase(path, f"{p}.*") for p in patterns)


def rate_factor(path: str, recipe: Resolved) -> float:
    """The factor on the learning rate of a weight: the last that names it; 0 for one that stays."""
    if matches(path, recipe.freeze):
        return 0.0
    return next((f for pattern, f in reversed(recipe.scale) if matches(path, [pattern])), 1.0)
