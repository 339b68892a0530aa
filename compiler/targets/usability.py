# SPDX-License-Identifier: Apache-2.0
"""Which qubits and couplings of a calibrated device are dead: their figures stay as they are, nothing is put there."""

from __future__ import annotations

from collections.abc import Iterable

from hepq.runtime.quantum.device import Coupling, Qubit

#: errors above these are dead: vendors state 1, or a fidelity of 0, for what failed calibration
MAX_TWO_QUBIT, MAX_READOUT, MAX_ONE_QUBIT = 0.05, 0.15, 0.01


def judged(
    qubits: Iterable[Qubit], couplings: Iterable[Coupling], *, unknown_is_dead: bool
) -> tuple[tuple[Qubit, ...], tuple[Coupling, ...]]:
    """The same with ``usable`` false where an error is too large, or not known and that means dead."""

    def good(error: float | None, most: float) -> bool:
        return not unknown_is_dead if error is None else error <= most

    return (
        tuple(
            q.model_copy(update={"usable": False})
            if not (good(q.error, MAX_ONE_QUBIT) and good(q.readout_error, MAX_READOUT))
            else q
            for q in qubits
        ),
        tuple(c if good(c.error, MAX_TWO_QUBIT) else c.model_copy(update={"usable": False}) for c in couplings),
    )
