# SPDX-License-Identifier: Apache-2.0
"""Weights of events, of both signs, in losses, metrics and balance; events left out, and NaN, counted and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from hepq.compiler.train import Recipe, Trained, train_file
from hepq.compiler.train.fit.objective import Objective, measures
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.events.report import Labels
from tests.runtime.report.test_metrics import pairs

PROGRAM = """
from std.nn import Dense

dim obs = 2
dim cls = [A, B]

dataset Events {
  source events = root("events.root")
  branch a, b, w: real
  branch n: int
  half = log(b + 2)
  input x = stack(a, half, dim=obs)
  label truth: cls = "is_*"
}

model Tag(x: real[obs]) -> real[cls] = x |> Dense[cls] |> softmax
"""
SGD = "optimiser = sgd(lr=0)  epochs = 1"


def events(folder: Path, n: int = 200, **changes: Any) -> Path:
    rng = np.random.default_rng(3)
    y = np.arange(n) % 2
    data = {"a": rng.normal(size=n) + y, "b": rng.normal(size=n) * 0.1, "w": rng.uniform(0.1, 2, n)}
    data = {k: v.astype(np.float32) for k, v in data.items()}
    data |= {"n": rng.integers(0, 3, n).astype(np.int32), "is_A": (y == 0).astype(np.int32), "is_B": y.astype(np.int32)}
    with uproot.recreate(folder / "events.root") as file:
        tree = file.mktree("tree", {k: v.dtype for k, v in (data | changes).items()})
        tree.extend(data | changes)
    return folder / "events.root"


def trained(folder: Path, train: str, file: Path | None = None, **recipe: Any) -> Trained:
    program = folder / "program.hepq"
    program.write_text(PROGRAM + f"train T {{ {train} }}\n")
    return train_file(program, [file or events(folder)], folder / "w.safetensors", Recipe(**recipe))


def refused(folder: Path, train: str, file: Path | None = None, **recipe: Any) -> tuple[str, str]:
    with pytest.raises(HepqError) as caught:
        trained(folder, train, file, **recipe)
    (found,) = caught.value.diagnostics
    return found.code, found.title


def by_hand(folder: Path, found: Trained, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the events held out: probability of B, truth, weight."""
    with uproot.open({folder / "events.root": "tree"}) as tree:
        data = tree.arrays(library="np")
    held = found.data.known[found.data.validation]
    x = np.stack([data["a"], np.log(data["b"] + 2)], 1)[held].astype(np.float64)
    logits = x @ found.fitted.weights["dense0.weight"].T + found.fitted.weights["dense0.bias"]
    p = np.exp(logits - logits.max(1, keepdims=True))
    return (p / p.sum(1, keepdims=True))[:, 1], data["is_B"][held] == 1, weight[held].astype(np.float64)


@pytest.mark.case("auc_ignores_weight")
@pytest.mark.parametrize("low", [0.1, -0.5])
def test_loss_accuracy_auc_and_rejections_are_weighted(tmp_path: Path, low: float) -> None:
    weight = np.random.default_rng(1).uniform(low, 1, 200).astype(np.float32)
    found = trained(tmp_path, f"weight = w  validation = 0.5  {SGD}", events(tmp_path, w=weight))
    p, truth, w = by_hand(tmp_path, found, weight)
    loss = -np.log(np.where(truth, p, 1 - p))
    assert found.fitted.loss == pytest.approx((w * loss).sum() / w.sum(), rel=1e-5)
    metrics = found.fitted.metrics
    assert metrics["accuracy"] == pytest.approx(w[(p > 0.5) == truth].sum() / w.sum(), rel=1e-5)
    assert metrics["auc"] == pytest.approx(pairs(p, truth, w), abs=1e-6)
    order = np.argsort(-p)
    kept = np.cumsum(np.where(truth, w, 0)[order]) / w[truth].sum()
    for percent in (30, 50, 70):
        cut = p[order][np.flatnonzero((kept >= percent / 100) & truth[order])[0]]
        passed = w[(p >= cut) & ~truth].sum() / w[~truth].sum()
        assert metrics[f"rejection{percent}"] == pytest.approx(1 / passed if passed > 0 else np.inf, rel=1e-5)
    account = found.report.metrics[0]
    assert (account.weight, account.events, account.of) == ("w", 100, "events held out")
    assert account.sum_of_weights == pytest.approx(w.sum())


