# SPDX-License-Identifier: Apache-2.0
"""Order by int64 keys, equal ones as they came: a running list of the best few, or all of them at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, both, const, either
from hepq.compiler.lower.events.context import i64, memory_at

#: entries up to which each is put in its place among those before it
FEW = 24


def _less(a: Sequence[Expr], b: Sequence[Expr]) -> Expr:
    """By the first keys that differ."""
    *front, last = zip(a, b, strict=True)
    less = last[0] < last[1]
    for x, y in reversed(front):
        less = either(x < y, both(tirx.EQ(x, y), less))
    return less


class _Columns:
    """Rows of keys and codes, in memory or in registers."""

    def __init__(self, keys: int, columns: Sequence[Expr], codes: int) -> None:
        self.keys, self.codes, self.spare = columns[:keys], columns[keys : keys + codes], columns[keys + codes :]
        self.count = Cell(const(0, "int64"))

    @property
    def columns(self) -> list[Expr]:
        return [*self.keys, *self.codes]

    def begin(self) -> None:
        self.count.set(const(0, "int64"))


class Best(_Columns):
    """The first ``most`` in order: no more are kept at any time."""

    def __init__(self, keys: int, columns: Sequence[Expr], codes: int, most: int) -> None:
        super().__init__(keys, columns, codes)
        self.most = most

    def begin(self) -> None:
        super().begin()
        if self.most == 1:
            self.cells = [Cell(const(0, "int64")) for _ in self.columns]

    def add(self, keys: Sequence[Expr], codes: Sequence[Expr], then: Callable[[], None] = lambda: None) -> None:
        """``then``: what else is done where this is the first of one."""
        n = bind(self.count.get())
        if self.most == 1:
            so_far = [c.get() for c in self.cells[: len(self.keys)]]
            with T.If(either(tirx.EQ(n, i64(0)), _less(keys, so_far))), T.Then():
                for cell, new in zip(self.cells, [*keys, *codes], strict=True):
                    cell.set(new)
                self.count.set(i64(1))
                then()
            return
        place = _inserted(self.keys, self.columns, keys, n, self.most)
        with T.If(place < i64(self.most)), T.Then():
            _put(self.columns, [*keys, *codes], place)
        self.count.set(tirx.min(n + i64(1), i64(self.most)))

    def row(self, i: Expr) -> list[Expr]:
        return [c.get() for c in self.cells[len(self.keys) :]] if self.most == 1 else [c[i] for c in self.codes]

    def finish(self) -> Expr:
        """How many there are."""
        return self.count.get()


class Sort(_Columns):
    """All, in the end; the first ``most`` of them are asked for, if not all."""

    def __init__(self, keys: int, columns: Sequence[Expr], codes: int, most: int | None) -> None:
        super().__init__(keys, columns, codes)
        self.most = most

    def add(self, keys: Sequence[Expr], codes: Sequence[Expr]) -> None:
        n = bind(self.count.get())
        _put(self.columns, [*keys, *codes], n)
        self.count.set(n + i64(1))

    def row(self, i: Expr) -> list[Expr]:
        place = bind(self.spare[0][i])
        return [column[place] for column in self.codes]

    def finish(self) -> Expr:
        n = bind(self.count.get())
        columns = [c.data for c in (*self.keys, *self.spare)]
        T.evaluate(tirx.call_extern("void", _name(len(self.keys)), n, *columns))
        return n if self.most is None else tirx.min(n, i64(self.most))


def _put(columns: Sequence[Expr], row: Sequence[Expr], at: Expr) -> None:
    for column, new in zip(columns, row, strict=True):
        T.buffer_store(column, new, [at])


def _inserted(
    keys: Sequence[Expr], columns: Sequence[Expr], new: Sequence[Expr], n: Expr, most: int | None = None
) -> Expr:
    """Where a row of these keys belongs in ``n`` sorted ones. Room is made there, up to ``most``."""
    place = Cell(n)
    with T.serial(i64(0), n) as step:
        before = bind(n - i64(1) - step)
        with T.If(_less(new, [k[before] for k in keys])):
            with T.Then():
                with T.If(const(True, "bool") if most is None else before + i64(1) < i64(most)), T.Then():
                    _put(columns, [c[before] for c in columns], before + i64(1))
                place.set(before)
            with T.Else():
                T.evaluate(tirx.break_loop())
    return bind(place.get())


# --- functions that sort


def _name(keys: int) -> str:
    return f"hepq_sort_{keys}"


def sorters(keys: Iterable[int]) -> dict[str, Any]:
    """The functions that ``Sort`` calls, for these numbers of keys."""
    return {_name(k): _sorter(k) for k in sorted(set(keys))}


def _sorter(keys: int) -> Any:
    """Of a number of rows, their keys, their order, and as much memory again."""
    with IRBuilder() as builder, T.prim_func():
        T.func_name(_name(keys))
        T.func_attr({"tirx.noalias": True, "global_symbol": _name(keys), "calling_conv": 1})
        n = T.arg("n", T.int64())
        names = [*(f"key{i}" for i in range(keys)), "order", "other"]
        pointers = [T.arg(name, T.handle("int64")) for name in names]
        *columns, order, other = [memory_at(pointer, "int64") for pointer in pointers]
        with T.If(n <= i64(FEW)):
            with T.Then(), T.serial(i64(0), n) as i:
                row = [bind(c[i]) for c in columns]
                _put([*columns, order], [*row, i], _inserted(columns, [*columns, order], row, i))
            with T.Else():
                _merge_all(columns, order, other, n)
    return builder.get()


def _merge_all(keys: Sequence[Expr], order: Expr, other: Expr, n: Expr) -> None:
    """Runs of twice the length each time, of positions that lie in one order and are written to the other."""
    with T.serial(i64(0), n) as i:
        T.buffer_store(order, i, [i])
    width = Cell(const(1, "int64"))
    with T.While(width.get() < n):
        w = bind(width.get())
        with T.serial(i64(0), tirx.truncdiv(n + (w + w) - i64(1), w + w)) as pair:
            start = bind(pair * (w + w))
            _merge(keys, order, other, start, bind(tirx.min(start + w, n)), bind(tirx.min(start + w + w, n)))
        with T.serial(i64(0), n) as i:
            T.buffer_store(order, other[i], [i])
        width.set(w + w)


def _merge(keys: Sequence[Expr], order: Expr, other: Expr, start: Expr, middle: Expr, end: Expr) -> None:
    left, right = Cell(start), Cell(middle)
    with T.serial(start, end) as to:
        i, j = bind(left.get()), bind(right.get())
        # beyond its end, each is read at its last: what is read there does not count
        a, b = bind(order[tirx.min(i, middle - i64(1))]), bind(order[tirx.min(j, end - i64(1))])
        later = _less([k[b] for k in keys], [k[a] for k in keys])
        take = bind(tirx.Select(both(j < end, either(i >= middle, later)), const(1, "int64"), const(0, "int64")))
        T.buffer_store(other, tirx.Select(tirx.NE(take, const(0, "int64")), b, a), [to])
        left.set(i + (i64(1) - take))
        right.set(j + take)
