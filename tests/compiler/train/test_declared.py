# SPDX-License-Identifier: Apache-2.0
"""Trainings that the program declares: its losses are those that are made small, by the weights it says."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression

import hepq
from hepq.compiler.driver.compilation import build_file, build_training_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe, Trained, train_file
from hepq.compiler.train.report import Watch
from hepq.compiler.weights.files import load_weights
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.diagnostics.diagnostic import HepqError
from tests.compiler.train.programs import EVENTS, GAN, TAG, written


def trained(program: Path, train: str | None = None, **recipe: Any) -> Trained:
    out = program.with_suffix(".safetensors")
    return train_file(program, [EVENTS], out, Recipe(**recipe), train=train, watch=Watch(program.with_suffix(".csv")))


def history(program: Path, name: str) -> list[float]:
    with program.with_suffix(".csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def test_a_written_cross_entropy_is_the_one_that_suits_the_labels(tmp_path: Path) -> None:
    program = written(tmp_path, TAG)
    first = trained(program, epochs=3, rate=0.01)
    written(tmp_path, TAG, "train Own { loss = cross_entropy(output, truth)  epochs = 3  optimiser = adam(lr=0.01) }")
    second = trained(program)
    assert first.fitted.loss == pytest.approx(second.fitted.loss, rel=1e-5)
    assert first.fitted.metrics == pytest.approx(second.fitted.metrics, rel=1e-4)


NAMED = """
model Both(x: real[obs]) {
  h = x - 1 |> Dense[8] |> tanh
  return (weight=h |> Dense[cls] |> softmax, loss=(h |> Dense[1])[0])
}
"""
TERMS = """
  loss = cross_entropy({0}.weight, truth) + ({0}.loss - photon1_energy / 50 GeV)^2
  epochs = 10
  optimiser = adam(lr=0.01)
