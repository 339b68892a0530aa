# SPDX-License-Identifier: Apache-2.0
"""Gradient descent on labelled events: it learns, picks the right loss, and goes on after being killed."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression

from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.data.events import Labelled, labelled, read_events
from hepq.compiler.train.fit.checkpoint import NAME
from hepq.compiler.train.fit.objective import Objective, objective
from hepq.compiler.train.report import Watch, pictures
from hepq.core.diagnostics.diagnostic import HepqError

ROOT = Path(__file__).resolve().parents[4]
EVENTS = ROOT / "examples/qsvm/train.root"

PROGRAM = """
from std.nn import Dense, Dropout, softmax

dim obs = 3
dim cls = [qqyy, ZH]

dataset Events {
  source events = root("train.root", tree="tree")
  branch photon1_energy, photon2_energy, jet1_energy: GeV
  input x = stack(photon1_energy / 50 GeV, photon2_energy / 50 GeV, jet1_energy / 50 GeV, dim=obs)
  label truth: cls = "label_*"
}

"""
LINEAR = "model Tag(x: real[obs]) -> real = Dense[1](x - 1)[0]"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "tag.hepq"
    path.write_text(PROGRAM + LINEAR)
    return path


def data_of(program: Path, files: Sequence[Path] = (EVENTS,), **changes: Any) -> Labelled:
    return labelled(read_events(program, files, Options()), Recipe(**changes).resolved({}))


def test_it_finds_what_logistic_regression_finds(program: Path, tmp_path: Path) -> None:
    recipe = Recipe(epochs=80, batch=256, rate=0.1, validation=0)
    trained = train_file(program, [EVENTS], tmp_path / "w.safetensors", recipe)
    names = [n["name"] for n in trained.data.module.inputs]
    x = np.stack([np.stack([e[n] for n in names]) for e in trained.data.events]) / 50 - 1
    best = LogisticRegression(C=1e6).fit(x, trained.data.truth)
    assert trained.fitted.auc == pytest.approx(best_auc(best, x, trained.data.truth), abs=5e-3)
    weight = load_file(tmp_path / "w.safetensors")["dense0.weight"].ravel()
    np.testing.assert_allclose(weight / np.linalg.norm(weight), best.coef_[0] / np.linalg.norm(best.coef_), atol=0.1)


def best_auc(model: LogisticRegression, x: np.ndarray, truth: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, model.decision_function(x)))


KILLED = """
import os, signal, sys
from pathlib import Path
from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.report import Watch

class Killer(Watch):
    seen = 0
    def step(self, done, total):
        self.seen += 1
        if self.seen == {kill}:
            os.kill(os.getpid(), signal.SIGKILL)

