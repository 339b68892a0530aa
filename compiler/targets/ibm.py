# SPDX-License-Identifier: Apache-2.0
"""IBM devices: Qiskit's description of a backend as ours; snapshots that qiskit-ibm-runtime carries, live backends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from hepq.compiler.targets.lattices import places
from hepq.compiler.targets.usability import judged
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.quantum.device import FIGURES, Coupling, Device, Qubit, Source

SNAPSHOTS = "Torino Fez Marrakesh Kingston Boston Miami Berlin Aachen Pittsburgh Sherbrooke Brisbane".split()
_TWO_QUBIT = ("cz", "ecr", "cx")
#: couplings of which Qiskit states both directions, with one figure
_SYMMETRIC = ("cz",)


def from_target(
    target: Any, *, name: str, title: str, day: date, source: str, jobs: tuple[int | None, int | None] = (None, None),
    properties: Any = None,
) -> Device:  # fmt: skip
    """A device from a ``qiskit.transpiler.Target``; ``jobs``: most circuits and shots of one job.

    ``properties``: IBM's ``BackendProperties``, of which the two readout errors of each qubit are taken.
    """
    gate = next(g for g in _TWO_QUBIT if g in target.operation_names)
    measured = {q: p for (q,), p in target["measure"].items()}
    turned = {q: p for (q,), p in target["sx"].items()}
    couplings: dict[tuple[int, int], Coupling] = {}
    for (a, b), figures in sorted(target[gate].items()):
        pair = (min(a, b), max(a, b)) if gate in _SYMMETRIC else (a, b)
        error, duration = getattr(figures, "error", None), getattr(figures, "duration", None)
        link = Coupling(a=pair[0], b=pair[1], gate=gate, error=_fraction(error), duration=duration)
        couplings.setdefault(pair, link)
    durations = {"gate": _typical(turned.values()), "readout": _typical(measured.values())}
    if "reset" in target.operation_names:
        durations["reset"] = _typical(target["reset"].values())
    qubits = [_qubit(target, q, turned.get(q), measured.get(q), properties) for q in range(target.num_qubits)]
    return calibrated(
        name=name, title=title, qubits=qubits, couplings=couplings.values(), durations=durations, jobs=jobs,
        source=Source(source=source, date=day, status="calibrated"),
    )  # fmt: skip


def calibrated(
    *, name: str, title: str, qubits: Iterable[Qubit], couplings: Iterable[Coupling], source: Source,
    durations: dict[str, float | None], jobs: tuple[int | None, int | None],
) -> Device:  # fmt: skip
    """An IBM device: what is dead marked, places to draw it at."""
    own, links = judged(qubits, couplings, unknown_is_dead=True)
    return Device(
        name=name, title=title, vendor="IBM", one_qubit=("rz", "sx", "x"), qubits=own, couplings=links,
        durations={k: v for k, v in durations.items() if v is not None},  # type: ignore[misc]
        max_circuits=jobs[0], max_shots=jobs[1], sources=dict.fromkeys(FIGURES, source),
        positions=places(len(own), ((c.a, c.b) for c in links)),
    )  # fmt: skip


def _qubit(target: Any, q: int, turned: Any, measured: Any, properties: Any) -> Qubit:
    times = target.qubit_properties[q] if target.qubit_properties else None
    t1, t2 = (getattr(times, k, None) or None for k in ("t1", "t2"))
    error, readout = getattr(turned, "error", None), getattr(measured, "error", None)
    known = {} if properties is None else properties.qubit_property(q)
    flips = [float(known[name][0]) for name in ("prob_meas1_prep0", "prob_meas0_prep1") if name in known]
    both = (flips[0], flips[1]) if len(flips) == 2 and readout is not None else None
    return Qubit(error=_fraction(error), readout_error=_fraction(readout), t1=t1, t2=t2, readout_errors=both)


def _fraction(error: float | None) -> float | None:
    return None if error is None else min(float(error), 1.0)


def _typical(figures: Iterable[Any]) -> float | None:
    known = sorted(p.duration for p in figures if p is not None and p.duration is not None)
    return float(known[len(known) // 2]) if known else None


def snapshot(name: str) -> Device:
    """The calibration of a device as qiskit-ibm-runtime carries it, ``Torino`` for example."""
    from qiskit_ibm_runtime import __version__, fake_provider

    backend = getattr(fake_provider, f"Fake{name}")()
    day = backend.properties().last_update_date.date()
    source = f"qiskit-ibm-runtime {__version__}, fake_provider.Fake{name}, backend version {backend.backend_version}"
    return from_target(
        backend.target,
        name=f"ibm:{name.lower()}",
        title=f"IBM {name}",
        day=day,
        source=source,
        jobs=_jobs(backend),
        properties=backend.properties(),
    )


def _jobs(backend: Any) -> tuple[int | None, int | None]:
    configuration = backend.configuration()
    return getattr(configuration, "max_experiments", None), getattr(configuration, "max_shots", None)


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
    return from_target(
        backend.target, name=f"ibm:{name}", title=f"IBM {name}, live", day=day, source="IBM Quantum Platform",
        jobs=_jobs(backend), properties=backend.properties(),
    )  # fmt: skip
