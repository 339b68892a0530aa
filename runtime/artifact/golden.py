# SPDX-License-Identifier: Apache-2.0
"""Golden vectors: raw events with the outputs the reference interpreter gave for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact import tensors
from hepq.runtime.artifact.manifest import Described
from hepq.runtime.events.columns import Raw

#: events, and entries of a ragged dim in one, that golden vectors may have
MOST = 1 << 20


@dataclass(frozen=True)
class Golden:
    """``raw``: events as a user would give them (file units, unsorted, uncut).

    ``outputs``: output name -> float32 (of whole numbers int64, which are compared exactly, or float64 where real
    ones were cast) [events, static dims] or, led by a ragged dim, [rows of the raw events, static dims], by two, [their
    pairs, static dims], NaN (-2^63) where an event or a particle has no answer: as in ``Scores.arrays``.
    """

    raw: Raw
    outputs: dict[str, NDArray[Any]]

    def to_bytes(self) -> bytes:
        arrays: dict[str, NDArray[Any]] = {"events": np.asarray([self.raw.events], dtype=np.int64)}
        arrays |= {f"counts/{k}": np.ascontiguousarray(v) for k, v in self.raw.counts.items()}
        arrays |= {f"in/{k}": np.ascontiguousarray(v) for k, v in self.raw.contents.items()}
        arrays |= {f"out/{k}": np.ascontiguousarray(v) for k, v in self.outputs.items()}
        return save(arrays)

    @staticmethod
    def from_bytes(data: bytes) -> Golden:
        """Raises ArtifactError HQ0830 for what is no such file; ``check`` says whether it fits a model."""
        try:
            found = tensors.read(data)
        except ValueError as error:
            raise _unfit(str(error)) from error

        def group(prefix: str) -> dict[str, NDArray[Any]]:
            return {k.removeprefix(prefix): v for k, v in found.items() if k.startswith(prefix)}

        if "events" not in found:
            raise _unfit("golden.safetensors holds no events")
        if found["events"].dtype != np.int64 or found["events"].shape != (1,):
            raise _unfit("the number of events is not one int64")
        return Golden(Raw(int(found["events"][0]), group("counts/"), group("in/")), group("out/"))

    def check(self, described: Described) -> None:
        """Raises ArtifactError HQ0830 unless there is what the model reads and gives, in arrays of the right shapes."""
        raw, events = self.raw, self.raw.events
        if not 0 <= events <= MOST or events != described.golden.events:
            raise _unfit(f"{events} events, of {described.golden.events} in the manifest")
        wanted = {d.name for d in described.ragged}
        if raw.counts.keys() != wanted:
            raise _unfit(f"counts of {sorted(raw.counts)}, not of {sorted(wanted)}")
        for name, counts in raw.counts.items():
            if counts.dtype != np.int64 or counts.shape != (events,) or (counts < 0).any() or (counts > MOST).any():
                raise _unfit(f"counts of {name} are not {events} numbers of entries")
        rows = {name: int(counts.sum()) for name, counts in raw.counts.items()}
        read, given = ({v.name: v for v in values} for values in (described.columns, described.outputs))
        for what, arrays, values in (("in", raw.contents, read), ("out", self.outputs, given)):
            dims = {name: value.dims for name, value in values.items()}
            if missing := arrays.keys() ^ dims.keys():
                raise _unfit(f"golden vectors and {what}puts differ: {', '.join(sorted(missing))}")
            for name, value in arrays.items():
                ragged, inner = described.ragged_dim(dims[name]), described.inner_dim(dims[name])
                size = events if ragged is None else rows[ragged.name]
                if ragged is not None and inner is not None:
                    size = int((raw.counts[ragged.name] * raw.counts[inner.name]).sum())
                shape = (size, *described.static_shape(dims[name]))
                # of whole numbers, an earlier hepq wrote float32
                kinds = "biuf" if what == "in" else "if" if values[name].elem == "int" else "f"
                if value.shape != shape or value.dtype.kind not in kinds:
                    raise _unfit(f"{what}/{name} is {value.dtype}{list(value.shape)}, not numbers {list(shape)}")


def _unfit(why: str) -> ArtifactError:
    return ArtifactError("HQ0830", "golden vectors that do not fit their model", why, "compile the model again")
