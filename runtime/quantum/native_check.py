# SPDX-License-Identifier: Apache-2.0
"""Do the native circuits of an artifact give the distributions that their sources give?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Circuit
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.quantum.engine import Compiled, circuits_of, read_program
from hepq.runtime.quantum.measurer import to_run
from hepq.runtime.quantum.native import Native

#: native circuits that use more of the device's qubits are not simulated
MAX_QUBITS = 14


def native_differences(artifact: Artifact, seed: int = 0) -> dict[str, float]:
    """Circuit's digest -> largest difference of a probability, native against source, at random angles."""
    circuits = circuits_of(artifact)
    members = [circuits.program, circuits.kernel.program if circuits.kernel else None]
    sources: dict[str, Circuit] = {}
    for member in filter(None, members):
        sources |= to_run(read_program(artifact, member))
    natives = Compiled(artifact).natives
    rng = np.random.default_rng(seed)
    return {
        digest: difference(natives[digest], source, rng.uniform(-np.pi, np.pi, (2, source.slots)))
        for digest, source in sources.items()
        if digest in natives and len(natives[digest].used) <= MAX_QUBITS
    }


def difference(native: Native, source: Circuit, values: NDArray[np.float64]) -> float:
    """Largest difference of a probability over rows of ``values`` [N, slots]."""
    wanted = _probabilities(source, values)
    small, place = native.compact
    found = _probabilities(small, values)
    strings = np.arange(found.shape[1])
    read = sum(((strings >> place[q]) & 1) << i for i, q in enumerate(native.measured))
    marginal = np.zeros_like(wanted)
    for row, probabilities in zip(marginal, found, strict=True):
        np.add.at(row, read, probabilities)
    return float(np.abs(marginal - wanted).max())


def _probabilities(circuit: Circuit, values: NDArray[np.float64]) -> NDArray[np.float64]:
    import torch

    from hepq.runtime.quantum.simulate import state

    found: NDArray[np.float64] = state.states(circuit, torch.from_numpy(values)).abs().square().numpy()
    return found