def test_the_printed_loss_is_the_mean_over_weights_of_both_signs(tmp_path: Path) -> None:
    weight = np.where(np.arange(200) % 5 == 0, -0.5, 1.0).astype(np.float32)
    found = trained(tmp_path, f"weight = w  validation = 0  {SGD}", events(tmp_path, w=weight))
    assert found.fitted.account is not None
    assert found.fitted.account.of == "events trained on, none held out"
    log = found.fitted.loss
    p, truth, w = by_hand(tmp_path, Trained(found.fitted, replaced(found)), weight)
    assert log == pytest.approx((w * -np.log(np.where(truth, p, 1 - p))).sum() / w.sum(), rel=1e-5)


def replaced(found: Trained) -> Any:
    """With all events as those held out."""
    from dataclasses import replace

    return replace(found.data, validation=found.data.training)


def test_rejections_at_three_efficiencies_by_hand() -> None:
    # ten signal events at 10, 9, …, 1; background just below the third, the fifth and the seventh
    signal, background = np.arange(10, 0, -1.0), np.array([8.0, 7.5, 6.0, 5.5, 4.0, 0.0, 0.0, 0.0])
    values, truth = np.r_[signal, background], np.r_[np.ones(10, np.int64), np.zeros(8, np.int64)]
    found, why = measures(Objective("o", "logit", 1), values, truth, truth == 1, np.ones(18))
    assert why == ""
    assert {k: v for k, v in found.items() if k.startswith("rej")} == {
        "rejection30": 8.0, "rejection50": pytest.approx(8 / 3), "rejection70": pytest.approx(8 / 5),
    }  # fmt: skip
    assert found["accuracy"] == 13 / 18
    nothing, why = measures(Objective("o", "logit", 1), signal, np.ones(10, np.int64), np.ones(10, bool), np.ones(10))
    assert (nothing, why) == ({}, "both signal and background are needed: there is only signal")


@pytest.mark.case("balanced_with_weights")
@pytest.mark.parametrize("small", [0.001, 1.0])
def test_balanced_balances_sums_of_weights(tmp_path: Path, small: float) -> None:
    weight = np.where(np.arange(200) % 2 == 1, small, 1.0).astype(np.float32)
    weight[::10] *= -0.5  # of class A
    found = trained(tmp_path, f"weight = w  class_weight = balanced  {SGD}", events(tmp_path, w=weight))
    shares = found.data.class_weights("balanced", weight[found.data.known].astype(float))
    mine = found.data.training
    sums = np.bincount(found.data.truth[mine], weight[found.data.known][mine])
    np.testing.assert_allclose(shares * sums, sums.sum() / 2)
    p, truth, w = by_hand(tmp_path, found, weight)
    w *= shares[truth.astype(int)]
    assert found.fitted.loss == pytest.approx((w * -np.log(np.where(truth, p, 1 - p))).sum() / w.sum(), rel=1e-5)


def test_weights_that_have_no_mean_or_no_balance(tmp_path: Path) -> None:
    negative = np.where(np.arange(200) % 2 == 1, -0.1, 1.0).astype(np.float32)
    code, title = refused(tmp_path, f"weight = w  class_weight = balanced  {SGD}", events(tmp_path, w=negative))
    assert code == "HQ0753"
    assert title.startswith("the weights of the training events of B sum to -8")
    code, title = refused(tmp_path, f"weight = w  {SGD}", events(tmp_path, w=-np.abs(negative)))
    assert (code, title[:43]) == ("HQ0753", "the weights of the training events sum to -")
    code, title = refused(tmp_path, f"weight = 1 / n  {SGD}", events(tmp_path))
    n = uproot.open({tmp_path / "events.root": "tree"})["n"].array(library="np")
    first = np.flatnonzero(n == 0)[0]
    bad = f"the weight of {(n == 0).sum()} of 200 events is not a finite number"
    assert (code, title) == ("HQ0755", f"{bad}, the first event {first} of {tmp_path}/events.root:tree")


