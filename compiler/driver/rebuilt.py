# SPDX-License-Identifier: Apache-2.0
"""An artifact's model as IR again, from the program that the artifact holds; and what its inputs are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from hepq.compiler.driver.build import Built, build
from hepq.compiler.ir.node import Node
from hepq.core.diagnostics.diagnostic import Sink
from hepq.lang.modules import load
from hepq.lang.syntax import ast
from hepq.runtime.artifact.artifact import GOLDEN, SOURCE, VARIABLES, WEIGHTS, Artifact, hashed


def rebuilt(artifact: Artifact) -> Built:
    """Modules of the user's own that the program imports are looked for beside the artifact.

    Raises HepqError for a program that cannot be built: a module that is not there, or another version of hepq.
    """
    manifest, sink = artifact.manifest, Sink()
    return build(
        load(artifact.path.with_suffix(".hepq"), artifact.source, sink), sink, model=manifest.name,
        dataset=manifest.dataset.name if manifest.dataset else None, use_dataset=manifest.dataset is not None,
        dims=manifest.provenance.dims, statics=manifest.provenance.statics,
    )  # fmt: skip


def recompiled(artifact: Artifact) -> Artifact:
    """The artifact with code compiled here from its program and weights: its own code is left out, unopened.

    What is read and given is as the program says; golden vectors, native circuits and their device stay.
    Raises HepqError for a program that cannot be built or compiled, or weights that are not its own.
    """
    from hepq.compiler.driver.compilation import CompileReport, optimise
    from hepq.compiler.driver.generate import FEATURES, generate
    from hepq.compiler.driver.options import Options
    from hepq.compiler.hybrid.subject import job, subject_of
    from hepq.compiler.schema.events import event_schema, outputs, read_inputs
    from hepq.compiler.weights.files import fit

    old, built = artifact.manifest, rebuilt(artifact)
    options = Options(dims=old.provenance.dims, statics=old.provenance.statics)
    subject = subject_of(built, trained={o.name for o in old.outputs} != {FEATURES})
    source = read_inputs(subject.module)
    weights = fit(artifact.weights, source, artifact.path)
    report = CompileReport(artifact.path, old.name, options.target)
    module, folded = optimise(subject.with_features(source), weights, options, report)
    kernel = subject.kernel_module(lambda k: optimise(k, {}, options, report), options)
    made = generate(module, folded, job(built, options, kernel, lambda _: None))
    members, circuits = (
        {m: artifact.members[m] for m in (WEIGHTS, SOURCE, GOLDEN, VARIABLES) if m in artifact.members} | made.members,
        made.circuits,
    )
    if circuits is not None and old.circuits is not None:
        held = old.circuits
        compiled = {f: getattr(held, f) for f in ("target", "natives", "device", "calibration", "compiled")}
        circuits = circuits.model_copy(update=compiled)
        natives = (held.natives, held.device, *(c.qasm3 for c in held.compiled))
        members |= {m: artifact.members[m] for m in natives if m is not None}
    schema = event_schema(built, source)
    update: dict[str, Any] = {
        "dims": schema.dims,
        "inputs": schema.inputs,
        "dataset": schema.dataset,
        "code": made.code,
    }
    update |= {"outputs": outputs(source, schema), "invariances": built.plan.invariances, "circuits": circuits}
    return Artifact(artifact.path, hashed(old.model_copy(update=update), members), members, artifact.sha256)


def weights_of(artifact: Artifact) -> Mapping[str, NDArray[Any]]:
    """As they were before any pass."""
    return artifact.weights


def model_inputs(built: Built) -> dict[str, Node]:
    """Name -> value of what the model proper takes: its dataset's inputs, or its parameters."""
    dataset = built.plan.dataset
    read = set(built.module.walk())
    given = built.plan.inputs if dataset is None else dataset.inputs
    return {name: tensor.handle for name, tensor in given.items() if tensor.handle in read}


def entry_names(built: Built, name: str, node: Node) -> tuple[str, ...]:
    """What to call each entry of the only static dim of an input: the source text of what the dataset stacks there.

    Else ``x.entry`` where the dim names its entries, else ``x[0]``, …; the input's own name if it has not one such dim.
    """
    static = [d for d in node.type.dims if not d.ragged]
    if len(static) != 1:
        return (name,)
    size = static[0].size or 0
    texts = _stacked(built, name)
    if len(texts) == size:
        return texts
    return tuple(f"{name}.{e}" for e in static[0].entries) or tuple(f"{name}[{i}]" for i in range(size))


def _stacked(built: Built, name: str) -> tuple[str, ...]:
    """The arguments of the ``stack`` that makes an input, as the program writes them."""
    plan = built.plan.dataset
    decls = built.program.main.file.decls
    found = next((d for d in decls if isinstance(d, ast.DatasetDecl) and plan and d.name == plan.name), None)
    items = found.items if found is not None else ()
    made = {i.name: i.value for i in items if isinstance(i, ast.InputItem)}
    bound = {i.targets[0]: i.value for i in items if isinstance(i, ast.Bind) and len(i.targets) == 1}
    value = made.get(name)
    seen: set[str] = set()
    while isinstance(value, ast.Name) and value.id not in seen:
        seen.add(value.id)
        value = bound.get(value.id, made.get(value.id))
    if not (isinstance(value, ast.Call) and isinstance(value.fn, ast.Name) and value.fn.id == "stack"):
        return ()
    return tuple(" ".join(a.value.span.text.split()) for a in value.args if a.name is None)
