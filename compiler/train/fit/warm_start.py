# SPDX-License-Identifier: Apache-2.0
"""Where training starts: first weights from a file, which of them stay, and how fast the others move."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hepq.compiler.ir.node import Module
from hepq.compiler.train.recipe import Resolved
from hepq.compiler.weights.files import fit, read_used
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import HepqError

Weights = dict[str, NDArray[Any]]


def first_weights(module: Module, recipe: Resolved) -> Weights:
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
