# SPDX-License-Identifier: Apache-2.0
"""The whole compilation, in order: source, check, IR, weights, passes, code, golden vectors, artifact."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hepq.compiler.driver.build import Built, build, require_sizes
from hepq.compiler.driver.options import Options
from hepq.compiler.hybrid.partition import has_circuits
from hepq.compiler.hybrid.subject import Subject, job, subject_of
from hepq.compiler.ir.node import Module
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load
from hepq.runtime.files import replacing

if TYPE_CHECKING:
    from hepq.compiler.lower.onnx.file import Checked
    from hepq.compiler.passes.base import Pass, Weights
    from hepq.runtime.artifact.golden import Golden
    from hepq.runtime.artifact.manifest import CompiledCircuit, Described, GoldenInfo

    D = TypeVar("D", bound=Described)

STAGES = ("ast", "ir", "tir")


@dataclass
class CompileReport:
    """What a compilation did: for the user, and for ``--time-passes``.

    ``absent``: files of the dataset that hold no event, so that golden ones are made up. ``fewer_golden``: why fewer
    golden events were computed than usually, empty if not.
    """

    out: Path
    model: str
    target: str
    params: int = 0
    size: int = 0
    golden: GoldenInfo | None = None
    absent: tuple[str, ...] = ()
    fewer_golden: str = ""
    replayed: bool = False
    circuits: tuple[CompiledCircuit, ...] = ()
    checked: Checked | None = None
    kernel: str | None = None
    kernel_only: bool = False
    passes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def build_file(path: Path, options: Options | None = None, sink: Sink | None = None) -> Built:
    """The model of a file as IR. Raises HepqError with everything that is wrong."""
    options, sink = options or Options(), sink or Sink()
    program = load(path, None, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    return build(
        program, sink, model=options.model, dataset=options.dataset, dims=options.dims, statics=options.statics,
        use_dataset=options.use_dataset,
    )  # fmt: skip


def compile_file(
    path: Path, out: Path, options: Options | None = None, progress: Callable[[str], None] | None = None
) -> CompileReport:
    """Compile a ``.hepq`` file to an artifact, or to ONNX. ``progress`` is told each stage's name.

    A model with a support vector machine but without weights gives an artifact of its kernel alone.
    Raises HepqError for what is wrong with the program, its weights or the target; DataError for files of its
    dataset that are there and differ from what it says, and for the events of ``options.golden``. Nothing is written
    unless everything succeeds.
    """
    from hepq.compiler.driver.dataset_files import check_files
    from hepq.compiler.golden.cost import affordable
    from hepq.compiler.lower.onnx.file import TARGET
    from hepq.compiler.schema.events import event_schema, read_inputs
    from hepq.runtime.files import check_writable

    options = _with_recorded(options or Options())
    check_writable(out)
    report = CompileReport(out, "", options.target)
    tell = progress or (lambda _: None)
    sink = Sink()
    tell("checking")
    with report.stage("check and build"):
        built = build_file(path, options, sink)
        subject = subject_of(built, trained=options.weights is not None or options.init is not None)
        report.warnings, report.model = list(sink.items), built.plan.name
        source = read_inputs(subject.module)
    with report.stage("dataset files"):
        check_files(event_schema(built, source), path.parent)
    with report.stage("weights"):
        weights = model_weights(source, options)
    report.params = sum(v.size for v in weights.values())
    wanted, report.fewer_golden = affordable(source, options.golden_events)
    one = _Compilation(path, out, options, report, tell, built, source, weights, wanted)
    if options.target == TARGET:
        one.to_onnx(subject)
    else:
        one.to_artifact(subject)
    report.size = out.stat().st_size
    return report


@dataclass(frozen=True)
class _Compilation:
    """A checked program with its weights, to be made into a file. ``source``: the module before any pass;
    ``wanted``: golden events."""

    path: Path
    out: Path
    options: Options
    report: CompileReport
    tell: Callable[[str], None]
    built: Built
    source: Module
    weights: Weights
    wanted: int

    def to_artifact(self, subject: Subject) -> None:
        from safetensors.numpy import save

        from hepq.compiler.driver.generate import generate
        from hepq.compiler.golden.vectors import CIRCUIT_TOLERANCE, TOLERANCE
        from hepq.compiler.schema.derived import variables
        from hepq.runtime.artifact import manifest as m
        from hepq.runtime.artifact.artifact import VARIABLES, encoded

        options, report = self.options, self.report
        self.tell("optimising")
        module, folded = optimise(subject.with_features(self.source), self.weights, options, report)
        kernel = subject.kernel_module(lambda k: optimise(k, {}, options, CompileReport(self.out, "", "")), options)
        report.kernel_only = not subject.trained
        report.kernel = None if kernel is None else kernel.module.name
        self.tell("generating code")
        with report.stage("code"):
            made = generate(module, folded, job(self.built, options, kernel, self.tell))
        report.circuits = made.circuits.compiled if made.circuits else ()
        report.warnings += made.warnings
        tolerance = CIRCUIT_TOLERANCE if made.circuits is not None and made.circuits.stage else TOLERANCE
        described = self._described(tolerance) | {"code": made.code, "circuits": made.circuits}
        manifest, golden = self._with_golden(m.Manifest(**described))
        held = variables(self.built, self.source)
        members = (
            made.members
            | ({} if held is None else {VARIABLES: held.model_dump_json().encode()})
            | {
                "weights.safetensors": save(dict(self.weights)),
                "source.hepq": _text(self.built).encode(),
                "golden.safetensors": golden.to_bytes(),
            }
        )
        self.tell("writing")
        with replacing(self.out) as temporary:
            temporary.write_bytes(encoded(manifest, members))
            self._replay(temporary)

    def _replay(self, path: Path) -> None:
        """Run what was compiled, if it is for this machine, on the golden vectors.

        Raises HepqError HQ0765 where it differs from the reference.
        """
        from hepq.compiler.golden.replay import differences

        self.tell("replaying golden vectors")
        with self.report.stage("replay"):
            replayed = differences(path)
        self.report.replayed = replayed is not None
        if replayed:
            raise HepqError([diag("HQ0765", name=self.built.plan.name, found="; ".join(replayed))])

    def to_onnx(self, subject: Subject) -> None:
        from hepq.compiler.golden.vectors import TOLERANCE
        from hepq.compiler.lower.onnx.file import lowered, write
        from hepq.compiler.schema.events import event_schema
        from hepq.runtime.artifact import manifest as m

        if not subject.trained:
            raise HepqError([diag("HQ0760", name=self.built.plan.name, found="a support vector machine, not trained")])
        self.tell("optimising")
        module, folded = optimise(self.source, self.weights, self.options, self.report)
        self.tell("lowering")
        with self.report.stage("code"):
            made = lowered(module, folded, event_schema(self.built, self.source))
        described = self._described(TOLERANCE) | {"opset": made.opset, "counts": dict(made.counts)}
        manifest, golden = self._with_golden(m.OnnxManifest(**described))
        self.tell("checking the graph")
        with self.report.stage("check"):
            self.report.checked = write(self.out, made, manifest, golden, _text(self.built))

    def _described(self, tolerance: float) -> dict[str, Any]:
        """Fields of a manifest, but for the golden events' number."""
        from hepq.compiler.schema.events import event_schema, outputs, shapes
        from hepq.runtime.artifact import manifest as m

        schema = event_schema(self.built, self.source)
        return schema.model_dump() | {
            "name": self.built.plan.name,
            "outputs": outputs(self.source, schema),
            "invariances": self.built.plan.invariances,
            "weights": dict(shapes(self.source)),
            "golden": m.GoldenInfo(events=0, tolerance=tolerance),
            "provenance": _provenance(self.built, self.report, self.options),
        }

    def _with_golden(self, manifest: D) -> tuple[D, Golden]:
        from hepq.compiler.golden.vectors import golden_vectors

        self.tell("computing golden vectors")
        with self.report.stage("golden vectors"):
            golden, info = golden_vectors(
                self.source, self.weights, manifest, self.options.golden, self.path.parent, self.wanted
            )
        self.report.golden = info
        if info.made_up and manifest.dataset is not None:
            self.report.absent = tuple(str(self.path.parent / file) for file in manifest.dataset.files)
        return manifest.model_copy(update={"golden": info}), golden


