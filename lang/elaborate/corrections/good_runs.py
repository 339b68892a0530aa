# SPDX-License-Identifier: Apache-2.0
"""Lists of good runs: CMS's "golden JSON", `{"193093": [[1, 33], [35, 40]]}`, by run the luminosity blocks to use."""

from __future__ import annotations

from typing import Any

from hepq.core.axes import BinAxis
from hepq.core.source import Span
from hepq.lang.elaborate.algebra import Algebra
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.corrections.named_files import read_json

#: numbers of runs and of luminosity blocks are below it
END = 2**31
#: by run in ascending order, ranges with both their ends, which ascend and do not touch
Ranges = dict[int, tuple[tuple[int, int], ...]]


def ranges_of(found: Any) -> Ranges:
    """Of what a file holds. Raises ValueError saying what is wrong."""
    if not isinstance(found, dict) or not found:
        raise ValueError("it has no runs")
    made: dict[int, tuple[tuple[int, int], ...]] = {}
    for name, listed in found.items():
        if not name.isascii() or not name.isdigit() or int(name) >= END:
            raise ValueError(f"`{name[:40]}` is no number of a run")
        if not isinstance(listed, list):
            raise ValueError(f"run {name} has no list of ranges")
        for one in listed:
            whole = isinstance(one, list) and len(one) == 2 and all(type(n) is int for n in one)
            if not whole or not 0 <= one[0] <= one[1] < END:
                raise ValueError(f"a range of run {name} is not two whole numbers that ascend")
        made[int(name)] = _joined(made.get(int(name), ()), listed)
    return dict(sorted(made.items()))


def _joined(known: tuple[tuple[int, int], ...], listed: list[list[int]]) -> tuple[tuple[int, int], ...]:
    """In order; those that overlap or touch are one."""
    out: list[tuple[int, int]] = []
    for first, last in sorted((*known, *((a, b) for a, b in listed))):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return tuple(out)


def good(ctx: Context, file: str, run: Tensor, block: Tensor, file_span: Span, span: Span) -> Tensor:
    """bool, over the dims of ``run`` and ``block`` (int): whether ``file`` lists them.

    One search among the ends of all ranges: of good runs and blocks, an odd number of ends is not above. Reports HQ0941
    for a file that cannot be read, HQ0948 for one that is no such list.
    """
    try:
        found = ranges_of(read_json(ctx, file, file_span).value)
    except ValueError as problem:
        ctx.error("HQ0948", file_span, file=file, problem=str(problem))
    edges = [run * END + end for run, ranges in found.items() for first, last in ranges for end in (first, last + 1)]
    f = Algebra(ctx, span)
    if not edges:
        return f("lt", run, 0) if run.type.dims or block.type.dims else f.tensor(False)
    inside = [f(op, x, edge) for x in (run, block) for op, edge in (("ge", 0), ("lt", END))]
    there = f("and", f("and", inside[0], inside[1]), f("and", inside[2], inside[3]))
    place = f("add", f("mul", f("where", there, run, 0), END), f("where", there, block, 0))
    number = f("bin", place, axis=BinAxis.variable(tuple(edges)))
    return f("and", there, f("eq", f("mod", number, 2), 0))
