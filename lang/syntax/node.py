# SPDX-License-Identifier: Apache-2.0
"""What nodes of the syntax tree are: dataclasses that mypy keeps from being changed.

Equality, hash and representation stand here once: ``dataclass`` would make them anew for each class whenever hepq
starts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, ClassVar, TypeVar, dataclass_transform

from hepq.core.source import Span

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def node(made: type[T]) -> type[T]:
    """Decorates a class of nodes."""
    nodes: Any = dataclass(eq=False, repr=False)(made)
    nodes._compared = attrgetter("__class__", *(f.name for f in fields(nodes) if f.compare))
    return made


@node
class Node:
    span: Span = field(compare=False, repr=False, kw_only=True)

    #: of a node, what makes it equal to another
    _compared: ClassVar[attrgetter[Any]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and bool(self._compared(self) == other._compared(other))

    def __hash__(self) -> int:
        return hash(self._compared(self))

    def __repr__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"
