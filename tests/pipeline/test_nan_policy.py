# SPDX-License-Identifier: Apache-2.0
"""`policy nan`, where it is written, holds for what a dataset derives of its branches: in files, training, ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.train.data.events import training_set
from hepq.core.errors import DataError
from hepq.runtime.events.report import NotANumber

PROGRAM = """dim part <= 3
dim cls = [A, B]
dataset D {
  source d = root("none/*.root")
  branch pt, mass: GeV[part]
  branch met: GeV
  POLICY
  order part by pt desc
  logs = log(pt / 1 GeV)
  far = log(met / 1 GeV)
  near = sqrt(far + 1)
  input x = logs - mean(logs, over=part)
  input y = max(far, -3) + near
  input p = p4(pt=pt, eta=0 * x, phi=0 * x, mass=mass)
  label truth: cls = "is_*"
}
model M(x: real[part], y: real, p: p4[part]) -> real[part] = x + y + count(part) + p.energy / 1 GeV
train T {
  output = stack(sum(M(x, y, p), over=part), 0, dim=cls)
}
"""
#: event 1: an entry of NaN; 2: no near; 3: an entry that the cut spares the model, or not; 4: nothing is left
PT = [[5.0, 3.0], [2.0, -1.0, 1.0], [7.0], [-1.0, 4.0, 5.0, 6.0], [-1.0], [3.0, 2.0, 1.0]]
MET = [1.0, 1.0, 0.1, 1.0, 1.0, 2.0]
EVENTS = {"pt": ak.Array(PT), "mass": ak.Array(PT) * 0, "met": np.array(MET)}
POLICIES = ("drop", "zero", "error", "")


def program(folder: Path, policy: str) -> Path:
    path = folder / f"{policy or 'none'}.hepq"
    path.write_text(PROGRAM.replace("POLICY", f"policy nan = {policy}" if policy else ""))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy")
    for policy in POLICIES:
        options = Options(init=0, golden_events=4)
        compile_file(program(path, policy), path / f"{policy or 'none'}.hepqx", options)
    one, two = np.arange(6) % 2 == 0, np.arange(6) % 2 == 1
    with uproot.recreate(path / "events.root") as file:
        file["tree"] = {"pt": EVENTS["pt"], "mass": EVENTS["mass"], "met": EVENTS["met"], "is_A": one, "is_B": two}
    return path


def expected(policy: str) -> list[list[float]]:
    """By hand, event by event."""
    out = []
    for pt, met in zip(PT, MET, strict=True):
        order = sorted(range(len(pt)), key=lambda i: -pt[i])
        kept = [i for i in order if pt[i] > 0 or policy == "zero"][:3]
        with np.errstate(invalid="ignore"):
            logs = np.array([np.log(pt[i]) if pt[i] > 0 else 0 for i in kept])
            far = np.log(met)
            near = np.sqrt(far + 1) if far > -1 else 0 if policy == "zero" else np.nan
        energy = np.abs(np.array([pt[i] for i in kept]))
        scores = logs - (logs.mean() if kept else 0) + max(far, -3) + near + len(kept) + energy
        row = np.full(len(pt), np.nan)
        row[kept] = scores
        out.append(row.tolist())
    return out


@pytest.mark.case("silent_nan")
@pytest.mark.parametrize("policy", ["drop", "zero"])
def test_entries_are_dropped_or_values_replaced(folder: Path, policy: str) -> None:
    scored, report = hepq.load(folder / f"{policy}.hepqx", threads=1).score(folder / "events.root")
    for row, wanted in zip(ak.to_list(scored["output"]), expected(policy), strict=True):
        np.testing.assert_allclose(row, wanted, rtol=1e-6)
    where = f"{folder / 'events.root'}:tree"
    entries, event = ("dropped", "unscored") if policy == "drop" else ("zeroed", "zeroed")
    assert report.not_numbers == (  # the cut spares event 3 the entry without a logarithm
        NotANumber("variable", "logs", entries, 2, 2, where, 1, 1),
        NotANumber("variable", "near", event, 1, 1, where, 2, None),
    )
    assert report.entries["part"].dropped == (2 if policy == "drop" else 0)
    assert report.nan_scores == 0
    assert report.unscored == (2 if policy == "drop" else 0)


@pytest.mark.case("silent_nan")
def test_an_error_names_variable_file_event_and_entry(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        hepq.load(folder / "error.hepqx", threads=1).predict(folder / "events.root", folder / "o.root", progress=False)
    where = f"{folder / 'events.root'}:tree"
    assert (caught.value.code, caught.value.title) == ("HQ0808", f"NaN or infinity in variable logs of {where}")
    assert caught.value.why == "first in event 1, entry 1; 3 values in this batch"
    assert not (folder / "o.root").exists()


@pytest.mark.case("silent_nan")
def test_without_a_policy_they_are_kept_and_counted(folder: Path) -> None:
    _, report = hepq.load(folder / "none.hepqx", threads=1).score(folder / "events.root")
    assert report.nan_scores == 3
    assert {n.done for n in report.not_numbers} == {"scored NaN"}


@pytest.mark.case("silent_nan")
@pytest.mark.parametrize("policy", ["drop", "zero", "error"])
def test_training_reads_events_alike(folder: Path, policy: str) -> None:
    text = program(folder, policy)
    if policy == "error":
        with pytest.raises(DataError, match="NaN or infinity in variable logs"):
            training_set(text, [folder / "events.root"])
        return
    found = training_set(text, [folder / "events.root"])
    assert {n.name: n.done for n in found.report.not_numbers} == (
        {"logs": "dropped", "near": "unscored"} if policy == "drop" else {"logs": "zeroed", "near": "zeroed"}
    )
    assert np.diff(found.table.offsets["part"]).tolist() == (
        [2, 2, 1, 3, 0, 3] if policy == "drop" else [2, 3, 1, 3, 1, 3]
    )
    assert found.truth.tolist() == ([0, 1, -1, 1, -1, 1] if policy == "drop" else [0, 1, 0, 1, 0, 1])


@pytest.mark.case("silent_nan")
@pytest.mark.parametrize("policy", ["drop", "zero", "error"])
def test_onnx_does_the_same(folder: Path, policy: str) -> None:
    ort = pytest.importorskip("onnxruntime")
    compile_file(folder / f"{policy}.hepq", folder / "m.onnx", Options(init=0, target="onnx", golden_events=4))
    padded: dict[str, Any] = {
        k: ak.to_numpy(ak.fill_none(ak.pad_none(EVENTS[k], 5), -7)).astype(np.float32) for k in ("pt", "mass")
    }
    given = {"met": np.array(MET, np.float32), "n_part": ak.to_numpy(ak.num(EVENTS["pt"])).astype(np.float32)}
    found = ort.InferenceSession(folder / "m.onnx").run(None, padded | given)[0]
    wanted = expected("drop" if policy == "error" else policy)
    for i, (row, other) in enumerate(zip(found, wanted, strict=True)):
        if policy == "error" and i in (1, 2, 4):  # a graph cannot stop
            other = [np.nan] * len(other)
        np.testing.assert_allclose(row[: len(other)], other, rtol=1e-6)
