# SPDX-License-Identifier: Apache-2.0
"""An artifact's model as IR again, from the program that the artifact holds; and what its inputs are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hepq.compiler.backends.artifact import Cpu
from hepq.compiler.backends.cuda import Cuda
from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.build import Built
from hepq.compiler.ir.node import Node
from hepq.compiler.schema.events import outputs
from hepq.compiler.weights.files import fit
from hepq.lang.syntax import ast
from hepq.runtime.artifact.artifact import GOLDEN, SOURCE, VARIABLES, WEIGHTS, Artifact, hashed
from hepq.runtime.engine.engine import CPU, GPU


def rebuilt(artifact: Artifact) -> Built:
    """Modules of the user's own that the program imports are looked for beside the artifact.

    Raises HepqError for a program that cannot be built: a module that is not there, or another version of hepq.
    """
    return compilation(artifact).built


def compilation(artifact: Artifact, target: str = "cpu", tell: Callable[[str], None] | None = None) -> Compilation:
    """Of the program and weights in an artifact."""
    manifest, circuits = artifact.manifest, artifact.manifest.circuits
    options = Options(
        model=manifest.name, dataset=manifest.dataset.name if manifest.dataset else None,
        use_dataset=manifest.dataset is not None, target=target,
        dims=manifest.provenance.dims, statics=manifest.provenance.statics,
    )  # fmt: skip
    return Compilation(
        artifact.path.with_suffix(".hepq"), options, tell, text=artifact.source,
        given=lambda module: fit(artifact.weights, module, artifact.path),
        trained=circuits is None or circuits.program is not None,
    )  # fmt: skip


def recompiled(artifact: Artifact, device: str = CPU) -> Artifact:
    """The artifact with code compiled here from its program and weights: its own code is left out, unopened.

    There is code for GPUs if the artifact has some, and ``device`` may be one.

    What is read and given is as the program says; golden vectors, native circuits and their device stay.
    Raises HepqError for a program that cannot be built or compiled, or weights that are not its own.
    """
    old, program = artifact.manifest, compilation(artifact)
    gpu = old.gpu is not None and device != CPU
    made = (Cuda(GPU) if gpu else Cpu(program.options.target)).lower(program)
    members = {m: artifact.members[m] for m in (WEIGHTS, SOURCE, GOLDEN, VARIABLES) if m in artifact.members}
    members |= made.members
    if program.events is not None and old.stage is not None:
        members |= {**program.events.members, old.stage.golden: artifact.members[old.stage.golden]}
    circuits = made.held
    if circuits is not None and old.circuits is not None:
        held = old.circuits
        compiled = {f: getattr(held, f) for f in ("target", "natives", "device", "calibration", "compiled")}
        circuits = circuits.model_copy(update=compiled)
        natives = (held.natives, held.device, *(c.qasm3 for c in held.compiled))
        members |= {m: artifact.members[m] for m in natives if m is not None}
    update: dict[str, Any] = {
        "dims": program.schema.dims, "inputs": program.schema.inputs, "dataset": program.schema.dataset,
        "outputs": outputs(program.source, program.schema), "invariances": program.built.plan.invariances,
        "code": made.code, "gpu": made.gpu, "circuits": circuits,
        "stage": None if program.events is None else program.events.stage,
    }  # fmt: skip
    return Artifact(
        artifact.path, hashed(old.model_copy(update=update), members), members, artifact.sha256, rebuilt=True
    )


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
