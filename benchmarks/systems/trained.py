# SPDX-License-Identifier: Apache-2.0
"""Trainings of systems on the first events of a file, and what the models give of the others."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import torch
import uproot

from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.fit.gradient import Fitted

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


def write_lists(file: Path, events: ak.Array) -> None:
    """As ``write``, of branches that may be lists of any length."""
    with uproot.recreate(file) as out:
        out["tree"] = {name: events[name] for name in events.fields}


def sized(program: Path, sizes: Mapping[str, int], folder: Path) -> Path:
    """A copy of ``program`` in which declarations, such as ``dim wire``, have other values."""
    text = program.read_text()
    for declared, size in sizes.items():
        text, count = re.subn(rf"^{declared} = \d+$", f"{declared} = {size}", text, flags=re.MULTILINE)
        assert count == 1, declared
    path = folder / program.name
    path.write_text(text)
    return path


def fitted(program: Path, train: str | None, file: Path, out: Path, seed: int, **recipe: Any) -> Fitted:
    """The training ``train`` of ``program`` on a file's events, on one thread; its weights go to ``out``."""
    how = Recipe(seed=seed, device="cpu", threads=1, **recipe)
    return train_file(program, [file], out, how, train=train).fitted


def trained(program: Path, train: str, values: Columns, seed: int, **recipe: Any) -> dict[str, Array]:
    """Weights of the training ``train`` of ``program`` on events of these branches, on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = (Path(folder) / name for name in ("events.root", "w.safetensors"))
        write(file, values)
        return dict(fitted(program, train, file, out, seed, **recipe).weights)


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
