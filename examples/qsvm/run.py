#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Higgs or not, four ways: a quantum kernel, a variational circuit, a hybrid network, and a classical SVM.

    python examples/qsvm/run.py [--out FOLDER]

All see the same four observables of the same simulated events; the circuits are simulated exactly. An AUC of 900 events
is uncertain by about 0.01, so the four are much the same: nothing here speaks of a quantum advantage. Writes roc.png,
gram.png and circuit.png.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

import hepq
from hepq.compiler.circuits.formats.draw import picture
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe, train_file
from hepq.runtime.quantum.engine import read_program
from hepq.runtime.quantum.kernel.gram import gram
from hepq.runtime.report.metrics import auc, roc_picture

HERE = Path(__file__).parent
TRAIN, TEST = HERE / "train.root", HERE / "test.root"
PROGRAMS = {"quantum kernel": "zh", "variational circuit": "vqc", "hybrid network": "hybrid"}
RECIPES = {"zh": Recipe(validation=0), "vqc": Recipe(epochs=40, rate=0.05), "hybrid": Recipe(epochs=40, rate=0.02)}
Array = NDArray[Any]


def trained(name: str, out: Path) -> hepq.Model:
    """The program trained, compiled and loaded."""
    weights, artifact = out / f"{name}.safetensors", out / f"{name}.hepqx"
    train_file(HERE / f"{name}.hepq", [TRAIN], weights, RECIPES[name])
    compile_file(HERE / f"{name}.hepq", artifact, Options(weights=weights, command="examples/qsvm/run.py"))
    return hepq.load(artifact)


def classical(x: Array, truth: Array, test: Array) -> tuple[Array, dict[str, float]]:
    """Scores of an RBF SVM, its C and gamma chosen by cross validation on the training events."""
    grid = {"C": np.logspace(-1, 2, 7), "gamma": np.logspace(-2, 1, 7)}
    search = GridSearchCV(SVC(), grid, scoring="roc_auc", cv=5).fit(x, truth)
    return search.decision_function(test), search.best_params_


def uncertainty(area: float, signal: Array) -> float:
    """Standard error of an AUC: Hanley and McNeil, Radiology 143 (1982) 29."""
    s, b = int(signal.sum()), int((~signal).sum())
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (s - 1) * (q1 - area**2) + (b - 1) * (q2 - area**2)
    return float(np.sqrt(variance / (s * b)))


def labelled(model: hepq.Model, file: Path) -> tuple[Array, Array]:
    """What the kernel sees of each event, and which class it is of."""
    x, truth = model.kernel_inputs(str(file))
    assert truth is not None, "both files have labels"
    return x, truth


def gram_picture(kernel: Array, truth: Array, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(kernel, vmin=0, vmax=1, cmap="viridis")
    border = int((truth == 0).sum()) - 0.5
    axes.axhline(border, color="white", lw=0.8)
    axes.axvline(border, color="white", lw=0.8)
    axes.set(xlabel="Event: background, then signal", ylabel="Event", title="Kernel of the training events")
    figure.colorbar(image, label="K(x, y)")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for weights, artifacts and pictures")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, soft_wrap=True)
    curves: dict[str, tuple[Array, Array]] = {}
    table = Table("", "AUC", "uncertainty", "weights found by", "seconds", box=None)
    start = time.perf_counter()

    def add(name: str, scores: Array, how: str) -> None:
        nonlocal start
        now = time.perf_counter()
        curves[name] = (scores, test_truth == 1)
        area = auc(scores, test_truth == 1)
        table.add_row(name, f"{area:.3f}", f"{uncertainty(area, test_truth == 1):.3f}", how, f"{now - start:.1f}")
        start = now

    with console.status("training"):
        models = {}
        for name, program in PROGRAMS.items():
            models[name] = model = trained(program, args.out)
            if program == "zh":
                x, truth = labelled(model, TRAIN)
                test, test_truth = labelled(model, TEST)
            found = model(str(TEST))
            add(
                name, np.asarray(found["ZH"] if program == "hybrid" else found), "libsvm" if program == "zh" else "Adam"
            )
        scores, chosen = classical(x, truth, test)
        add("classical SVM, RBF kernel", scores, ", ".join(f"{k} {v:.2g}" for k, v in chosen.items()))
    console.print(f"{len(x)} training events, {len(test)} test events of examples/qsvm\n")
    console.print(table)

    order = np.argsort(truth, kind="stable")
    gram_picture(gram(models["quantum kernel"].kernel(), x[order]), truth, args.out / "gram.png")
    roc_picture(curves, args.out / "roc.png")
    picture(read_program(models["quantum kernel"].artifact, "kernel.json").compiled[0], args.out / "circuit.png")
    console.print(f"\npictures: {', '.join(str(args.out / f'{n}.png') for n in ('roc', 'gram', 'circuit'))}")


if __name__ == "__main__":
    main()
