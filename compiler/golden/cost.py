# SPDX-License-Identifier: Apache-2.0
"""What golden vectors of circuits cost: the interpreter turns every amplitude with every gate, in every run."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from hepq.compiler.golden.vectors import PATTERNS, WANTED
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.ir.state_vector import CACHED, COPIES
from hepq.core.circuits import Barrier, Circuit, Diagonal
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.quantum.simulate.memory import AMPLITUDE, amount, ask

#: amplitudes that the interpreter turns in a second
SPEED = 8e7
#: runs of the interpreter for each event: exactly, with rounding errors of either sign, and for what is stored
RUNS = 2 + 2 * PATTERNS
#: seconds that golden events may take where no number is asked for, and at most when it is
BRISK, PATIENT = 60.0, 600.0


@dataclass(frozen=True)
class Cost:
    """Seconds for each event, and once for states that are kept from one to the next; bytes held at once."""

    each: float
    once: float
    memory: int

    def seconds(self, events: int) -> float:
        return self.once + self.each * events


def cost(module: Module) -> Cost:
    """Of the reference's circuits, at the bounds of their ragged dims."""
    each = once = 0.0
    memory = 0
    for circuit, operand in circuits(module):
        rows = prod(d.size if d.size is not None else d.bound or 1 for d in operand.type.dims[:-1])
        seconds = (_turns(circuit) * rows << circuit.qubits) / SPEED
        if rows << circuit.qubits > CACHED or any(n.op == "input" for n in topological([operand])):
            each += RUNS * seconds
        else:
            once += seconds
        memory = max(memory, AMPLITUDE * COPIES * rows << circuit.qubits)
    return Cost(each, once, memory)


def circuits(module: Module) -> list[tuple[Circuit, Node]]:
    """Every circuit that is simulated, and the node whose numbers turn it."""
    sides = (("circuit", 0), ("left", 0), ("right", 1))
    return [(n[side], n.operands[i]) for n in module.walk() for side, i in sides if side in n.attrs]


def affordable(module: Module, wanted: int | None) -> tuple[int, str]:
    """How many golden events to compute, and why it is fewer than ``WANTED``, empty if not: about a minute's worth.

    Raises HepqError HQ0767 for what takes more than ten minutes, a number asked for (``wanted``) or else one event, but
    not where one is asked for; DataError HQ0850 for circuits whose states do not fit in memory.
    """
    for circuit, _ in circuits(module):
        ask(circuit.qubits, size=AMPLITUDE * COPIES, copies=0)
    found = cost(module)
    if not found.each:
        return wanted or WANTED, ""
    within = [max(1, int((limit - found.once) / found.each)) for limit in (BRISK, PATIENT)]
    if wanted is None and within[0] >= WANTED:
        return WANTED, ""
    least = wanted or within[0]
    if least > within[1] or (wanted is None and found.seconds(least) > PATIENT):
        raise HepqError(
            [diag("HQ0767", name=module.name, count=least, time=_time(found.seconds(least)),
                  memory=amount(found.memory), each=_time(found.each), most=within[1])]
        )  # fmt: skip
    if wanted is None:
        why = f"{least} golden events, not {WANTED}: circuits take the reference about {_time(found.each)} for each"
        return least, f"{why}, and {amount(found.memory)}; `--golden-events N` for more"
    return wanted, ""


def _turns(circuit: Circuit) -> int:
    """Passes over the state; rows differ in their angles, so that each is a pass of its own."""
    return sum(len(op.terms) if isinstance(op, Diagonal) else 1 for op in circuit.ops if not isinstance(op, Barrier))


def _time(seconds: float) -> str:
    """``3 s``, ``12 minutes``, ``5 hours``."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
