# SPDX-License-Identifier: Apache-2.0
"""Options of every command that opens an artifact: what the file must be before any of it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hepq.runtime.artifact.artifact import Artifact

Sha256 = Annotated[
    str | None, typer.Option("--sha256", metavar="HEX", help="Open the artifact only if this is its SHA-256.")
]
Trusted = Annotated[
    Path | None,
    typer.Option("--trusted", metavar="KEYS", help="Open it only if signed by a key of this keyring (hepqc sign)."),
]


def opened(path: Path, sha256: str | None, trusted: Path | None) -> Artifact:
    """The artifact, checked as asked. Raises ArtifactError."""
    from hepq.runtime.artifact.artifact import Artifact
    from hepq.runtime.artifact.trust import Trust

    return Artifact.open(path, Trust.of(sha256, trusted))
