# SPDX-License-Identifier: Apache-2.0
"""From optimised IR to a ``.onnx`` file that says what it is, and has been run before it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from hepq.compiler.hybrid.partition import has_circuits
from hepq.compiler.ir.node import Module
from hepq.compiler.passes.base import Weights
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.artifact import manifest as m
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.imports import optional

if TYPE_CHECKING:
    from pathlib import Path

    from hepq.compiler.lower.onnx import Lowered

TARGET, SUFFIX = "onnx", ".onnx"


@dataclass(frozen=True)
class Checked:
    """What onnxruntime made of the golden vectors: ``largest`` difference from the reference."""

    runtime: str
    largest: float


def lowered(module: Module, weights: Weights, schema: m.EventSchema) -> Lowered:
    """Raises HepqError HQ0760 for what ONNX has no operators for, DataError HQ0871 without the package onnx."""
    if has_circuits(module):
        raise HepqError([diag("HQ0760", name=module.name, found="a circuit")])
    optional("onnx", "onnx")
    from hepq.compiler.lower.onnx import OnnxError, lower

    try:
        return lower(module, weights, schema)
    except OnnxError as error:
        raise HepqError([diag("HQ0760", name=module.name, found=str(error))]) from error


def write(out: Path, made: Lowered, manifest: m.OnnxManifest, golden: Golden, source: str) -> Checked | None:
    """Describe, check and write a graph; None where onnxruntime is not installed, so that nothing was checked.

    Raises HepqError HQ0761, and writes nothing, where onnxruntime differs from the reference.
    """
    from hepq.runtime.engine.onnx_model import BLANK, CHECKSUM, GOLDEN, MANIFEST, SOURCE, OnnxModel, packed, sealed
    from hepq.runtime.files import replacing

    _describe(made, manifest)
    outputs = {o.name: o.entries for o in manifest.outputs}
    properties = {
        MANIFEST: manifest.model_dump_json(),
        GOLDEN: packed(golden),
        SOURCE: source,
        CHECKSUM: BLANK,
        "hepq.version": manifest.provenance.hepq,
        "hepq.source_sha256": manifest.provenance.source_sha256,
        "hepq.outputs": json.dumps(outputs),
    }
    _add_properties(made, properties)
    content = sealed(made.model.SerializeToString(deterministic=True))
    checked = None
    if find_spec("onnxruntime") is not None:
        model = OnnxModel(out, content)
        result = model.verify()
        if wrong := [c for c in result.checks if not c.ok]:
            found = ", ".join(f"{c.check} of {c.output} by {c.largest:.1e}" for c in wrong)
            raise HepqError([diag("HQ0761", name=manifest.name, found=found)])
        checked = Checked(model.runtime.__version__, max((c.largest for c in result.checks), default=0.0))
    with replacing(out) as temporary:
        temporary.write_bytes(content)
    return checked


def _add_properties(made: Lowered, properties: Mapping[str, str]) -> None:
    for key, value in properties.items():
        made.model.metadata_props.add(key=key, value=value)


def _describe(made: Lowered, manifest: m.OnnxManifest) -> None:
    """Words for people, where viewers of ONNX files show them."""
    model, words = made.model, _words(manifest)
    model.producer_version = manifest.provenance.hepq
    promises = f" {', '.join(manifest.invariances)}." if manifest.invariances else ""
    ragged = "".join(f" {d.name}: up to {d.bound} an event." for d in manifest.ragged)
    model.doc_string = f"{manifest.name}, compiled by hepq.{promises}{ragged} All tensors are float32."
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
    for output in manifest.outputs:
        unit = "" if output.unit == "1" else f" in {output.unit}"
        entries = f": {', '.join(output.entries)}" if output.entries else ""
        words[output.name] = f"{output.elem} [{', '.join(('batch', *output.dims))}]{unit}{entries}"
    return words