def emit(path: Path, stage: str, options: Options | None = None) -> str:
    """The program as text at a stage: ``ast``, ``ir`` (after all passes) or ``tir``."""
    options = _with_recorded(options or Options())
    if stage == "ast":
        from rich.pretty import pretty_repr

        sink = Sink()
        program = load(path, None, sink)
        if sink.errors:
            raise HepqError(sink.items)
        return pretty_repr(program.main.file.decls)
    from hepq.compiler.driver.generate import cpu_code
    from hepq.compiler.hybrid.code import split
    from hepq.compiler.ir.print import print_ir
    from hepq.compiler.schema.events import read_inputs

    built = build_file(path, options)
    weights = model_weights(built.module, options, default_seed=0)
    module, folded = optimise(read_inputs(built.module), weights, options, CompileReport(path, "", options.target))
    if stage == "ir":
        return print_ir(module)
    compiled = split(module, []).compiled if has_circuits(module) else module
    return "" if compiled is None else cpu_code(compiled, folded, options.target).tir


def _with_recorded(options: Options) -> Options:
    """With the sizes that training found, which its weights file has."""
    if options.weights is None:
        return options
    from hepq.compiler.weights.files import recorded_dims

    return replace(options, dims=recorded_dims(options.weights) | dict(options.dims))


