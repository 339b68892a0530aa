# SPDX-License-Identifier: Apache-2.0
"""Order by int64 keys, equal ones as they came: a running list of the best few, or all of them at the end."""

from __future__ import annotations

from collections.abc import Sequence

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, both, const, either
from hepq.compiler.lower.events.context import i64

#: entries up to which each is put in its place as it comes
FEW = 24


def _less(a: Sequence[Expr], b: Sequence[Expr]) -> Expr:
    """By the first keys that differ."""
    *front, last = zip(a, b, strict=True)
    less = last[0] < last[1]
    for x, y in reversed(front):
        less = either(x < y, both(tirx.EQ(x, y), less))
    return less


class _Columns:
    def __init__(self, keys: int, columns: Sequence[Expr], codes: int, most: int | None) -> None:
        self.keys, self.codes = columns[:keys], columns[keys : keys + codes]
        self.spare, self.most = columns[keys + codes :], most
        self.count = Cell(const(0, "int64"))

    @property
    def columns(self) -> list[Expr]:
        return [*self.keys, *self.codes]

    def begin(self) -> None:
        self.count.set(const(0, "int64"))

    def row(self, i: Expr) -> list[Expr]:
        return [column[i] for column in self.codes]

    def _put(self, row: Sequence[Expr], at: Expr) -> None:
        for column, new in zip(self.columns, row, strict=True):
            T.buffer_store(column, new, [at])

    def _insert(self, keys: Sequence[Expr], codes: Sequence[Expr], n: Expr) -> None:
        """Into ``n`` sorted rows; ``most`` of them stay."""
        place = Cell(n)
        with T.serial(i64(0), n) as step:
            before = bind(n - i64(1) - step)
            with T.If(_less(keys, [k[before] for k in self.keys])):
                with T.Then():
                    if self.most is None:
                        self._put([c[before] for c in self.columns], before + i64(1))
                    else:
                        with T.If(before + i64(1) < i64(self.most)), T.Then():
                            self._put([c[before] for c in self.columns], before + i64(1))
                    place.set(before)
                with T.Else():
                    T.evaluate(tirx.break_loop())
        if self.most is None:
            self._put([*keys, *codes], bind(place.get()))
        else:
            with T.If(place.get() < i64(self.most)), T.Then():
                self._put([*keys, *codes], bind(place.get()))


class Best(_Columns):
    """The first ``most`` in order: no more are kept at any time."""

    def begin(self) -> None:
        super().begin()
        if self.most == 1:
            self.cells = [Cell(const(0, "int64")) for _ in self.columns]

    def add(self, keys: Sequence[Expr], codes: Sequence[Expr]) -> None:
        n = bind(self.count.get())
        if self.most == 1:
            so_far = [c.get() for c in self.cells[: len(self.keys)]]
            with T.If(either(tirx.EQ(n, i64(0)), _less(keys, so_far))), T.Then():
                for cell, new in zip(self.cells, [*keys, *codes], strict=True):
                    cell.set(new)
                self.count.set(i64(1))
            return
        self._insert(keys, codes, n)
        self.count.set(tirx.min(n + i64(1), i64(self.most or 0)))

    def row(self, i: Expr) -> list[Expr]:
        return [c.get() for c in self.cells[len(self.keys) :]] if self.most == 1 else super().row(i)

    def finish(self) -> Expr:
        """How many there are."""
        return self.count.get()


class Sort(_Columns):
    """All, in the end; the first ``most`` of them are asked for."""

    def __init__(self, keys: int, columns: Sequence[Expr], codes: int, most: int | None) -> None:
        super().__init__(keys, columns, codes, None)
        self.asked = most

    def add(self, keys: Sequence[Expr], codes: Sequence[Expr]) -> None:
        n = bind(self.count.get())
        with T.If(n < i64(FEW)):
            with T.Then():
                self._insert(keys, codes, n)
            with T.Else():
                self._put([*keys, *codes], n)
        self.count.set(n + i64(1))

    def finish(self) -> Expr:
        n = bind(self.count.get())
        with T.If(n > i64(FEW)), T.Then():
            self._merge_all(n)
        return n if self.asked is None else tirx.min(n, i64(self.asked))

    def _merge_all(self, n: Expr) -> None:
        """Runs of twice the length each time, of positions that lie in one order and are written to the other."""
        one, other, column = self.spare
        with T.serial(i64(0), n) as i:
            T.buffer_store(one, i, [i])
        width = Cell(const(1, "int64"))
        with T.While(width.get() < n):
            w = bind(width.get())
            with T.serial(i64(0), tirx.truncdiv(n + (w + w) - i64(1), w + w)) as pair:
                start = bind(pair * (w + w))
                self._merge(one, other, start, bind(tirx.min(start + w, n)), bind(tirx.min(start + w + w, n)))
            with T.serial(i64(0), n) as i:
                T.buffer_store(one, other[i], [i])
            width.set(w + w)
        for codes in self.codes:
            with T.serial(i64(0), n) as i:
                T.buffer_store(column, codes[one[i]], [i])
            with T.serial(i64(0), n) as i:
                T.buffer_store(codes, column[i], [i])

    def _merge(self, one: Expr, other: Expr, start: Expr, middle: Expr, end: Expr) -> None:
        left, right = Cell(start), Cell(middle)
        with T.serial(start, end) as to:
            i, j = bind(left.get()), bind(right.get())
            # beyond its end, each is read at its last: what is read there does not count
            a, b = bind(one[tirx.min(i, middle - i64(1))]), bind(one[tirx.min(j, end - i64(1))])
            later = _less([k[b] for k in self.keys], [k[a] for k in self.keys])
            take = bind(tirx.Select(both(j < end, either(i >= middle, later)), const(1, "int64"), const(0, "int64")))
            right_first = tirx.NE(take, const(0, "int64"))
            T.buffer_store(other, tirx.Select(right_first, b, a), [to])
            left.set(i + (i64(1) - take))
            right.set(j + take)
