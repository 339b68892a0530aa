# SPDX-License-Identifier: Apache-2.0
"""A quantum device in the terminal: figures, what is dead, a histogram of its errors, where its figures are from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import floor, log10
from statistics import median
from typing import TYPE_CHECKING

from hepq.runtime.quantum.device import Device

if TYPE_CHECKING:
    from rich.console import RenderableType

_BAR, _BINS_A_DECADE = 40, 5


def summary(chip: Device) -> Iterator[RenderableType]:
    """What ``hepqc targets show`` prints."""
    gates = [*(f"{g} (free)" if g in chip.free else g for g in chip.one_qubit), *chip.two_qubit]
    maker = "" if chip.vendor == "none" else f", by {chip.vendor}"
    yield f"[bold]{chip.name}[/]: {chip.title}{maker}"
    yield f"qubits: {chip.size}; couplings: {len(chip.couplings)}; gates: {', '.join(gates)}\n"
    yield _figures(chip)
    yield _dead(chip)
    errors = [c.error for c in chip.usable if c.error]
    if len(set(errors)) > 1:
        yield f"Errors of the {len(errors)} couplings that work:"
        yield _histogram(errors)
    yield _sources(chip)


def _figures(chip: Device) -> RenderableType:
    from rich.table import Table

    working = [q for q in chip.qubits if q.usable]
    table = Table("of what works", "best", "median", "worst", "known", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    rows: list[tuple[str, list[float | None], bool, Callable[[float], str]]] = [
        ("2-qubit gate, error", [c.error for c in chip.usable], True, _error),
        ("1-qubit gate, error", [q.error for q in working], True, _error),
        ("readout, error", [q.readout_error for q in working], True, _error),
        ("T1", [q.t1 for q in working], False, _time),
        ("T2", [q.t2 for q in working], False, _time),
        ("2-qubit gate, time", [c.duration for c in chip.usable], True, _time),
    ]
    for name, values, small_is_good, words in rows:
        known = sorted((v for v in values if v is not None), reverse=not small_is_good)
        if known:
            shown = (words(known[0]), words(median(known)), words(known[-1]))
            table.add_row(name, *shown, f"{len(known)} of {len(values)}")
    for what, name in (("gate", "1-qubit gate, time"), ("readout", "readout, time"), ("reset", "reset, time")):
        if (value := chip.durations.get(what)) is not None:  # type: ignore[call-overload]
            table.add_row(name, "", _time(value), "", "")
    return table


def _dead(chip: Device) -> str:
    alive = {(c.a, c.b, c.gate) for c in chip.usable}
    qubits = [str(i) for i, q in enumerate(chip.qubits) if not q.usable]
    links = [f"{c.a}-{c.b}" for c in chip.couplings if (c.a, c.b, c.gate) not in alive]
    if not qubits and not links:
        return "\nNothing is dead.\n"
    return f"\nDead qubits: {', '.join(qubits) or 'none'}\nDead couplings: {', '.join(links) or 'none'}\n"


def _histogram(errors: Sequence[float]) -> RenderableType:
    """Bins of equal width in the logarithm."""
    from rich.table import Table

    bins = [floor(log10(e) * _BINS_A_DECADE) for e in errors]
    counts = {b: bins.count(b) for b in range(min(bins), max(bins) + 1)}
    most = max(counts.values())
    table = Table("from", "to", "", "", box=None, show_header=False)
    for b, count in counts.items():
        low, high = (10 ** ((b + i) / _BINS_A_DECADE) for i in (0, 1))
        table.add_row(_error(low), _error(high), "█" * round(_BAR * count / most) or ("▏" if count else ""), str(count))
    return table


def _sources(chip: Device) -> RenderableType:
    from rich.table import Table

    table = Table("figures", "status", "as of", "from", box=None)
    for name, source in chip.sources.items():
        table.add_row(name.replace("_", " "), status(source.status), source.date.isoformat(), source.source)
    return table


def status(word: str | None) -> str:
    """A status in its colour."""
    return f"[{ {'calibrated': 'green', 'published': 'cyan'}.get(word or '', 'yellow') }]{word or 'not known'}[/]"


def _error(value: float) -> str:
    return f"{100 * value:.3g} %"


def _time(value: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
