# SPDX-License-Identifier: Apache-2.0
"""The gates a circuit can apply: those of OpenQASM 3's ``stdgates.inc`` and three two-qubit rotations."""

from __future__ import annotations

#: name -> (angles, qubits)
GATES: dict[str, tuple[int, int]] = {
    **dict.fromkeys("id x y z h s sdg t tdg sx".split(), (0, 1)),
    **dict.fromkeys("p phase rx ry rz u1".split(), (1, 1)), "u2": (2, 1), **dict.fromkeys(("u", "u3"), (3, 1)),
    **dict.fromkeys("cx CX cy cz ch swap".split(), (0, 2)),
    **dict.fromkeys("cp cphase crx cry crz rxx ryy rzz".split(), (1, 2)), "cu": (4, 2),
    **dict.fromkeys("ccx cswap".split(), (0, 3)),
}  # fmt: skip
#: a statement of a circuit like a gate, but of any number of qubits: nothing is rewritten across it
BARRIER = "barrier"
#: other names in ``stdgates.inc`` for the same matrix (``u2``: see circuit_operations.py)
ALIASES = {"CX": "cx", "phase": "p", "cphase": "cp", "u1": "p", "u3": "u"}
#: what people call gates elsewhere
FOREIGN = {
    "hadamard": "h", "cnot": "cx", "not": "x", "toffoli": "ccx", "ccnot": "ccx", "fredkin": "cswap",
    "phase_shift": "p", "rzx": "rzz", "zz": "rzz", "xx": "rxx", "yy": "ryy", "ccz": "ccx", "i": "id",
}  # fmt: skip
#: gate -> its inverse; any other gate without angles is its own
INVERSE = {"s": "sdg", "sdg": "s", "t": "tdg", "tdg": "t", "sx": "sxdg", "sxdg": "sx"}
