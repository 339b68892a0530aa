# SPDX-License-Identifier: Apache-2.0
"""What runs compiled code: the engine of the target that it was compiled for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hepq.core import targets
from hepq.core.errors import ArtifactError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hepq.runtime.artifact.artifact import Artifact
    from hepq.runtime.artifact.manifest import Output
    from hepq.runtime.events.batch import Batch


CPU, GPU = "cpu", "cuda"
#: what may be asked for: ``auto`` is the GPU if one can run the code
DEVICES = (CPU, GPU, "auto")
#: of errors: no GPU, one whose driver refuses, no code for one
_NOT_HERE = ("HQ0846", "HQ0847", "HQ0848")


@dataclass(frozen=True)
class Device:
    """``name``: ``cpu`` or ``cuda``. ``why``: why it is the CPU, where a GPU would have been taken."""

    name: str
    why: str = ""


class Engine(Protocol):
    """Made of an artifact, a number of threads, and what its code gives if that is not the model's outputs."""

    def run(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """Output name -> float32 (int64 of whole numbers) [events or kept rows, static dims]."""
        ...


def engine(
    artifact: Artifact, threads: int | None = None, outputs: tuple[Output, ...] | None = None, device: str = CPU
) -> Engine:
    """``device``: ``cpu`` or ``cuda``. Raises ArtifactError where the code cannot run here."""
    made: Any = targets.resolve(targets.find(artifact.code.target if device == CPU else device).engine)
    loaded: Engine = made(artifact, threads, outputs)
    return loaded


def engine_on_gpu(artifact: Artifact, asked: str) -> tuple[Engine | None, Device]:
    """What runs an artifact's code on a GPU; None for the CPU, where that is asked for or ``auto`` finds no other.

    Raises ArtifactError where a GPU is asked for and cannot run it, and for code that does not fit its manifest.
    """
    if asked == CPU:
        return None, Device(CPU)
    try:
        return engine(artifact, device=GPU), Device(GPU)
    except ArtifactError as error:
        if asked == GPU or error.code not in _NOT_HERE:
            raise
        return None, Device(CPU, error.why or error.title)
