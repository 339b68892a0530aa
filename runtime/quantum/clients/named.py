# SPDX-License-Identifier: Apache-2.0
"""Clients by name, and the backend around one: what ``backends.backend`` and ``hepqc jobs`` make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hepq.core.errors import DataError
from hepq.runtime.files import Scratch
from hepq.runtime.quantum.backends.remote import Remote
from hepq.runtime.quantum.clients.base import Client
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.jobs.budget import Budget
from hepq.runtime.quantum.jobs.ledger import Ledger, default_ledger

#: gates of any angle that IBM calls fractional
FRACTIONAL = frozenset({"rx", "rzz"})
#: directories of ledgers that nobody named
_KEPT: list[Scratch] = []


def client(name: str) -> Client:
    """A vendor's client, e.g. ``ibm:ibm_torino``; nothing is connected to yet. Raises DataError HQ0870."""
    kind, _, chip = name.partition(":")
    if chip and kind == "ibm":
        from hepq.runtime.quantum.clients.ibm import IBM

        return IBM(chip)
    if chip and kind == "origin":
        from hepq.runtime.quantum.clients.origin import Origin

        return Origin(chip)
    if chip and kind == "quafu":
        from hepq.runtime.quantum.clients.quafu import Quafu

        return Quafu(chip)
    raise DataError("HQ0870", f"no service {name!r}", "services are ibm:NAME, origin:CHIP, quafu:CHIP")


def remote(
    kind: str, chip: str | None, device: Device, *, ledger: Ledger | str | Path | None = None,
    budget: Budget | Mapping[str, float] | None = None, noise: bool = True, **options: Any,
) -> Remote:  # fmt: skip
    """A service as a backend; ``chip``: by default that of ``device``. ``ledger``: by default the user's own, for
    simulated devices, whose jobs end with the process, one that ends with it too.
    """
    _, _, own = device.name.partition(":")
    given = budget if isinstance(budget, Budget) else Budget.of(budget or {})
    if kind == "fake":
        from hepq.runtime.quantum.clients.ibm import IBM
        from hepq.runtime.quantum.clients.local import Local

        return Remote(IBM(_ibm(own), Local(device, noise)), device, _ledger(ledger or _passing()), given, **options)
    wanted = chip or own
    if kind == "ibm":
        from hepq.runtime.quantum.clients.ibm import IBM

        fractional = not FRACTIONAL.isdisjoint((*device.one_qubit, *device.two_qubit))
        named: Client = IBM(_ibm(wanted), fractional=fractional)
    else:
        named = client(f"{kind}:{wanted}")
    return Remote(named, device, _ledger(ledger or default_ledger()), given, **options)


def _ibm(chip: str) -> str:
    """As IBM names it."""
    return chip if chip.startswith("ibm_") else f"ibm_{chip}"


def _passing() -> Path:
    """A directory that is removed when the process ends."""
    _KEPT.append(Scratch("hepq-jobs"))
    return _KEPT[-1].path


def _ledger(given: Ledger | str | Path) -> Ledger:
    return given if isinstance(given, Ledger) else Ledger(given)
