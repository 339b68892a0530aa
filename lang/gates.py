# SPDX-License-Identifier: Apache-2.0
"""The gates a circuit can apply."""

from __future__ import annotations

#: OpenQASM 3 stdgates: name -> (angles, qubits)
GATES: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx"), (0, 1)),
    **dict.fromkeys(("p", "phase", "rx", "ry", "rz"), (1, 1)), "u": (3, 1),
    **dict.fromkeys(("cx", "cy", "cz", "ch", "swap"), (0, 2)),
    **dict.fromkeys(("cp", "crx", "cry", "crz", "rxx", "ryy", "rzz"), (1, 2)), "cu": (4, 2),
    **dict.fromkeys(("ccx", "cswap"), (0, 3)),
}  # fmt: skip
