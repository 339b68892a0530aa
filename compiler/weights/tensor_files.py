# SPDX-License-Identifier: Apache-2.0
"""Files of named tensors, told apart by what is in them, not by what they are called."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]
SAFETENSORS, TORCH, NUMPY = "safetensors", "PyTorch", "NumPy"


def kind_of(path: Path) -> str | None:
    """``SAFETENSORS``, ``TORCH`` (a zip, or a pickle of old) or ``NUMPY`` (.npz); None for anything else."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(9)
    if head[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        return NUMPY if names and all(n.endswith(".npy") for n in names) else TORCH
    if len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") <= size - 8:
        return SAFETENSORS
    return TORCH if head[:1] == b"\x80" else None


def read(path: Path) -> Tensors:
    """The tensors, read without running code.

    Raises ValueError for what is no file of tensors, and what the readers raise for damaged ones.
    """
    match kind_of(path):
        case "safetensors":
            from safetensors.numpy import load_file

            return dict(load_file(path))
        case "PyTorch":
            from hepq.compiler.weights.torch_checkpoint import read_state_dict

            return read_state_dict(path)
        case "NumPy":
            with np.load(path, allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
    with path.open("rb") as file:
        head = file.read(8)
    what = f"it begins with {head!r}" if head else "it is empty"
    raise ValueError(f"{what}: no safetensors, PyTorch or NumPy file of weights")


def unwrapped(name: str) -> str:
    """Without what ``DataParallel``, ``DistributedDataParallel`` and ``torch.compile`` put before a module's names."""
    return re.sub(r"(^|\.)_orig_mod\.", r"\1", re.sub(r"^(?:(?:module|_orig_mod)\.)+", "", name))
