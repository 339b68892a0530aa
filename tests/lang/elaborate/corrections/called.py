# SPDX-License-Identifier: Apache-2.0
"""Corrections compiled by us and run in the reference interpreter, and by correctionlib."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np

from hepq.core.source import Source, Span
from hepq.core.types import ONE
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Reported
from hepq.lang.elaborate.corrections.corrections import Declared, applied, opened
from tests.support.emission import Emission

Array = np.ndarray[Any, Any]
RESULTS = ("value", "outside", "wrong")


class Refused(Exception):
    """With the code of the diagnostic."""


def ours(file: Path, name: str, given: Mapping[str, Any]) -> tuple[Array, Array, Array]:
    """Values, what was outside, what has no value: of arrays, or of texts and numbers. Raises Refused."""
    arrays = {k: v for k, v in given.items() if isinstance(v, np.ndarray)}
    made, outputs = emitted(file, name, given)
    done = made.run(arrays, **outputs)
    size = max(map(len, arrays.values()))
    return tuple(np.broadcast_to(done.get(k, False), size) for k in RESULTS)  # type: ignore[return-value]


def emitted(file: Path, name: str, given: Mapping[str, Any]) -> tuple[Emission, dict[str, Tensor]]:
    """As ``ours``, not run."""
    made = Emission()
    span = Span(Source(str(file.parent / "analysis.hepq"), "text"), 0, 4)
    found = json.loads(file.read_text())
    (listed,) = [c for c in [*found["corrections"], *(found.get("compound_corrections") or [])] if c["name"] == name]
    declared = [Declared(v["name"], v["type"], span, ONE) for v in listed["inputs"]]
    arrays = {k: v for k, v in given.items() if isinstance(v, np.ndarray)}
    inputs = {k: made.input(k, "int" if v.dtype.kind == "i" else "real") for k, v in arrays.items()}
    arguments = [(inputs.get(v["name"], given.get(v["name"])), span) for v in listed["inputs"]]
    try:
        result = applied(made.ctx, opened(made.ctx, file.name, name, declared, span), arguments, span)
    except Reported:
        raise Refused(made.sink.items[0].code) from None
    outputs = zip(RESULTS, (result.value, result.outside, result.wrong), strict=True)
    return made, {k: v for k, v in outputs if v is not None}


def theirs(file: Path, name: str, given: Mapping[str, Any]) -> tuple[Array, Array]:
    """Values, and where correctionlib raises."""
    corrections = correctionlib.CorrectionSet.from_file(str(file))
    one = corrections.compound[name] if name in corrections.compound else corrections[name]
    size = max(len(v) for v in given.values() if isinstance(v, np.ndarray))
    values, raised = np.zeros(size), np.zeros(size, bool)
    columns = [v.tolist() if isinstance(v, np.ndarray) else [v] * size for v in (given[i.name] for i in one.inputs)]
    for number, row in enumerate(zip(*columns, strict=True)):
        try:
            values[number] = one.evaluate(*row)
        except (RuntimeError, IndexError, ValueError):
            raised[number] = True
    return values, raised
