# SPDX-License-Identifier: Apache-2.0
"""What an artifact of a dataset with objects computes of an event, before the model: in the manifest's terms."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Elem = Literal["real", "int", "bool", "index"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StageBranch(_Frozen):
    """A value that is read: ``branch`` in the file, times ``factor``, is ``name``.

    ``dim``: the ragged dim of its entries, then ``shape``; "" for one value an event. ``into``: the dim that an index
    numbers. ``owner``: it is no branch, but says of each entry of the nested ``dim`` which of ``owner`` its list is of.
    """

    name: str
    branch: str
    elem: Elem = "real"
    dim: str = ""
    shape: tuple[int, ...] = ()
    factor: float = 1.0
    into: str = ""
    owner: str = ""


class StageOutput(_Frozen):
    """A value that is computed: over the ragged ``dim``, then ``shape``; "" for one value an event."""

    name: str
    elem: Elem = "real"
    dim: str = ""
    shape: tuple[int, ...] = ()


class EventStage(_Frozen):
    """From ``branches`` to ``inputs`` of the model, and what is counted.

    ``parents``: of each nested dim, the dim in each of whose entries it is a list. ``selects``: names of conditions,
    in order, each an output ``select NAME``. ``cuts``: dims that a bound cut; output ``cut DIM`` says how many entries
    there were. ``each``: the dim whose entries the model is applied to; "": the event. ``owned``: dims of the inputs
    that are lists in its entries, each with an output ``owner DIM``.
    """

    branches: tuple[StageBranch, ...]
    inputs: tuple[StageOutput, ...]
    parents: dict[str, str] = Field(default={})
    selects: tuple[str, ...] = ()
    cuts: tuple[str, ...] = ()
    each: str = ""
    owned: tuple[str, ...] = ()
    #: members of the artifact
    library: str = "code/events.so"
    description: str = "code/events.json"
    golden: str = "golden_events.safetensors"
    mcpu: str = ""
    features: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Branches that a file must have."""
        return tuple(dict.fromkeys(b.branch for b in self.branches if b.branch))

    @property
    def read_dims(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(b.dim for b in self.branches if b.dim))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        read = set(self.read_dims)
        for values in (self.branches, self.inputs):
            if len({v.name for v in values}) != len(values):
                raise ValueError("two values of a stage have the same name")
        for b in self.branches:
            if (b.elem == "index") != bool(b.into) or (bool(b.owner) and self.parents.get(b.dim) != b.owner):
                raise ValueError(f"branch {b.name} of a stage: an index of nothing, or a list of nothing")
            if not b.owner and not b.branch:
                raise ValueError(f"branch {b.name} of a stage has no name in the file")
        if missing := {*self.parents.values(), *self.parents.keys()} - read:
            raise ValueError(f"no branch of a stage is over {min(missing)}")
        return self
