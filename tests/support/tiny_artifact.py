# SPDX-License-Identifier: Apache-2.0
"""A hand-made artifact with real compiled code: small enough to know every answer by heart.

``tot[cls] = Σ_part energy · w[cls] + jet``, ``z[part] = 10 · energy``, ``scale = 2 · jet`` over
``dim part <= 4``, ``dim cls = [A, B]``, w = (2, 3).
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.numpy import save

from hepq.runtime.artifact import artifact
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.artifact.manifest import (
    Branch,
    Code,
    Dataset,
    Dim,
    EventSchema,
    Files,
    GoldenInfo,
    Label,
    Manifest,
    Order,
    Output,
    Policy,
    Provenance,
    Value,
)
from hepq.runtime.engine import layout, outputs
from hepq.runtime.events.batch import prepare
from hepq.runtime.events.columns import Raw, collect

WEIGHTS = np.asarray([2.0, 3.0], dtype=np.float32)
DIMS = (Dim(name="part", bound=4), Dim(name="cls", size=2, entries=("A", "B")))
INPUTS = (Value(name="energy", dims=("part",), unit="GeV"), Value(name="jet"))
OUTPUTS = (
    Output(name="tot", dims=("cls",), entries=("A", "B")),
    Output(name="z", dims=("part",)),
    Output(name="scale"),
)


@cache
def library() -> bytes:
    """The tiny model's machine code."""
    import tvm
    from tvm import tirx
    from tvm.script.ir_builder import IRBuilder
    from tvm.script.ir_builder import tirx as T

    def size(name: str) -> Any:
        return tirx.Var(name, "int64")

    with IRBuilder() as builder, T.prim_func():
        T.func_name("hepq_main")
        begin, end = T.arg("begin", size("begin")), T.arg("end", size("end"))
        events, rows = size("events"), size("rows")
        offsets = T.arg("offsets", T.buffer((events + 1,), "int64"))
        energy = T.arg("energy", T.buffer((rows,), "float32"))
        jet = T.arg("jet", T.buffer((events,), "float32"))
        weights = T.arg("weights", T.buffer((size("n"),), "float32"))
        scratch = T.arg("scratch", T.buffer((size("m"),), "float32"))
        T.arg("iscratch", T.buffer((size("k"),), "int32"))
        T.arg("lscratch", T.buffer((size("l"),), "int64"))
        tot = T.arg("tot", T.buffer((events * 2,), "float32"))
        z = T.arg("z", T.buffer((rows,), "float32"))
        scale = T.arg("scale", T.buffer((events,), "float32"))
        with T.serial(0, end - begin) as i:
            event = begin + i
            T.buffer_store(scratch, tirx.const(0.0, "float32"), [0])
            with T.serial(0, offsets[event + 1] - offsets[event]) as j:
                row = offsets[event] + j
                T.buffer_store(scratch, scratch[0] + energy[row], [0])
                T.buffer_store(z, energy[row] * tirx.const(10.0, "float32"), [row])
            T.buffer_store(tot, scratch[0] * weights[0] + jet[event], [event * 2])
            T.buffer_store(tot, scratch[0] * weights[1] + jet[event], [event * 2 + 1])
            T.buffer_store(scale, jet[event] * tirx.const(2.0, "float32"), [event])
    functions = {"hepq_main": builder.get(), layout.FUNCTION: _layout()}
    built = tvm.compile(tvm.IRModule(functions), target=tvm.target.Target("llvm"))
    with TemporaryDirectory() as folder:
        path = Path(folder, "tiny.so")
        built.export_library(str(path))
        return path.read_bytes()


def _layout() -> Any:
    from tvm import tirx
    from tvm.script.ir_builder import IRBuilder
    from tvm.script.ir_builder import tirx as T

    numbers = layout.of_manifest(schema(), OUTPUTS, packed=2, scratch=16, iscratch=0, lscratch=0).numbers
    with IRBuilder() as builder, T.prim_func():
        T.func_name(layout.FUNCTION)
        out = T.arg("out", T.buffer((len(numbers),), "int64"))
        for i, number in enumerate(numbers):
            T.buffer_store(out, tirx.const(number, "int64"), [i])
    return builder.get()


def dataset(**changes: Any) -> Dataset:
    """Branches in MeV, hardest particles first, labels one-hot."""
    fields: dict[str, Any] = {
        "name": "Tiny",
        "sources": (Files(tree="tree"),),
        "branches": (
            Branch(name="energy", branch="part_e", dims=("part",), unit="GeV", factor=1e-3),
            Branch(name="jet", branch="jet_x"),
            Branch(name="px", branch="part_px", dims=("part",), unit="GeV"),
        ),
        "order": (Order.model_validate({"dim": "part", "key": [{"op": "abs", "args": ["px"]}]}),),
        "policy": Policy(),
        "label": Label(name="y", dim="cls", branches=("label_A", "label_B")),
    }
    return Dataset(**fields | changes)


def schema(data: Dataset | None = None) -> EventSchema:
    return EventSchema(dims=DIMS, inputs=INPUTS, dataset=data)


def reference(manifest: Manifest, raw: Raw) -> dict[str, Any]:
    """What the compiled code must compute, by NumPy."""
    batch = prepare(manifest, raw)
    sums = np.add.reduceat(np.append(batch.contents["energy"], 0), batch.offsets["part"][:-1])
    sums = np.where(np.diff(batch.offsets["part"]) > 0, sums, 0)
    jet = batch.contents["jet"]
    computed = {
        "tot": (sums[:, None] * WEIGHTS + jet[:, None]).astype(np.float32),
        "z": batch.contents["energy"] * np.float32(10),
        "scale": jet * np.float32(2),
    }
    return outputs.scatter(manifest, batch, computed)


def golden_events(data: Dataset | None) -> dict[str, Any]:
    """Seven events, of 0 to 6 particles (at most 4 where nothing orders them)."""
    counts = [3, 0, 1, 6, 2, 4, 5] if data else [3, 0, 1, 4, 2, 4, 1]
    random = np.random.default_rng(1)
    energy = [random.uniform(1, 9, n).round(2) for n in counts]
    values: dict[str, Any] = {"energy": energy, "jet": np.arange(7.0), "px": [random.normal(size=n) for n in counts]}
    return {c.branch: values[c.name] for c in schema(data).columns}


def make(path: Path, data: Dataset | None = None, code: dict[str, Any] | None = None) -> Path:
    """Write the tiny artifact to ``path``; ``code`` changes what the manifest says of the code."""
    fields = {"target": "cpu", "mcpu": "x86-64", "library": "code/tiny.so", "packed": "code/packed.safetensors"}
    source = b"model Tiny() -> real = 0\n"
    manifest = Manifest(
        dims=DIMS,
        inputs=INPUTS,
        dataset=data,
        name="Tiny",
        outputs=OUTPUTS,
        invariances=("permute(part)",),
        code=Code(**{"scratch_floats": 16} | fields | (code or {})),
        weights={"w": (2,)},
        golden=GoldenInfo(events=7, tolerance=1e-5),
        provenance=Provenance(source_sha256=hashlib.sha256(source).hexdigest(), hepq="0", created="2026-01-01"),
    )
    raw = collect(manifest, golden_events(data))
    members = {
        "weights.safetensors": save({"w": WEIGHTS}),
        "code/tiny.so": library(),
        "code/packed.safetensors": save({"packed": WEIGHTS}),
        "source.hepq": source,
        "golden.safetensors": Golden(raw, reference(manifest, raw)).to_bytes(),
    }
    artifact.write(path, manifest, members)
    return path
