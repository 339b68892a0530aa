# SPDX-License-Identifier: Apache-2.0
"""IBM devices: Qiskit's description of a backend as ours; what is dead; snapshots and live backends.

``python -m hepq.compiler.targets.ibm FOLDER`` writes the snapshots that qiskit-ibm-runtime carries, as they stand in
``devices/``. Licence of the figures' source: Apache-2.0, IBM and the Qiskit project.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

from hepq.compiler.targets.stored import to_text
from hepq.lang.catalogue import diag
from hepq.lang.diagnostic import HepqError
from hepq.runtime.quantum.device import Coupling, Device, Qubit, Source

#: a coupling or qubit whose errors are larger, or not known, is dead: Qiskit states 1 for those that failed calibration
MAX_TWO_QUBIT, MAX_READOUT, MAX_ONE_QUBIT = 0.05, 0.15, 0.01
SNAPSHOTS = "Torino Fez Marrakesh Kingston Boston Miami Berlin Aachen Pittsburgh Sherbrooke Brisbane".split()
_TWO_QUBIT = ("cz", "ecr", "cx")
#: couplings of which Qiskit states both directions, with one figure
_SYMMETRIC = ("cz",)


def from_target(target: Any, name: str, title: str, day: date, source: str) -> Device:
    """A device from a ``qiskit.transpiler.Target``."""
    gate = next(g for g in _TWO_QUBIT if g in target.operation_names)
    measured = {q: p for (q,), p in target["measure"].items()}
    turned = {q: p for (q,), p in target["sx"].items()}
    qubits = tuple(_qubit(target, q, turned.get(q), measured.get(q)) for q in range(target.num_qubits))
    couplings: dict[tuple[int, int], Coupling] = {}
    for (a, b), figures in sorted(target[gate].items()):
        pair = (min(a, b), max(a, b)) if gate in _SYMMETRIC else (a, b)
        error = getattr(figures, "error", None)
        usable = error is not None and error <= MAX_TWO_QUBIT
        couplings.setdefault(pair, Coupling(a=pair[0], b=pair[1], gate=gate, error=_fraction(error),
                                            duration=getattr(figures, "duration", None), usable=usable))  # fmt: skip
    durations = {"gate": _typical(turned), "readout": _typical(measured)}
    if "reset" in target.operation_names:
        durations["reset"] = _typical({q: p for (q,), p in target["reset"].items()})
    origin = Source(source=source, date=day, status="calibrated")
    return Device(
        name=name, title=title, vendor="IBM", one_qubit=("rz", "sx", "x"), qubits=qubits,
        couplings=tuple(couplings.values()), durations={k: v for k, v in durations.items() if v is not None},  # type: ignore[misc]
        max_circuits=300, max_shots=100_000,
        sources=dict.fromkeys(("topology", "gate_errors", "readout_errors", "durations", "coherence"), origin),
    )  # fmt: skip


def _qubit(target: Any, q: int, turned: Any, measured: Any) -> Qubit:
    error, readout = getattr(turned, "error", None), getattr(measured, "error", None)
    usable = error is not None and readout is not None and error <= MAX_ONE_QUBIT and readout <= MAX_READOUT
    times = target.qubit_properties[q] if target.qubit_properties else None
    t1, t2 = (getattr(times, k, None) or None for k in ("t1", "t2"))
    return Qubit(error=_fraction(error), readout_error=_fraction(readout), t1=t1, t2=t2, usable=usable)


def _fraction(error: float | None) -> float | None:
    return None if error is None else min(float(error), 1.0)


def _typical(figures: dict[int, Any]) -> float | None:
    known = sorted(p.duration for p in figures.values() if p is not None and p.duration is not None)
    return known[len(known) // 2] if known else None


def snapshot(name: str) -> Device:
    """The calibration of a device as qiskit-ibm-runtime carries it, ``Torino`` for example."""
    from qiskit_ibm_runtime import __version__, fake_provider

    backend = getattr(fake_provider, f"Fake{name}")()
    day = backend.properties().last_update_date.date()
    source = f"qiskit-ibm-runtime {__version__}, fake_provider.Fake{name}, backend version {backend.backend_version}"
    return from_target(backend.target, f"ibm:{name.lower()}", f"IBM {name}", day, source)


def live(name: str) -> Device:
    """A device as it is calibrated now, ``ibm_torino`` for example; needs an account saved by qiskit-ibm-runtime.

    Raises HepqError HQ0722 if the service cannot be reached.
    """
    try:
        from qiskit_ibm_runtime import QiskitRuntimeService
    except ImportError as error:
        raise HepqError([diag("HQ0722", name=name, found="qiskit-ibm-runtime is not installed",
                              help='pip install "hepq[ibm]"')]) from error  # fmt: skip
    try:
        backend = QiskitRuntimeService().backend(name)
        day = backend.properties().last_update_date.date()
    except Exception as error:  # the service raises many kinds
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        help = "save an account first: QiskitRuntimeService.save_account(...)"
        raise HepqError([diag("HQ0722", name=name, found=reason, help=help)]) from error
    return from_target(backend.target, f"ibm:{name}", f"IBM {name}, live", day, "IBM Quantum Platform")


if __name__ == "__main__":
    for one in SNAPSHOTS:
        Path(sys.argv[1], f"ibm-{one.lower()}.json").write_text(to_text(snapshot(one)))
