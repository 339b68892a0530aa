# SPDX-License-Identifier: Apache-2.0
"""How much work a program may ask for, so that checking any text ends within seconds and within little memory."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from hepq.core.source import Span

#: expressions evaluated, statements run, types read and matched with their dims, over all declarations; what takes
#: longer counts as several, so that a step is some ten microseconds. The largest model of the library takes a quarter
MAX_STEPS = 200_000
#: of a function, block or circuit that is applied, beyond those of its body
CALL_STEPS = 3
#: of an error that is reported, perhaps again and again by a loop
ERROR_STEPS = 8
#: names that are compared with an unknown one or entries of a dim that are searched, characters of a path of weights
NAMES_A_STEP, CHARACTERS_A_STEP = 128, 1024
#: of calls in each other
MAX_CALL_DEPTH = 48
#: of one loop; loops of a circuit may be as long as its gates are many
MAX_ITERATIONS = 4096
#: operations of one model
MAX_NODES = 50_000
#: of one circuit
MAX_GATES = 100_000
#: qubits of one circuit
MAX_WIRES = 1024
#: of one list
MAX_ITEMS = 100_000
#: of shots, epochs, events in a batch
MAX_COUNT = (1 << 31) - 1
#: the largest static exponent, and the largest power of a unit
MAX_POWER = 64
#: of one value
MAX_DIMS = 16
#: numbers of one value in one event, over its dims of fixed size
MAX_NUMBERS = 1 << 28
#: named entries of one dim
MAX_ENTRIES = 4096


@dataclass
class Work:
    """What is left of ``MAX_STEPS``; one for all declarations of a program that is checked.

    ``stopped``: some limit was reached, and nothing further is elaborated. ``defined``: values of consts and dims, None
    for those with errors.
    """

    left: int = MAX_STEPS
    stopped: bool = False
    #: (block, name, ascending numbers for which a loop makes it) -> (where, the numbers in order)
    numbered: dict[tuple[int, str, tuple[int, ...]], list[tuple[str, tuple[int, ...], Span]]] = field(
        default_factory=dict
    )
    defined: dict[Hashable, Any] = field(default_factory=dict)
