# SPDX-License-Identifier: Apache-2.0
"""Golden vectors of an event program: columns as a file has them, and what the reference interpreter makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact import tensors
from hepq.runtime.artifact.golden import MOST
from hepq.runtime.artifact.stage import EventStage

Arrays = dict[str, NDArray[Any]]
#: of double precision: |difference| may reach this times max(1, |reference|)
TOLERANCE = 1e-9


@dataclass(frozen=True)
class GoldenEvents:
    """``columns`` of ``events``, flat; ``counts``: of each ragged dim that is read, in each event.

    ``outputs``: flat; ``made``: counts of the dims that the program makes.
    """

    events: int
    columns: Arrays
    counts: Arrays
    outputs: Arrays
    made: Arrays

    def to_bytes(self) -> bytes:
        arrays: Arrays = {"events": np.asarray([self.events], dtype=np.int64)}
        for head, group in self._groups().items():
            arrays |= {head + k: np.ascontiguousarray(v) for k, v in group.items()}
        return save(arrays)

    def _groups(self) -> dict[str, Arrays]:
        return {"in/": self.columns, "counts/": self.counts, "out/": self.outputs, "made/": self.made}

    @staticmethod
    def from_bytes(data: bytes, stage: EventStage) -> GoldenEvents:
        """Raises ArtifactError HQ0830 for what does not fit ``stage``."""
        try:
            found = tensors.read(data)
        except ValueError as error:
            raise _unfit(str(error)) from error
        count = found.get("events", np.zeros(0))
        if count.dtype != np.int64 or count.shape != (1,) or not 0 <= count[0] <= MOST:
            raise _unfit("the number of events is not one int64")
        groups = [
            {k.removeprefix(head): v for k, v in found.items() if k.startswith(head)}
            for head in ("in/", "counts/", "out/", "made/")
        ]
        golden = GoldenEvents(int(count[0]), *groups)
        golden._check(stage)
        return golden

    def _check(self, stage: EventStage) -> None:
        if self.counts.keys() != set(stage.read_dims) or self.columns.keys() != {b.name for b in stage.branches}:
            raise _unfit("its columns are not those that the event program reads")
        for name, counts in {**self.counts, **self.made}.items():
            if counts.dtype != np.int64 or counts.shape != (self.events,) or (counts < 0).any() or counts.sum() > MOST:
                raise _unfit(f"counts of {name} are not {self.events} numbers of entries")
        for b in stage.branches:
            rows = int(self.counts[b.dim].sum()) if b.dim else self.events
            if self.columns[b.name].size != rows * prod(b.shape) or self.columns[b.name].dtype.kind not in "biuf":
                raise _unfit(f"{b.name} has not {rows} entries")


def _unfit(why: str) -> ArtifactError:
    return ArtifactError("HQ0830", "golden vectors that do not fit their event program", why, "compile the model again")
