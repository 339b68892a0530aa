# SPDX-License-Identifier: Apache-2.0
"""Exact sums: functions that add weights, and their squares, to a cell of a fill, or of several at once.

A sum has a near and a far part. Numbers as weights mostly are go to the near one: a number is taken apart at fixed
places, by adding and subtracting a large one, into ``NEAR`` parts of 32 bits, and each is added to a double that is
exact for as long (Demmel and Nguyen 2015, "Parallel reproducible summation", do so with more parts). Any other goes
to the far one, a superaccumulator (``runtime/analysis/sums.py``): the 53 bits of its mantissa are shifted to where
they stand and added to three limbs, without carries. Once in ``_OFTEN`` additions near goes to far and limbs are
carried. Fills that share a record are added to in vectors, near for all of them or far.
``runtime/engine/accumulators.py`` says how memory is laid out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, bits, both, cast, const, level, ramp
from hepq.compiler.lower.events.context import i64, memory_at, trouble
from hepq.compiler.lower.events.mathfn import fabs
from hepq.runtime.analysis.sums import LARGEST, LIMBS, LOWEST
from hepq.runtime.engine.accumulators import (
    ALIGN,
    ALONE,
    LANES,
    MAP,
    NEAREST,
    PARTS,
    ROOM,
    SLOTS,
    USED,
    Slot,
)
from hepq.runtime.engine.event_code import BAD_WEIGHT, LANE, NO_MEMORY

_MASK = 2**32 - 1
#: additions to a slot after which near goes to far: so many numbers of 32 bits fit the 53 of a double
_OFTEN = 2**20
#: weights of less magnitude may be near, so that they and their squares have 32 bits down to the first place
_NEAR_BELOW = 2.0**5
#: slots to begin with
_FEW = 16
#: exponent, as it is stored, of a double whose mantissa, as a whole number, counts the lowest bit
_UNIT = 1075 + LOWEST


def add_weight(record: Expr, state: Expr, fill: int, cell: Expr, weight: Expr) -> None:
    """``weight`` to a cell that there is. Its square is rounded here, where no sum is that it could be joined to."""
    weight = bind(weight)
    T.evaluate(
        tirx.call_extern("void", _name(ALONE), record.data, state.data, i64(fill), cell, weight, weight * weight)
    )


class Weights:
    """One of each of several fills that share a record, the ``first`` of which has this number: those that are ``put``
    are added."""

    def __init__(self, fills: int) -> None:
        self.slot = Slot.of(fills)
        self._there = Cell(i64(0), self.slot.lanes)
        self._numbers = [Cell(const(0.0, "float64"), self.slot.lanes) for _ in range(2)]

    def put(self, lane: int, weight: Expr) -> None:
        weight = bind(weight)
        T.buffer_store(self._there.buffer, i64(1), [lane])
        for cell, number in zip(self._numbers, (weight, weight * weight), strict=True):
            T.buffer_store(cell.buffer, number, [lane])

    def add(self, record: Expr, state: Expr, first: int, cell: Expr) -> None:
        """To a cell that there is."""
        memory = (one.buffer.data for one in (self._there, *self._numbers))
        T.evaluate(tirx.call_extern("void", _name(self.slot), record.data, state.data, i64(first), cell, *memory))


def adders(slots: Iterable[Slot]) -> dict[str, Any]:
    """The functions that are called to add to these."""
    return {_name(slot): _adder(slot) for slot in slots}


def _name(slot: Slot) -> str:
    return f"hepq_add_weights_{slot.lanes}"


def _adder(slot: Slot) -> Any:
    with IRBuilder() as builder, T.prim_func():
        T.func_name(_name(slot))
        T.func_attr({"tirx.noalias": True, "global_symbol": _name(slot), "calling_conv": 1})
        record = memory_at(T.arg("record", T.handle("int64")), "int64")
        state = memory_at(T.arg("state", T.handle("int64")), "int64")
        fill, cell = T.arg("fill", T.int64()), T.arg("cell", T.int64())
        if slot.lanes == 1:
            numbers = T.arg("weight", T.float64()), T.arg("square", T.float64())
        else:
            there = memory_at(T.arg("there", T.handle("int64")), "int64")
            given = [memory_at(T.arg(name, T.handle("float64")), "float64") for name in ("weights", "squares")]
        number, new = Cell(cast(memory_at(record[i64(MAP)], "int32")[cell], "int64")), Cell(i64(0))
        with T.If(tirx.EQ(number.get(), i64(0))), T.Then():
            _new_slot(slot, record, state, cell, number, new)
        with T.If(number.get() > i64(0)), T.Then():
            start = bind((number.get() - i64(1)) * i64(slot.size))
            slots = memory_at(record[i64(SLOTS)], "int64")
            with T.If(tirx.NE(new.get(), i64(0))), T.Then():
                with T.serial(i64(0), i64(slot.size)) as i:
                    T.buffer_store(slots, i64(0), [start + i])
                T.buffer_store(slots, cell, [start + i64(slot.CELL)])
            times = bind(slots[start + i64(slot.TIMES)] + i64(1))
            T.buffer_store(slots, times, [start + i64(slot.TIMES)])
            if slot.lanes == 1:
                _add(slot, slots, start, state, fill, numbers)
            else:
                with T.serial(i64(0), i64(slot.lanes // LANES)) as block:
                    first = bind(block * i64(LANES))
                    _add_lanes(slot, slots, start, first, state, fill, there, given)
            full = tirx.EQ(times & i64(_OFTEN - 1), i64(0))
            with T.If(full), T.Then(), T.serial(i64(0), i64(slot.lanes)) as lane:
                _move(slot, slots, start, lane)
    return builder.get()


def _add(slot: Slot, slots: Expr, start: Expr, state: Expr, fill: Expr, numbers: tuple[Expr, Expr]) -> None:
    """To the only lane."""
    parts = [_parts(x) for x in numbers]
    exact = both(*(tirx.EQ(rest, const(0.0, "float64")) for _, rest in parts))
    with T.If(both(fabs(numbers[0]) < const(_NEAR_BELOW, "float64"), exact)):
        with T.Then():
            for i in range(PARTS):
                for k in range(2):
                    _add_near(slots, start + i64(slot.near(i, k)), parts[k][0][i])
        with T.Else():
            _add_far(slots, state, start + i64(slot.far), fill, numbers)


def _add_lanes(
    slot: Slot, slots: Expr, start: Expr, first: Expr, state: Expr, fill: Expr, there: Expr, given: Sequence[Expr]
) -> None:
    """To ``LANES`` lanes from the ``first`` on."""

    def at(place: int) -> Expr:
        return ramp(bind(start + i64(place) + first), LANES)

    entries = at(slot.entries)
    T.buffer_store(slots, slots[entries] + there[ramp(first, LANES)], [entries])
    numbers = [bind(one[ramp(first, LANES)]) for one in given]
    parts = [_parts(x) for x in numbers]
    small, zero = level(const(_NEAR_BELOW, "float64"), numbers[0])[0], level(const(0.0, "float64"), numbers[0])[0]
    near = both(fabs(numbers[0]) < small, both(*(tirx.EQ(rest, zero) for _, rest in parts)))
    far = Cell(cast(near, "int64") ^ level(i64(1), numbers[0])[0])
    anywhere = reduce(lambda a, b: a | b, [far.lane(i) for i in range(LANES)])
    with T.If(tirx.EQ(anywhere, i64(0))):
        with T.Then():
            for i in range(PARTS):
                for k in range(2):
                    _add_near(slots, at(slot.near(i, k)), parts[k][0][i])
        with T.Else(), T.serial(first, first + i64(LANES)) as lane:
            to = bind(start + i64(slot.far) + lane * i64(2 * LIMBS))
            _add_far(slots, state, to, fill + lane * i64(LANE), (bind(given[0][lane]), bind(given[1][lane])))


def _add_near(slots: Expr, at: Expr, part: Expr) -> None:
    T.buffer_store(slots, bits(bits(slots[at], "float64") + part, "int64"), [at])


def _parts(x: Expr) -> tuple[list[Expr], Expr]:
    """Multiples of each place, and what is left."""
    found = []
    for place in NEAREST:
        large = level(const(1.5 * 2.0**52 * place, "float64"), x)[0]
        part = bind(bind(x + large) - large)
        found.append(part)
        x = bind(x - part)
    return found, x


def _add_far(slots: Expr, state: Expr, first: Expr, which: Expr, numbers: tuple[Expr, Expr]) -> None:
    """``first``: where the limbs of both sums begin; ``which``: for messages."""
    with T.If(fabs(numbers[0]) < const(LARGEST, "float64")):
        with T.Then():
            for k, x in enumerate(numbers):
                _add_limbs(slots, bind(first + i64(k * LIMBS)), x)
        with T.Else():
            trouble(state, BAD_WEIGHT, which)


def _move(slot: Slot, slots: Expr, start: Expr, lane: Expr) -> None:
    """Near to far, and carries."""
    for k in range(2):
        first = bind(start + i64(slot.far + k * LIMBS) + lane * i64(2 * LIMBS))
        with T.serial(i64(0), i64(PARTS)) as i:
            at = bind(start + i64(slot.near(0, k)) + lane + i * i64(2 * slot.lanes))
            _add_limbs(slots, first, bind(bits(slots[at], "float64")))
            T.buffer_store(slots, i64(0), [at])
        with T.serial(first, first + i64(LIMBS - 1)) as i:
            limb = bind(slots[i])
            T.buffer_store(slots, slots[i + i64(1)] + (limb >> i64(32)), [i + i64(1)])
            T.buffer_store(slots, limb & i64(_MASK), [i])


def _new_slot(slot: Slot, record: Expr, state: Expr, cell: Expr, number: Cell, new: Cell) -> None:
    _make_room(slot, record)
    used = bind(record[i64(USED)])
    with T.If(used < record[i64(ROOM)]):
        with T.Then():
            T.buffer_store(record, used + i64(1), [i64(USED)])
            T.buffer_store(memory_at(record[i64(MAP)], "int32"), cast(used + i64(1), "int32"), [cell])
            number.set(used + i64(1))
            new.set(i64(1))
        with T.Else():
            trouble(state, NO_MEMORY)


def _make_room(slot: Slot, record: Expr) -> None:
    """For one slot more, if there is as much memory."""
    room = bind(record[i64(ROOM)])
    with T.If(tirx.EQ(record[i64(USED)], room)), T.Then():
        wanted = bind(tirx.max(room * i64(2), i64(_FEW)))
        found = bind(T.call_extern("int64", "aligned_alloc", i64(ALIGN), wanted * i64(8 * slot.size)))
        with T.If(tirx.NE(found, i64(0))), T.Then():
            old = bind(record[i64(SLOTS)])
            with T.If(tirx.NE(old, i64(0))), T.Then():
                T.evaluate(T.call_extern("int64", "memcpy", found, old, room * i64(8 * slot.size)))
                T.evaluate(T.call_extern("void", "free", old))
            T.buffer_store(record, found, [i64(SLOTS)])
            T.buffer_store(record, wanted, [i64(ROOM)])


def _add_limbs(slots: Expr, first: Expr, x: Expr) -> None:
    """Bits of ``x`` below the lowest are cut off."""
    raw = bind(bits(x, "int64"))
    sign, exponent = bind(raw >> i64(63)), bind((raw >> i64(52)) & i64(2047))
    digits = bind((raw & i64(2**52 - 1)) | i64(2**52))
    place = bind(exponent - i64(_UNIT))
    digits = bind(digits >> tirx.min(tirx.max(i64(0) - place, i64(0)), i64(63)))
    place = bind(tirx.max(place, i64(0)))
    shift, limb = bind(place & i64(31)), bind(first + (place >> i64(5)))
    low = bind((digits & i64(_MASK)) << shift)
    high = bind(((digits >> i64(32)) << shift) + (low >> i64(32)))
    for i, part in enumerate((low & i64(_MASK), high & i64(_MASK), high >> i64(32))):
        T.buffer_store(slots, slots[limb + i64(i)] + ((part ^ sign) - sign), [limb + i64(i)])
