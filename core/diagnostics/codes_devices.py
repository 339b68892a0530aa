# SPDX-License-Identifier: Apache-2.0
"""HQ0720 to HQ0729: quantum devices."""

from __future__ import annotations

from hepq.core.diagnostics.catalogue import Entry

DEVICES = {
    "HQ0720": Entry(
        "unknown device `{name}`",
        "A target is a device that comes with hepq, a topology, or a file that describes one.",
        "`hepqc targets` lists them all",
    ),
    "HQ0721": Entry(
        "`{path}` does not describe a device: {found}",
        "A device's file states its qubits, couplings, native gates and where its figures are from.",
        "docs/devices.md shows one",
    ),
    "HQ0722": Entry(
        "device `{name}` cannot be asked for its calibration: {found}",
        "A live device is described by its vendor's service.",
        "`ibm:torino` and others come with a calibration",
    ),
    "HQ0723": Entry(
        "`{path}` is not a calibration as {vendor} publishes it: {found}",
        "Each vendor has a format of its own; docs/devices.md lists what is read of each.",
        "is `--vendor` right?",
    ),
    "HQ0724": Entry(
        "no device `{name}`: {found}",
        "Abstract devices have at most a thousand qubits.",
        "a lattice little larger than the circuit is enough",
    ),
    "HQ0725": Entry(
        "the calibration of `{name}` is of {day}, {age} days old",
        "Devices are calibrated anew every day: couplers fail, others are mended, and what was the best region drifts.",
        "for a job on the device, compile for it as it is now",
        severity="warning",
    ),
}