@pytest.mark.case("silent_nan")
@pytest.mark.parametrize("validation", [0.0, 0.5])
def test_a_nan_of_an_input_is_not_the_learning_rates_fault(tmp_path: Path, validation: float) -> None:
    b = np.zeros(200, np.float32)
    b[[7, 30, 31, 90]] = -3
    code, title = refused(tmp_path, f"epochs = 2  validation = {validation}", events(tmp_path, b=b))
    assert code == "HQ0754"
    wanted = (
        f"variable half is not a finite number in 4 of 200 events, the first event 7 of {tmp_path}/events.root:tree"
    )
    assert title == wanted


def test_steps_that_are_too_large_are(tmp_path: Path) -> None:
    with pytest.raises(HepqError) as caught:
        trained(tmp_path, "loss = exp(exp(10 * sum(abs(output), over=cls)))  optimiser = sgd(lr=1e30)  epochs = 3")
    assert caught.value.diagnostics[0].code == "HQ0746"


@pytest.mark.case("unlabelled_silent")
def test_events_of_no_class_and_of_several_are_counted_and_left_out(tmp_path: Path) -> None:
    y = np.arange(200) % 2
    one, two = (y == 0).astype(np.int32), y.astype(np.int32)
    one[:7] = two[:7] = 0
    one[7:10] = two[7:10] = 1
    found = trained(tmp_path, f"validation = 0.25  {SGD}", events(tmp_path, is_A=one, is_B=two))
    report = found.report
    assert report.labels == Labels(("is_A", "is_B"), {"A": 95, "B": 95}, none=7, several=3)
    assert (report.events, report.selected) == (200, 200)
    assert report.parts == {"training": 142, "validation": 48}
    assert trained(tmp_path, SGD, events(tmp_path), events=50).report.selected == 50


@pytest.mark.case("unlabelled_silent")
def test_all_unlabelled_says_why(tmp_path: Path) -> None:
    none = np.zeros(200, np.int32)
    code, title = refused(tmp_path, SGD, events(tmp_path, is_A=none, is_B=none))
    assert code == "HQ0738"
    assert title.endswith("200 events; 200 events of no class by is_A, is_B: in no metric, not trained on")
    code, title = refused(tmp_path, SGD, events(tmp_path, is_B=none))
    assert code == "HQ0740"
    assert title.endswith("100 of A, 0 of B; 100 events of no class by is_A, is_B: in no metric, not trained on")


@pytest.mark.case("labels")
def test_values_that_number_no_class_are_the_reason_that_is_said(tmp_path: Path) -> None:
    program = tmp_path / "program.hepq"
    program.write_text(PROGRAM.replace('"is_*"', '"flavour"'))
    flavour = np.tile([0, 4, 5, 5], 50).astype(np.int32)
    with pytest.raises(HepqError) as caught:
        train_file(program, [events(tmp_path, flavour=flavour)], tmp_path / "w.safetensors", Recipe(epochs=1))
    (found,) = caught.value.diagnostics
    assert found.code == "HQ0740"
    assert "50 of A, 0 of B; 150 events of no class by flavour" in found.title
    assert found.title.endswith("values: 5 (100), 4 (50)")


def test_what_a_training_reports_is_plain_data(tmp_path: Path) -> None:
    read = json.loads(json.dumps(trained(tmp_path, SGD).report.as_json()))
    assert read["parts"] == {"training": 160, "validation": 40}
    assert set(read["metrics"][0]["values"]) == {"accuracy", "auc", "rejection30", "rejection50", "rejection70"}
