# SPDX-License-Identifier: Apache-2.0
"""The compiler's own code in the runtime: both sides of the calling convention meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from safetensors.numpy import save

import hepq
from hepq.compiler.golden.vectors import golden_vectors
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cpu import lower
from hepq.compiler.targets.cpu import parse
from hepq.core.types import Dim, Type
from hepq.runtime.artifact import artifact, manifest
from hepq.runtime.model import Model

TRACK, PART, FEAT, CLS = Dim("track", bound=5), Dim("part", bound=20), Dim("feat", 3), Dim("cls", 2, entries=("A", "B"))
WEIGHTS = {"w": np.asarray([[1, -2], [0.5, 3], [2, 0.25]], np.float32)}


def module() -> Module:
    """Two ragged dims, neighbours, an output per event, one per particle, and an input used by the last only."""
    x = make("input", name="x", type=Type("real", (PART, FEAT)))
    d0 = make("input", name="d0", type=Type("real", (TRACK,)))
    jet = make("input", name="jet", type=Type("real", ()))
    w = make("param", path="w", init=("constant", 0.0), trainable=True, type=Type("real", (FEAT, CLS)))
    near = make("gather", x, make("knn", x, over=PART, coord=FEAT, nbr=Dim("nbr", 4), short="zero"))
    pooled = make("reduce_sum", near, over=(PART, Dim("nbr", 4)))
    tracks = make("reduce_max", d0, over=(TRACK,))
    score = make("add", make("contract", pooled, w, over=(FEAT,)), tracks)
    each = make("mul", make("reduce_sum", x, over=(FEAT,)), jet)
    return Module("Two", (x, d0, jet), {"score": score, "each": each})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("compiled") / "two.hepqx"
    write(path)
    return hepq.load(path)


def write(path: Path) -> None:
    code = lower(module(), WEIGHTS, parse("cpu"))
    made = manifest.Manifest(
        dims=tuple(
            manifest.Dim(name=d.name, size=d.size, bound=d.bound, entries=d.entries) for d in (CLS, TRACK, PART, FEAT)
        ),
        inputs=(
            manifest.Value(name="x", dims=("part", "feat")),
            manifest.Value(name="d0", dims=("track",)),
            manifest.Value(name="jet"),
        ),
        name="Two",
        outputs=(
            manifest.Output(name="score", dims=("cls",), entries=CLS.entries),
            manifest.Output(name="each", dims=("part",)),
        ),
        invariances=("permute(part)", "permute(track)"),
        code=manifest.Code(
            target="cpu",
            mcpu=code.mcpu,
            features=code.features,
            library="code/cpu.so",
            packed="code/packed.safetensors",
            scratch_floats=code.scratch_floats,
            iscratch_ints=code.iscratch_ints,
            lscratch_ints=code.lscratch_ints,
        ),
        weights={"w": (3, 2)},
        golden=manifest.GoldenInfo(events=16, tolerance=1e-5),
        provenance=manifest.Provenance(source_sha256="", hepq="0", created="2026-01-01"),
    )
    golden, _ = golden_vectors(module(), WEIGHTS, made, None, Path())
    assert golden.raw.events == 16
    members = {
        "weights.safetensors": save(WEIGHTS),
        "code/cpu.so": code.library,
        "code/packed.safetensors": save({"packed": code.packed}),
        "source.hepq": b"",
        "golden.safetensors": golden.to_bytes(),
    }
    artifact.write(path, made, members)


def events(n: int) -> dict[str, Any]:
    random = np.random.default_rng(4)
    return {
        "x": [random.normal(size=(int(k), 3)) for k in random.integers(0, 21, n)],
        "d0": [random.normal(size=int(k)) for k in random.integers(0, 6, n)],
        "jet": random.normal(size=n),
    }


def test_the_reference_interpreter_agrees_also_when_permuted(model: Model) -> None:
    report = model.verify()
    assert report.ok, report
    assert {c.check for c in report.checks} == {"golden", "permute(part)", "permute(track)"}


def same(a: Any, b: Any) -> bool:
    return bool(ak.array_equal(a, b, equal_nan=True))


def test_eight_threads_and_one_event_at_a_time_equal_one_thread(model: Model) -> None:
    data = events(300)
    together = hepq.load(model.artifact.path, threads=1)(data)
    threaded = hepq.load(model.artifact.path, threads=8)(data)
    assert all(same(threaded[name], together[name]) for name in together)
    for i in range(0, 300, 17):
        alone = model({k: v[i : i + 1] for k, v in data.items()})
        assert all(same(alone[name], together[name][i : i + 1]) for name in together)
