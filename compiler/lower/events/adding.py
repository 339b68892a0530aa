# SPDX-License-Identifier: Apache-2.0
"""Exact sums: the function that adds a weight, and its square, to a cell of a fill.

A sum has a near and a far part. Numbers as weights mostly are go to the near one: a number is taken apart at fixed
places, by adding and subtracting a large one, into ``NEAR`` parts of 32 bits, and each is added to a double that is
exact for as long (Demmel and Nguyen 2015, "Parallel reproducible summation", do so with more parts). Any other goes to
the far one, a superaccumulator (``runtime/analysis/sums.py``): the 53 bits of its mantissa are shifted to where they
stand and added to three limbs, without carries. Once in ``_OFTEN`` additions near goes to far and limbs are carried.
``runtime/engine/accumulators.py`` says how memory is laid out.
"""

from __future__ import annotations

from typing import Any

from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, bits, both, cast, const
from hepq.compiler.lower.events.context import i64, memory_at, trouble
from hepq.compiler.lower.events.mathfn import fabs
from hepq.runtime.analysis.sums import LARGEST, LIMBS, LOWEST
from hepq.runtime.engine.accumulators import (
    ALIGN,
    CELL,
    ENTRIES,
    FAR,
    MAP,
    NEAR,
    NEAREST,
    PARTS,
    ROOM,
    SLOT,
    SLOTS,
    USED,
)
from hepq.runtime.engine.event_code import BAD_WEIGHT, NO_MEMORY

_NAME = "hepq_add_weight"
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
    T.evaluate(tirx.call_extern("void", _NAME, record.data, state.data, i64(fill), cell, weight, weight * weight))


def adders() -> dict[str, Any]:
    """The function that ``add_weight`` calls."""
    with IRBuilder() as builder, T.prim_func():
        T.func_name(_NAME)
        T.func_attr({"tirx.noalias": True, "global_symbol": _NAME, "calling_conv": 1})
        record = memory_at(T.arg("record", T.handle("int64")), "int64")
        state = memory_at(T.arg("state", T.handle("int64")), "int64")
        fill, cell = T.arg("fill", T.int64()), T.arg("cell", T.int64())
        numbers = T.arg("weight", T.float64()), T.arg("square", T.float64())
        slot, new = Cell(cast(memory_at(record[i64(MAP)], "int32")[cell], "int64")), Cell(i64(0))
        with T.If(tirx.EQ(slot.get(), i64(0))), T.Then():
            _new_slot(record, state, cell, slot, new)
        with T.If(slot.get() > i64(0)), T.Then():
            start = bind((slot.get() - i64(1)) * i64(SLOT))
            slots = memory_at(record[i64(SLOTS)], "int64")
            with T.If(tirx.NE(new.get(), i64(0))), T.Then():
                with T.serial(i64(0), i64(SLOT)) as i:
                    T.buffer_store(slots, i64(0), [start + i])
                T.buffer_store(slots, cell, [start + i64(CELL)])
            entries = bind(slots[start + i64(ENTRIES)] + i64(1))
            T.buffer_store(slots, entries, [start + i64(ENTRIES)])
            parts = [_parts(x) for x in numbers]
            exact = both(*(tirx.EQ(rest, const(0.0, "float64")) for _, rest in parts))
            with T.If(both(fabs(numbers[0]) < const(_NEAR_BELOW, "float64"), exact)):
                with T.Then():
                    for i in range(PARTS):
                        for k in range(2):
                            at = start + i64(NEAR + 2 * i + k)
                            T.buffer_store(slots, bits(bits(slots[at], "float64") + parts[k][0][i], "int64"), [at])
                with T.Else():
                    _add_far(slots, state, start, fill, numbers)
            with T.If(tirx.EQ(entries & i64(_OFTEN - 1), i64(0))), T.Then():
                _move(slots, start)
    return {_NAME: builder.get()}


def _parts(x: Expr) -> tuple[list[Expr], Expr]:
    """Multiples of each place, and what is left."""
    found = []
    for place in NEAREST:
        large = const(1.5 * 2.0**52 * place, "float64")
        part = bind(bind(x + large) - large)
        found.append(part)
        x = bind(x - part)
    return found, x


def _add_far(slots: Expr, state: Expr, start: Expr, fill: Expr, numbers: tuple[Expr, Expr]) -> None:
    with T.If(fabs(numbers[0]) < const(LARGEST, "float64")):
        with T.Then():
            for k, x in enumerate(numbers):
                _add_limbs(slots, bind(start + i64(FAR + k * LIMBS)), x)
        with T.Else():
            trouble(state, BAD_WEIGHT, fill)


def _move(slots: Expr, start: Expr) -> None:
    """Near to far, and carries."""
    for k in range(2):
        first = bind(start + i64(FAR + k * LIMBS))
        with T.serial(i64(0), i64(PARTS)) as i:
            at = bind(start + i64(NEAR + k) + i * i64(2))
            _add_limbs(slots, first, bind(bits(slots[at], "float64")))
            T.buffer_store(slots, i64(0), [at])
        with T.serial(first, first + i64(LIMBS - 1)) as i:
            limb = bind(slots[i])
            T.buffer_store(slots, slots[i + i64(1)] + (limb >> i64(32)), [i + i64(1)])
            T.buffer_store(slots, limb & i64(_MASK), [i])


def _new_slot(record: Expr, state: Expr, cell: Expr, slot: Cell, new: Cell) -> None:
    _make_room(record)
    used = bind(record[i64(USED)])
    with T.If(used < record[i64(ROOM)]):
        with T.Then():
            T.buffer_store(record, used + i64(1), [i64(USED)])
            T.buffer_store(memory_at(record[i64(MAP)], "int32"), cast(used + i64(1), "int32"), [cell])
            slot.set(used + i64(1))
            new.set(i64(1))
        with T.Else():
            trouble(state, NO_MEMORY)


def _make_room(record: Expr) -> None:
    """For one slot more, if there is as much memory."""
    room = bind(record[i64(ROOM)])
    with T.If(tirx.EQ(record[i64(USED)], room)), T.Then():
        wanted = bind(tirx.max(room * i64(2), i64(_FEW)))
        found = bind(T.call_extern("int64", "aligned_alloc", i64(ALIGN), wanted * i64(8 * SLOT)))
        with T.If(tirx.NE(found, i64(0))), T.Then():
            old = bind(record[i64(SLOTS)])
            with T.If(tirx.NE(old, i64(0))), T.Then():
                T.evaluate(T.call_extern("int64", "memcpy", found, old, room * i64(8 * SLOT)))
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
