# SPDX-License-Identifier: Apache-2.0
"""Arrays in safetensors form, from bytes that may hold anything."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


def read(data: bytes) -> dict[str, NDArray[Any]]:
    """Name -> array. Raises ValueError, saying why, for bytes that are not such a file or hold types NumPy lacks."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(data))
    except SafetensorError as error:
        raise ValueError(str(error).splitlines()[0][:200]) from error
    except (KeyError, AttributeError, TypeError) as error:  # a type that NumPy lacks
        raise ValueError(f"it holds numbers of a type that is not read: {error}") from error
