# SPDX-License-Identifier: Apache-2.0
"""Backends by name: exact, noisy, fake, and vendors' devices; and vendors' clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hepq.core.errors import DataError, did_you_mean
from hepq.core.vendors import SERVICES, VENDORS, called

if TYPE_CHECKING:
    from hepq.runtime.quantum.backends.backend import Backend
    from hepq.runtime.quantum.backends.remote import Remote
    from hepq.runtime.quantum.clients.base import Client
    from hepq.runtime.quantum.device import Device
    from hepq.runtime.quantum.jobs.budget import Budget
    from hepq.runtime.quantum.jobs.ledger import Ledger

#: without noise or shots; Aer with the noise of the device's calibration; IBM's client on a simulated device
LOCAL = ("exact", "noisy", "fake")
BACKENDS = (*LOCAL, *SERVICES)


def is_local(name: str) -> bool:
    """Whether circuits stay on this machine, where workers may share them."""
    return name.partition(":")[0] in LOCAL


def sends_jobs(name: str) -> bool:
    """Whether circuits become jobs, which have a budget and a ledger."""
    return name.partition(":")[0] not in ("exact", "noisy")


def backend(
    name: str, *, device: Device | None = None, copies: int | Literal["all"] | None = None,
    mitigate: Sequence[str] = (), seed: int | None = 0, **options: Any,
) -> Backend:  # fmt: skip
    """What runs circuits, by name.

    ``device``: what circuits were compiled for; all but ``exact`` need it. ``copies``: of each circuit side by side
    on the device, ``all`` that fit well (see ``packing.PackedBackend``). ``mitigate``: which errors are taken back
    (see ``mitigation.Mitigated``), by calibrations of ``seed``; not of copies. ``options``: ``channel`` of ``noisy``
    (probabilities without shots), ``noise`` of ``fake``; for those that send jobs, ``ledger`` (by default the user's
    own; of ``fake``, whose jobs end with the process, one that goes with the backend), ``budget``, and ``strict``,
    ``stale``, ``patience``, ``tell`` of ``remote.Remote``.

    Raises DataError HQ0870 for an unknown name, HQ0871 for a missing library, HQ0877 without a device, HQ0889 for an
    unknown mitigation, or one of copies or of exact values.
    """
    kind, _, chip = name.partition(":")
    if kind not in BACKENDS or (chip and kind in LOCAL and name != "exact:single"):
        raise DataError("HQ0870", f"no backend {name!r}", did_you_mean(kind, BACKENDS))
    if mitigate and (kind == "exact" or copies is not None):
        why = "exact values have no errors" if kind == "exact" else "copies are measured on several sets of qubits"
        raise DataError("HQ0889", f"mitigate={','.join(mitigate)} cannot be", why)
    if kind == "exact":
        from hepq.runtime.quantum.backends.exact import Exact

        return Exact(precision="single" if chip else "double", **options)
    if device is None:
        why = "it runs circuits that were compiled for a device, and these were not"
        raise DataError("HQ0877", f"backend {name} without a device", why, "hepqc compile PROGRAM --target DEVICE")
    made: Backend
    if kind == "noisy":
        from hepq.runtime.quantum.backends.noise import Noisy

        made = Noisy(device, **options)
    else:
        made = _remote(kind, chip, device, **options)
    if mitigate:
        from hepq.runtime.quantum.backends.mitigation import Mitigated

        return Mitigated(made, device, tuple(mitigate), seed)
    if copies is None:
        return made
    from hepq.runtime.quantum.backends.packing import PackedBackend

    return PackedBackend(made, device, None if copies == "all" else copies)


def client(name: str, device: Device | None = None) -> Client:
    """A vendor's client, e.g. ``ibm:ibm_torino``; nothing is connected to yet. Raises DataError HQ0870."""
    kind, _, chip = name.partition(":")
    if not chip or kind not in SERVICES:
        services = ", ".join(f"{v}:{VENDORS[v].chip}" for v in SERVICES)
        raise DataError("HQ0870", f"no service {name!r}", f"services are {services}")
    made: Client = called(VENDORS[kind].client)(chip, device)
    return made


def _remote(
    kind: str, chip: str, device: Device, *, ledger: Ledger | str | Path | None = None,
    budget: Budget | Mapping[str, float] | None = None, noise: bool = True, **options: Any,
) -> Remote:  # fmt: skip
    """``chip``: empty for that of ``device``."""
    from hepq.runtime.quantum.backends.remote import Remote
    from hepq.runtime.quantum.jobs.budget import Budget
    from hepq.runtime.quantum.jobs.ledger import Ledger, default_ledger

    chip = chip or device.name.partition(":")[2]
    given = budget if isinstance(budget, Budget) else Budget.of(budget or {})
    sends: Client
    if kind == "fake":
        from hepq.runtime.quantum.clients.local import fake

        sends, kept = fake(chip, device, noise), ledger or Ledger.passing()
    else:
        sends, kept = client(f"{kind}:{chip}", device), ledger or default_ledger()
    return Remote(sends, device, kept if isinstance(kept, Ledger) else Ledger(kept), given, **options)