program, events, out, folder = map(Path, sys.argv[1:])
recipe = Recipe(epochs=4, batch=64, events=400, checkpoint=folder, resume=True)
train_file(program, [events], out, recipe, watch=Killer())
"""


def test_a_killed_training_ends_as_if_it_had_not_been(program: Path, tmp_path: Path) -> None:
    """Killed at a step in the middle of its second epoch, and again in its last: the same weights, bit for bit."""
    program.write_text(PROGRAM + "model Tag(x: real[obs]) -> real = Dense[1](Dropout[0.2](tanh(Dense[8](x - 1))))[0]")
    for kill in (8, 13):
        script = KILLED.format(kill=kill)
        arguments = [str(program), str(EVENTS), str(tmp_path / "killed.safetensors"), str(tmp_path / "run")]
        done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, timeout=120)
        assert done.returncode == -signal.SIGKILL
    recipe = Recipe(epochs=4, batch=64, events=400)
    out = tmp_path / "killed.safetensors"
    train_file(program, [EVENTS], out, Recipe(**vars(recipe) | {"checkpoint": tmp_path / "run", "resume": True}))
    train_file(program, [EVENTS], tmp_path / "whole.safetensors", recipe)
    assert out.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_checkpoints_are_not_mixed_up(program: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "run", tmp_path / "w.safetensors"

    def run(**changes: object) -> None:
        recipe = {"epochs": 1, "events": 100, "checkpoint": folder} | changes
        train_file(program, [EVENTS], out, Recipe(**recipe))  # type: ignore[arg-type]

    run()
    with pytest.raises(HepqError, match="HQ0744"):
        run()
    with pytest.raises(HepqError, match="HQ0743"):
        run(resume=True, seed=1)
    run(resume=True, epochs=2)
    (folder / NAME).write_bytes((folder / NAME).read_bytes()[:-200])
    with pytest.raises(HepqError, match="damaged"):
        run(resume=True)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (LINEAR, "logit"),
        ("model Tag(x: real[obs]) -> real[cls] = softmax(Dense[cls](x))", "classes"),
        ("model Tag(x: real[obs]) -> real[2] = Dense[2](x)", "classes"),
        ("model Tag(x: real[obs]) -> real = sigmoid(Dense[1](x)[0])", "probability"),
    ],
)
def test_the_loss_follows_the_result(model: str, kind: str, program: Path) -> None:
    program.write_text(PROGRAM + model)
    data = data_of(program)
    assert objective(data, data.module.outputs).kind == kind


def test_losses_are_the_textbook_ones() -> None:
    truth, half = torch.tensor([0, 1]), torch.tensor([0.5, 0.5])
    log2 = float(np.log(2))
    for kind, values, wanted in (
        ("probability", half, [log2, log2]),
        ("logit", torch.tensor([0.0, 0.0]), [log2, log2]),
        ("expectation", torch.tensor([-1.0, 0.0]), [0, 1]),
        ("classes", torch.tensor([[0.25, 0.75], [0.25, 0.75]]), [-np.log(0.25), -np.log(0.75)]),
        ("classes", torch.tensor([[1.0, -1.0], [3.0, 3.0]]), [np.log1p(np.exp(-2)), log2]),
    ):
        found = Objective("output", kind, 1).losses(values, truth)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_validation_takes_its_share_of_each_class(program: Path) -> None:
    data = data_of(program, validation=0.25, events=401)
    assert not set(data.training) & set(data.validation)
    assert len(data.training) + len(data.validation) == len(data.events) == 401
    for c in (0, 1):
        held, all_ = (data.truth[data.validation] == c).sum(), (data.truth == c).sum()
        assert held == pytest.approx(0.25 * all_, abs=1)


def test_balanced_classes_weigh_the_same(program: Path) -> None:
    data = data_of(program, events=301)
    weights = data.class_weights("balanced")
    counts = np.bincount(data.truth[data.training])
    np.testing.assert_allclose(weights * counts, counts.sum() / 2)


def test_log_and_pictures(program: Path, tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, events=200)
    trained = train_file(program, [EVENTS], tmp_path / "w.safetensors", recipe, watch=Watch(tmp_path / "log.csv"))
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [r["epoch"] for r in rows] == ["1", "2"]
    assert all(0 < float(r["validation"]) < 2 for r in rows)
    for path in pictures(
        tmp_path / "plots",
        "Tag",
        trained.fitted.scores,
        trained.fitted.is_signal,
        ("ZH", "qqyy"),
        trained.fitted.event_weights,
    ):
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("model", "recipe", "code"),
    [
        (LINEAR, Recipe(freeze=("*",)), "HQ0745.*`Tag` has nothing to train: all its weights stay, by `freeze`"),
        (LINEAR, Recipe(scale=(("*", 0.0),)), "HQ0745.*factors of 0 in `scale`"),
        (LINEAR, Recipe(signal="WW"), "HQ0741"),
        ("model Tag(x: real[obs]) -> real[3] = Dense[3](x)", Recipe(), "HQ0742"),
        ("model Tag(x: real[obs]) -> real = sum(x, over=obs)", Recipe(), "HQ0745.*it has no weights"),
        ("model Tag(x: real[obs]) -> real = Dense[1](log(x - 9))[0]", Recipe(epochs=1), "HQ0746"),
    ],
)
def test_what_cannot_be_trained_is_said(model: str, recipe: Recipe, code: str, program: Path, tmp_path: Path) -> None:
    program.write_text(PROGRAM + model)
    with pytest.raises(HepqError, match=code):
        train_file(program, [EVENTS], tmp_path / "w.safetensors", recipe)
    assert not (tmp_path / "w.safetensors").exists()


def test_one_class_is_not_enough(program: Path, tmp_path: Path) -> None:
    import uproot

    columns = uproot.open(EVENTS)["tree"].arrays(library="np")
    with uproot.recreate(tmp_path / "higgs.root") as file:
        names = {k: v.dtype for k, v in columns.items()}
        file.mktree("tree", names)
        file["tree"].extend({k: v[columns["label_ZH"]] for k, v in columns.items()})
    with pytest.raises(HepqError, match="HQ0740"):
        data_of(program, files=[tmp_path / "higgs.root"])
