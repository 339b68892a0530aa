# SPDX-License-Identifier: Apache-2.0
"""The Python face: load an artifact, call it with events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hepq.runtime.model import Model


def load(path: str | Path, threads: int | None = None) -> Model:
    """Load a ``.hepqx`` artifact; ``threads`` defaults to every core this process may use.

    >>> tagger = hepq.load("tagger.hepqx")            # doctest: +SKIP
    >>> tagger("jets.root").Hbb                       # doctest: +SKIP

    An artifact holds machine code: load only those you would run a program from.
    Raises ArtifactError if the file is missing, damaged, changed, too new, or for another CPU.
    """
    from hepq.runtime.artifact import Artifact
    from hepq.runtime.model import Model

    return Model(Artifact.open(path), threads)
