# SPDX-License-Identifier: Apache-2.0
"""IBM devices: ``BackendProperties`` as JSON, snapshots that qiskit-ibm-runtime carries, live backends.

``python -m hepq.compiler.targets.vendors.ibm`` writes the devices of those: Apache-2.0, by IBM and the Qiskit project,
of which only numbers are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from statistics import median
from typing import Any

from pydantic import Field

from hepq.compiler.targets.files import FOLDER, to_json
from hepq.compiler.targets.lattices import places
from hepq.compiler.targets.vendors.table import Lenient, Unfit, both, day_of, judged, pair
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.quantum.device import FIGURES, Coupling, Device, Qubit, Source

SNAPSHOTS = "Torino Fez Marrakesh Kingston Boston Miami Berlin Aachen Pittsburgh Sherbrooke Brisbane".split()
#: of the first, both directions of a coupling are stated, with one figure
_TWO_QUBIT = ("cz", "ecr", "cx")
_FLIPS = ("prob_meas1_prep0", "prob_meas0_prep1")
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class _Parameter(Lenient):
    name: str
    value: float
    unit: str = ""


class _Gate(Lenient):
    gate: str
    qubits: tuple[int, ...]
    parameters: tuple[_Parameter, ...] = ()


class _Properties(Lenient):
    backend_name: str = ""
    last_update_date: str
    qubits: tuple[tuple[_Parameter, ...], ...]
    gates: tuple[_Gate, ...]


class _Configuration(Lenient):
    max_experiments: int | None = None
    max_shots: int | None = None


class _File(Lenient):
    properties: _Properties
    configuration: _Configuration = Field(default=_Configuration())


def read(data: Mapping[str, Any], name: str) -> Device:
    """``properties`` (and ``configuration``) under these names, or the properties alone."""
    file = _File.model_validate(data if "properties" in data else {"properties": data})
    found = file.properties
    two = next((g for g in _TWO_QUBIT if any(x.gate == g for x in found.gates)), None)
    if two is None:
        raise Unfit("it has no cz, ecr or cx gates")
    single = {g.qubits[0]: g for g in found.gates if g.gate == "sx"}
    links: dict[tuple[int, int], Coupling] = {}
    for gate in found.gates:
        if gate.gate == two:
            a, b = pair(*gate.qubits) if two == "cz" else (gate.qubits[0], gate.qubits[1])
            links.setdefault((a, b), Coupling(
                a=a, b=b, gate=two, error=_error(gate.parameters, "gate_error"),
                duration=_seconds(gate.parameters, "gate_length"),
            ))  # fmt: skip
    qubits = [_qubit(figures, single.get(q)) for q, figures in enumerate(found.qubits)]
    reset = [g for g in found.gates if g.gate == "reset"]
    return calibrated(
        name=name, title=f"IBM {found.backend_name or name.partition(':')[2]}", qubits=qubits,
        couplings=[links[p] for p in sorted(links)],
        source=Source(source=f"{found.backend_name or 'IBM'}, properties from a file",
                      date=day_of(found.last_update_date), status="calibrated"),
        durations={
            "gate": _middle([_seconds(g.parameters, "gate_length") for g in single.values()]),
            "readout": _middle([_seconds(figures, "readout_length") for figures in found.qubits]),
            "reset": _middle([_seconds(g.parameters, "gate_length") for g in reset]),
        },
        jobs=(file.configuration.max_experiments, file.configuration.max_shots),
    )  # fmt: skip


def _qubit(figures: tuple[_Parameter, ...], sx: _Gate | None) -> Qubit:
    return Qubit(
        error=_error(sx.parameters, "gate_error") if sx else None, readout_error=_error(figures, "readout_error"),
        t1=_seconds(figures, "T1") or None, t2=_seconds(figures, "T2") or None,
        readout_errors=both(*(_error(figures, name) for name in _FLIPS)),
    )  # fmt: skip


def _error(parameters: tuple[_Parameter, ...], name: str) -> float | None:
    return _fraction(next((p.value for p in parameters if p.name == name), None))


def _seconds(parameters: tuple[_Parameter, ...], name: str) -> float | None:
    found = next((p for p in parameters if p.name == name), None)
    if found is None:
        return None
    if found.unit not in _UNITS:
        raise Unfit(f"{name} in unit {found.unit!r}; known are {', '.join(_UNITS)}")
    return found.value * _UNITS[found.unit]


def _middle(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return median(known) if known else None


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
        ends = pair(a, b) if gate == "cz" else (a, b)
        error, duration = getattr(figures, "error", None), getattr(figures, "duration", None)
        link = Coupling(a=ends[0], b=ends[1], gate=gate, error=_fraction(error), duration=duration)
        couplings.setdefault(ends, link)
    durations = {"gate": _typical(turned.values()), "readout": _typical(measured.values())}
    if "reset" in target.operation_names:
        durations["reset"] = _typical(target["reset"].values())
    qubits = [_measured(target, q, turned.get(q), measured.get(q), properties) for q in range(target.num_qubits)]
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


def _measured(target: Any, q: int, turned: Any, measured: Any, properties: Any) -> Qubit:
    times = target.qubit_properties[q] if target.qubit_properties else None
    t1, t2 = (getattr(times, k, None) or None for k in ("t1", "t2"))
    error, readout = getattr(turned, "error", None), getattr(measured, "error", None)
    known = {} if properties is None else properties.qubit_property(q)
    flips = [float(known[name][0]) for name in _FLIPS if name in known]
    apart = (flips[0], flips[1]) if len(flips) == 2 and readout is not None else None
    return Qubit(error=_fraction(error), readout_error=_fraction(readout), t1=t1, t2=t2, readout_errors=apart)


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
        backend.target, name=f"ibm:{name.lower()}", title=f"IBM {name}", day=day, source=source, jobs=_jobs(backend),
        properties=backend.properties(),
    )  # fmt: skip


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


if __name__ == "__main__":
    for snapped in SNAPSHOTS:
        path = FOLDER / f"ibm-{snapped.lower()}.json"
        path.write_text(to_json(snapshot(snapped)), encoding="utf-8")
        print(path)
