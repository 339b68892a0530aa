# SPDX-License-Identifier: Apache-2.0
"""An artifact about to be given out, replayed where it was compiled."""

from __future__ import annotations

from pathlib import Path

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import GOLDEN, Artifact
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.model import Model
from hepq.runtime.verify import rescored


def differences(path: Path) -> list[str] | None:
    """What of the golden vectors in the artifact at ``path`` differs from the reference here, in words.

    None where its code is for another machine, so that nothing was run.
    """
    try:
        model = Model(Artifact.open(path), threads=1)
    except ArtifactError as error:
        if error.code == "HQ0826":
            return None
        raise
    golden = Golden.from_bytes(model.artifact.members[GOLDEN])
    _, checks = rescored(model.manifest, golden, lambda raw, where: model.score_raw(raw, where).arrays)
    return [f"output {c.output} of golden event {c.event} by {c.largest:.1e}" for c in checks if not c.ok]
