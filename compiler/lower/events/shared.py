# SPDX-License-Identifier: Apache-2.0
"""What the functions of a large program share: variables in memory, by key, in place of registers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from tvm.script.ir_builder import tirx as T

from hepq.compiler.lower.cpu.tir import Expr, bits
from hepq.compiler.lower.events.context import i64


@dataclass(frozen=True)
class Shared:
    """A variable as ``Cell`` is one."""

    memory: Expr
    place: int
    dtype: str = "int64"

    def get(self) -> Expr:
        found = self.memory[i64(self.place)]
        return found if self.dtype == "int64" else bits(found, self.dtype)

    def set(self, value: Expr) -> None:
        T.buffer_store(self.memory, value if self.dtype == "int64" else bits(value, "int64"), [i64(self.place)])


@dataclass
class Places:
    """Where each shared variable is."""

    of: dict[Hashable, int] = field(default_factory=dict)

    def __call__(self, memory: Expr, key: Hashable, dtype: str = "int64") -> Shared:
        return Shared(memory, self.of.setdefault(key, len(self.of)), dtype)
