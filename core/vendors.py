# SPDX-License-Identifier: Apache-2.0
"""Vendors of quantum devices, one record each: what the command line, targets, backends and formats know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Vendor:
    """``target``: what the vendor's bare name means. ``aliases``: other names of devices, to those of ours.

    ``calibration``: what the vendor calls its file of figures, where there is a reader. ``formats``: circuits as the
    vendor's devices take them. ``package``, which the extra named after the vendor installs, and ``token``, the
    environment variable of the user's, are what the client needs. What can be called is ``module:name``, imported
    when it is: ``reader(data, name)`` gives a device, as does ``live(chip)`` of a ``chip`` that begins with
    ``live_prefix``; ``client(chip, device)`` a client, ``device`` being what circuits were compiled for, if known.
    """

    name: str
    target: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    calibration: str = ""
    reader: str = ""
    live: str = ""
    live_prefix: str = ""
    formats: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    chip: str = "CHIP"  #: stands for a chip's name in help texts
    package: str = ""
    token: str = ""


_RECORDS = (
    Vendor(
        # of the Herons the one that papers on circuit compilers most often use
        "ibm", "ibm:torino",
        calibration="properties, and configuration if there, as BackendProperties.to_dict() gives them",
        reader="hepq.compiler.targets.vendors.ibm:read",
        live="hepq.compiler.targets.vendors.ibm:live", live_prefix="ibm_",
        client="hepq.runtime.quantum.clients.ibm:client", chip="NAME", package="qiskit_ibm_runtime",
        token="QISKIT_IBM_TOKEN",
    ),
    Vendor(
        "iqm", "iqm:garnet", calibration="observations of a calibration's quality metrics",
        reader="hepq.compiler.targets.vendors.iqm:read",
    ),
    Vendor("quantinuum", "quantinuum:h2", {"quantinuum:h2-1": "quantinuum:h2"}),
    Vendor("ionq", "ionq:forte"),
    Vendor("rigetti", "rigetti:ankaa3", {"rigetti:ankaa-3": "rigetti:ankaa3"}),
    Vendor(
        "origin", "origin:wukong",
        {
            "origin:kf_c6_130": "origin:wuyuan", "origin:kf_c72_300": "origin:wukong", "origin:72": "origin:wukong",
            "origin:origin_wukong": "origin:wukong",
        },
        calibration="QuantumChipArch of Pilot OS, or adjJSON and gateJSON of the cloud",
        reader="hepq.compiler.targets.vendors.origin:read",
        formats={"originir": "hepq.compiler.circuits.formats.originir:FORMAT"},
        client="hepq.runtime.quantum.clients.origin:client", package="pyqpanda3", token="ORIGIN_API_KEY",
    ),
    Vendor(
        "quafu", "quafu:baihua",
        calibration="chip_info: qubits_info with couplers_info or topological_structure",
        reader="hepq.compiler.targets.vendors.quafu:read",
        client="hepq.runtime.quantum.clients.quafu:client", token="QUAFU_API_TOKEN",
    ),
    Vendor(
        "tianyan", "tianyan:zuchongzhi2",
        {"tianyan:tianyan176": "tianyan:zuchongzhi2", "tianyan:tianyan-287": "tianyan:zuchongzhi3"},
        calibration="what download_config() of cqlib gives", reader="hepq.compiler.targets.vendors.tianyan:read",
        formats={"qcis": "hepq.compiler.circuits.formats.qcis:FORMAT"},
    ),
)  # fmt: skip

VENDORS = {v.name: v for v in _RECORDS}
#: vendors whose calibrations can be read; those that run circuits
READERS = tuple(v.name for v in _RECORDS if v.reader)
SERVICES = tuple(v.name for v in _RECORDS if v.client)
#: what circuits are exported to -> where it is written and read
FORMATS = {
    "qasm3": "hepq.compiler.circuits.formats.qiskit:QASM3",
    "qasm2": "hepq.compiler.circuits.formats.qasm2:FORMAT",
    "qpy": "hepq.compiler.circuits.formats.qiskit:QPY",
    "tket": "hepq.compiler.circuits.formats.tket:FORMAT",
    **{name: where for v in _RECORDS for name, where in v.formats.items()},
}


def called(where: str) -> Any:
    """What ``module:name`` stands for."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)
