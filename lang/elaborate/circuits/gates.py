# SPDX-License-Identifier: Apache-2.0
"""The gates that a circuit can apply: OpenQASM 3's ``stdgates.inc`` and three two-qubit rotations."""

from __future__ import annotations

from hepq.core.gates import GATES as SPECS

#: a statement of a circuit like a gate, but of any number of qubits: nothing is rewritten across it
BARRIER = "barrier"
#: other names in ``stdgates.inc`` for the same matrix (``u2``: see circuits.py)
ALIASES = {alias: spec.name for spec in SPECS.values() for alias in spec.aliases}
#: name -> (angles, qubits)
GATES: dict[str, tuple[int, int]] = {
    **{spec.name: spec.arity for spec in SPECS.values() if spec.written},
    **{alias: SPECS[name].arity for alias, name in ALIASES.items()},
    "u2": (2, 1),
}
#: what people call gates elsewhere
FOREIGN = {
    "hadamard": "h", "cnot": "cx", "not": "x", "toffoli": "ccx", "ccnot": "ccx", "fredkin": "cswap",
    "phase_shift": "p", "rzx": "rzz", "zz": "rzz", "xx": "rxx", "yy": "ryy", "ccz": "ccx", "i": "id",
}  # fmt: skip
