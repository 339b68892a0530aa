# SPDX-License-Identifier: Apache-2.0
"""Labels by rules: what a program of the dataset's variables says of events."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.artifact.manifest import Rules
from hepq.runtime.events.batch import Batch, prepare
from hepq.runtime.events.columns import collect
from hepq.runtime.events.grouped import Rows, alike, given, no_circuit
from hepq.runtime.program import evaluate

#: events evaluated at once
SLICE = 4096


def computed(
    rules: Rules, events: Any, where: str = "the events", first: int = 0
) -> tuple[dict[str, NDArray[np.float64]], Batch]:
    """Each result of the rules, [events] float64; and the batch: events that they cannot be computed of are unscored.

    ``first`` is the number of the first event in ``where``. Raises DataError as reading and preparing events does.
    """
    batch = prepare(rules, collect(rules, events, where, first), where, first)
    rows = Rows(batch.offsets, batch.contents)
    found = {name: np.zeros(batch.events) for name in rules.program.outputs}
    for some in alike(rules.program, rows, np.arange(batch.events), SLICE):
        results = evaluate(rules.program, given(rules.program, rules, rows, some), {}, no_circuit)
        for name, value in results.items():
            found[name][some] = value.reshape(len(value))
    return found, batch