"""


def test_results_with_names_are_fields_in_a_training(tmp_path: Path) -> None:
    """Whatever they are called: a training has a loss and a weight of its own."""
    program = written(tmp_path, NAMED, f"train Own {{ {TERMS.format('output')}  weight = 2 }}")
    given = trained(program)
    assert 0.5 < given.fitted.metrics["auc"] <= 1
    written(tmp_path, NAMED, f"train Own {{ out = model(x)  {TERMS.format('out')}  output = out.weight  weight = 2 }}")
    assert trained(program).fitted.loss == given.fitted.loss


def test_settings_of_the_program_hold_unless_the_caller_says_otherwise(tmp_path: Path) -> None:
    program = written(tmp_path, TAG, "train Own { epochs = 2  schedule = cosine() }")
    trained(program)
    assert len(history(program, "rate")) == 2
    trained(program, epochs=3)
    rates = history(program, "rate")
    assert len(rates) == 3
    assert rates[0] > rates[1] > rates[2]


def test_training_ends_early_when_nothing_gets_better(tmp_path: Path) -> None:
    program = written(tmp_path, TAG, "train Own { epochs = 40  optimiser = sgd(lr=0)  patience = 3 }")
    trained(program)
    assert len(history(program, "loss")) == 4


def test_weighted_events_count_as_scikit_learn_weighs_them(tmp_path: Path) -> None:
    linear = "model Tag(x: real[obs]) -> real = Dense[1](x - 1)[0]"
    program = written(tmp_path, linear, "train Own { weight = (photon1_energy / 50 GeV)^2 }")
    found = trained(program, epochs=300, batch=1000, rate=0.1, validation=0)
    names = [n["name"] for n in found.data.module.inputs if n["name"] != "truth"]
    x = np.stack([np.stack([e[n] for n in names]) for e in found.data.events]) / 50
    order = [names.index(n) for n in ("photon1_energy", "photon2_energy", "jet1_energy")]
    x = x[:, order] - 1
    best = LogisticRegression(C=1e6).fit(x, found.data.truth, sample_weight=(x[:, 0] + 1) ** 2)
    weight = load_file(program.with_suffix(".safetensors"))["dense0.weight"].ravel()
    np.testing.assert_allclose(weight / np.linalg.norm(weight), best.coef_[0] / np.linalg.norm(best.coef_), atol=0.1)


def test_each_step_moves_its_own_weights(tmp_path: Path) -> None:
    critic_only = GAN.replace("loss = bce(critic(fake), 1)", "loss = 0 * bce(critic(fake), 1)")
    program = written(tmp_path, critic_only)
    found = trained(program, epochs=2)
    first = initial_weights(found.data.module)
    weights = load_file(program.with_suffix(".safetensors"))
    for path, value in weights.items():
        assert (value == first[path]).all() == path.startswith("generator."), path


def test_a_block_of_a_training_is_compiled_by_its_name(tmp_path: Path) -> None:
    program = written(tmp_path, GAN)
    trained(program, epochs=1)
    out = tmp_path / "generator.hepqx"
    compile_file(program, out, Options(model="Generator", weights=program.with_suffix(".safetensors")))
    z = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    w = load_file(program.with_suffix(".safetensors"))
    hidden = np.maximum(z @ w["generator.dense0.weight"].T + w["generator.dense0.bias"], 0)
    wanted = hidden @ w["generator.dense1.weight"].T + w["generator.dense1.bias"]
    np.testing.assert_allclose(np.asarray(hepq.load(out)({"z": z})), wanted, atol=1e-5)


APPLIED = """
train Own {{
  {0}
  loss = cross_entropy(p, truth)
}}
"""


@pytest.mark.case("train_model_applied")
@pytest.mark.parametrize(
    ("body", "prefix"),
    [
        ("model = Tag\n  p = Tag(x)\n  output = p", "tag0."),
        ("p = Tag(x)", "tag0."),
        ("tagger = Tag\n  p = tagger(x)", "tagger."),
        ("model = Tag\n  p = model(x)", ""),
        ("model = Tag\n  p = output", ""),
    ],
)
def test_what_is_trained_is_compiled_however_it_is_applied(tmp_path: Path, body: str, prefix: str) -> None:
    program = written(tmp_path, TAG, APPLIED.format(body))
    trained(program, epochs=1)
    weights = program.with_suffix(".safetensors")
    assert f"{prefix}body.weight" in load_file(weights)
    module = build_file(program, Options(model="Tag")).module
    found = load_weights(weights, module)
    for name, value in load_file(weights).items():
        np.testing.assert_array_equal(found[name.removeprefix(prefix)], value)


@pytest.mark.parametrize("parts", [(GAN,), (TAG, "train Own { optimiser = ranger(lr=0.01) }")])
def test_what_is_resumed_ends_as_if_it_had_not_stopped(parts: tuple[str, ...], tmp_path: Path) -> None:
    """Noise, dropout, several optimisers, and the slow weights of Lookahead."""
    program, folder = written(tmp_path, *parts), tmp_path / "run"
    out = program.with_suffix(".safetensors")
    trained(program, epochs=4)
    whole = out.read_bytes()
    trained(program, epochs=2, checkpoint=folder)
    assert out.read_bytes() != whole
    trained(program, epochs=4, checkpoint=folder, resume=True)
    assert out.read_bytes() == whole


def test_an_autoencoder_needs_no_labels(tmp_path: Path) -> None:
    coder = "block Coder(x: real[obs]) -> real[obs] = x |> Dense[latent] |> Dense[obs]"
    settings = "optimiser = adam(lr=0.02)  schedule = cosine()"
    program = written(tmp_path, coder, f"train Auto {{ model = Coder  loss = mse(output, x)  {settings} }}")
    text = program.read_text()
    program.write_text("\n".join(line for line in text.splitlines() if not line.startswith("  label")))
    found = trained(program, epochs=100, batch=16, validation=0)
    assert not found.fitted.metrics
    x = np.stack([np.stack([e[n["name"]] for n in found.data.module.inputs]) for e in found.data.events]) / 50
    spread = np.linalg.eigvalsh(np.cov(x.T))
    # what two numbers cannot hold of three is the direction of least variance
    assert found.fitted.loss == pytest.approx(spread[0] / 3, rel=0.5)
    assert found.fitted.loss < 0.5 * spread[1] / 3 + spread[0] / 3


def test_several_trainings_have_seeds_of_their_own(tmp_path: Path) -> None:
    found = trained(written(tmp_path, TAG), epochs=1, trainings=3, rate=0.01)
    assert len({run.loss for run in found.all}) == 3
    assert found.fitted.loss == min(run.loss for run in found.all)


def test_trainings_are_chosen_by_name(tmp_path: Path) -> None:
    program = written(tmp_path, TAG, "train One { epochs = 1 }", "train Two { epochs = 1 }")
    with pytest.raises(HepqError, match="HQ0658"):
        trained(program)
    with pytest.raises(HepqError, match="HQ0658"):
        trained(program, "Three")
    assert trained(program, "Two").data.module.name == "Two"


def test_steps_that_work_against_each_other_keep_the_last_weights(tmp_path: Path) -> None:
    """A critic at rest is fooled ever more: the sum of losses grows."""
    text = GAN.replace("loss = bce(critic(fake), 1)", "loss = 0.01 * bce(critic(fake), 1)").replace("lr=1e-3", "lr=0")
    program = written(tmp_path, text)
    found = trained(program, epochs=6, rate=0.02)
    losses = history(program, "validation")
    assert min(losses) < losses[-1]
    assert found.fitted.loss == pytest.approx(losses[-1])


def test_a_second_stage_starts_without_the_blocks_it_does_not_use(tmp_path: Path) -> None:
    blocks = """
block Down(x: real[obs]) -> real[latent] = x |> Dense[latent]

block Up(z: real[latent]) -> real[obs] = z |> Dense[obs]

train First {
  down = Down
  up = Up
  loss = mse(x |> down |> up, x)
}

train Second {
  down = Down
  head = Up
  freeze = "down"
  replace = "head"
  loss = mse(x |> down |> head, 2 * x)
}
"""
    program = written(tmp_path, blocks)
    trained(program, "First", epochs=1)
    first = program.with_suffix(".safetensors").rename(tmp_path / "first.safetensors")
    trained(program, "Second", epochs=1, start=str(first))
    before, after = load_file(first), load_file(program.with_suffix(".safetensors"))
    assert {name.split(".")[0] for name in after} == {"down", "head"}
    assert all((after[name] == before[name]).all() for name in after if name.startswith("down."))


@pytest.mark.case("int_weight")
@pytest.mark.parametrize("elem", ["int", "bool", "real"])
@pytest.mark.parametrize("setting", ["weight", "loss"])
def test_whole_numbers_and_truth_values_become_real(tmp_path: Path, elem: str, setting: str) -> None:
    program = written(tmp_path, TAG, f"train Own {{ {setting} = flag }}")
    program.write_text(program.read_text().replace("  input x", f"  branch flag: {elem}\n  input x"))
    made = build_training_file(program).module.outputs[f"<{setting}>"]
    assert str(made.type) == "real"
    assert [made.op, *(o.op for o in made.operands)] == (["input"] if elem == "real" else ["cast", "input"])
