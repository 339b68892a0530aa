# SPDX-License-Identifier: Apache-2.0
"""One compilation from a file to a file, and its stages."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hepq.compiler.driver.options import Options
from hepq.compiler.hybrid.kernel import CARRIED, KernelModule, Optimised, Subject, subject_of
from hepq.compiler.ir.build import Built, build, build_training, models_of, require_sizes
from hepq.compiler.ir.node import Module
from hepq.core import targets
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.declarations.const import settable, with_consts
from hepq.lang.declarations.model import sizable
from hepq.lang.modules import Program, load

if TYPE_CHECKING:
    from hepq.compiler.backends.events import EventsCode
    from hepq.compiler.backends.target import Backend, Lowered, Replay
    from hepq.compiler.passes.base import Pass, Weights
    from hepq.runtime.artifact.golden import Golden
    from hepq.runtime.artifact.golden_events import GoldenEvents
    from hepq.runtime.artifact.manifest import CompiledCircuit, Described, EventSchema, GoldenInfo
    from hepq.runtime.events.columns import Reader

#: what ``--emit`` prints
#: sizes of dims that training will find
UNFITTED = {"sv": 1}
STAGES = ("ast", "ir", *targets.stages())


@dataclass
class CompileReport:
    """What a compilation did: for the user, and for ``--time-passes``.

    ``absent``: files of the dataset that hold no event, so that golden ones are made up. ``fewer_golden``: why fewer
    golden events were computed than usually, empty if not. ``replay``: of the golden vectors in what was written.
    """

    out: Path
    model: str
    target: str
    params: int = 0
    size: int = 0
    golden: GoldenInfo | None = None
    absent: tuple[str, ...] = ()
    fewer_golden: str = ""
    replay: Replay | None = None
    circuits: tuple[CompiledCircuit, ...] = ()
    kernel: str | None = None
    kernel_only: bool = False
    passes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)

    @property
    def replayed(self) -> bool:
        return self.replay is not None and self.replay.ran

    @property
    def checked(self) -> Replay | None:
        """The replay, if it ran."""
        return self.replay if self.replayed else None


class Compilation:
    """A program on its way to a file. A stage is computed when it, or one after it, is asked for.

    =============  =====================================================================================
    ``program``    parsed, with what it imports
    ``built``      the model as IR, and what is known of its data (``training``: a training as IR)
    ``subject``    what an artifact is of: the model, its kernel, or both
    ``source``     IR before any pass, of the inputs that it reads: what the reference interprets
    ``weights``    of ``source``
    ``optimised``  IR and weights after the target's passes (``kernel``: those of the kernel)
    ``events``     the dataset's objects, compiled, if it has any
    ``lowered``    the target's code
    ``golden``     golden vectors of ``source``
    ``written``    the file; ``write``: all of this in order
    =============  =====================================================================================

    ``text``: the program's, if the file's is not to be read. ``given``: weights that are not to be read.
    ``after``: the name of each pass, and the model's module after it, once it was ``optimised``.
    """

    def __init__(
        self, path: Path, options: Options | None = None, tell: Callable[[str], None] | None = None, *,
        text: str | None = None, given: Callable[[Module], Weights] | None = None, trained: bool | None = None,
    ) -> None:  # fmt: skip
        self.path, self.options = path, options or Options()
        self._recorded = _recorded_statics(self.options)
        self.tell = tell or (lambda _: None)
        self.sink, self.report = Sink(), CompileReport(path, "", self.options.target)
        self._text, self._given = text, given
        self.after: list[tuple[str, Module]] = []
        self.trained = trained if trained is not None else (self.options.weights, self.options.init) != (None, None)

    @contextmanager
    def stage(self, name: str, words: str = "") -> Iterator[None]:
        """A stretch of time that the report has under ``name``; ``words``: what is told at its start."""
        if words:
            self.tell(words)
        start = time.perf_counter()
        yield
        self.report.seconds[name] = self.report.seconds.get(name, 0.0) + time.perf_counter() - start

    @cached_property
    def program(self) -> Program:
        """Raises HepqError with every error of syntax and of names."""
        program = self._loaded()
        self._raise_errors()
        return program

    def _loaded(self) -> Program:
        values = {**self._recorded, **self.options.statics}
        return with_consts(load(self.path, self._text, self.sink), values, self.sink)

    def check(self) -> Compilation:
        """Raises HepqError with everything that is wrong with the program, whether the model uses it or not."""
        program = self._loaded()
        check(program, self.sink)
        self._raise_errors()
        self.program = program
        return self

    def _raise_errors(self) -> None:
        if self.sink.errors:
            raise HepqError(self.sink.items)

    @cached_property
    def built(self) -> Built:
        return build(self.program, self.sink, **self._chosen)

    def training(self, name: str | None) -> Built:
        """As ``built``; of the training of that name, or the only one, if the program has any."""
        fitted = {name: size for name, size in UNFITTED.items() if name in sizable(self.program)}
        chosen = self._chosen | {"dims": fitted | self.dims}
        found = build_training(self.program, self.sink, name, **chosen)
        return found or build(self.program, self.sink, **chosen)

    @property
    def _chosen(self) -> dict[str, Any]:
        return self.options.chosen | {"statics": self.statics, "dims": self.dims}

    @cached_property
    def dims(self) -> dict[str, int]:
        """Sizes as the options say; and as the weights were trained with, where the program knows the name."""
        known = sizable(self.program)
        return {n: s for n, s in _recorded_dims(self.options).items() if n in known} | dict(self.options.dims)

    @cached_property
    def statics(self) -> dict[str, Any]:
        """As the options say; and as the weights were trained with, where the program knows the name."""
        models = [d for n, d in models_of(self.program).items() if self.options.model in (None, n)]
        known = {*settable(self.program), *(p.name for model in models for p in model.statics)}
        return {n: v for n, v in self._recorded.items() if n in known} | dict(self.options.statics)

    @cached_property
    def subject(self) -> Subject:
        return subject_of(self.built, self.trained)

    @cached_property
    def source(self) -> Module:
        from hepq.compiler.schema.events import read_inputs

        return read_inputs(self.subject.module)

    @cached_property
    def schema(self) -> EventSchema:
        from hepq.compiler.schema.events import event_schema

        return event_schema(self.built, self.source)

    @cached_property
    def weights(self) -> Weights:
        return model_weights(self.source, self.options) if self._given is None else self._given(self.source)

    @cached_property
    def target(self) -> Backend:
        made: Backend = targets.resolve(targets.find(self.options.target).compiles)(self.options.target)
        return made

    @cached_property
    def optimised(self) -> Optimised:
        self.tell("optimising")
        module, weights = self._passed(self.subject.with_features(self.source), self.weights, self._after)
        outputs = dict(module.outputs)
        features = outputs.pop(CARRIED, None)
        return Optimised(replace(module, outputs=outputs), weights, features)

    @cached_property
    def kernel(self) -> KernelModule | None:
        return self.subject.kernel(lambda module: self._passed(module, {}, None), self.dims)

    def _passed(
        self, module: Module, weights: Weights, after: Callable[[Pass, Module, float], None] | None
    ) -> tuple[Module, Weights]:
        from hepq.compiler.passes.base import run_pipeline

        return run_pipeline(self.target.passes, module, weights, verify_each=self.options.verify_each, on_pass=after)

    def _after(self, one: Pass, module: Module, seconds: float) -> None:
        """Shows and dumps the IR after a pass, as the options ask."""
        options, report = self.options, self.report
        report.passes.append(one.name)
        report.seconds[f"pass {one.name}"] = seconds
        self.after.append((one.name, module))
        shown = options.print_after in (one.name, "all")
        if not shown and options.dump_dir is None:
            return
        from hepq.compiler.ir.print import print_ir

        text = print_ir(module)
        if shown:
            options.show(f"# after {one.name}\n{text}\n")
        if options.dump_dir is not None:
            options.dump_dir.mkdir(parents=True, exist_ok=True)
            (options.dump_dir / f"{len(report.passes):02d}-{one.name}.ir").write_text(text)

    @cached_property
    def events(self) -> EventsCode | None:
        """Raises HepqError HQ0709 for what cannot be compiled."""
        plan = self.built.plan.dataset
        if plan is None or not plan.objects:
            return None
        from hepq.compiler.backends.events import compiled_events

        with self.stage("events", "compiling the dataset's objects"):
            return compiled_events(self.built, self.source, self.options.target)

    @cached_property
    def reader(self) -> Reader:
        """What turns events of files into what the model takes."""
        from hepq.runtime.events.columns import Plain

        return Plain(self.schema) if self.events is None else self.events.reader

    @cached_property
    def lowered(self) -> Lowered:
        _ = self.optimised  # its time is not that of code
        with self.stage("code", "generating code"):
            return self.target.lower(self)

    @cached_property
    def wanted(self) -> int:
        """How many golden events to compute. Raises HepqError HQ0767 where they would take too long."""
        from hepq.compiler.golden.cost import affordable

        wanted, self.report.fewer_golden = affordable(self.source, self.options.golden_events)
        return wanted

    @cached_property
    def golden(self) -> tuple[Golden, GoldenInfo]:
        from hepq.compiler.golden.vectors import golden_vectors

        with self.stage("golden vectors", "computing golden vectors"):
            return golden_vectors(
                self.source, self.weights, self.described, self.options.golden, self.path.parent,
                self.wanted, self.reader,
            )  # fmt: skip

    @cached_property
    def golden_events(self) -> GoldenEvents | None:
        """Of the dataset's objects. Raises HepqError HQ0765 where the code differs from the reference."""
        if self.events is None:
            return None
        from hepq.compiler.golden.objects import differences, golden_objects

        with self.stage("golden events", "checking the dataset's objects"):
            golden = golden_objects(
                self.events.module, self.events.stage, self.described, self.options.golden, self.path.parent
            )  # fmt: skip
            found = differences(golden.outputs, self.events.reader.made(golden))
        if found:
            raise HepqError([diag("HQ0765", name=self.built.plan.name, found="; ".join(found))])
        return golden

    def write(self, out: Path) -> CompileReport:
        """Every stage, in order, and the file."""
        from hepq.compiler.golden.events import check_files
        from hepq.runtime.files import check_writable

        report = self.report
        report.out = out
        check_writable(out)
        with self.stage("check and build", "checking"):
            report.model = self.check().built.plan.name
            report.warnings = list(self.sink.items)
            schema = self.schema
        with self.stage("dataset files"):
            check_files(schema, self.path.parent, self.reader)
        with self.stage("weights"):
            report.params = sum(v.size for v in self.weights.values())
        _ = self.wanted
        report.circuits, report.kernel_only = self.lowered.circuits, not self.subject.trained
        report.warnings += self.lowered.warnings
        plan = self.subject.plan
        report.kernel = None if plan is None else plan.fn.decl.name
        _, report.golden = self.golden
        if report.golden.made_up and schema.dataset is not None:
            report.absent = tuple(str(self.path.parent / file) for file in schema.dataset.files)
        report.replay = self.written(out)
        report.size = out.stat().st_size
        return report

    def written(self, out: Path) -> Replay:
        """The file. Raises HepqError, and writes nothing, where its golden vectors differ from the reference."""
        golden, info = self.golden
        manifest = self.lowered.describe(self._fields(self.lowered.tools) | {"golden": info})
        return self.lowered.write(out, manifest, golden)

    def emit(self, stage: str) -> str:
        """The program as text: ``ast``, ``ir`` (after all passes), or a stage of the target's own."""
        if stage == "ast":
            from rich.pretty import pretty_repr

            return pretty_repr(self.program.main.file.decls)
        self.check()
        if stage != "ir":
            return self.target.emit(self, stage)
        from hepq.compiler.ir.print import print_ir

        return print_ir(self.optimised.module)

    @property
    def described(self) -> Described:
        """What it takes and gives, before it is compiled."""
        from hepq.runtime.artifact.manifest import Described

        return Described(**self._fields())

    @property
    def text(self) -> str:
        return self.program.main.file.span.source.text

    def _fields(self, tools: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
        """What every manifest has; the golden events are yet to be counted."""
        from hepq.compiler.schema.events import outputs, shapes
        from hepq.runtime.artifact import manifest as m

        provenance = m.Provenance(
            source_sha256=hashlib.sha256(self.text.encode()).hexdigest(),
            hepq=version("hepq"),
            **tools,
            passes=tuple(self.report.passes),
            created=self.options.created or datetime.now(UTC).isoformat(timespec="seconds"),
            command=self.options.command,
            dims=self.dims,
            statics=self.statics,
        )
        return self.schema.model_dump() | {
            "stage": None if self.events is None else self.events.stage,
            "name": self.built.plan.name,
            "outputs": outputs(self.source, self.schema),
            "invariances": self.built.plan.invariances,
            "weights": dict(shapes(self.source)),
            "golden": m.GoldenInfo(events=0, tolerance=self.target.tolerance(self)),
            "provenance": provenance,
        }


def build_file(path: Path, options: Options | None = None) -> Built:
    """The model of a file as IR. Raises HepqError with everything that is wrong."""
    return Compilation(path, options).check().built


def build_training_file(path: Path, options: Options | None = None, name: str | None = None) -> Built:
    """The training ``name`` of a file, its only one, or its model if it has none, as IR. Raises as ``build_file``."""
    return Compilation(path, options).check().training(name)


def compile_file(
    path: Path, out: Path, options: Options | None = None, progress: Callable[[str], None] | None = None
) -> CompileReport:
    """Compile a ``.hepq`` file to an artifact, or to ONNX. ``progress`` is told each stage's name.

    A model with a support vector machine but without weights gives an artifact of its kernel alone.
    Raises HepqError for what is wrong with the program, its weights or the target; DataError for files of its
    dataset that are there and differ from what it says, and for the events of ``options.golden``. Nothing is written
    unless everything succeeds.
    """
    return Compilation(path, options, progress).write(out)


def emit(path: Path, stage: str, options: Options | None = None) -> str:
    """The program as text at a stage, one of ``STAGES``; with random weights where none are given."""
    options = options or Options()
    if options.weights is None and options.init is None:
        options = replace(options, init=0)
    return Compilation(path, options).emit(stage)


def _recorded_dims(options: Options) -> dict[str, int]:
    """The sizes of open dims that the weights file was trained with, given or found."""
    if options.weights is None:
        return {}
    from hepq.compiler.weights.files import recorded_dims

    return recorded_dims(options.weights)


def _recorded_statics(options: Options) -> dict[str, Any]:
    """Values that the weights file was trained with."""
    if options.weights is None:
        return {}
    from hepq.compiler.weights.files import recorded_statics

    return recorded_statics(options.weights)


def model_weights(module: Module, options: Options) -> Weights:
    """Weights from the file given, or random ones where a seed is."""
    if options.weights is not None:
        from hepq.compiler.weights.files import load_weights

        return load_weights(options.weights, module)
    require_sizes(module)
    if options.init is None and module.params:
        raise HepqError([diag("HQ0711", name=module.name)])
    from hepq.compiler.weights.initialise import initial_weights

    return initial_weights(module, options.init or 0)
