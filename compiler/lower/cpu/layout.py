# SPDX-License-Identifier: Apache-2.0
"""How values lie in scratch memory: row-major, last dim padded to whole vectors, true sizes of ragged dims."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from hepq.compiler.ir.node import Node
from hepq.core.types import Dim

#: floats between the starts of two values: one cache line
LINE = 16


def capacity(dim: Dim) -> int:
    """The most entries an event has."""
    size = dim.size if dim.size is not None else dim.bound
    if size is None:
        raise ValueError(f"dim {dim} is open")
    return size


def lanes_for(dim: Dim, width: int) -> int:
    """Numbers per vector along ``dim`` on a machine with ``width`` per register: no more than it can fill."""
    return width if dim.ragged else min(width, 1 << (capacity(dim) - 1).bit_length())


def round_up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def pitch_capacity(dim: Dim, width: int) -> int:
    """The most floats a row along ``dim`` takes."""
    return round_up(capacity(dim), lanes_for(dim, width))


def floats(dims: Sequence[Dim], width: int, rows: int | None = None) -> int:
    """Numbers a value takes at most, with ``rows`` entries of its first dim instead of all."""
    if not dims:
        return 1
    sizes = [*(capacity(d) for d in dims[:-1]), pitch_capacity(dims[-1], width)]
    if rows is not None:
        sizes[0] = rows if len(dims) > 1 else round_up(rows, lanes_for(dims[0], width))
    return prod(sizes)


def sort_row(dim: Dim) -> int:
    """Numbers between two lists of a sort of ``dim``."""
    return round_up(capacity(dim), LINE)


#: element type -> how numbers are kept in scratch memory; truth values as 0 or 1
KEPT = {"real": "float32", "bool": "float32", "index": "int32", "int": "int64"}
#: the scratch memories, in the order of the function's arguments
SPACES = ("float32", "int32", "int64")


def kept_as(node: Node) -> str:
    """The type of a value's numbers in scratch memory."""
    return KEPT[node.type.elem]


def places(dim: Dim) -> int:
    """How many entries a dim has, or at most."""
    return dim.bound or 0 if dim.size is None else dim.size


def width(dims: Sequence[Dim]) -> int:
    """Numbers of an input or output for each event, or for each entry of a leading ragged dim."""
    return prod(map(places, dims[1:] if dims and dims[0].ragged else dims))


def passed_as(node: Node) -> str:
    """The type of an input's or output's numbers."""
    return "int64" if node.type.elem == "int" else "float32"
