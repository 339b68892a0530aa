# SPDX-License-Identifier: Apache-2.0
"""Native circuits in the formats of others; what is written is read again and compared before it is given out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.formats.flat import Format, difference, flat
from hepq.core import vendors
from hepq.core.circuits import Gate
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.vendors import called
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

TOLERANCE = 1e-8


FORMATS: dict[str, Format] = {name: called(where) for name, where in vendors.FORMATS.items()}


def export(
    native: Native, device: Device, fmt: str, values: NDArray[np.float64] | None = None, slots: Sequence[str] = ()
) -> str | bytes:
    """``native``, filled with ``values`` [slots] of one event or with its rotations open, as text or (qpy) bytes.

    ``slots``: lines that say what slots are (``slot_formulas``), written beside open rotations.

    Raises HepqError HQ0733 for an unknown format, HQ0734 for one that needs values, HQ0735 for a gate that it lacks,
    HQ0736 if what was written does not read back as the same circuit.
    """
    if fmt not in FORMATS:
        raise HepqError([diag("HQ0733", name=fmt, known=", ".join(FORMATS), near=near(fmt, FORMATS))])
    form = FORMATS[fmt]
    if values is None and not form.open and any(not a.fixed for a in native.circuit.angles):
        raise HepqError([diag("HQ0734", name=fmt)])
    wanted = flat(native, values)
    for gate in wanted.gates:
        if isinstance(gate, Gate) and form.spelled(gate) is None:
            raise HepqError([diag("HQ0735", name=fmt, gate=gate.name, device=device.name)])
    made = form.write(native, values, slots) if form.open else form.write(native, values)
    found = form.read(made, device.size)
    if (apart := difference(wanted, found)) > TOLERANCE:
        raise HepqError([diag("HQ0736", name=fmt, found=f"gates differ by {apart:.1e}")])
    return made
