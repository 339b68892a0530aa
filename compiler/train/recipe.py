# SPDX-License-Identifier: Apache-2.0
"""How to train: what the caller says, else the program's `train`, else the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.lang.declarations.train_events import Reweight, Split
from hepq.lang.declarations.train_settings import DESCENT, OPTIMISERS, SCHEDULES, Spec

if TYPE_CHECKING:
    from hepq.runtime.quantum.backends.backend import Backend

DEFAULTS: Mapping[str, Any] = {
    "epochs": 30,
    "batch": 64,
    "validation": 0.2,
    "class_weight": "none",
    "precision": "single",
    "optimiser": Spec.default("adam", OPTIMISERS),
    "schedule": Spec.default("constant", SCHEDULES),
    "replace": (),
    "freeze": (),
    "scale": (),
}
#: what one kind of training alone heeds, of a support vector machine or not; all else is of both
ONLY: Mapping[bool, tuple[str, ...]] = {
    False: (*DESCENT, "rate", "device", "log"),
    True: ("C", "kernel", "backend", "shots"),
}
WHY = {
    True: "`{model}` is a support vector machine, which is fitted on its kernel matrix without steps",
    False: "`{model}` has no `svm`: it is trained by gradient descent, its circuits simulated exactly",
}


@dataclass(frozen=True)
class Recipe:
    """What is None is as the program's `train` says, or as ``DEFAULTS``.

    ``validation``: fraction of the events held out; ``split``: or by a number that each event has. ``reweight``: how
    distributions are evened out. ``signal``: the
    class a single score stands for (default: the label's last). ``events``: at most so many are used. ``checkpoint``:
    a folder for what a killed job continues from with ``resume``. ``trainings``: so many, from seeds ``seed``,
    ``seed`` + 1, … ``folds``: so many, each on the events outside its ``fold``. ``threads``: by default as many of
    those available as a step keeps busy, or what the checkpoint that is resumed was begun with.

    Gradient descent: ``epochs``, ``batch`` (events), ``optimiser``, ``rate`` (its learning rate), ``schedule``;
    ``patience`` epochs without a better validation loss end it; ``clip``: largest norm of a gradient; ``precision``
    mixed: products in bfloat16; ``device``: torch's name, by default a GPU if there is one. ``start``: a file of
    first weights, but for those that ``replace`` names; ``freeze``: weights that stay; ``scale``: factors on the
    learning rates of weights. Weights are named by paths, ``*`` standing for anything.

    Support vector machines: ``C`` (default: as the program says), ``backend`` and ``shots`` for the kernel's circuits,
    which are those of the artifact ``kernel`` where one is given: compiled for a chip; its file must still have the
    hash ``kernel_sha256``.
    """

    epochs: int | None = None
    batch: int | None = None
    optimiser: Spec | None = None
    rate: float | None = None
    schedule: Spec | None = None
    seed: int = 0
    validation: float | None = None
    split: Split | None = None
    reweight: Reweight | None = None
    patience: int | None = None
    clip: float | None = None
    class_weight: str | None = None
    precision: str | None = None
    device: str | None = None
    signal: str | None = None
    events: int | None = None
    trainings: int = 1
    folds: int | None = None
    fold: int | None = None
    threads: int | None = None
    checkpoint: Path | None = None
    resume: bool = False
    start: str | None = None
    replace: tuple[str, ...] | None = None
    freeze: tuple[str, ...] | None = None
    scale: tuple[tuple[str, float], ...] | None = None
    C: float | None = None
    kernel: Path | None = None
    kernel_sha256: str | None = None
    backend: str | Backend = "exact"
    shots: int | None = None

    def resolved(self, settings: Mapping[str, Any]) -> Resolved:
        """Everything decided, ``settings`` being the program's. Raises HepqError HQ0659: two ways to hold out."""
        if self.split is not None and self.validation is None:
            settings = {name: value for name, value in settings.items() if name != "validation"}
        decided: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            decided[f.name] = value if value is not None else settings.get(f.name, DEFAULTS.get(f.name))
        if decided["split"] is not None and (self.validation is not None or "validation" in settings):
            raise HepqError([diag("HQ0659", split=decided["split"])])
        if self.rate is not None:
            decided["optimiser"] = decided["optimiser"].replaced(lr=self.rate)
        return Resolved(**decided)

    def check(self, model: str, machine: bool, log: bool = False) -> None:
        """Raise HepqError HQ0759 for what is given and changes nothing in such a training. ``log``: of epochs."""
        others = ONLY[not machine]
        known = {f.name: f.default for f in fields(Recipe) if f.name in others}
        # machines are fitted on the CPU
        given = [name for name, usual in known.items() if getattr(self, name) not in (usual, "cpu")]
        given += ["log"] if log and "log" in others else []
        if given:
            options = ", ".join("`--lr`" if name == "rate" else f"`--{name}`" for name in given)
            raise HepqError([diag("HQ0759", options=options, reason=WHY[machine].format(model=model))])

    def of_training(self, number: int) -> Recipe:
        """The recipe of one of several trainings."""
        folder = self.checkpoint
        if self.trainings > 1 and folder is not None:
            folder = folder / f"{number}"
        return replace(self, seed=self.seed + number, checkpoint=folder, trainings=1)

    def of_fold(self, number: int) -> Recipe:
        """The recipe of one of several folds."""
        folder = None if self.checkpoint is None else self.checkpoint / f"fold{number}"
        return replace(self, fold=number, checkpoint=folder)


@dataclass(frozen=True)
class Resolved(Recipe):
    """A recipe in which nothing is left open that has a default."""

    epochs: int = 0
    batch: int = 0
    optimiser: Spec = DEFAULTS["optimiser"]
    schedule: Spec = DEFAULTS["schedule"]
    validation: float = 0.0
    class_weight: str = ""
    precision: str = ""
    replace: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    scale: tuple[tuple[str, float], ...] = ()
