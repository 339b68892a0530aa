# SPDX-License-Identifier: Apache-2.0
"""Labels by rules: what a program of the dataset's variables says of events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.artifact.manifest import Rules
from hepq.runtime.events.batch import prepare
from hepq.runtime.events.columns import collect
from hepq.runtime.events.grouped import Rows, alike, given, no_circuit
from hepq.runtime.events.report import NotANumber, Report
from hepq.runtime.program import Program, evaluate

#: events evaluated at once
SLICE = 4096


@dataclass(frozen=True)
class Computed:
    """``results`` of the rules, [events] float64. ``unknown`` [events]: where they say nothing, as what is compared is
    not a number, or what was read. ``report``: what became of what was read.
    """

    results: dict[str, NDArray[np.float64]]
    unknown: NDArray[np.bool_]
    report: Report


def computed(rules: Rules, events: Any, where: str = "the events", first: int = 0) -> Computed:
    """What the rules say of events; ``first`` is the number of the first one in ``where``.

    Raises DataError as reading and preparing events does.
    """
    batch = prepare(rules, collect(rules, events, where, first), where, first)
    rows, unknown = Rows(batch.offsets, batch.contents), batch.unscored.copy()
    program = _with_what_is_compared(rules.program)
    found = {name: np.zeros(batch.events) for name in rules.program.outputs}
    for some in alike(program, rows, np.arange(batch.events), SLICE):
        for name, value in evaluate(program, given(program, rules, rows, some), {}, no_circuit).items():
            if name in found:
                found[name][some] = value.reshape(len(value))
            unknown[some] |= np.isnan(value.reshape(len(value), -1)).any(axis=1)
    odd = np.flatnonzero(unknown & ~batch.unscored)
    said = batch.report.not_numbers
    if len(odd):
        name, event = rules.dataset.name if rules.dataset else "", first + int(odd[0])
        said = (*said, NotANumber("label", name, "not labelled", len(odd), len(odd), where, event))
    return Computed(found, unknown, replace(batch.report, not_numbers=said))


def _with_what_is_compared(program: Program) -> Program:
    """With real numbers that become truth values or whole numbers, where NaN would pass for one, as more outputs."""
    steps = program.steps
    whole = (s for s in steps if s.elem in ("bool", "int"))
    compared = {a for s in whole for a in s.args if steps[a].elem == "real"}
    return program.model_copy(update={"outputs": program.outputs | {f"compared {i}": i for i in sorted(compared)}})
