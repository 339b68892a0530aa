# SPDX-License-Identifier: Apache-2.0
"""The generative models of examples/generative are trained as their programs say, and learn what showers are.

Of showers that a model makes after each epoch: the Wasserstein distance of the energy fractions in the eight layers
from those of true showers, their mean over that of the untrained model. Of showers that go through a model and back:
the squared error of the cells over their variance. Each must fall below half. `--picture` draws them, for
`docs/generative.md`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import wasserstein_distance
from torch import Tensor

from benchmarks.shared.curves import draw, measured
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.torch.module import TorchModule, to_torch
from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.fit import checkpoint
from hepq.compiler.train.report import History, Watch
from tests.stdlib.generative.showers import EXAMPLES, Array, log_energy, make, read

SHOWERS, HELD, BAR = 4000, 1000, 0.5


class Showers(NamedTuple):
    """``energy`` [showers], ``fractions`` of it in the cells [showers, 8, 9]."""

    energy: Array
    fractions: Array


def distance(net: TorchModule, true: Showers) -> float:
    """Of the showers that ``net`` makes of noise, at the energies of the true ones."""
    rng = np.random.default_rng(1)
    inputs = {"e": log_energy(true.energy)}
    for node in net.ir.inputs:
        if node["name"] != "e":
            shape = (len(true.energy), *(d.size or 0 for d in node.type.dims))
            inputs[node["name"]] = rng.random(shape) if node["name"] == "u" else rng.normal(size=shape)
    made, layers = _computed(net, inputs).sum(axis=2), true.fractions.sum(axis=2)
    return float(np.mean([wasserstein_distance(made[:, i], layers[:, i]) for i in range(layers.shape[1])]))


def unrestored(net: TorchModule, true: Showers) -> float:
    """The error of cells, as the networks see them, over their variance."""
    (given,) = net.ir.inputs
    x = 10 * np.sqrt(true.fractions).reshape(len(true.energy), *(d.size for d in given.type.dims))
    found = _computed(net, {given["name"]: x})
    error = found.mean() if found.ndim == 1 else ((found - x) ** 2).mean()
    return float(error / x.var(axis=0).mean())


def _computed(net: TorchModule, inputs: Mapping[str, Array]) -> Array:
    with torch.no_grad():
        given = {name: torch.from_numpy(value.astype(np.float32)) for name, value in inputs.items()}
        made: Array = next(iter(net(given, {}).values())).numpy()
    return made


@dataclass(frozen=True)
class Subject:
    """A training of a program, what it starts from, and the model that shows how far it is."""

    program: str
    model: str
    score: Callable[[TorchModule, Showers], float]
    train: str | None = None
    after: str | None = None


SUBJECTS = {
    "autoencoder": Subject("autoencoder", "Shower", unrestored),
    "variational autoencoder": Subject("vae", "Sample", distance),
    "adversarial network": Subject("gan", "Sample", distance),
    "codes": Subject("vq", "Restored", unrestored, "Codes"),
    "prior of codes": Subject("vq", "Sample", distance, "Prior", "Codes"),
    "diffusion": Subject("diffusion", "Sample", distance),
}
QUICK = ("autoencoder",)


class Scorer(Watch):
    """Scores the model of the weights that each epoch leaves in ``folder``."""

    def __init__(self, folder: Path, subject: Subject, true: Showers) -> None:
        super().__init__()
        self.file, self.subject, self.true = folder / checkpoint.NAME, subject, true
        options = Options(model=subject.model, use_dataset=False)
        self.net = to_torch(build_file(EXAMPLES / f"{subject.program}.hepq", options).module).eval()
        self.first = subject.score(self.net, true)
        self.values: list[float] = []

    def epoch(self, history: History) -> None:
        weights: dict[str, Tensor] = checkpoint.read(self.file)[0].weights
        self.net.load_state_dict({path: weights[path] for path in self.net.state_dict()})
        self.values.append(self.subject.score(self.net, self.true))


@dataclass(frozen=True)
class Result:
    """``ratios``: after each epoch; of distances, to that before the first."""

    model: str
    ratios: tuple[float, ...]
    seconds: float

    @property
    def met(self) -> bool:
        return self.ratios[-1] < BAR


def measure(name: str, seed: int, showers: int = SHOWERS, held_out: int = HELD, epochs: int | None = None) -> Result:
    """``epochs``: by default as the program says."""
    subject, start = SUBJECTS[name], time.perf_counter()
    program, how = EXAMPLES / f"{subject.program}.hepq", Recipe(seed=seed, device="cpu", epochs=epochs)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        given = make(folder / "trained.root", showers, seed + 2)
        held = make(folder / "held.root", held_out, seed + 5)
        before = folder / "before.safetensors" if subject.after else None
        if before is not None:
            train_file(program, [given], before, how, train=subject.after)
        recipe = replace(how, checkpoint=folder / "state", start=str(before) if before else None)
        scorer = Scorer(folder / "state", subject, Showers(*read(held)))
        out = folder / "weights.safetensors"
        train_file(program, [given], out, recipe, watch=scorer, train=subject.train)
    whole = scorer.first if subject.score is distance else 1.0
    return Result(name, tuple(value / whole for value in scorer.values), time.perf_counter() - start)


def main(argv: list[str]) -> int:
    found, picture = measured(argv, "generators", __doc__, SUBJECTS, QUICK, measure, Result)
    table = Table("model", "epochs", "after 1", "half of them", "all", "least", "seconds", "")
    for r in found:
        values = r.ratios[0], r.ratios[len(r.ratios) // 2], r.ratios[-1], min(r.ratios)
        cells = [f"{x:.3f}" for x in values]
        table.add_row(r.model, str(len(r.ratios)), *cells, f"{r.seconds:.0f}", "" if r.met else "MISSED")
    Console(width=130).print(table)
    if picture is not None:
        label = "Distance from true showers, or error of restored ones"
        draw({r.model: r.ratios for r in found}, label, 1.0, "upper right", picture, log=True)
    return 0 if all(r.met for r in found) else 1
