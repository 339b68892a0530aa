# SPDX-License-Identifier: Apache-2.0
"""Trainings of systems on the first events of a file, and what the models give of the others."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import uproot

from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.train import Recipe, train_file

Array = np.ndarray[Any, Any]
Columns = Mapping[str, Array]


def columns(file: Path, tree: str = "tree") -> dict[str, Array]:
    """Every branch of a file of numbers and fixed arrays."""
    found: dict[str, Array] = uproot.open(file)[tree].arrays(library="np")
    return found


def write(file: Path, values: Columns, tree: str = "tree") -> None:
    with uproot.recreate(file) as out:
        out.mktree(tree, {k: (v.dtype, v.shape[1:]) if v.ndim > 1 else v.dtype for k, v in values.items()})
        out[tree].extend(dict(values))


def trained(program: Path, train: str, values: Columns, seed: int, **recipe: Any) -> dict[str, Array]:
    """Weights of the training ``train`` of ``program`` on events of these branches, on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.root"
        write(file, values)
        how = Recipe(seed=seed, device="cpu", threads=1, **recipe)
        return dict(train_file(program, [file], Path(folder) / "w.safetensors", how, train=train).fitted.weights)


def given(
    program: Path, model: str, dataset: str, weights: Columns, values: Mapping[str, Array | Sequence[Array]]
) -> Array:
    """The output of ``model``, applied through ``dataset``, of events of these branches."""
    support = next((len(value) for path, value in weights.items() if path.endswith("support")), None)
    dims = {} if support is None else {"sv": support}
    module = build_file(program, Options(model=model, dataset=dataset, dims=dims)).module
    names: Sequence[str] = [node["name"] for node in module.inputs]
    count = len(values[names[0]])
    events = [{name: values[name][i] for name in names} for i in range(count)]
    with torch.no_grad():
        found = to_torch(module, weights).eval()(*pad_events(events, module, torch.float32))
    return np.asarray(found["output"].numpy())
