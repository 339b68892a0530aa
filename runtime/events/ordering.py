# SPDX-License-Identifier: Apache-2.0
"""Ordering keys: a straight-line list of elementwise instructions over branches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from hepq.core.ops.table import COUNTING, ELEMENTWISE, OPS
from hepq.runtime.events.elementwise import NUMPY

#: ``cast`` gives float64 (of a bool 0 or 1) and also reads a branch as it is
_KNOWN = (ELEMENTWISE - COUNTING) | {"const"}


class Instruction(BaseModel):
    """``args``: a branch's name in the program, or the index of an earlier instruction. ``value``: of ``const``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: str
    args: tuple[str | int, ...] = ()
    value: float | None = None


def check(key: Sequence[Instruction], names: Collection[str]) -> None:
    """Raise ValueError unless ``evaluate`` can run ``key`` over branches ``names``."""
    for i, step in enumerate(key):
        if (
            step.op not in _KNOWN
            or OPS[step.op].arity != len(step.args)
            or (step.op == "const") != (step.value is not None)
        ):
            raise ValueError(f"ordering key: bad instruction {i}: {step.op}")
        for arg in step.args:
            if arg not in names if isinstance(arg, str) else not 0 <= arg < i:
                raise ValueError(f"ordering key: instruction {i} uses {arg!r}, which it cannot")


def evaluate(key: Sequence[Instruction], columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float64]:
    """The last instruction's value, one float64 per row; every column holds ``rows`` numbers."""
    values: list[Any] = []
    with np.errstate(all="ignore"):
        for step in key:
            args = [columns[a].astype(np.float64) if isinstance(a, str) else values[a] for a in step.args]
            values.append(_apply(step, args))
    return np.broadcast_to(np.asarray(values[-1], dtype=np.float64), (rows,))


def _apply(step: Instruction, args: list[Any]) -> Any:
    match step.op:
        case "const":
            return np.float64(step.value or 0.0)
        case "cast":
            return np.asarray(args[0], dtype=np.float64)
        case "where":
            return np.where(*args)
        case op:
            return NUMPY[op](*args)
