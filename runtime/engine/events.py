# SPDX-License-Identifier: Apache-2.0
"""Events of files to the inputs of a model: the objects of a dataset, as its compiled event program makes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.golden_events import GoldenEvents
from hepq.runtime.artifact.stage import EventStage
from hepq.runtime.engine import instructions
from hepq.runtime.engine.event_code import EventDescription, EventError, EventProgram, EventResult, described
from hepq.runtime.events.columns import Raw
from hepq.runtime.events.stage import Read, assembled, collected


@dataclass(frozen=True)
class Stage:
    """What turns events of files into a model's inputs."""

    of: EventStage
    program: EventProgram

    def branches(self, held: Collection[str] = ()) -> list[str]:
        return self.of.files(held)

    def __call__(self, data: Any, where: str = "the events", first: int = 0) -> Raw:
        """Raises DataError as ``columns.collect``; HQ0845 for a reference to no entry, HQ0839 for lists that differ."""
        read = collected(self.of, data, where, first)
        try:
            made = self._run(read)
        except EventError as error:
            title = f"event {first + error.event} of {where} cannot be made sense of"
            raise DataError("HQ0844", title, error.why) from error
        return assembled(self.of, read, made.outputs, made.counts)

    def made(self, golden: GoldenEvents) -> dict[str, NDArray[Any]]:
        """What the program makes of golden events."""
        return self._run(Read(golden.events, golden.columns, golden.counts)).outputs

    def _run(self, read: Read) -> EventResult:
        factors = {b.name: b.factor for b in self.of.branches}
        return self.program.run(read.columns, read.counts, factors, read.events, offsets=read.offsets)


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
