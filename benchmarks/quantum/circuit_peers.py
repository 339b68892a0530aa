# SPDX-License-Identifier: Apache-2.0
"""Other compilers of circuits as their users run them, on a circuit with numbers; what they make as native circuits."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from math import pi
from typing import Any

from benchmarks.shared.data import Absent
from hepq.compiler.circuits.formats.qiskit import from_qiskit, target_of, to_qiskit
from hepq.compiler.circuits.formats.tket import to_tket
from hepq.compiler.circuits.layout import chosen, costs
from hepq.compiler.circuits.native import best_couplings, polished, turns_any_angle
from hepq.core.circuits import Angle, Circuit, Gate
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

#: not those of the portfolio, which counts from 0
SEEDS = range(100, 105)
_NAMES = {"Rz": "rz", "SX": "sx", "X": "x", "CX": "cx", "CZ": "cz", "ECR": "ecr"}


def qiskit_o3(circuit: Circuit, device: Device, seed: int) -> list[Native]:
    """``transpile(optimization_level=3)``, angles open or not; with cx, and with rzz where a device has it.

    Of a device that couples all with all it is shown as many qubits as there are wires.
    """
    from qiskit import transpile

    given, names = to_qiskit(circuit)
    shown = chosen(costs(device, best_couplings(device)), circuit.qubits)
    made = []
    for any_angle in (False, True) if turns_any_angle(device) else (False,):
        target = target_of(device, shown, any_angle=any_angle)
        run = transpile(given, target=target, optimization_level=3, seed_transpiler=seed)
        made.append(from_qiskit(run, names, device, circuit))
    return made


def tket_default(circuit: Circuit, device: Device) -> Native:
    """pytket-qiskit's default pass, level 2, LightSABRE included (``IBMQBackend.pass_from_info``), step by step.

    Run in one piece it leaves swaps after the measurements; here wires that it exchanges are read where they end.
    """
    try:
        from pytket import passes
        from pytket.architecture import Architecture
        from pytket.circuit import OpType
        from pytket.extensions.qiskit.backends.ibm import IBMQBackend
        from pytket.extensions.qiskit.backends.ibm_utils import _gen_lightsabre_transformation
        from pytket.predicates import CompilationUnit
    except ImportError as error:
        raise Absent("needs pytket-qiskit: pip install --group peers") from error
    couplings = best_couplings(device)
    coupled = sorted({q for pair in couplings for q in pair})  # the pass wants nodes 0, 1, 2 … without gaps
    architecture = Architecture([(coupled.index(a), coupled.index(b)) for a, b in couplings])
    own = {"cz": OpType.CZ, "ecr": OpType.ECR}[next(iter(couplings.values())).gate]
    primitive = {OpType.Rz, OpType.SX, OpType.X, own}

    first = to_tket(circuit)[0]
    passes.SequencePass([passes.DecomposeBoxes(), passes.FullPeepholeOptimise()]).apply(first)
    simpler, ends = _untangled(first)
    unit = CompilationUnit(simpler)
    passes.SequencePass([
        passes.AutoRebase(primitive),
        passes.CustomPassMap(_gen_lightsabre_transformation(architecture), "lightsabre"),
        passes.KAKDecomposition(allow_swaps=False), passes.CliffordSimp(False), passes.SynthesiseTket(),
        IBMQBackend.rebase_pass_offline(primitive), IBMQBackend.squash_pass_offline({OpType.Rz, OpType.SX, OpType.X}),
        passes.RemoveRedundancies(),
    ]).apply(unit)  # fmt: skip
    places = {q: unit.final_map[q] for q in simpler.qubits}
    measured = tuple(coupled[places[simpler.qubits[end]].index[0]] for end in ends)
    gates = tuple(g.on(coupled) for g in _gates(unit.circuit))
    made = Native(device.name, device.calibration, Circuit(device.size, 0, gates), measured, measured)
    return polished(made, device) if own is OpType.ECR else made  # pytket does not mind the direction of ecr


def greedy(circuit: Circuit, device: Device) -> list[Native]:
    """GreedyPauliSimp by itself, then Qiskit's level 3 with each seed."""
    from pytket.circuit import OpType
    from pytket.passes import AutoRebase, GreedyPauliSimp
    from qiskit import transpile

    made = to_tket(circuit)[0]
    AutoRebase({OpType.CX, OpType.Rz, OpType.Rx, OpType.H}).apply(made)
    GreedyPauliSimp().apply(made)
    AutoRebase({OpType.CX, OpType.Rz, OpType.SX, OpType.X}).apply(made)
    simpler, ends = _untangled(made)
    given, _ = to_qiskit(Circuit(circuit.qubits, 0, _gates(simpler)), ends)
    target = target_of(device)
    runs = [transpile(given, target=target, optimization_level=3, seed_transpiler=seed) for seed in SEEDS]
    return [from_qiskit(run, {}, device, circuit) for run in runs]


def bounded(work: Callable[..., Any], seconds: float, *args: Any) -> Any:
    """``work(*args)`` in a process that is stopped after ``seconds``; None if it did not end."""
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(False)
    process = context.Process(target=_send, args=(sender, work, args))
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(seconds) else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()


def _send(sender: Any, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    sender.send(work(*args))


def _untangled(made: Any) -> tuple[Any, list[int]]:
    """The same gates without exchanged wires, and where each wire ends."""
    # a wire ends on the qubit that pytket's permutation maps to it
    ends = {wire: qubit for qubit, wire in made.implicit_qubit_permutation().items()}
    out = type(made)(made.n_qubits)
    for command in made.get_commands():
        out.add_gate(command.op, [q.index[0] for q in command.qubits])
    return out, [made.qubits.index(ends[q]) for q in made.qubits]


def _gates(made: Any) -> tuple[Gate, ...]:
    """pytket's gates as ours."""
    return tuple(
        Gate(
            _NAMES[command.op.type.name],
            tuple(q.index[0] for q in command.qubits),
            tuple(Angle(float(p) * pi) for p in command.op.params),
        )
        for command in made.get_commands()
    )
