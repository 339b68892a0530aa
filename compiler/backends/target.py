# SPDX-License-Identifier: Apache-2.0
"""The compile side of a target (``core.targets``): from a compilation's optimised IR to a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from hepq.compiler.golden.vectors import TOLERANCE
from hepq.compiler.passes.base import Pass, Weights
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.runtime.artifact import manifest as m

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hepq.compiler.backends.events import EventsCode
    from hepq.compiler.driver.options import Options
    from hepq.compiler.hybrid.kernel import KernelModule, Optimised, Subject
    from hepq.compiler.ir.build import Built
    from hepq.compiler.ir.node import Module
    from hepq.core.diagnostics.diagnostic import Diagnostic
    from hepq.runtime.artifact.golden import Golden
    from hepq.runtime.artifact.golden_events import GoldenEvents


#: code of one event: inputs at true multiplicity to outputs, as the interpreter has them
Runner = Callable[[Mapping[str, "NDArray[Any]"]], dict[str, "NDArray[Any]"]]


class Program(Protocol):
    """What a target sees of a compilation: ``driver.compilation.Compilation`` says what each is."""

    options: Options
    tell: Callable[[str], None]

    @property
    def text(self) -> str: ...
    @property
    def built(self) -> Built: ...
    @property
    def subject(self) -> Subject: ...
    @property
    def source(self) -> Module: ...
    @property
    def schema(self) -> m.EventSchema: ...
    @property
    def weights(self) -> Weights: ...
    @property
    def optimised(self) -> Optimised: ...
    @property
    def kernel(self) -> KernelModule | None: ...
    @property
    def events(self) -> EventsCode | None: ...
    @property
    def golden_events(self) -> GoldenEvents | None: ...
    def stage(self, name: str, words: str = "") -> AbstractContextManager[None]: ...


@dataclass(frozen=True)
class Replay:
    """What a file's golden vectors gave where it was made; ``note``: what to tell the user.

    ``runtime``: the version of what ran them. ``largest``: difference from the reference.
    """

    ran: bool
    note: str = ""
    runtime: str = ""
    largest: float = 0.0


@dataclass(frozen=True)
class Lowered(ABC):
    """A program as a target's code, not yet written."""

    program: Program

    @property
    def tools(self) -> Mapping[str, str]:
        """Fields of the provenance: versions of what made the code."""
        return {}

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return ()

    @property
    def circuits(self) -> tuple[m.CompiledCircuit, ...]:
        return ()

    def describe(self, fields: Mapping[str, Any]) -> m.Described:
        """The manifest, of what every manifest has."""
        return m.Described(**fields)

    @abstractmethod
    def write(self, out: Path, manifest: Any, golden: Golden) -> Replay:
        """Write the file and replay it. Raises HepqError, and writes nothing, where it differs from the reference."""


@dataclass(frozen=True)
class Backend(ABC):
    """``name``: the target as the user wrote it."""

    name: str
    #: what a program goes through before ``lower``
    passes: ClassVar[tuple[Pass, ...]] = INFERENCE

    def tolerance(self, program: Program) -> float:
        """Of golden vectors."""
        return TOLERANCE

    @abstractmethod
    def lower(self, program: Program) -> Lowered:
        """Raises HepqError for a name or an operation that cannot be compiled."""

    def emit(self, program: Program, stage: str) -> str:
        """The program as text at one of the stages that the target's record names; without any, it is not asked."""
        raise NotImplementedError

    def compiled(self, program: Program) -> Module | None:
        """What of the optimised IR ``runner`` can run; None for nothing."""
        return None

    def runner(self, module: Module, weights: Weights) -> Runner:
        """What ``compiled`` gives, or a module like it, as code, loaded: for ``driver.bisect``."""
        raise NotImplementedError
