# SPDX-License-Identifier: Apache-2.0
"""Names of quantum targets: devices that come with hepq, live ones, abstract topologies, users' files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from hepq.compiler.targets.files import FOLDER, from_file, stored
from hepq.compiler.targets.lattices import abstract
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError
from hepq.core.vendors import VENDORS, called
from hepq.runtime.quantum.device import Device

#: what a vendor's bare name means; other names of devices
DEFAULTS = {v.name: v.target for v in VENDORS.values()}
ALIASES = {alias: name for v in VENDORS.values() for alias, name in v.aliases.items()}
#: abstract targets, and what each is
ABSTRACT = {
    "line:N": "a chain", "ring:N": "a closed chain", "grid:RxC": "a square lattice, R rows of C",
    "full:N": "all to all",
}  # fmt: skip
#: calibrated figures that are older do not say which couplers are good today
STALE = timedelta(days=14)


@dataclass(frozen=True)
class Entry:
    """A device in a list. ``date``: of its newest figure; ``statuses``: figure -> calibrated, published, assumed."""

    name: str
    title: str
    qubits: int
    usable: int
    two_qubit: tuple[str, ...]
    date: date
    statuses: dict[str, str]


def is_quantum(target: str) -> bool:
    """Whether a target names, or means to name, a quantum device."""
    kind = target.lower().partition(":")[0]
    return _is_file(target) or kind in DEFAULTS or kind in {name.partition(":")[0] for name in ABSTRACT}


def device(target: str) -> Device:
    """The device that a target names.

    Raises HepqError: HQ0720 unknown name, HQ0721 bad file, HQ0722 IBM's service not reached, HQ0724 too large.
    """
    if _is_file(target):
        return from_file(Path(target))
    name = target.lower().replace("×", "x")
    name = DEFAULTS.get(name, ALIASES.get(name, name))
    kind, _, chip = name.partition(":")
    maker = VENDORS.get(kind)
    if maker and maker.live and chip.startswith(maker.live_prefix):
        found: Device = called(maker.live)(chip)
        return found
    if name in known():
        return _stored(name)
    try:
        made = abstract(name)
    except ValueError as error:
        raise HepqError([diag("HQ0724", name=target, found=str(error))]) from error
    if made is None:
        raise HepqError([_unknown(target, name)])
    return made


def _unknown(target: str, name: str) -> Diagnostic:
    kind, _, chip = name.partition(":")
    if shape := next((a for a in ABSTRACT if a.startswith(f"{kind}:")), None):
        return diag("HQ0720", name=target, help=f"write {shape}, with numbers")
    own = {n.partition(":")[2]: n for n in (*known(), *ALIASES) if n.startswith(f"{kind}:")}
    if own:
        close = [own[c] for c in near(chip, own)]
        return diag("HQ0720", name=target, near=close, help=None if close else f"there are: {', '.join(own.values())}")
    chips = {n.partition(":")[2]: n for n in known()}
    close = near(name, (*known(), *ALIASES, *DEFAULTS)) or [chips[c] for c in near(name, chips)]
    return diag("HQ0720", name=target, near=close)


def known() -> tuple[str, ...]:
    """Names of the devices that come with hepq."""
    return tuple(sorted(path.stem.replace("-", ":", 1) for path in FOLDER.glob("*.json")))


def listed() -> tuple[Entry, ...]:
    """Every device that comes with hepq."""
    return tuple(_entry(_stored(name)) for name in known())


def _entry(chip: Device) -> Entry:
    return Entry(
        name=chip.name, title=chip.title, qubits=chip.size, usable=sum(q.usable for q in chip.qubits),
        two_qubit=chip.two_qubit, date=max(s.date for s in chip.sources.values()),
        statuses={figure: source.status for figure, source in chip.sources.items()},
    )  # fmt: skip


def staleness(device: Device, today: date) -> Diagnostic | None:
    """Warning HQ0725 of a calibration older than ``STALE``; None for a newer one, or figures not calibrated."""
    days = [s.date for f, s in device.sources.items() if s.status == "calibrated" and f != "topology"]
    if not days or today - (day := max(days)) <= STALE:
        return None
    kind, _, chip = device.name.partition(":")
    help = None
    if (maker := VENDORS.get(kind)) and maker.live:
        live = f"`--target {kind}:{maker.live_prefix}{chip.removeprefix(maker.live_prefix)}`"
        help = f"for a job on the device, compile for it as it is now: {live}"
    return diag("HQ0725", name=device.name, day=day, age=(today - day).days, help=help)


def stale(device: Device, today: date) -> str | None:
    """The words of that warning."""
    warning = staleness(device, today)
    return warning.title if warning else None


def _is_file(target: str) -> bool:
    return target.lower().endswith((".toml", ".json"))


@lru_cache
def _stored(name: str) -> Device:
    return stored(name.replace(":", "-", 1))
