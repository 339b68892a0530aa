# SPDX-License-Identifier: Apache-2.0
"""What events weigh, by the `weight` of a training."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hepq.compiler.driver.build import Built
from hepq.compiler.driver.build_training import WEIGHT
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import to_torch
from hepq.compiler.schema.events import read_inputs
from hepq.compiler.train.data.split import NOISE, Labelled
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.lang.syntax import ast

#: events computed at a time
EVENTS = 4096
Weights = NDArray[np.float64]


def weight_words(built: Built) -> str | None:
    """How the program writes the weight, if it has one."""
    decls = built.program.main.file.decls
    for decl in decls:
        if isinstance(decl, ast.TrainDecl) and built.training is not None and decl.name == built.training.name:
            for item in decl.items:
                if isinstance(item, ast.Bind) and item.targets == ("weight",):
                    return item.value.span.text
    return None


def event_weights(data: Labelled, params: Mapping[str, Any], seed: int = 0) -> Weights:
    """Of each event that is used, by number; 1 without a weight. ``params``: weights of the model, if it reads some.

    Raises HepqError HQ0755 for weights that are not finite, HQ0753 for those of the training events, or of the events
    held out, that do not sum to more than 0.
    """
    node = data.module.outputs.get(WEIGHT)
    if node is None:
        return np.ones(len(data.known))
    module = read_inputs(Module(data.module.name, data.module.inputs, {WEIGHT: node}))
    net = to_torch(module, {path: params[path] for path in module.params}).eval()
    branches = tuple(n for n in module.inputs if n["name"] in data.table.contents)
    plan = data.built.training
    found = []
    for start in range(0, len(data.known), EVENTS):
        pick = np.arange(start, min(start + EVENTS, len(data.known)))
        inputs, counts = data.table.batch(branches, data.known[pick], torch.float64)
        for input in module.inputs:
            name = input["name"]
            if plan is not None and name in plan.noises:
                shape = [int(counts[d.name].max()) if d.ragged else d.size or 0 for d in input.type.dims]
                rng = np.random.default_rng([seed, NOISE, start, zlib.crc32(name.encode())])
                drawn = getattr(rng, plan.noises[name].kind)(*plan.noises[name].args, (len(pick), *shape))
                inputs[name] = torch.from_numpy(drawn)
            elif name not in inputs:
                inputs[name] = torch.from_numpy(np.eye(len(data.classes))[data.truth[pick]])
        with torch.no_grad():
            found.append(net(inputs, counts)[WEIGHT].expand(len(pick)).double().numpy())
    weights: Weights = np.concatenate(found)
    _check(data, weights)
    return weights


def refuse(data: Labelled, bad: NDArray[np.bool_], what: str) -> None:
    """Raises HepqError HQ0755 where there is an event of such a weight."""
    if len(which := np.flatnonzero(bad)):
        place = data.place(int(data.known[which[0]]))
        raise HepqError([diag("HQ0755", count=f"{len(which):,}", total=f"{len(bad):,}", what=what, place=place)])


def _check(data: Labelled, weights: Weights) -> None:
    refuse(data, ~np.isfinite(weights), "not a finite number")
    for what, which in (("the training events", data.training), ("the events held out", data.validation)):
        if len(which) and (total := float(weights[which].sum())) <= 0:
            raise HepqError([diag("HQ0753", what=what, found=f"{total:.6g}")])
