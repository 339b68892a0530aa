# SPDX-License-Identifier: Apache-2.0
"""A quantum device as data: qubits, couplings, native gates, durations, errors, and where each figure is from."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cached_property
from math import inf
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from hepq.core.gates import ARITIES

Chance = Annotated[float, Field(ge=0, le=1)]
Status = Literal["calibrated", "published", "assumed"]
#: figures whose source is told apart
FIGURES = ("topology", "gate_errors", "readout_errors", "durations", "coherence")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Part(_Frozen):
    """``usable``: false for a dead one, where nothing may be placed: stated, or told by an error of 1."""

    @field_validator("usable", check_fields=False)
    @classmethod
    def _dead(cls, usable: bool, info: ValidationInfo) -> bool:
        return usable and 1.0 not in (info.data.get("error"), info.data.get("readout_error"))


class Source(_Frozen):
    """Where figures are from: a document or service, its date, and how far to trust them.

    calibrated: measured on that device then; published: typical figures its maker states; assumed: ours.
    """

    source: str
    date: date
    status: Status


class Qubit(_Part):
    """One qubit. ``error``: of a native one-qubit gate that takes time. Seconds; None: not known.

    ``readout_errors``: the chances that |0⟩ is read as 1, and |1⟩ as 0; their mean is ``readout_error``, unless the
    calibration states another. ESP takes the latter, simulated noise the former.
    """

    error: float | None = Field(default=None, ge=0, le=1)
    readout_error: float | None = Field(default=None, ge=0, le=1)
    t1: float | None = Field(default=None, gt=0)
    t2: float | None = Field(default=None, gt=0)
    usable: bool = Field(default=True, validate_default=True)
    readout_errors: tuple[Chance, Chance] | None = None

    @property
    def flips(self) -> tuple[float, float]:
        """The chances that |0⟩ is read as 1, and |1⟩ as 0: both the mean where they are not told apart."""
        return self.readout_errors or (self.readout_error or 0.0,) * 2

    @model_validator(mode="after")
    def _both(self) -> Self:
        if self.readout_errors is not None and self.readout_error is None:
            object.__setattr__(self, "readout_error", sum(self.readout_errors) / 2)
        return self

    @model_serializer(mode="wrap")
    def _stated(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is not stated: figures that came later do not change the hash of older calibrations."""
        made: dict[str, Any] = handler(self)
        if self.readout_errors is None:
            made.pop("readout_errors", None)
        return made


class Coupling(_Part):
    """A two-qubit gate on an ordered pair. Symmetric gates stand once, a < b; ``ecr`` in its one direction."""

    a: int
    b: int
    gate: str
    error: float | None = Field(default=None, ge=0, le=1)
    duration: float | None = Field(default=None, ge=0)
    usable: bool = Field(default=True, validate_default=True)


class Device(_Frozen):
    """``one_qubit``: native gates on one qubit; those in ``free`` take no time and make no error (frame changes).

    ``durations``: seconds of one-qubit gates (``gate``), ``readout`` and ``reset``.
    ``max_circuits``, ``max_shots``: a job's limits, where the vendor states them.
    """

    name: str
    title: str
    vendor: str
    one_qubit: tuple[str, ...]
    free: tuple[str, ...] = ("rz",)
    qubits: tuple[Qubit, ...]
    couplings: tuple[Coupling, ...]
    durations: dict[Literal["gate", "readout", "reset"], float] = {}
    max_circuits: int | None = None
    max_shots: int | None = None
    sources: dict[str, Source]
    positions: tuple[tuple[float, float], ...] | None = None  #: where to draw each qubit

    @property
    def size(self) -> int:
        return len(self.qubits)

    @property
    def two_qubit(self) -> tuple[str, ...]:
        """Names of the native two-qubit gates."""
        return tuple(sorted({c.gate for c in self.couplings}))

    @property
    def usable(self) -> tuple[Coupling, ...]:
        """Couplings that may be used, between qubits that may be."""
        return tuple(c for c in self.couplings if c.usable and self.qubits[c.a].usable and self.qubits[c.b].usable)

    @cached_property
    def calibration(self) -> str:
        """Identifies these very figures: the newest date among them and a hash."""
        day = max((s.date for s in self.sources.values()), default=date.min)
        return f"{day.isoformat()}-{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]}"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        n = len(self.qubits)
        for c in self.couplings:
            if not (0 <= c.a < n and 0 <= c.b < n and c.a != c.b):
                raise ValueError(f"coupling {c.a}-{c.b}: qubits are numbered 0 to {n - 1}")
            if ARITIES.get(c.gate, (0, 0))[1] != 2:
                raise ValueError(f"coupling {c.a}-{c.b}: no two-qubit gate {c.gate}")
        for name in self.one_qubit:
            if ARITIES.get(name, (0, 0))[1] != 1:
                raise ValueError(f"no one-qubit gate {name}")
        for name, seconds in self.durations.items():
            if not 0 <= seconds < inf:
                raise ValueError(f"duration of {name}: {seconds} seconds")
        pairs = [(c.a, c.b, c.gate) for c in self.couplings]
        if len(set(pairs)) != len(pairs):
            raise ValueError("a coupling is given twice")
        if self.positions is not None and len(self.positions) != n:
            raise ValueError(f"positions of {len(self.positions)} qubits, not {n}")
        if unknown := set(self.sources) - set(FIGURES):
            raise ValueError(f"sources of unknown figures: {', '.join(sorted(unknown))}")
        return self
