# SPDX-License-Identifier: Apache-2.0
"""From optimised IR to a ``.onnx`` file that says what it is, and has been run before it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.backends.target import Backend, Lowered, Program, Replay, Runner
from hepq.compiler.hybrid.partition import has_circuits
from hepq.compiler.passes.base import Weights
from hepq.compiler.schema.derived import derived_module, entries
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError
from hepq.runtime.artifact import manifest as m
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.files import replacing
from hepq.runtime.imports import optional

if TYPE_CHECKING:
    from pathlib import Path

    from hepq.compiler.ir.node import Module
    from hepq.compiler.lower.onnx import Lowered as Graph
    from hepq.runtime.engine.onnx_model import OnnxModel


class Onnx(Backend):
    """A graph for users of ONNX Runtime."""

    def lower(self, program: Program) -> OnnxCode:
        """Raises HepqError HQ0760 for what ONNX has no operators for, DataError HQ0871 without the package onnx."""
        name, (module, weights, _) = program.built.plan.name, program.optimised
        if not program.subject.trained:
            raise HepqError([diag("HQ0760", name=name, found="a support vector machine, not trained")])
        if has_circuits(module):
            raise HepqError([diag("HQ0760", name=module.name, found="a circuit")])
        optional("onnx", "onnx")
        from hepq.compiler.lower.onnx import Derived, OnnxError, lower

        derived, policy = None, program.schema.policy.nan
        if program.schema.dataset is not None and program.schema.dataset.derived is not None and policy != "zero":
            values = derived_module(program.built, program.source)  # the model does the latter itself
            derived = Derived(values, entries(values.outputs) if policy == "drop" else {})
        try:
            return OnnxCode(program, lower(module, weights, program.schema, derived))
        except OnnxError as error:
            raise HepqError([diag("HQ0760", name=module.name, found=str(error))]) from error

    def compiled(self, program: Program) -> Module | None:
        return program.optimised.module

    def runner(self, module: Module, weights: Weights) -> Runner:
        """Of a graph that takes the module's own inputs, without what is done to events before."""
        from hepq.compiler.lower.onnx import lower

        made, runtime = lower(module, weights), optional("onnxruntime", "onnx")
        session = runtime.InferenceSession(made.model.SerializeToString(), providers=["CPUExecutionProvider"])

        def run(event: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            sizes = {d.name: n for i in module.inputs for d, n in zip(i.type.dims, event[i["name"]].shape, strict=True)}
            feed = {made.counts[d]: np.array([n], np.float32) for d, n in sizes.items() if d in made.counts}
            feed |= {i["name"]: np.asarray(event[i["name"]], m.held_as(i.type.elem))[None] for i in module.inputs}
            found = session.run(list(module.outputs), feed)
            return {name: value[0] for name, value in zip(module.outputs, found, strict=True)}

        return run


@dataclass(frozen=True)
class OnnxCode(Lowered):
    made: Graph

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        plan = self.program.built.plan.dataset
        if plan is None or not plan.objects:
            return ()
        inputs = ", ".join(n["name"] for n in self.program.source.inputs)
        return (diag("HQ0773", name=plan.name, inputs=inputs),)

    def describe(self, fields: Mapping[str, Any]) -> m.OnnxManifest:
        return m.OnnxManifest(**{**fields, "stage": None}, opset=self.made.opset, counts=dict(self.made.counts))

    def write(self, out: Path, manifest: m.OnnxManifest, golden: Golden) -> Replay:
        with self.program.stage("check", "checking the graph"):
            return write(out, self.made, manifest, golden, self.program.text)


def write(out: Path, made: Graph, manifest: m.OnnxManifest, golden: Golden, source: str) -> Replay:
    """Describe, check and write a graph; where onnxruntime is not installed, nothing is checked.

    Raises HepqError HQ0761, and writes nothing, where onnxruntime differs from the reference.
    """
    from hepq.runtime.engine.onnx_model import BLANK, CHECKSUM, GOLDEN, MANIFEST, SOURCE, OnnxModel, packed, sealed

    _describe(made, manifest)
    properties = {
        MANIFEST: manifest.model_dump_json(),
        GOLDEN: packed(golden),
        SOURCE: source,
        CHECKSUM: BLANK,
        "hepq.version": manifest.provenance.hepq,
        "hepq.source_sha256": manifest.provenance.source_sha256,
        "hepq.outputs": json.dumps({o.name: o.entries for o in manifest.outputs}),
    }
    for key, value in properties.items():
        made.model.metadata_props.add(key=key, value=value)
    content = sealed(made.model.SerializeToString(deterministic=True))
    replay = Replay(False, "not run: onnxruntime is not installed, pip install 'hepq[onnx]'")
    if find_spec("onnxruntime") is not None:
        replay = _replayed(OnnxModel(out, content))
    with replacing(out) as temporary:
        temporary.write_bytes(content)
    return replay


def _replayed(model: OnnxModel) -> Replay:
    result, runtime = model.verify(), model.runtime.__version__
    if wrong := [c for c in result.checks if not c.ok]:
        found = ", ".join(f"{c.check} of {c.output} by {c.largest:.1e}" for c in wrong)
        raise HepqError([diag("HQ0761", name=model.manifest.name, found=found)])
    largest = max((c.largest for c in result.checks), default=0.0)
    return Replay(True, f"run with onnxruntime {runtime}: at most {largest:.1e} from the reference", runtime, largest)


def _describe(made: Graph, manifest: m.OnnxManifest) -> None:
    """Words for people, where viewers of ONNX files show them."""
    model, words = made.model, _words(manifest)
    model.producer_version = manifest.provenance.hepq
    promises = f" {', '.join(manifest.invariances)}." if manifest.invariances else ""
    ragged = "".join(f" {d.name}: up to {d.bound} an event." for d in manifest.ragged)
    model.doc_string = (
        f"{manifest.name}, compiled by hepq.{promises}{ragged} Tensors are float32, of whole numbers int64."
    )
    for info in (*model.graph.input, *model.graph.output):
        info.doc_string = words[info.name]


def _words(manifest: m.OnnxManifest) -> dict[str, str]:
    words = {
        name: f"how many entries of {dim} each event has; they come first" for dim, name in manifest.counts.items()
    }
    for column in manifest.columns:
        scale = "" if column.factor == 1 else f", converted here by {column.factor:g}"
        unit = "" if column.unit == "1" else f" to be held in {column.unit}" if scale else f" in {column.unit}"
        words[column.branch] = f"{column.elem} [{', '.join(('batch', *column.dims))}]{unit}{scale}"
        if column.into:
            words[column.branch] += f" of {column.into}: numbers of its entries, from 0; -1 is none"
    for output in manifest.outputs:
        unit = "" if output.unit == "1" else f" in {output.unit}"
        entries = f": {', '.join(output.entries)}" if output.entries else ""
        used = f", {output.counts} of them in use" if output.counts else ""
        words[output.name] = f"{output.elem} [{', '.join(('batch', *output.dims))}]{unit}{used}{entries}"
    return words
