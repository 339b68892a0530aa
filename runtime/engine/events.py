# SPDX-License-Identifier: Apache-2.0
"""An artifact's event program, loaded: what makes the objects of its dataset."""

from __future__ import annotations

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.stage import EventStage
from hepq.runtime.engine import instructions
from hepq.runtime.engine.event_code import EventDescription, EventProgram, described
from hepq.runtime.events.stage import Stage


def stage_of(artifact: Artifact) -> Stage:
    """Of an artifact that has one. Raises ArtifactError HQ0826, HQ0827 or HQ0890, as for the model's code."""
    stage = artifact.manifest.stage
    assert stage is not None
    instructions.check(artifact.members[stage.library], stage.mcpu, stage.features, artifact.path.name)
    try:
        description = described(artifact.members[stage.description])
    except ValueError as error:
        raise artifact.malformed(stage.description, str(error).splitlines()[0]) from error
    _check(artifact, stage, description)
    try:
        return Stage(stage, EventProgram(artifact.members[stage.library], description))
    except OSError as error:
        raise ArtifactError("HQ0827", f"cannot load the event program of {artifact.path.name}", str(error)) from error


def _check(artifact: Artifact, stage: EventStage, description: EventDescription) -> None:
    """Raises ArtifactError HQ0890 unless the program takes and gives what the manifest says."""
    reads = {(b.name, b.elem, b.dim or None, b.shape) for b in stage.branches}
    gives = {(o.name, o.elem, o.dim or None, o.shape) for o in stage.inputs}
    inputs, outputs = ({(b.name, b.elem, b.dim, b.shape) for b in v} for v in (description.inputs, description.outputs))
    if reads != inputs or not gives <= outputs:
        odd = sorted(str(n[0]) for n in (reads ^ inputs) | (gives - outputs))
        raise ArtifactError("HQ0890", f"the event program of {artifact.path.name} is not the manifest's", odd[0])
