# SPDX-License-Identifier: Apache-2.0
"""What skims have of some events, as bytes: kept chunk by chunk until the skims' files are written."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.artifact import tensors
from hepq.runtime.files import seal, unseal

#: of each column its numbers, [rows, …], and how long each event's list is, if it has lists
Columns = dict[str, tuple[NDArray[Any], NDArray[np.int64] | None]]
#: ends of names in a file
_VALUES, _LENGTHS = "values", "lengths"


@dataclass(frozen=True)
class Skimmed:
    """``pieces``: by skim and variation, in the order of events."""

    pieces: dict[tuple[str, str], list[Columns]] = field(default_factory=dict)

    def add(self, place: tuple[str, str], columns: Columns) -> None:
        self.pieces.setdefault(place, []).append(columns)

    def __bool__(self) -> bool:
        return bool(self.pieces)

    def to_bytes(self) -> bytes:
        """Compact, with a checksum."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray[Any]] = {}
        for (skim, variation), pieces in self.pieces.items():
            for column in pieces[0]:
                values, lengths = zip(*(piece[column] for piece in pieces), strict=True)
                name = "\n".join((skim, variation, column))
                arrays[f"{name}\n{_VALUES}"] = np.concatenate(values)
                if lengths[0] is not None:
                    arrays[f"{name}\n{_LENGTHS}"] = np.concatenate(lengths)
        return seal(zlib.compress(save(arrays), 1))

    @staticmethod
    def from_bytes(data: bytes) -> Skimmed:
        """Raises ValueError, saying why, for anything that ``to_bytes`` did not write."""
        try:
            arrays = tensors.read(zlib.decompress(unseal(data)))
        except zlib.error as error:
            raise ValueError(str(error)) from error
        made: dict[tuple[str, str], Columns] = {}
        for key, values in sorted(arrays.items()):
            skim, variation, column, end = key.split("\n")
            if end == _VALUES:
                lengths = arrays.get(f"{key.removesuffix(_VALUES)}{_LENGTHS}")
                made.setdefault((skim, variation), {})[column] = values, lengths
        return Skimmed({place: [columns] for place, columns in made.items()})

    def written(self) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
        """By skim and variation, columns as ``writers.skims`` takes them."""
        import awkward as ak

        for place, pieces in self.pieces.items():
            for piece in pieces:
                yield (
                    place,
                    {
                        column: values if lengths is None else ak.unflatten(values, lengths)
                        for column, (values, lengths) in piece.items()
                    },
                )
