# SPDX-License-Identifier: Apache-2.0
"""What `hepqc inspect --performance` says: rewrites, stages, and the least time of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from rich.table import Table

    from hepq.compiler.driver.performance import Performance


def show(found: Performance, console: Console) -> None:
    console.print(f"model {found.model}{_events(found)}", markup=False)
    console.print(_rewrites(found))
    if found.limits is None:
        console.print("nothing is compiled for a CPU: the runtime does what is around circuits, in NumPy")
        return
    console.print(_stages(found))
    limits = found.limits
    flops = sum(stage.flops for stage in found.stages)
    bound = sum(s.seconds for s in found.stages if s.flops / limits.flops >= s.bytes / limits.bandwidth)
    console.print(
        f"one core of this machine: sgemm at {limits.flops / 1e9:.0f} GFLOP/s; copies at {limits.bandwidth / 1e9:.0f} "
        f"GB/s within {limits.memory / 1e6:.2g} MB, what an event and the weights take\n"
        f"an event takes at least {_time(found.seconds)}, {_percent(bound, found.seconds)} of it in stages that "
        f"arithmetic bounds; sgemm alone would take {_time(flops / limits.flops)}",
        markup=False,
    )


def _events(found: Performance) -> str:
    sizes = ", ".join(f"{name} = {n:.4g}" for name, n in found.entries.items())
    made = ", ".join(f"{name} = {n:.4g}" for name, n in found.made.items())
    said = ", ".join([*([sizes] if sizes else []), *([f"taking {made} of what the model chooses"] if made else [])])
    source = f", the mean of {found.source}" if found.source and said else ""
    return f" at {said}{source}" if said else ""


def _rewrites(found: Performance) -> Table:
    from rich.table import Table

    scale, prefix = _scale(max(row.flops for row in found.rewrites))
    table = Table("rewrite", f"{prefix}FLOP", "nodes", "changes", box=None)
    for column in table.columns[1:3]:
        column.justify = "right"
    for row in found.rewrites:
        words = _changes(row.changes) or ("rearranged" if row.fired else "")
        table.add_row(row.name, _short(row.flops / scale), str(row.operations), words)
    return table


def _changes(changes: Mapping[str, int]) -> str:
    """Operations that are more first."""
    return ", ".join(f"{op} {n:+d}" for op, n in sorted(changes.items(), key=lambda item: -item[1]))


def _stages(found: Performance) -> Table:
    from rich.table import Table

    sums = (sum(s.flops for s in found.stages), sum(s.bytes for s in found.stages), found.seconds)
    scale, prefix = _scale(sums[0])
    table = Table("stage", "over", f"{prefix}FLOP", "kB", "µs", "%", "what", box=None)
    for column in table.columns[2:6]:
        column.justify = "right"
    rows = [(str(i), s.over, s.flops, s.bytes, s.seconds, s.words) for i, s in enumerate(found.stages)]
    for name, over, flops, moved, seconds, words in [*rows, ("all", "", *sums, "")]:
        table.add_row(
            name, over, _short(flops / scale), _short(moved / 1e3), _short(seconds * 1e6),
            _percent(seconds, found.seconds).removesuffix(" %"), words,
        )  # fmt: skip
    return table


def _scale(flops: float) -> tuple[float, str]:
    return next(((10.0**power, prefix) for power, prefix in ((6, "M"), (3, "k")) if flops >= 10**power), (1.0, ""))


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole if whole else 0:.0f} %"


def _short(x: float) -> str:
    """Two digits and more, no exponent."""
    return "0" if x == 0 else f"{x:.2f}" if x < 10 else f"{x:.1f}" if x < 100 else f"{x:,.0f}"


def _time(seconds: float) -> str:
    return f"{_short(seconds * 1e6)} µs" if seconds < 1e-3 else f"{_short(seconds * 1e3)} ms"
