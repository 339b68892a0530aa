# SPDX-License-Identifier: Apache-2.0
"""Exact sums: the function that adds a weight, and its square, to a cell of a fill.

A sum is a superaccumulator (``runtime/analysis/sums.py``): a weight's mantissa of 53 bits is shifted to where it stands
and added to three limbs, without carries. They are carried once in 2^29 additions. ``runtime/engine/accumulators.py``
says how memory is laid out.
"""

from __future__ import annotations

from typing import Any

from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, bits, cast, const
from hepq.compiler.lower.events.context import i64, memory_at, trouble
from hepq.compiler.lower.events.mathfn import fabs
from hepq.runtime.analysis.sums import LARGEST, LIMBS, LOWEST
from hepq.runtime.engine.accumulators import CELL, ENTRIES, FIRST, MAP, ROOM, SLOT, SLOTS, USED
from hepq.runtime.engine.event_code import BAD_WEIGHT, NO_MEMORY

_NAME = "hepq_add_weight"
_MASK = 2**32 - 1
#: additions to a slot after which it is carried
_CARRY = 2**29
#: slots to begin with
_FEW = 16
#: exponent, as it is stored, of a double whose mantissa, as a whole number, counts the lowest bit
_UNIT = 1075 + LOWEST


def add_weight(record: Expr, state: Expr, fill: int, cell: Expr, weight: Expr) -> None:
    """``weight`` to a cell that there is."""
    T.evaluate(tirx.call_extern("void", _NAME, record.data, state.data, i64(fill), cell, weight))


def adders() -> dict[str, Any]:
    """The function that ``add_weight`` calls."""
    with IRBuilder() as builder, T.prim_func():
        T.func_name(_NAME)
        T.func_attr({"tirx.noalias": True, "global_symbol": _NAME, "calling_conv": 1})
        record = memory_at(T.arg("record", T.handle("int64")), "int64")
        state = memory_at(T.arg("state", T.handle("int64")), "int64")
        fill, cell = T.arg("fill", T.int64()), T.arg("cell", T.int64())
        weight = T.arg("weight", T.float64())
        with T.If(fabs(weight) < const(LARGEST, "float64")):
            with T.Then():
                _add(record, state, cell, weight)
            with T.Else():
                trouble(state, BAD_WEIGHT, fill)
    return {_NAME: builder.get()}


def _add(record: Expr, state: Expr, cell: Expr, weight: Expr) -> None:
    numbers = memory_at(record[i64(MAP)], "int32")
    slot, new = Cell(cast(numbers[cell], "int64")), Cell(i64(0))
    with T.If(tirx.EQ(slot.get(), i64(0))), T.Then():
        _make_room(record)
        used = bind(record[i64(USED)])
        with T.If(used < record[i64(ROOM)]):
            with T.Then():
                T.buffer_store(record, used + i64(1), [i64(USED)])
                T.buffer_store(numbers, cast(used + i64(1), "int32"), [cell])
                slot.set(used + i64(1))
                new.set(i64(1))
            with T.Else():
                trouble(state, NO_MEMORY)
    with T.If(slot.get() > i64(0)), T.Then():
        start = bind((slot.get() - i64(1)) * i64(SLOT))
        slots = memory_at(record[i64(SLOTS)], "int64")
        with T.If(tirx.NE(new.get(), i64(0))), T.Then():
            with T.serial(i64(0), i64(SLOT)) as i:
                T.buffer_store(slots, i64(0), [start + i])
            T.buffer_store(slots, cell, [start + i64(CELL)])
        entries = bind(slots[start + i64(ENTRIES)] + i64(1))
        T.buffer_store(slots, entries, [start + i64(ENTRIES)])
        sums = [bind(start + i64(FIRST + k * LIMBS)) for k in range(2)]
        with T.If(tirx.EQ(entries & i64(_CARRY - 1), i64(0))), T.Then():
            for first in sums:
                _carry(slots, first)
        for first, number in zip(sums, (weight, weight * weight), strict=True):
            _add_limbs(slots, first, bind(number))


def _make_room(record: Expr) -> None:
    """For one slot more, if there is as much memory."""
    room = bind(record[i64(ROOM)])
    with T.If(tirx.EQ(record[i64(USED)], room)), T.Then():
        wanted = bind(tirx.max(room * i64(2), i64(_FEW)))
        found = bind(T.call_extern("int64", "realloc", record[i64(SLOTS)], wanted * i64(8 * SLOT)))
        with T.If(tirx.NE(found, i64(0))), T.Then():
            T.buffer_store(record, found, [i64(SLOTS)])
            T.buffer_store(record, wanted, [i64(ROOM)])


def _carry(slots: Expr, first: Expr) -> None:
    with T.serial(first, first + i64(LIMBS - 1)) as i:
        limb = bind(slots[i])
        T.buffer_store(slots, slots[i + i64(1)] + (limb >> i64(32)), [i + i64(1)])
        T.buffer_store(slots, limb & i64(_MASK), [i])


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
