# SPDX-License-Identifier: Apache-2.0
"""Sextupoles of a ring, set by going up the gradient of a surrogate (arXiv:1910.14220), and checked by tracking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.shared import data
from benchmarks.systems.row import Reached, Row
from benchmarks.systems.trained import columns, trained
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.torch.module import to_torch

Array = np.ndarray[Any, Any]
PROGRAM = Path(__file__).with_suffix(".hepq")
#: the strengths that the samples are from; samples with larger apertures are left for the surrogate to find
LOW, HIGH, KNOWN = 0.3, 2.5, 1.2
TURNS, STARTS, STEPS = 300, 32, 300


def tracked(k2: Array) -> float:
    """The largest amplitude, in steps of 0.005, up to which all stay within 10 for 300 turns of a Henon map."""
    mu = 2 * np.pi * 0.2052
    c, s = np.cos(mu), np.sin(mu)
    amplitudes = np.arange(0.005, 4, 0.005)
    x, p, lost = amplitudes.copy(), np.zeros_like(amplitudes), np.zeros(len(amplitudes), bool)
    for _ in range(TURNS):
        for strength in (k2[0], -0.7 * k2[1]):
            p = p + strength * x * x
            x, p = c * x + s * p, -s * x + c * p
            lost |= ~(np.abs(x) < 10)
            x, p = np.where(lost, 0, x), np.where(lost, 0, p)
    return float(amplitudes[np.argmax(lost) - 1]) if lost.any() else float(amplitudes[-1])


def best(weights: dict[str, Array], seed: int) -> Array:
    """Strengths where the surrogate is largest, by gradient ascent of its inputs from many starts; weights stay."""
    net = to_torch(build_file(PROGRAM, Options(model="Aperture", use_dataset=False)).module, weights).eval()
    start = np.random.default_rng(seed).uniform(LOW, HIGH, (STARTS, 2)).astype(np.float32)
    k2 = torch.tensor(start, requires_grad=True)
    optimiser = torch.optim.Adam([k2], 0.02)
    for _ in range(STEPS):
        optimiser.zero_grad()
        torch.autograd.backward(-net({"x": k2 - 1.4}, {})["output"].sum())
        optimiser.step()
        with torch.no_grad():
            k2.clamp_(LOW, HIGH)
    with torch.no_grad():
        found = net({"x": k2 - 1.4}, {})["output"]
    return np.asarray(k2.detach().numpy()[int(found.argmax())])


def surrogate(seed: int) -> Reached:
    rings = columns(data.shared("systems/toys/aperture.root"))
    known = {name: values[rings["aperture"] < KNOWN] for name, values in rings.items()}
    reached = tracked(best(trained(PROGRAM, "Surrogate", known, seed), seed))
    # the samples were scanned up to 1.6 only: those that got there are tracked further
    largest = max(tracked(k2) for k2 in rings["k2"][rings["aperture"] >= rings["aperture"].max() - 1e-3])
    return Reached("tracked aperture at the optimum", reached, 0, "best of all 3,000 samples", largest, ">=", largest)


ROWS = [Row("Accelerator surrogate", "aperture.hepq", surrogate, quick=True)]
