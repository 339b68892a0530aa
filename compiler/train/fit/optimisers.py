# SPDX-License-Identifier: Apache-2.0
"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer, RAdam

from hepq.lang.declarations.train_settings import Spec

Groups = Sequence[dict[str, Any]]


def make_optimiser(spec: Spec, groups: Groups) -> Optimizer | Lookahead:
    """``groups``: parameters with a ``factor`` on their learning rate each."""
    given = [{**g, "lr": spec["lr"] * g["factor"]} for g in groups]
    made: Optimizer | Lookahead = _MAKE[spec.name](given, dict(spec.args))
    return made


def _betas(a: Mapping[str, float]) -> dict[str, Any]:
    return {"betas": (a["beta1"], a["beta2"]), "eps": a["eps"]}


_MAKE: dict[str, Callable[[Any, Mapping[str, float]], Any]] = {
    "sgd": lambda g, a: SGD(g, momentum=a["momentum"], weight_decay=a["decay"], fused=True),
    "adam": lambda g, a: Adam(g, **_betas(a), fused=True),
    "adamw": lambda g, a: AdamW(g, **_betas(a), weight_decay=a["decay"], fused=True),
    "radam": lambda g, a: RAdam(g, **_betas(a), weight_decay=a["decay"], foreach=True),
    "ranger": lambda g, a: Lookahead(
        RAdam(g, **_betas(a), weight_decay=a["decay"], foreach=True), int(a["every"]), a["pull"]
    ),
}  # fmt: skip


class Lookahead:
    """Every ``every`` steps the weights go back to ``pull`` of the way that they made (arXiv:1907.08610).

    With RAdam (arXiv:1908.03265) inside, what weaver-core calls Ranger.
    """

    def __init__(self, inner: Optimizer, every: int, pull: float) -> None:
        self.inner, self.every, self.pull = inner, max(1, every), pull
        self.steps = 0
        self.slow = [p.detach().clone() for p in self._parameters()]

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.inner.param_groups for p in group["params"]]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.inner.param_groups

    def step(self) -> None:
        self.inner.step()
        self.steps += 1
        if self.steps % self.every == 0:
            with torch.no_grad():
                for slow, fast in zip(self.slow, self._parameters(), strict=True):
                    slow.lerp_(fast, self.pull)
                    fast.copy_(slow)

    def state_dict(self) -> dict[str, Any]:
        return {"inner": self.inner.state_dict(), "steps": self.steps, "slow": self.slow}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.inner.load_state_dict(state["inner"])
        self.steps = state["steps"]
        for slow, kept in zip(self.slow, state["slow"], strict=True):
            slow.copy_(kept)


def factor(schedule: Spec, step: int, steps: int) -> float:
    """What the learning rate is multiplied by at ``step`` of ``steps``.

    ``one_cycle``: arXiv:1708.07120, both slopes cosines. ``flat_decay``: constant, then exponential to ``last``, as
    weaver-core trains. ``cosine``: arXiv:1608.03983 without restarts, after a linear ``warmup``.
    """
    return _FACTOR[schedule.name](dict(schedule.args), step / max(1, steps))


def _between(a: float, b: float, done: float) -> float:
    return a + (b - a) * (1 - math.cos(math.pi * min(1.0, done))) / 2


def _warm(a: Mapping[str, float], at: float, then: Callable[[float], float]) -> float:
    warmup = a["warmup"]
    return (at + 1e-6) / warmup if at < warmup else then((at - warmup) / max(1 - warmup, 1e-9))


def _one_cycle(a: Mapping[str, float], at: float) -> float:
    rise = a["rise"]
    return _between(a["first"], 1, at / rise) if at < rise else _between(1, a["last"], (at - rise) / (1 - rise + 1e-9))


def _flat_decay(a: Mapping[str, float], at: float) -> float:
    return 1.0 if at < a["flat"] else float(a["last"] ** ((at - a["flat"]) / max(1 - a["flat"], 1e-9)))


_FACTOR: dict[str, Callable[[Mapping[str, float], float], float]] = {
    "constant": lambda a, at: _warm(a, at, lambda done: 1.0),
    "cosine": lambda a, at: _warm(a, at, lambda done: _between(1, a["floor"], done)),
    "one_cycle": _one_cycle,
    "flat_decay": _flat_decay,
}
