# SPDX-License-Identifier: Apache-2.0
"""How far float64 results go when the events' numbers are off by a few float32 rounding errors.

Equal numbers are off by equally much, since equal computations round alike: particles of one cell stay in one cell.
Each pattern of errors is tried with either sign, as a near-tie falls to one side. Neighbours by coordinates as they
are read stay what they are: ``as_read`` says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.ir.as_read import as_read
from hepq.compiler.ir.interpret import Arrays, evaluate, run_event
from hepq.compiler.ir.node import Module

#: rounding errors, 2^-24 of a number, that each input is off by; patterns of signs tried
ERRORS, PATTERNS = 4, 2


def perturbed(module: Module, inputs: Arrays, weights: Arrays, seed: int = 0) -> Iterator[dict[str, NDArray[Any]]]:
    """Outputs of one event as ``run_event`` gives them, for ``2 * PATTERNS`` sets of errors, drawn from ``seed``."""
    certain = [n for n in module.walk() if n.op == "knn" and as_read(n.operands[0])]
    found = evaluate(module, certain, inputs, weights)
    forced = {node: found[node] for node in certain}
    reals = {n["name"] for n in module.inputs if n.type.elem not in ("int", "bool", "index")}
    rng = np.random.default_rng(seed)
    for _ in range(PATTERNS):
        errors = {name: _errors(value, rng) if name in reals else 0.0 for name, value in inputs.items()}
        for sign in (1, -1):
            moved = {name: value + sign * errors[name] for name, value in inputs.items()}
            yield run_event(module, moved, weights, np.float64, forced)


def _errors(value: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float64]:
    numbers, which = np.unique(value, return_inverse=True)
    errors = numbers * (ERRORS * 2.0**-24) * rng.choice([-1.0, 1.0], len(numbers))
    made: NDArray[np.float64] = errors[which].reshape(value.shape)
    return made


def largest_move(exact: Mapping[str, NDArray[Any]], moved: Mapping[str, NDArray[Any]]) -> float:
    """The largest ``|moved - exact| / max(1, |exact|)``; infinite where only one of the two is a number."""
    found = 0.0
    for name, value in exact.items():
        with np.errstate(invalid="ignore"):
            exactly, then = value.astype(np.float64), moved[name].astype(np.float64)
            apart = np.abs(then - exactly) / np.maximum(1.0, np.abs(exactly))
        same = (then == exactly) | (np.isnan(then) & np.isnan(exactly))
        apart = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
        found = max(found, float(apart.max(initial=0.0)))
    return found
