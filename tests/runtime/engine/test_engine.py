# SPDX-License-Identifier: Apache-2.0
"""Calling an artifact: right answers, in the right places, however the events are cut up."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.manifest import Policy
from hepq.runtime.engine import cpu
from hepq.runtime.engine.cpu import Engine
from hepq.runtime.events.batch import prepare
from hepq.runtime.events.columns import collect
from hepq.runtime.model import Model
from tests.runtime.conftest import make_events
from tests.support import tiny_artifact


def same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        x, y = ak.Array(a[name]), ak.Array(b[name])
        assert str(x.type) == str(y.type)
        assert ak.array_equal(x, y, equal_nan=True)


def test_against_numpy(model: Model, events: ak.Array) -> None:
    raw = collect(model.manifest, events)
    expected = tiny_artifact.reference(model.manifest, raw)
    for name, value in model.score_raw(raw).arrays.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5)


def test_what_a_user_gets(model: Model) -> None:
    out = model({"part_e": [[1e3, 2e3], [], [3e3]], "part_px": [[1, 2], [], [3]], "jet_x": [1, 2, 3]})
    assert out["tot"].A.tolist() == pytest.approx([7, float("nan"), 9], nan_ok=True)
    assert out["tot"].B.tolist() == pytest.approx([10, float("nan"), 12], nan_ok=True)
    assert out["z"].tolist() == [[10, 20], [], [30]]
    assert isinstance(out["scale"], np.ndarray)


def test_particle_outputs_stay_with_their_particles(model: Model) -> None:
    e = [[1e3, 2e3, 3e3, 4e3, 5e3, 6e3]]
    out = model({"part_e": e, "part_px": [[5, 1, 6, 2, 4, 3]], "jet_x": [0]})
    assert out["z"].tolist()[0] == pytest.approx([10, float("nan"), 30, float("nan"), 50, 60], nan_ok=True)


def test_several_ways_to_give_events(model: Model, events: ak.Array, root_file: Callable[..., Path]) -> None:
    expected = model(events)
    same(model({f: events[f] for f in events.fields}), expected)
    same(model({f: events[f].tolist() for f in events.fields}), expected)
    path = root_file(events)
    same(model(path), expected)
    same(model(f"{path}:tree"), expected)
    same(model(str(path.parent / "*.root")), expected)
    same(model([path]), expected)


def test_one_event_at_a_time_is_the_same(model: Model, events: ak.Array) -> None:
    whole = model(events[:40])
    parts = [model(events[i : i + 1]) for i in range(40)]
    same({k: ak.concatenate([p[k] for p in parts]) for k in whole}, {k: ak.Array(v) for k, v in whole.items()})


def test_long_arrays_are_scored_in_slices(model: Model, events: ak.Array, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model(events)
    monkeypatch.setattr("hepq.runtime.model.SLICE", 64)
    same(model(events), whole)
    bad = ak.with_field(events, np.where(np.arange(500) == 321, np.nan, 0.0), "jet_x")
    with pytest.raises(DataError, match="event 321"):
        model(bad)


def test_threads_change_nothing(tiny: Path) -> None:
    events = make_events(5000, seed=3)
    expected = hepq.load(tiny, threads=1)(events)
    model = hepq.load(tiny, threads=8)
    same(model(events), expected)
    with ThreadPoolExecutor(8) as pool:
        for out in pool.map(model, [events] * 32):
            same(out, expected)


def test_the_compiled_function_runs_without_the_gil(model: Model) -> None:
    assert isinstance(model.engine, Engine)
    assert model.engine._function.release_gil


def test_zero_events(model: Model, events: ak.Array) -> None:
    out = model(events[:0])
    assert {k: len(v) for k, v in out.items()} == {"tot": 0, "z": 0, "scale": 0}
    assert str(out["z"].type) == "0 * var * float32"


def test_the_report_counts(model: Model, events: ak.Array) -> None:
    counts = ak.num(events.part_e).to_numpy()
    _, report = model.score(events)
    assert report.events == 500
    assert report.truncated == int((counts > 4).sum())
    assert report.empty == report.unscored == int((counts == 0).sum())


def test_the_caller_s_arrays_are_left_alone(model: Model) -> None:
    e, jet = np.full((3, 2), np.nan, np.float32), np.zeros(3, np.float32)
    data = {"part_e": e, "part_px": np.zeros((3, 2), np.float32), "jet_x": jet}
    with pytest.raises(DataError):
        model(data)
    s = tiny_artifact.schema(tiny_artifact.dataset(policy=Policy(nan="zero")))
    prepare(s, collect(s, data))
    assert np.isnan(e).all()


def test_a_plain_artifact_takes_its_inputs_by_name(plain: Path) -> None:
    out = hepq.load(plain)({"energy": [[1.0, 2.0]], "jet": [1.0]})
    assert out["tot"].tolist() == [{"A": 7.0, "B": 10.0}]


def test_code_that_refuses_its_arguments(plain: Path) -> None:
    model = hepq.load(plain)
    assert isinstance(model.engine, Engine)
    model.engine._weights = None
    with pytest.raises(ArtifactError) as caught:
        model({"energy": [[1.0]], "jet": [1.0]})
    assert caught.value.code == "HQ0828"


def test_code_that_does_not_load(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = Artifact.open(plain)
    library = artifact.library
    for broken in (b"", b"MZ" + bytes(100), library[:64] + bytes(1000)):
        artifact.members["code/tiny.so"] = broken
        with pytest.raises(ArtifactError) as caught:
            Model(artifact)
        assert caught.value.code == "HQ0827"
    artifact.members["code/tiny.so"] = library[:18] + (183).to_bytes(2, "little") + library[20:]
    with pytest.raises(ArtifactError, match="aarch64") as caught:
        Model(artifact)
    assert caught.value.code == "HQ0826"


@pytest.mark.skipif(sys.platform != "linux", reason="fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_can_go_on_scoring(tiny: Path) -> None:
    model = hepq.load(tiny, threads=4)
    events = make_events(200)
    expected = model(events)
    child = os.fork()
    if child == 0:
        try:
            same(model(events), expected)
            os._exit(0)
        finally:
            os._exit(1)
    deadline = time.monotonic() + 30
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert done == (child, 0)


def test_schema_names_everything(model: Model) -> None:
    for word in ("part_e: real[part] in GeV", "× 0.001", "tot: real[cls]: A, B", "part <= 4"):
        assert word in model.schema


def test_code_that_needs_tvms_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: Path) -> None:
    """It is loaded, for all to see, from where TVM would be imported; without it, that is the error."""
    loaded: list[tuple[str, int]] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda path, mode: loaded.append((path, mode)))
    library = tmp_path / "tvm" / "lib" / "libtvm_runtime.so"
    artifact = Artifact.open(plain)
    for here in (None, "a folder without it", "it is there"):
        places = [str(tmp_path / "none"), str(tmp_path / "tvm")]
        spec = None if here is None else SimpleNamespace(submodule_search_locations=places)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, spec=spec: spec)
        if here == "it is there":
            library.parent.mkdir(parents=True)
            library.write_bytes(b"")
            cpu._provide_runtime(artifact)
            continue
        with pytest.raises(ArtifactError, match="TVM's runtime library") as caught:
            cpu._provide_runtime(artifact)
        assert caught.value.code == "HQ0827"
    assert loaded == [(str(library), ctypes.RTLD_GLOBAL)]
