# SPDX-License-Identifier: Apache-2.0
"""Backends by name: exact, noisy, fake, and vendors' devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from hepq.core.errors import DataError, did_you_mean
from hepq.runtime.quantum.backends.backend import Backend
from hepq.runtime.quantum.device import Device

#: name -> what it is, for help texts
BACKENDS = {
    "exact": "exact simulation of the source circuit, without noise or shots; exact:single: in single precision",
    "noisy": "Aer with the noise of the device's calibration",
    "fake": "IBM's client, run locally on a simulated copy of the device",
    "ibm": "an IBM device: ibm, or ibm:NAME",
    "origin": "a device of Origin Quantum: origin, or origin:CHIP",
    "quafu": "a device of the Quafu cloud: quafu, or quafu:CHIP",
}


def backend(
    name: str, *, device: Device | None = None, copies: int | Literal["all"] | None = None, **options: Any
) -> Backend:
    """What runs circuits, by name.

    ``device``: what circuits were compiled for; all but ``exact`` need it. ``copies``: of each circuit side by side
    on the device, ``all`` that fit well (see ``packing.PackedBackend``). ``options``: ``channel`` of ``noisy``
    (probabilities without shots), ``noise`` of ``fake``; for those that send jobs, what ``clients.named.remote``
    takes: ``ledger``, ``budget``, ``strict``, ``stale``, ``patience``, ``tell``.

    Raises DataError HQ0870 for an unknown name, HQ0871 for a missing library, HQ0877 without a device.
    """
    kind, _, chip = name.partition(":")
    if kind not in BACKENDS or (chip and kind in ("exact", "noisy", "fake") and name != "exact:single"):
        raise DataError("HQ0870", f"no backend {name!r}", did_you_mean(kind, BACKENDS))
    if kind == "exact":
        from hepq.runtime.quantum.backends.exact import Exact

        return Exact(precision="single" if chip else "double", **options)
    if device is None:
        why = "it runs circuits that were compiled for a device, and these were not"
        raise DataError("HQ0877", f"backend {name} without a device", why, "hepqc compile PROGRAM --target DEVICE")
    made = _on_device(kind, chip, device, options)
    if copies is None:
        return made
    from hepq.runtime.quantum.backends.packing import PackedBackend

    return PackedBackend(made, device, None if copies == "all" else copies)


def _on_device(kind: str, chip: str, device: Device, options: Mapping[str, Any]) -> Backend:
    if kind == "noisy":
        from hepq.runtime.quantum.backends.noise import Noisy

        return Noisy(device, **options)
    from hepq.runtime.quantum.clients.named import remote

    return remote(kind, chip or None, device, **options)
