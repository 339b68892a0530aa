# SPDX-License-Identifier: Apache-2.0
"""Programs of the tests of detector models: built from text, run by torch on one event or a batch."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hepq.compiler.ir.build import build
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import to_torch
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load

Array = np.ndarray[Any, Any]


def module_from(text: str) -> Module:
    """The IR of a program's one model. Raises HepqError if it does not check."""
    sink = Sink()
    program = load(Path("model.hepq"), text, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    return build(program, sink, use_dataset=False, dims={}).module


def doubled(weights: Mapping[str, Array]) -> dict[str, Array]:
    return {path: value.astype(np.float64) for path, value in weights.items()}


def tensors(weights: Mapping[str, Array], block: str = "") -> dict[str, Tensor]:
    """In float64; paths without the name of the ``block`` that all of them are in."""
    assert all(path.startswith(block) for path in weights)
    return {path[len(block) :]: torch.from_numpy(value) for path, value in doubled(weights).items()}


def by_torch(module: Module, weights: Mapping[str, Array], **inputs: Array) -> Array:
    """Output ``output`` of a batch of events of fixed sizes, in float64."""
    with torch.no_grad():
        batch = {name: torch.from_numpy(np.asarray(value, np.float64)) for name, value in inputs.items()}
        return np.asarray(to_torch(module, doubled(weights)).eval()(batch)["output"].numpy())


def size_of(module: Module) -> int:
    """Number of trained weights."""
    return sum(prod(d.size or 0 for d in n.type.dims) for n in module.params.values() if n["trainable"])
