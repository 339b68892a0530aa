# SPDX-License-Identifier: Apache-2.0
"""PyTorch checkpoints as NumPy arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Tensors of a ``state_dict`` file, by name. Only tensors are unpickled, never code.

    Accepts the dict itself or one under ``state_dict``, ``model_state_dict`` or ``model``. Raises what ``torch.load``
    raises, and ValueError if the file holds no tensors.
    """
    with path.open("rb") as file:  # of a path, torch would believe the suffix
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise ValueError("it holds no state_dict of tensors")
    return {str(name): _numbers(tensor) for name, tensor in loaded.items()}


def _numbers(tensor: torch.Tensor) -> NDArray[Any]:
    tensor = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    made: NDArray[Any] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return made
