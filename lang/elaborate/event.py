# SPDX-License-Identifier: Apache-2.0
"""What is known of an event's dims while a dataset is elaborated: which are made of others, and what may be absent.

A value may be absent in some events: a field of the best candidate where there is none, a maximum over no entry. It
then *needs* facts, such as that a dim has an entry. Facts follow from conditions: ``exists(top)`` and
``count(jet) >= 4`` say one when they hold, in what they guard.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hepq.core.ops.table import ELEMENTWISE, REDUCE
from hepq.core.types import Dim
from hepq.lang.elaborate.builder import Tensor

Key = tuple[str, int]


@dataclass(frozen=True)
class Fact:
    """That ``dim`` has ``least`` entries; or that an index, ``handle``, is of an entry. ``name``: for messages.

    ``by``: a fact from which it follows, of a value that is one of two: a condition, ``handle``, may say it as well.
    ``since``: facts from each of which it follows, too: that there are jets enough to combine.
    """

    name: str = field(compare=False)
    dim: str = ""
    least: int = 1
    handle: Any = None
    by: Fact | None = None
    since: tuple[Fact, ...] = field(default=(), compare=False)

    def follows(self, known: Collection[Fact]) -> bool:
        itself = any(k.dim == self.dim and k.handle is self.handle and k.least >= self.least for k in known)
        return itself or any(fact.follows(known) for fact in (*((self.by,) if self.by else ()), *self.since))

    @property
    def missing(self) -> str:
        """Why what needs it may be absent."""
        if self.by is not None:
            return self.by.missing
        if self.handle is not None:
            return f"`{self.name}` may be of none"
        return f"not every event has {f'`{self.name}`' if self.least == 1 else f'{self.least} of `{self.name}`'}"

    @property
    def guard(self) -> str:
        """The condition that says it."""
        if self.by is not None:
            return self.by.guard
        return f"exists({self.name})" if self.least == 1 else f"count({self.name}) >= {self.least}"


@dataclass
class Data:
    """Of the event that a dataset is about. ``collection``: of a context, a declaration and its module, its objects."""

    collection: Callable[[Any, Any, str], Any]
    #: of each dim that is made, any value over it
    over: dict[Key, Tensor] = field(default_factory=dict)
    #: the dims of which each dim's entries are: one of a sub-dim, several of a union
    parents: dict[Key, tuple[Key, ...]] = field(default_factory=dict)
    #: from what it follows that a dim has an entry
    since: dict[Key, tuple[Fact, ...]] = field(default_factory=dict)
    #: what must hold for a dim of at most one entry to have it
    single: dict[Key, Fact] = field(default_factory=dict)
    #: of dims nested in others: the most entries that each list has
    most: dict[Key, int] = field(default_factory=dict)
    #: what holds in all events that are still selected
    facts: set[Fact] = field(default_factory=set)
    #: of four-vectors of objects that have pt, eta, phi themselves: these, by the four-vector's handle
    polar: dict[Any, Mapping[str, Tensor]] = field(default_factory=dict)
    #: objects made so far, by where they are declared
    objects: dict[int, Any] = field(default_factory=dict)
    #: of each dim that is lists in lists in files, the dim in whose entries they are
    lists: dict[str, str] = field(default_factory=dict)
    #: names of dims given so far: of collections and objects; and of branches
    names: set[str] = field(default_factory=set)
    branches: set[str] = field(default_factory=set)
    #: names of objects that are still to come, which are theirs
    reserved: set[str] = field(default_factory=set)
    #: the dim whose entries the model is applied to
    each: tuple[str, int] | None = None
    #: what the next dim that is made is called
    naming: str = ""
    #: in an analysis: what is told of a model that is called, and gives the name of its results
    called: Callable[[Any], str] | None = None
    #: in an analysis: names that are bound in regions above, by the last of these
    of_regions: dict[str, str] = field(default_factory=dict)
    #: the word that begins a condition on events
    word: str = "select"
    #: names of dims that were made before, by what was wanted and what they are of
    interned: dict[tuple[Any, ...], str] = field(default_factory=dict)
    #: what had to hold, and does by ``facts``, for what was computed so far
    given: list[Tensor] = field(default_factory=list)

    def again(self) -> Data:
        """Of the same event, evaluated once more: equal dims have equal names."""
        return Data(
            self.collection, lists=self.lists, names=self.names, branches=self.branches, reserved=self.reserved,
            interned=self.interned, word=self.word, called=self.called,
        )  # fmt: skip

    def some(self, dim: Dim) -> Fact:
        """That a dim has an entry."""
        return Fact(dim.name, dim.name, since=self.since.get(dim.key, ()))

    def related(self, dims: Sequence[Dim]) -> tuple[Dim, Dim] | None:
        """A dim and one of its sub-dims, if both are there."""
        present = {d.key: d for d in dims}
        for dim in dims:
            above = dict.fromkeys(self.parents.get(dim.key, ()))
            waiting = list(above)
            for key in waiting:
                if key in present:
                    return present[key], dim
                further = [k for k in self.parents.get(key, ()) if k not in above]
                above |= dict.fromkeys(further)
                waiting += further
        return None

    def free_name(self, wanted: str, *of: Any) -> str:
        """``wanted``, or the same with a number: no dim has it yet but one that was made of the same, ``of``."""
        if (known := self.interned.get((wanted, *of))) is not None:
            return known
        name, n = wanted, 1
        while name in self.names | self.branches | self.reserved:
            name, n = f"{wanted}{n}", n + 1
        self.names.add(name)
        self.interned[wanted, *of] = name
        return name


_PASSES = ELEMENTWISE | {"stack", "concat", "pick", "slice", "transpose", "flatten", "unflatten"}


def carried(op: str, operands: Sequence[Tensor], attrs: Mapping[str, Any]) -> dict[Fact, Tensor] | Fact:
    """What the result of ``op`` needs because its operands do; a fact that it cannot wait for, if there is one."""
    needs = {fact: holds for o in operands for fact, holds in o.needs.items()}
    for fact, holds in needs.items():
        own = {d.key for d in holds.type.dims}
        gone = {d.key for d in attrs["over"]} if op in REDUCE or op == "contract" else None
        if op == "gather":
            into = operands[1].type.into
            gone = {into.key} if into is not None else None
        if op == "rename":
            gone = {attrs["src"].key}
        if op not in _PASSES and (gone is None or own & gone):
            refused: Fact = fact
            return refused
    return needs
