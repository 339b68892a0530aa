# SPDX-License-Identifier: Apache-2.0
"""The Python face: load an artifact, call it with events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hepq.runtime.model import Model
    from hepq.runtime.quantum.backend import Backend


def load(
    path: str | Path, threads: int | None = None, *, backend: str | Backend = "exact", shots: int | None = None,
    seed: int | None = 0,
) -> Model:  # fmt: skip
    """Load a ``.hepqx`` artifact; ``threads`` defaults to every core this process may use.

    ``backend`` runs its circuits, if it has any: ``exact`` simulates them; ``noisy`` with the errors of the
    device it was compiled for; ``ibm``, ``origin``, ``quafu`` send them there, ``shots`` each.

    >>> tagger = hepq.load("tagger.hepqx")            # doctest: +SKIP
    >>> tagger("jets.root").Hbb                       # doctest: +SKIP

    An artifact holds machine code: load only those you would run a program from.
    Raises ArtifactError if the file is missing, damaged, changed, too new, or for another CPU.
    """
    from hepq.runtime.artifact import Artifact
    from hepq.runtime.model import Model

    return Model(Artifact.open(path), threads, backend, shots, seed)
