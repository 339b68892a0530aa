# SPDX-License-Identifier: Apache-2.0
"""Scores beside the truth that files hold: classes, weights, numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hepq.api import load
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.runtime.artifact.manifest import Output
from hepq.runtime.model import Model
from hepq.runtime.report import labels
from hepq.runtime.report.judged import Targets
from hepq.runtime.report.metrics import discriminants
from tests.runtime.test_predict import refused

Write = Callable[..., str]


def likely(model: Model, events: ak.Array) -> Any:
    """The probability of B."""
    found = model(events)["tot"]
    return discriminants(np.stack([found.A, found.B], 1))[:, 1]


def test_auc_from_the_labels(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    summary = model.predict(root_file(events), tmp_path / "out.parquet", step=100, progress=False)
    score = likely(model, events)
    known = np.isfinite(score)
    assert summary.auc["B"] == pytest.approx(roc_auc_score(events.label_B[known], score[known]))
    assert set(summary.auc) == {"A", "B"}


def test_auc_memory_is_bounded(
    model: Model, events: ak.Array, root_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "CAPACITY", 150)
    found = model.predict(root_file(events), tmp_path / "out.parquet", step=33, progress=False).report.metrics[0]
    assert found.every == 4
    score, truth = likely(model, events)[::4], events.label_B.to_numpy()[::4]
    known = np.isfinite(score)
    assert (found.events, found.not_a_number) == (known.sum(), (~known).sum())
    assert found.values["auc"]["B"] == pytest.approx(roc_auc_score(truth[known], score[known]))


def test_every_other_event_is_kept_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "CAPACITY", 4)
    kept = labels.Thinned()
    for i in range(11):
        kept.add(np.array([i]), np.array([-i]))
        assert len(kept.all(2)[0]) <= 4
    assert [c.tolist() for c in kept.all(2)] == [[0, 4, 8], [0, -4, -8]]
    assert kept.stride == 4
    assert [c.tolist() for c in labels.Thinned().all(2)] == [[], []]


def test_a_single_score_stands_for_the_last_of_two_classes(model: Model) -> None:
    one = Output(name="score", dims=())
    manifest = model.manifest.model_copy(update={"outputs": (one,)})
    assert manifest.dataset is not None
    assert manifest.dataset.label is not None
    collector = labels.LabelledScores.of(manifest, manifest.dataset.label)
    assert collector is not None
    scores = np.array([-1.0, 0.3, 0.2, 2.0, 9.0, np.nan], np.float32)
    collector.rows.add(*collector.columns({"score": scores}, np.array([0, 0, 1, 1, -1, 0]), np.ones(6)))
    found = collector.metrics()
    assert found.values == {"auc": {"A": 0.75, "B": 0.75}}
    assert (found.events, found.not_a_number, found.lacking) == (4, 1, "")


@pytest.mark.case("unlabelled_silent")
def test_events_of_no_class_or_of_both_are_counted(
    model: Model, events: ak.Array, root_file: Write, tmp_path: Path
) -> None:
    one, two = events.label_A.to_numpy().copy(), events.label_B.to_numpy().copy()
    one[:3] = two[:3] = 0
    one[3:5] = two[3:5] = 1
    odd = ak.with_field(ak.with_field(events, one, "label_A"), two, "label_B")
    found = model.predict(root_file(odd), tmp_path / "out.root", step=100, progress=False).report
    assert found.labels is not None
    assert (found.labels.none, found.labels.several, found.labels.usual) == (3, 2, 495)
    assert found.metrics[0].events + found.metrics[0].not_a_number == 495


def test_some_files_without_labels_give_no_metrics_and_say_so(
    model: Model, events: ak.Array, root_file: Write, tmp_path: Path
) -> None:
    files = [root_file(events, "a.root"), root_file(events[["part_e", "part_px", "jet_x"]], "b.root")]
    summary = model.predict(files, tmp_path / "out.root", progress=False)
    assert summary.auc == {}
    assert summary.report.labels is None
    assert summary.report.metrics[0].lacking.startswith("1 of 2 files lack label_A, label_B: ")


@pytest.mark.case("auc_ignores_weight")
def test_a_branch_weighs_the_metrics(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    weight = np.random.default_rng(0).uniform(-0.2, 1, len(events)).astype(np.float32)
    file = root_file(ak.with_field(events, weight, "w"))
    found = model.predict(file, tmp_path / "out.root", step=77, progress=False, weight="w").report.metrics[0]
    score = likely(model, events)
    known = np.isfinite(score)
    s, b = known & (events.label_B.to_numpy() == 1), known & (events.label_B.to_numpy() == 0)
    v, w = weight[s].astype(float), weight[b].astype(float)
    won = (score[s][:, None] > score[b]) + 0.5 * (score[s][:, None] == score[b])
    assert found.values["auc"]["B"] == pytest.approx((v[:, None] * w * won).sum() / (v.sum() * w.sum()))
    assert found.sum_of_weights == pytest.approx(weight[known].sum())
    assert found.weight == "w"


def test_an_output_beside_the_branch_it_should_be(
    model: Model, events: ak.Array, root_file: Write, tmp_path: Path
) -> None:
    scale = model(events)["scale"]
    file = root_file(ak.with_field(events, np.nan_to_num(scale) - 0.5, "true"))
    found = model.predict(file, tmp_path / "out.root", progress=False, target="scale=true").report.metrics[1]
    assert (found.values["bias"], found.values["rms"]) == (pytest.approx(0.5), pytest.approx(0, abs=1e-6))
    assert (found.events, found.not_a_number) == (np.isfinite(scale).sum(), np.isnan(scale).sum())
    listed = model.predict(file, tmp_path / "two.root", progress=False, target="tot=true").report.metrics[1]
    for name in "AB":
        residual = model(events)["tot"][name].to_numpy()[np.isfinite(scale)] - (scale[np.isfinite(scale)] - 0.5)
        assert listed.values[name]["bias"] == pytest.approx(residual.mean(), rel=1e-5)
        assert listed.values[name]["coverage"] == pytest.approx((residual >= 0).mean())


def test_each_of_several_targets_is_judged(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    file = root_file(ak.with_field(events, np.nan_to_num(model(events)["scale"]) - 0.5, "true"))
    two = ["scale=true", "tot=true"]
    one = [model.predict(file, tmp_path / "one.root", progress=False, target=t).report.metrics[1] for t in two]
    both = model.predict(file, tmp_path / "both.root", progress=False, step=77, target=two).report.metrics[1:]
    assert [m.of for m in both] == ["events, scale less true", "events, tot less true"]
    assert [m.values for m in both] == [m.values for m in one]


@pytest.mark.parametrize("select", ["", "  select pos = x < 100\n"])
def test_a_target_is_converted_as_the_dataset_does_also_with_objects(tmp_path: Path, select: str) -> None:
    text = 'dataset D {\n  source d = root("none/*.root")\n  branch x: real\n  branch m: MeV\n'
    text += select + "  input v = x\n  input t = m\n}\nmodel M(v: real, t: GeV) -> real = v * 2 + 0 * (t / 1 GeV)\n"
    (tmp_path / "m.hepq").write_text(text)
    compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx", Options(init=0, golden_events=2))
    x = np.random.default_rng(0).normal(size=50)
    ak.to_parquet(ak.Array({"x": x, "m": 2000 * x}), tmp_path / "a.parquet")
    model = load(tmp_path / "m.hepqx", threads=1)
    out = tmp_path / "o.parquet"
    found = model.predict(tmp_path / "a.parquet", out, progress=False, target="m").report.metrics[0].values
    assert (found["bias"], found["r2"]) == (pytest.approx(0, abs=1e-6), pytest.approx(1))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"weight": "nothing"}, "HQ0805"),
        ({"weight": "part_e"}, "HQ0806"),
        ({"target": "scale=nothing"}, "HQ0805"),
        ({"target": "z=jet_x"}, "HQ0834"),
        ({"target": "jet_x"}, "HQ0834"),
        ({"target": "scael=jet_x"}, "HQ0834"),
    ],
)
def test_what_cannot_weigh_or_be_compared(
    model: Model, events: ak.Array, root_file: Write, tmp_path: Path, options: Any, code: str
) -> None:
    assert refused(model, root_file(events), tmp_path / "out.root", **options).code == code


def test_a_weight_with_nothing_to_weigh_is_an_error(
    model: Model, events: ak.Array, root_file: Write, tmp_path: Path
) -> None:
    data = root_file(events[["part_e", "part_px", "jet_x"]])
    assert refused(model, data, tmp_path / "out.root", weight="jet_x").code == "HQ0834"


def test_a_target_is_in_the_units_of_the_program() -> None:
    """A branch in MeV, an output in GeV: two events of weight 1 and one of 2, and one without a score."""
    targets = Targets("mass", (), "jet_mass", 1e-3, None)
    scores, truth = np.array([2.0, 3.0, 5.0, np.nan]), np.array([1000.0, 3000.0, 4000.0, 9000.0])
    targets.rows.add(*targets.columns({"mass": scores.astype(np.float32)}, truth, np.array([1.0, 1.0, 2.0, 1.0])))
    assert targets.metrics().values["bias"] == pytest.approx((1 + 0 + 2 * 1) / 4)
    assert targets.metrics().not_a_number == 1
