# SPDX-License-Identifier: Apache-2.0
"""What a program can be compiled for: a record of each target, whose two sides are imported when they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import Any

#: what files of artifacts end in
ARTIFACT = ".hepqx"


@dataclass(frozen=True)
class Target:
    """What ``--target NAME``, or ``NAME:SPEC``, compiles for.

    ``help``: for ``hepqc targets``. ``spec``: what may follow the colon; empty if nothing. ``file``: what its files end
    in. ``stages``: texts of its own that ``--emit`` prints.
    ``compiles`` (``compiler.backends.target.Backend``), ``loads`` (a file of it: path, threads, trust) and ``engine``
    (what runs the code in an artifact) are imports, ``module:name``.
    """

    name: str
    help: str
    compiles: str
    spec: str = ""
    file: str = ARTIFACT
    stages: tuple[str, ...] = ()
    loads: str = "hepq.runtime.model:load"
    engine: str = "hepq.runtime.engine.cpu:Engine"

    @property
    def forms(self) -> tuple[str, ...]:
        """How it is written."""
        return (self.name, *([f"{self.name}:{self.spec}"] if self.spec else []))


TARGETS = (
    Target("cpu", "machine code", "hepq.compiler.backends.artifact:Cpu", spec="NAME", stages=("tir",)),
    Target(
        "onnx", "is a .onnx file for CMSSW, Athena, key4hep and other users of ONNX Runtime.",
        "hepq.compiler.backends.onnx:Onnx", file=".onnx", loads="hepq.runtime.engine.onnx_model:load",
    ),
    Target(
        "cuda", "has code for NVIDIA's GPUs since Ampere, and for this CPU.", "hepq.compiler.backends.cuda:Cuda",
        spec="sm_NN", stages=("tir", "cuda"), engine="hepq.runtime.engine.cuda.engine:Engine",
    ),
    Target("sim", "simulates circuits.", "hepq.compiler.backends.artifact:Simulator", stages=("tir",)),
)  # fmt: skip
#: what every other name means, or means to
DEVICE = Target("a quantum device", "", "hepq.compiler.backends.artifact:QuantumDevice", stages=("tir",))


def find(text: str) -> Target:
    """The target that a name means; whether its spec does is for the target to say."""
    kind, mark, _ = text.partition(":")
    return next((t for t in TARGETS if t.name == kind and (t.spec or not mark)), DEVICE)


def of_file(path: PurePath) -> Target:
    """A target that writes such files; of other files, one that writes artifacts."""
    return next((t for t in TARGETS if t.file == path.suffix), DEVICE)


def stages() -> tuple[str, ...]:
    """Texts that targets have of a program."""
    return tuple(dict.fromkeys(stage for t in (*TARGETS, DEVICE) for stage in t.stages))


def resolve(name: str) -> Any:
    """What an import ``module:name`` names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
