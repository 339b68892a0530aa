# SPDX-License-Identifier: Apache-2.0
"""Which variable of a dataset is not a number, where a score is NaN though no branch is.

Compiled code takes branches and gives scores; what is in between has no name there. An artifact therefore keeps the
dataset's variables as a program for NumPy, too slow for all events and quick enough for those of NaN scores.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import VARIABLES
from hepq.runtime.artifact.manifest import Derived, EventSchema
from hepq.runtime.events.grouped import Events, Rows, alike, given, no_circuit
from hepq.runtime.events.report import NotANumber
from hepq.runtime.program import Array, Program, evaluate

#: events evaluated at once
SLICE = 256
_LARGEST = float(np.finfo(np.float32).max)


class Variables(Derived):
    """A dataset's variables, to ask which of them is not a number."""

    @staticmethod
    def read(data: bytes, where: str, schema: EventSchema) -> Variables:
        """Raises ArtifactError HQ0840 for a malformed member."""
        try:
            found = Variables.model_validate_json(data)
        except ValidationError as error:
            raise ArtifactError("HQ0840", f"malformed {VARIABLES} in {where}", error.errors()[0]["msg"]) from error
        if why := found.fault({v.name for v in schema.inputs}):
            raise ArtifactError("HQ0840", f"malformed {VARIABLES} in {where}", why)
        return found

    def causes(
        self, schema: EventSchema, rows: Rows, events: Events, model: str, where: str = "", first: int = 0
    ) -> tuple[NotANumber, ...]:
        """Of ``events`` whose scores are NaN: the first variable of each that is not finite, else the model itself.

        ``where``, ``first``: the file, and the number in it of event 0.
        """
        found: dict[str | None, list[tuple[int, int]]] = {}
        for some in alike(self.program, rows, events, SLICE):
            for name, event, values in self._named(schema, rows, some):
                found.setdefault(name, []).append((event, values))
        hidden = f" or {', '.join(self.unchecked)}" if self.unchecked else ""
        return tuple(
            NotANumber(
                "model" if name is None else self.roles[name], model + hidden if name is None else name, "scored NaN",
                sum(v for _, v in seen), len(seen), where, first + min(e for e, _ in seen),
            )
            for name, seen in found.items()
        )  # fmt: skip

    @cached_property
    def _whole(self) -> Program:
        """Every step is an output."""
        return self.program.model_copy(update={"outputs": {str(i): i for i in range(len(self.program.steps))}})

    @cached_property
    def _below(self) -> tuple[int, ...]:
        """Of each step, itself and the steps that it is made of, as bits."""
        below: list[int] = []
        for i, step in enumerate(self.program.steps):
            bits = 1 << i
            for arg in step.args:
                bits |= below[arg]
            below.append(bits)
        return tuple(below)

    def _named(self, schema: EventSchema, rows: Rows, events: Events) -> list[tuple[str | None, int, int]]:
        """(variable, event, its numbers that are not finite), of events of the same multiplicities."""
        values = evaluated(self._whole, schema, rows, events)
        steps = [values[str(i)] for i in range(len(self.program.steps))]
        bad = np.stack([_events(not_finite(v), len(events)) for v in steps])
        nan = np.stack([_events(np.isnan(v), len(events)) for v in steps])
        origin = np.where(nan.any(0), nan.argmax(0), np.where(bad.any(0), bad.argmax(0), -1))
        for i in range(len(steps) - 1, -1, -1):  # back to what was not finite before it
            for arg in self.program.steps[i].args:
                origin[(origin == i) & bad[arg]] = arg
        found: list[tuple[str | None, int, int]] = []
        for event, at in zip(events, origin, strict=True):
            name = self._holding(int(at)) if at >= 0 else None
            value = steps[self.program.outputs[name]] if name is not None else None
            number = int(np.flatnonzero(events == event)[0])
            count = 0 if value is None else int(not_finite(value[number if len(value) > 1 else 0]).sum())
            found.append((name, int(event), count))
        return found

    def _holding(self, at: int) -> str | None:
        """The first named value that is made of a step."""
        held = [(i, name) for name, i in self.program.outputs.items() if self._below[i] >> at & 1]
        return min(held)[1] if held else None


def evaluated(program: Program, schema: EventSchema, rows: Rows, events: Events) -> dict[str, Array]:
    """Its outputs, [events or 1, *dims], of events of the same multiplicities."""
    try:
        return evaluate(program, given(program, schema, rows, events), {}, no_circuit)
    except MemoryError as error:
        raise ArtifactError("HQ0840", f"malformed {VARIABLES}", "its values do not fit in memory") from error


def not_finite(value: Array) -> NDArray[np.bool_]:
    """NaN, or beyond what compiled code, in float32, can hold."""
    found: NDArray[np.bool_] = ~(np.abs(value) <= _LARGEST)
    return found


def _events(value: NDArray[np.bool_], events: int) -> NDArray[np.bool_]:
    """[events]: whether any number of each is so."""
    found: NDArray[np.bool_] = np.broadcast_to(value.reshape(len(value), -1).any(axis=1), (events,))
    return found
