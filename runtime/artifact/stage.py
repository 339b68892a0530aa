# SPDX-License-Identifier: Apache-2.0
"""What an artifact of a dataset with objects computes of an event, before the model: in the manifest's terms."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Elem = Literal["real", "int", "bool", "index"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StageBranch(_Frozen):
    """A value that is read: ``branch`` in the file, times ``factor``, is ``name``. ``default``: of files without it.

    ``dim``: the ragged dim of its entries, then ``shape``; "" for one value an event. ``into``: the dim that an index
    numbers. ``owner``: it says of each entry of ``dim`` which entry of ``owner`` its list is of; without a branch, as
    the lists are nested; ``ends``: the branch says of each entry of ``owner`` where its list ends.
    ``by``: of an index that is no place, the branch in which entries of ``into`` have the same number. ``key``: of
    references that say what they are of, those that are meant; 0: all. ``sure``: none is of nothing.
    """

    name: str
    branch: str
    elem: Elem = "real"
    dim: str = ""
    shape: tuple[int, ...] = ()
    factor: float = 1.0
    default: float | None = None
    into: str = ""
    owner: str = ""
    ends: bool = False
    by: str = ""
    key: int = 0
    sure: bool = False


class StageOutput(_Frozen):
    """A value that is computed: over the ragged ``dim``, then ``shape``; "" for one value an event."""

    name: str
    elem: Elem = "real"
    dim: str = ""
    shape: tuple[int, ...] = ()


class EventStage(_Frozen):
    """From ``branches`` to ``inputs`` of the model, and what is counted.

    ``lists``: of each dim of lists in lists, the dim in each of whose entries it is a list. ``selects``: names of
    conditions, in order, each an output ``select NAME``. ``cuts``: objects that a bound cuts; output ``cut NAME`` says
    how many entries there were, ``kept NAME`` how many are left. ``zeroed``: values that are 0 where they are not
    numbers; output ``zeroed NAME`` says how many of them. ``each``: the dim whose entries the model is applied to; "":
    the event. ``owned``: dims of the inputs that are lists in its entries, each with an output ``owner DIM``.
    ``labels``: what decides an event's class, each an output ``label NAME``, of the entries of a dim or ("") of the
    event. ``outside``: corrections; output ``outside NAME`` says how many calls were outside of its bins.
    """

    branches: tuple[StageBranch, ...]
    inputs: tuple[StageOutput, ...]
    lists: dict[str, str] = Field(default={})
    selects: tuple[str, ...] = ()
    cuts: tuple[str, ...] = ()
    zeroed: tuple[str, ...] = ()
    each: str = ""
    owned: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default={})
    outside: tuple[str, ...] = ()
    #: members of the artifact
    library: str = "code/events.so"
    description: str = "code/events.json"
    golden: str = "golden_events.safetensors"
    mcpu: str = ""
    features: tuple[str, ...] = ()

    def files(self, held: Collection[str] = ()) -> list[str]:
        """What to read from files that hold ``held``; without, branches that a file must have."""
        wanted = (b for b in self.branches if b.default is None or b.branch in held)
        return list(dict.fromkeys(name for b in wanted for name in (b.branch, b.by) if name))

    @property
    def parents(self) -> dict[str, str]:
        """Of each dim of lists of which that is read: whose they are."""
        read = set(self.read_dims)
        nested = {d: p for d, p in self.lists.items() if p in read}
        return nested | {b.dim: b.owner for b in self.branches if b.owner}

    @property
    def read_dims(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(b.dim for b in self.branches if b.dim))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for values in (self.branches, self.inputs):
            if len({v.name for v in values}) != len(values):
                raise ValueError("two values of a stage have the same name")
        for b in self.branches:
            if (b.elem == "index") != bool(b.into) or (b.owner and b.owner != b.into):
                raise ValueError(f"branch {b.name} of a stage: an index of nothing, or a list of nothing")
            if not b.branch and (not b.owner or b.dim not in self.lists):
                raise ValueError(f"branch {b.name} of a stage has no name in the file")
        return self
