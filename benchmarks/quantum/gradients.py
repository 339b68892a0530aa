# SPDX-License-Identifier: Apache-2.0
"""Gradient steps of a variational classifier, batch of 64, one thread: a compiled program against PennyLane.

`gradients.hepq` in torch as `hepqc train` has it: mean squared error and its derivative by every weight, in double
precision. PennyLane: lightning.qubit with adjoint differentiation and default.qubit with backpropagation, the batch
broadcast in one call. <Z0> sees four wires of this circuit whatever their number, and only those are simulated; the
mean of Z over all wires sees every gate: the bar holds for both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.shared.interleaved import Contestant, measure, need, one_thread

BATCH, LAYERS = 64, 3
PROGRAM = Path(__file__).with_suffix(".hepq")
#: wires -> least ratio to lightning.qubit
BARS = {8: 50.0}
#: largest difference of any derivative from default.qubit's
AGREE = 1e-6
#: model of the program -> what it measures
MODELS = {"One": "Z of wire 0", "All": "mean Z"}

Array = NDArray[np.float64]
Step = Callable[[], Array]


def compiled(model: str, x: Array, y: Array, weights: Array) -> Step:
    import torch

    from hepq.compiler.driver.compilation import build_file
    from hepq.compiler.driver.options import Options
    from hepq.compiler.lower.torch.module import to_torch

    module = build_file(PROGRAM, Options(model=model, dims={"wire": x.shape[1]})).module
    names = ("first", "second", "third")
    net = to_torch(module, dict(zip(names, weights, strict=True)))
    (output,) = module.outputs
    inputs, truth = {"x": torch.from_numpy(x)}, torch.from_numpy(y)
    parameters = [net.get_parameter(name) for name in names]

    def step() -> Array:
        loss = (net(inputs)[output] - truth).square().mean()
        return torch.stack(torch.autograd.grad(loss, parameters)).numpy()

    return step


def pennylane(model: str, device: str, method: str, x: Array, y: Array, weights: Array) -> Step:
    import pennylane as qml
    import torch

    wires = x.shape[1]
    inputs, truth = torch.from_numpy(x), torch.from_numpy(y)
    parameters = torch.from_numpy(weights).requires_grad_()

    def circuit(w: Any) -> Any:
        for i in range(wires):
            qml.Hadamard(i)
            qml.PhaseShift(2 * inputs[:, i], wires=i)
        for i in range(wires - 1):
            qml.CNOT([i, i + 1])
            qml.PhaseShift(2 * (pi - inputs[:, i]) * (pi - inputs[:, i + 1]), wires=i + 1)
            qml.CNOT([i, i + 1])
        for layer in range(LAYERS):
            for i in range(wires - 1) if layer else ():
                qml.CNOT([i, i + 1])
            for i in range(wires):
                qml.RY(w[layer, i], wires=i)
        if model == "One":
            return qml.expval(qml.PauliZ(0))
        return qml.expval(qml.Hamiltonian([1 / wires] * wires, [qml.PauliZ(i) for i in range(wires)]))

    node = qml.QNode(circuit, qml.device(device, wires=wires), interface="torch", diff_method=method)

    def step() -> Array:
        loss = (node(parameters) - truth).square().mean()
        found: Array = torch.autograd.grad(loss, parameters)[0].numpy()
        return found

    return step


def contest(model: str, wires: int, quick: bool) -> tuple[dict[str, float], float]:
    """Seconds of each contestant, and the largest difference of their derivatives."""
    rng = np.random.default_rng(0)
    x, weights = rng.uniform(0, 2 * pi, (BATCH, wires)), rng.uniform(0, 2 * pi, (LAYERS, wires))
    y = rng.choice([-1.0, 1.0], BATCH)
    times, gradients = measure(
        {
            "hepq": Contestant(compiled(model, x, y, weights), 20),
            "lightning": Contestant(pennylane(model, "lightning.qubit", "adjoint", x, y, weights), 1 if quick else 3),
            "default": Contestant(pennylane(model, "default.qubit", "backprop", x, y, weights), 3 if quick else 5),
        },
        f"{wires} wires, {MODELS[model]}",
    )
    return times, max(float(np.abs(g - gradients["default"]).max()) for g in gradients.values())


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gradients", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 and 8 wires only")
    options = parser.parse_args(argv)
    need("pennylane", "pennylane_lightning")
    table = Table(
        "wires", "measured", "hepq, ms", "lightning adjoint, ms", "default backprop, ms", "lightning / hepq",
        "default / hepq", "difference", title=f"gradient steps, batch of {BATCH}, one thread",
    )  # fmt: skip
    missed = []
    with one_thread():
        for wires in (4, 8) if options.quick else (4, 6, 8, 10):
            for model, measured in MODELS.items():
                times, difference = contest(model, wires, options.quick)
                ours, lightning, default = (times[k] for k in ("hepq", "lightning", "default"))
                milliseconds = (f"{1e3 * t:.1f}" for t in (ours, lightning, default))
                ratios = (f"{lightning / ours:.0f}", f"{default / ours:.1f}")
                table.add_row(str(wires), measured, *milliseconds, *ratios, f"{difference:.1e}")
                if lightning / ours < BARS.get(wires, 0.0) or difference > AGREE:
                    missed.append(wires)
    Console(width=130).print(table)
    bars = "; ".join(f"{n} wires: {a:.0f} x lightning" for n, a in BARS.items())
    print(f"hepq must be at least, {bars}; all gradients alike to {AGREE:g}: {'missed' if missed else 'met'}")
    return 1 if missed else 0
