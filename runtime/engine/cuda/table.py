# SPDX-License-Identifier: Apache-2.0
"""What GPU code needs and how its kernels are launched: made by the compiler, read by the launcher.

Names of a kernel's arguments, in the order in which it takes them:

=================  =========================================================================================
events, splits     int32: events of the batch; blocks that share an event
entries            int32: rows of the batch, times the launch's width
offsets:A          int32[events + 1], device memory: rows of event b of dim A are offsets[b] .. offsets[b + 1]
offsets:A*B        likewise, of products of the sizes of dims
memory:N           the N-th piece of device memory for values of the batch
weights:N          the packed weights from the N-th number on
input:X output:Y   float32 or, of whole numbers, int64: [rows or events, static dims]
=================  =========================================================================================
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from hepq.runtime.artifact.manifest import MOST_NUMBERS, Frozen, Name

#: threads of a block
THREADS = 128
#: entries and columns that a block computes in tiles
TILE_ROWS, TILE_COLUMNS = 64, 64
#: the kernel that says the digest of its table, as eight int32
TABLE = "hepq_table"

Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Shape = Literal["entries", "events", "tiles"]
#: ragged dims whose sizes, multiplied, are an event's rows; one for each event if there are none
Rows = tuple[Name, ...]


class Memory(Frozen):
    """Device memory for values of a batch: ``bytes`` for each row."""

    rows: Rows
    bytes: int = Field(ge=1, le=8 * MOST_NUMBERS)


class Launch(Frozen):
    """``width``: entries that are computed of each row. ``shape``: how threads share them.

    - ``entries``: a thread computes one, and threads of all events are numbered in order;
    - ``events``: a block, or ``splits`` of them, computes those of an event, which may be fewer;
    - ``tiles``: a block computes ``TILE_COLUMNS`` of the ``columns`` numbers of ``TILE_ROWS`` entries of all events.
    """

    kernel: Name
    rows: Rows
    width: int = Field(ge=1, le=MOST_NUMBERS)
    shape: Shape
    columns: Count = 0
    arguments: tuple[Name, ...]


class Buffer(Frozen):
    """An input or output: ``width`` numbers for each event, or for each entry of ragged dim ``ragged``."""

    name: Name
    ragged: Name | None
    width: Count
    whole: bool = False

    @property
    def rows(self) -> Rows:
        return () if self.ragged is None else (self.ragged,)


class Table(Frozen):
    """``dims``: ragged dims of the inputs, and their bounds. ``packed``: how many numbers the packed weights are."""

    dims: tuple[tuple[Name, Count], ...]
    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    memory: tuple[Memory, ...]
    launches: tuple[Launch, ...]
    packed: Count

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for all of it, which the code says too: no other table is launched with that code."""
        return hashlib.sha256(self.model_dump_json().encode()).digest()

    @property
    def products(self) -> tuple[Rows, ...]:
        """Rows that are products of sizes of two dims or more."""
        found = [m.rows for m in self.memory] + [launch.rows for launch in self.launches]
        return tuple(dict.fromkeys(rows for rows in found if len(rows) > 1))


def offsets(rows: Rows) -> str:
    """The argument that says where the rows of events start."""
    return "offsets:" + "*".join(rows)
