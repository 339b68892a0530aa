# SPDX-License-Identifier: Apache-2.0
"""OpenQASM 2 with the gates of its paper's ``qelib1.inc`` (arXiv:1707.03429) and, defined in the file, those it lacks.

Larger copies of that file differ from tool to tool: Qiskit's reader knows sx, rzz or swap only in a mode of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.formats.flat import Flat, Format, flat, number
from hepq.compiler.circuits.formats.qiskit import flat_of
from hepq.core.circuits import Angle, Barrier, Gate
from hepq.runtime.quantum.native import Native

#: our name -> that of qelib1.inc
_NAMES = {
    **{n: n for n in "id x y z h s sdg t tdg rx ry rz cx cy cz ch crz ccx".split()},
    "p": "u1", "u": "u3", "cp": "cu1",
}  # fmt: skip
_OURS = {name: ours for ours, name in _NAMES.items()}
#: parameters, qubits and body of the others, by gates of qelib1.inc; equal to ours up to a phase
_DEFINED = {
    "sx": ("", "a", "sdg a; h a; sdg a;"),
    "sxdg": ("", "a", "s a; h a; s a;"),
    "r": ("t,p", "a", "u3(t,p-pi/2,pi/2-p) a;"),
    "gpi": ("p", "a", "u3(pi,p-pi/2,pi/2-p) a;"),
    "gpi2": ("p", "a", "u3(pi/2,p-pi/2,pi/2-p) a;"),
    "swap": ("", "a,b", "cx a,b; cx b,a; cx a,b;"),
    "iswap": ("", "a,b", "s a; s b; h a; cx a,b; cx b,a; h b;"),
    "ecr": ("", "a,b", "s a; sdg b; h b; sdg b; cx a,b; x a;"),
    "rzz": ("t", "a,b", "cx a,b; rz(t) b; cx a,b;"),
    "rxx": ("t", "a,b", "h a; h b; cx a,b; rz(t) b; cx a,b; h a; h b;"),
    "ryy": ("t", "a,b", "rx(pi/2) a; rx(pi/2) b; cx a,b; rz(t) b; cx a,b; rx(-pi/2) a; rx(-pi/2) b;"),
    "ms": ("p,q,t", "a,b", "rz(-p) a; rz(-q) b; h a; h b; cx a,b; rz(t) b; cx a,b; h a; h b; rz(p) a; rz(q) b;"),
    "crx": ("t", "a,b", "h b; crz(t) a,b; h b;"),
    "cry": ("t", "a,b", "ry(t/2) b; cx a,b; ry(-t/2) b; cx a,b;"),
    "cu": ("t,p,l,g", "a,b", "u1(g+(l+p)/2) a; u1((l-p)/2) b; cx a,b; u3(-t/2,0,-(p+l)/2) b; cx a,b; u3(t/2,p,0) b;"),
    "cswap": ("", "a,b,c", "cx c,b; ccx a,b,c; cx c,b;"),
}  # fmt: skip


def write_qasm2(native: Native, values: NDArray[np.float64] | None) -> str:
    found = flat(native, values)
    lines = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"// {native.device}, calibration {native.calibration}"]
    for name in dict.fromkeys(g.name for g in found.gates if isinstance(g, Gate) and g.name in _DEFINED):
        given, qubits, body = _DEFINED[name]
        lines.append(f"gate {name}{f'({given})' if given else ''} {qubits} {{ {body} }}")
    lines += [f"qreg q[{found.size}];", f"creg c[{len(found.measured)}];"]
    for gate in found.gates:
        if isinstance(gate, Barrier):
            lines.append(f"barrier {','.join(f'q[{q}]' for q in gate.qubits)};")
            continue
        numbers = f"({','.join(_real(gate.name, a) for a in gate.angles)})" if gate.angles else ""
        lines.append(f"{_NAMES.get(gate.name, gate.name)}{numbers} {','.join(f'q[{q}]' for q in gate.qubits)};")
    lines += [f"measure q[{q}] -> c[{bit}];" for bit, q in enumerate(found.measured)]
    return "\n".join(lines) + "\n"


def _real(name: str, angle: Angle) -> str:
    """A number with its point, as OpenQASM 2's grammar wants it; whole turns of controlled rotations are no phase."""
    text = f"{angle.constant:.15f}" if name in ("crx", "cry", "crz", "cu") else number(angle)
    return text if "." in text else f"{text}.0"


def read_qasm2(text: str, size: int) -> Flat:
    """By Qiskit's reader, in the mode that knows no more than the paper's gates."""
    from qiskit import qasm2

    return flat_of(qasm2.loads(text), size, _OURS)


FORMAT = Format(".qasm", write_qasm2, read_qasm2, False)
