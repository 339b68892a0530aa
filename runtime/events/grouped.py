# SPDX-License-Identifier: Apache-2.0
"""Programs for NumPy over ragged events: those of the same multiplicities at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.manifest import EventSchema
from hepq.runtime.program import Array, Context, Program, Step

Events = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Events as flat arrays: by ragged dim offsets [events + 1], by input contents [rows, *static dims]."""

    offsets: Mapping[str, NDArray[np.int64]]
    contents: Mapping[str, NDArray[Any]]


def alike(program: Program, rows: Rows, events: Events, most: int) -> Iterator[Events]:
    """All ``events``, at most so many at a time, of the same multiplicities in what ``program`` reads."""
    dims = sorted({d for dims in program.inputs.values() for d, size in dims if size is None})
    counts = np.stack([np.diff(rows.offsets[d])[events] for d in dims] or [np.zeros(len(events), int)], 1)
    _, groups = np.unique(counts, axis=0, return_inverse=True)
    for group in range(int(groups.max(initial=-1)) + 1):
        found = events[groups.reshape(-1) == group]
        for start in range(0, len(found), most):
            yield found[start : start + most]


def given(program: Program, schema: EventSchema, rows: Rows, events: Events) -> dict[str, Array]:
    """The program's inputs for ``events`` of the same multiplicities, [events, *dims] each."""
    return {v.name: _taken(schema, v.name, v.dims, rows, events) for v in schema.inputs if v.name in program.inputs}


def _taken(schema: EventSchema, name: str, dims: tuple[str, ...], rows: Rows, events: Events) -> Array:
    dim, shape = schema.ragged_dim(dims), schema.static_shape(dims)
    content = rows.contents[name].reshape(-1, *shape)
    if dim is None:
        return _wide(content[events])
    starts, count = rows.offsets[dim.name][events], int(np.diff(rows.offsets[dim.name])[events[0]])
    return _wide(content[starts[:, None] + np.arange(count)])


def _wide(content: Array) -> Array:
    """Whole numbers as they are, others in double."""
    found: Array = content if content.dtype.kind == "i" else content.astype(np.float64)
    return found


def no_circuit(step: Step, operands: Sequence[Step], args: Sequence[Array], context: Context) -> Any:
    """What to ``evaluate`` programs with that measure nothing."""
    raise ArtifactError("HQ0840", "malformed program in an artifact", f"step {step.op} measures a circuit")
