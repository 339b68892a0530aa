# SPDX-License-Identifier: Apache-2.0
"""Why something is not a finite number: the dataset's first variable that is not, or the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.ir.node import Module
from hepq.compiler.schema.derived import variables
from hepq.compiler.schema.events import event_schema, read_inputs
from hepq.compiler.train.data.events import Labelled
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.events.grouped import Rows
from hepq.runtime.events.report import NotANumber, Report, named


def input_error(data: Labelled, rows: NDArray[np.int64], what: str) -> HepqError:
    """``what`` is not a number for some rows of the table: HQ0754 for the variable, HQ0746 if it is the model."""
    found = causes(data, rows)
    blamed = next((c for c in found if c.what != "model"), None)
    total = f"{len(data.known):,}"
    if blamed is None:
        first = data.place(int(rows[0]))
        where = f"it is not for {len(rows):,} of {total} events before any step either, first {first}"
        help = f"{where}: look for a division by zero, or the logarithm of one, in the model"
        return HepqError([diag("HQ0746", what=what, help=help)])
    place = f"event {blamed.event:,} of {blamed.file}"
    return HepqError([diag("HQ0754", what=named(blamed), count=f"{blamed.events:,}", total=total, place=place)])


def causes(data: Labelled, rows: NDArray[np.int64]) -> tuple[NotANumber, ...]:
    """Of some rows of the table: the first variable of each that is not finite."""
    module = read_inputs(data.built.module)
    known = variables(data.built, module)
    if known is None:
        return ()
    read = tuple(n for n in module.inputs if n["name"] in data.table.contents)
    schema = event_schema(data.built, Module(module.name, read, module.outputs))
    table, total = Rows(data.table.offsets, data.table.contents), Report()
    for piece in data.pieces:
        mine = rows[(rows >= piece.begin) & (rows < piece.end)]
        if len(mine):
            seen = known.causes(schema, table, mine, module.name, piece.where, piece.first - piece.begin)
            total += Report(not_numbers=seen)
    return total.not_numbers
