# SPDX-License-Identifier: Apache-2.0
"""A compiled analysis as bytes: what it is described by, and machine code for each kind of its sources.

It is what is sent to workers. Beneath a checksum there is a line of JSON, then the libraries, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from hepq.core.analyses import Kind
from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.analysis.description import Analysis, ModelStage, Program
from hepq.runtime.artifact.stage import EventStage
from hepq.runtime.engine import instructions
from hepq.runtime.engine.event_code import EventDescription, EventProgram, described, to_json
from hepq.runtime.files import digest, seal, unseal

FORMAT = "hepq analysis 1"


@dataclass(frozen=True)
class Code:
    """``identity``: a hash of what it was compiled from and by. ``features``: instruction sets without which the
    library must not be called."""

    library: bytes
    description: EventDescription
    mcpu: str
    features: tuple[str, ...]
    identity: str
    #: of the event programs that models are applied to the outputs of, in order
    before: tuple[Code, ...] = ()

    def __iter__(self) -> Iterator[Code]:
        """All, in order."""
        yield from self.before
        yield self


@dataclass(frozen=True)
class Compiled:
    """``code``: of each kind of sources that the analysis has a program for. ``program``: the name of its file."""

    analysis: Analysis
    code: Mapping[Kind, Code]
    program: str = ""

    def reader(self, kind: Kind) -> EventStage:
        """What is read of events of that kind, in terms of the reader."""
        program = self.analysis.programs[kind]
        return EventStage(branches=program.read, inputs=(), lists=program.lists)

    def identity(self, kind: Kind) -> str:
        """A hash of all that sums and skims of a file's events follow from, wherever models lie."""
        program = self.analysis.programs[kind]
        elsewhere = {"models": {"__all__": {"calls": {"__all__": {"path"}}}}}
        said = program.model_dump_json(include={"branches", "lists", "saves", "key", "models"}, exclude=elsewhere)
        return digest(f"{self.code[kind].identity}\n{said}".encode())

    def load(self, kind: Kind) -> EventProgram:
        """Raises ArtifactError HQ0826 or HQ0827 where the code cannot run here, HQ0890 where it is another's."""
        code, name = self.code[kind], f"analysis {self.analysis.name}"
        instructions.check(code.library, code.mcpu, code.features, name)
        _check(code.description, self.analysis.programs[kind], name)
        return _opened(code, name)

    def load_before(self, kind: Kind) -> tuple[EventProgram, ...]:
        """The event programs that models are applied to the outputs of. Raises as ``load``."""
        code, name = self.code[kind], f"analysis {self.analysis.name}"
        stages = self.analysis.programs[kind].models
        for one, stage in zip(code.before, stages, strict=True):
            instructions.check(one.library, one.mcpu, one.features, name)
            _check_stage(one.description, stage, name)
        return tuple(_opened(one, name) for one in code.before)

    def with_files(self, files: Mapping[str, tuple[str, ...]]) -> Compiled:
        """With other files of some sources. Raises DataError HQ0966 for a source that it does not have."""
        known = {s.name for s in self.analysis.sources}
        for name in files:
            if name not in known:
                raise DataError("HQ0966", f"no source {name}", f"it has: {', '.join(sorted(known))}")
        sources = tuple(
            s.model_copy(update={"files": files[s.name]}) if s.name in files else s for s in self.analysis.sources
        )
        return replace(self, analysis=self.analysis.model_copy(update={"sources": sources}))

    def to_bytes(self) -> bytes:
        """With a checksum; equal ones give equal bytes."""
        head = {
            "format": FORMAT, "analysis": self.analysis.model_dump(mode="json"), "program": self.program,
            "code": {
                kind: [
                    {
                        "bytes": len(one.library), "description": to_json(one.description).decode(), "mcpu": one.mcpu,
                        "features": one.features, "identity": one.identity,
                    }
                    for one in code
                ]
                for kind, code in self.code.items()
            },
        }  # fmt: skip
        libraries = b"".join(one.library for code in self.code.values() for one in code)
        return seal(json.dumps(head, separators=(",", ":")).encode() + b"\n" + libraries)

    @staticmethod
    def from_bytes(data: bytes) -> Compiled:
        """What ``to_bytes`` made; nothing of it is run. Raises ValueError, saying why, for anything else."""
        line, _, content = unseal(data).partition(b"\n")
        try:
            head, code, start = json.loads(line), {}, 0
            if head.get("format") != FORMAT:
                raise ValueError(f"its format is {head.get('format')!r}, and not {FORMAT!r}")
            for kind, several in head["code"].items():
                found = []
                for one in several:
                    library = content[start : start + one["bytes"]]
                    start += one["bytes"]
                    description = described(one["description"].encode())
                    found.append(Code(library, description, one["mcpu"], tuple(one["features"]), one["identity"]))
                *before, last = found
                code[kind] = replace(last, before=tuple(before))
            return Compiled(Analysis.model_validate(head["analysis"]), code, head["program"])
        except (KeyError, TypeError, AttributeError, ValidationError) as error:
            raise ValueError(f"it is not a compiled analysis: {str(error)[:200]}") from error


def _opened(code: Code, name: str) -> EventProgram:
    try:
        return EventProgram(code.library, code.description)
    except OSError as error:
        raise ArtifactError("HQ0827", f"cannot load the event program of {name}", str(error)) from error


def _check_stage(code: EventDescription, stage: ModelStage, name: str) -> None:
    """Raises ArtifactError HQ0890 unless the code gives what its models are applied to."""
    gives = {o.name for o in code.outputs}
    wanted = {a.output for call in stage.calls for a in call.inputs.values()}
    wanted |= {o for call in stage.calls for o in (*call.owners.values(), call.index) if o}
    if odd := sorted(wanted - gives):
        raise ArtifactError("HQ0890", f"the event program of {name} is not the one described", odd[0])


def _check(code: EventDescription, program: Program, name: str) -> None:
    """Raises ArtifactError HQ0890 unless the code reads, fills and gives what the description says."""
    branches = {(b.name, b.elem, b.dim or None, b.shape) for b in program.branches}
    scores = [o for stage in program.models for call in stage.calls for o in call.outputs.values()]
    reads = branches | {(o.name, o.elem, o.dim or None, o.shape) for o in scores}
    reads |= {(program.key, "int", None, ())} if program.key else set()
    gives = {
        (o.name, o.elem, o.dim or None, o.shape)
        for saves in program.saves.values()
        for saved in saves.values()
        for o in saved.columns.values()
    }
    passed = {(saved.passed, "bool", None, ()) for saves in program.saves.values() for saved in saves.values()}
    inputs, outputs = ({(b.name, b.elem, b.dim, b.shape) for b in v} for v in (code.inputs, code.outputs))
    fills = {f.name: (f.cells, f.weighted) for f in code.fills}
    odd = [str(one[0]) for one in (branches - inputs) | (inputs - reads) | ((gives | passed) - outputs)]
    odd += [n for n in {**fills, **program.sums} if fills.get(n) != program.sums.get(n)]
    odd += sorted(set(code.checks) ^ set(program.checks))
    if odd:
        raise ArtifactError("HQ0890", f"the event program of {name} is not the one described", min(odd))
