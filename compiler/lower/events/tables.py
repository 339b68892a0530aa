# SPDX-License-Identifier: Apache-2.0
"""Numbers that the code looks up: those of large tables lie in memory, and are part of a program's description."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from hepq.compiler.ir.node import Module, Node

#: numbers up to here are written into the code
FEW = 16


@dataclass(frozen=True)
class Tables:
    """``numbers``: bits of what the code looks up; ``at``: where that of a node begins, if it has one."""

    numbers: tuple[int, ...]
    at: dict[Node, int]

    @staticmethod
    def of(module: Module) -> Tables:
        numbers: list[int] = []
        at: dict[Node, int] = {}
        known: dict[tuple[int, ...], int] = {}
        for node in module.walk():
            if table := _table(node):
                if table not in known:
                    known[table] = len(numbers)
                    numbers += table
                at[node] = known[table]
        return Tables(tuple(numbers), at)


def _table(node: Node) -> tuple[int, ...]:
    if node.op == "lookup" and len(node["values"]) > FEW:
        return _bits("float64" if node.type.elem == "real" else "int64", node["values"])
    if node.op == "bin" and node["axis"].kind == "variable" and len(edges := edges_of(node)) > FEW:
        dtype = "float64" if node.operands[0].type.elem == "real" else "int64"
        return _bits(dtype, edges + edges[-1:] * (padded(len(edges)) - 1 - len(edges)))
    return ()


def edges_of(node: Node) -> list[float]:
    if node.operands[0].type.elem == "real":
        return [float(e) for e in node["axis"].edges]
    whole: tuple[int, ...] = node["axis"].whole_edges
    return [e for e in whole if e < 2**63]


def padded(numbers: int) -> int:
    """The power of 2 above."""
    return 1 << numbers.bit_length()


def as_dtype(dtype: str, number: float) -> float:
    return float(number) if dtype == "float64" else int(number)


def _bits(dtype: str, numbers: Sequence[float]) -> tuple[int, ...]:
    if dtype == "int64":
        return tuple(map(int, numbers))
    return struct.unpack(f"<{len(numbers)}q", struct.pack(f"<{len(numbers)}d", *numbers))
