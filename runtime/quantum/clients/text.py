# SPDX-License-Identifier: Apache-2.0
"""A filled native circuit as OpenQASM 2, on the device's own qubits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.quantum.bind import bound
from hepq.runtime.quantum.native import Native


def qasm2(native: Native, values: NDArray[np.float64]) -> str:
    """For one event's ``values`` [slots]; wire i is read into bit i."""
    from qiskit import qasm2 as writer

    return str(writer.dumps(bound(native, values)))
