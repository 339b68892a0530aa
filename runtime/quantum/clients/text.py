# SPDX-License-Identifier: Apache-2.0
"""A filled native circuit as OpenQASM 2, on the device's own qubits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.quantum.aer import aer_circuit
from hepq.runtime.quantum.native import Native


def qasm2(native: Native, values: NDArray[np.float64]) -> str:
    """For one event's ``values`` [slots]; wire i is read into bit i."""
    from qiskit import qasm2 as writer

    circuit = aer_circuit(native.circuit, len(native.measured))
    circuit.measure(native.measured, range(len(native.measured)))
    angles = native.bind(values[None])[0]
    bound = circuit.assign_parameters({p: float(angles[int(p.name)]) for p in circuit.parameters})
    return str(writer.dumps(bound))
