# SPDX-License-Identifier: Apache-2.0
"""What elaboration needs of its back end: a place to put operations.

The checker elaborates with ``NullBuilder`` (types only); the compiler with one that makes IR.
So there is one set of typing rules, and a program that checks is a program that builds.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hepq.core.source import Span
from hepq.core.types import Type


@dataclass(frozen=True)
class Tensor:
    """A value known only at run time; ``handle`` is what the back end made.

    Of the objects of an event (``event.py``): ``needs``, what must hold for the value to be there, and where it does;
    ``says``, of a condition, what holds where it is true; ``counts``, the dim of which it is the number of entries.
    """

    handle: Any = field(compare=False)
    type: Type
    needs: Mapping[Any, Tensor] = field(default_factory=dict, compare=False)
    says: frozenset[Any] = field(default=frozenset(), compare=False)
    counts: str | None = field(default=None, compare=False)


class Builder(Protocol):
    def emit(
        self, op: str, operands: Sequence[Any], attrs: Mapping[str, Hashable], type: Type, span: Span | None
    ) -> Any:
        """Add one operation of the IR (``compiler/ir/node.py`` lists them); returns its handle."""


class NullBuilder:
    """Keeps nothing; handles only tell values apart."""

    def emit(
        self, op: str, operands: Sequence[Any], attrs: Mapping[str, Hashable], type: Type, span: Span | None
    ) -> object:
        return object()
