# SPDX-License-Identifier: Apache-2.0
"""What runs compiled code: the engine of the target that it was compiled for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from hepq.core import targets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hepq.runtime.artifact.artifact import Artifact
    from hepq.runtime.artifact.manifest import Output
    from hepq.runtime.events.batch import Batch


class Engine(Protocol):
    """Made of an artifact, a number of threads, and what its code gives if that is not the model's outputs."""

    def run(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """Output name -> float32 (int64 of whole numbers) [events or kept rows, static dims]."""
        ...


def engine(artifact: Artifact, threads: int | None = None, outputs: tuple[Output, ...] | None = None) -> Engine:
    """Raises ArtifactError where the code cannot run here."""
    made: Any = targets.resolve(targets.find(artifact.code.target).engine)
    loaded: Engine = made(artifact, threads, outputs)
    return loaded
