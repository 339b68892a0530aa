# SPDX-License-Identifier: Apache-2.0
"""Golden vectors: raw events with the outputs the reference interpreter gave for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from hepq.runtime.columns import Raw
from hepq.runtime.errors import ArtifactError


@dataclass(frozen=True)
class Golden:
    """``raw``: events as a user would give them (file units, unsorted, uncut).

    ``outputs``: output name -> float32 [events, static dims] or, led by a ragged dim, [rows of the raw
    events, static dims], NaN where an event or a particle has no answer: what ``Scores.arrays`` holds.
    """

    raw: Raw
    outputs: dict[str, NDArray[np.float32]]

    def to_bytes(self) -> bytes:
        tensors: dict[str, NDArray[Any]] = {"events": np.asarray([self.raw.events], dtype=np.int64)}
        tensors |= {f"counts/{k}": np.ascontiguousarray(v) for k, v in self.raw.counts.items()}
        tensors |= {f"in/{k}": np.ascontiguousarray(v) for k, v in self.raw.contents.items()}
        tensors |= {f"out/{k}": np.ascontiguousarray(v) for k, v in self.outputs.items()}
        return save(tensors)

    @staticmethod
    def from_bytes(data: bytes) -> Golden:
        tensors = load(data)

        def group(prefix: str) -> dict[str, NDArray[Any]]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        if "events" not in tensors:
            raise ArtifactError("HQ0830", "golden.safetensors holds no events", help="compile the model again")
        return Golden(Raw(int(tensors["events"][0]), group("counts/"), group("in/")), group("out/"))