def model_weights(module: Module, options: Options, default_seed: int | None = None) -> Weights:
    """Weights from the file given, or random ones where a seed is."""
    if options.weights is not None:
        from hepq.compiler.weights.files import load_weights

        return load_weights(options.weights, module)
    require_sizes(module)
    seed = options.init if options.init is not None else default_seed
    if seed is None and module.params:
        raise HepqError([diag("HQ0711", name=module.name)])
    from hepq.compiler.weights.initialise import initial_weights

    return initial_weights(module, seed or 0)


def optimise(module: Module, weights: Weights, options: Options, report: CompileReport) -> tuple[Module, Weights]:
    """Run every pass; print and dump the IR between them as the options ask."""
    from hepq.compiler.ir.print import print_ir
    from hepq.compiler.passes.base import run_pipeline
    from hepq.compiler.passes.pipelines import INFERENCE

    def after(one: Pass, module: Module, seconds: float) -> None:
        name = one.name
        report.passes.append(name)
        report.seconds[f"pass {name}"] = seconds
        if options.print_after in (name, "all"):
            print(f"# after {name}\n{print_ir(module)}\n")
        if options.dump_dir is not None:
            options.dump_dir.mkdir(parents=True, exist_ok=True)
            file = options.dump_dir / f"{len(report.passes):02d}-{name}.ir"
            file.write_text(print_ir(module))

    return run_pipeline(INFERENCE, module, weights, verify_each=options.verify_each, on_pass=after)


def _text(built: Built) -> str:
    return built.program.main.file.span.source.text


def _provenance(built: Built, report: CompileReport, options: Options) -> Any:
    from hepq.runtime.artifact import manifest as m

    return m.Provenance(
        source_sha256=hashlib.sha256(_text(built).encode()).hexdigest(),
        hepq=version("hepq"),
        tvm=version("apache-tvm"),
        passes=tuple(report.passes),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=options.command,
        dims=dict(options.dims),
        statics=dict(options.statics),
    )
