# SPDX-License-Identifier: Apache-2.0
"""Calibrations as vendors publish them in JSON, as devices of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from hepq.compiler.targets.files import parsed, stated
from hepq.compiler.targets.lattices import Pair, places
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.vendors import VENDORS, called
from hepq.runtime.quantum.device import Coupling, Device, Qubit, Source

#: errors above these are dead: vendors state 1, or a fidelity of 0, for what failed calibration
MAX_TWO_QUBIT, MAX_READOUT, MAX_ONE_QUBIT = 0.05, 0.15, 0.01


class Lenient(BaseModel):
    """Part of a vendor's file: what is not read is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Unfit(Exception):
    """The file lacks something, in words."""


def imported(path: Path, vendor: str, name: str | None = None) -> Device:
    """The device that a vendor's file describes; ``name``: what the vendor calls it, else as the file says or is named.

    Raises HepqError HQ0723 for a file that is not what this vendor publishes.
    """
    data = parsed(path, "HQ0723", vendor=vendor)
    read: Callable[[Mapping[str, Any], str], Device] = called(VENDORS[vendor].reader)
    try:
        return read(data, f"{vendor}:{name or _own_name(data) or path.stem}".replace(" ", "-"))
    except Unfit as error:
        raise HepqError([_unfit(path, vendor, str(error))]) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = " → ".join(map(str, first["loc"])) or "it"
        message = str(first["msg"]).removeprefix("Value error, ")
        raise HepqError([_unfit(path, vendor, f"{where}: {message[:1].lower()}{message[1:]}")]) from error


def _own_name(data: Mapping[str, Any]) -> str | None:
    """IBM's and Tianyan's files name their device."""
    properties = data.get("properties", data)
    found = properties.get("backend_name") if isinstance(properties, dict) else None
    return str(found or data.get("computerId") or "") or None


def _unfit(path: Path, vendor: str, found: str) -> Any:
    help = f"`--vendor {vendor}` reads {VENDORS[vendor].calibration}"
    return diag("HQ0723", path=path, vendor=vendor, found=found, help=help)


def assembled(
    *, name: str, vendor: str, one_qubit: tuple[str, ...], qubits: Mapping[int, Qubit],
    couplings: Iterable[Coupling], day: date, source: str, durations: Mapping[str, float | None] | None = None,
    size: int = 0, free: tuple[str, ...] = ("rz",), max_shots: int | None = None,
) -> Device:  # fmt: skip
    """A calibrated device: qubits without figures, between those that have them, are not usable."""
    links = list({(c.a, c.b): c for c in couplings}.values())
    if not qubits or not links:
        raise Unfit("it has no qubits" if not qubits else "it has no couplings")
    count = max(size, *(q + 1 for q in qubits), *(max(c.a, c.b) + 1 for c in links))
    own, links_judged = judged((qubits.get(q, Qubit(usable=False)) for q in range(count)), links, unknown_is_dead=False)
    times = {k: v for k, v in (durations or {}).items() if v}
    figures = stated({
        "qubits": [q.model_dump() for q in own], "couplings": [c.model_dump() for c in links], "durations": times
    })  # fmt: skip
    return Device(
        name=name, title=name, vendor=vendor, one_qubit=one_qubit, free=free, qubits=own, couplings=links_judged,
        durations=times, max_shots=max_shots,  # type: ignore[arg-type]
        sources=dict.fromkeys(figures, Source(source=source, date=day, status="calibrated")),
        positions=places(count, ((c.a, c.b) for c in links)),
    )  # fmt: skip


def pair(a: int, b: int) -> Pair:
    return (min(a, b), max(a, b))


def number(text: str) -> int:
    """``Q07`` as 7. Raises Unfit for a name without a number."""
    found = re.search(r"\d+$", text)
    if found is None:
        raise Unfit(f"{text!r} is not a qubit's name")
    return int(found[0])


def infidelity(fidelity: float | None) -> float | None:
    """1 - fidelity, without the float dust that would put 1 - 0.95 beyond 0.05."""
    return None if fidelity is None else min(max(round(1.0 - fidelity, 12), 0.0), 1.0)


def mean(*values: float | None) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def both(zero: float | None, one: float | None) -> tuple[float, float] | None:
    """Two figures, if both are known."""
    return None if zero is None or one is None else (zero, one)


def seconds(value: float | None, unit: float) -> float | None:
    """A time in a unit; 0 stands for not known."""
    return value * unit if value else None


def day_of(value: str | float | datetime | None) -> date:
    """The day of a calibration: ISO or the like, or milliseconds since 1970. Raises Unfit without one."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value / (1000 if value > 1e11 else 1), UTC).date()
    try:
        return datetime.fromisoformat(str(value).strip()).date()
    except ValueError:
        raise Unfit(f"it has no date of its calibration: {value!r}" if value else "it has no date") from None


def judged(
    qubits: Iterable[Qubit], couplings: Iterable[Coupling], *, unknown_is_dead: bool
) -> tuple[tuple[Qubit, ...], tuple[Coupling, ...]]:
    """The same with ``usable`` false where an error is too large, or not known and that means dead."""

    def good(error: float | None, most: float) -> bool:
        return not unknown_is_dead if error is None else error <= most

    return (
        tuple(
            q.model_copy(update={"usable": False})
            if not (good(q.error, MAX_ONE_QUBIT) and good(q.readout_error, MAX_READOUT))
            else q
            for q in qubits
        ),
        tuple(c if good(c.error, MAX_TWO_QUBIT) else c.model_copy(update={"usable": False}) for c in couplings),
    )
