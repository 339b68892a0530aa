# SPDX-License-Identifier: Apache-2.0
"""The two-sample test: p-values are uniform where there is nothing to find, and small where there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from scipy.stats import kstest, mannwhitneyu
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

import hepq
from hepq.cli import app
from hepq.compiler.train import Recipe
from hepq.compiler.train.two_sample import TwoSample, midranks, permutation_p

PROGRAM = """
from std.nn import Dense

dim obs = 2

dataset Events {
  source events = root("a.root", tree="tree")
  branch a, b: real
  input x = stack(a, b, dim=obs)
}

model Which(x: real[obs]) -> real = (x |> Dense[8] |> tanh |> Dense[1])[0]
"""


def events(folder: Path, count: int, seed: int, correlation: float = 0.0) -> Path:
    """A file of pairs of normal numbers, whose own distributions are the same whatever the correlation."""
    path = folder / f"{seed}.root"
    a, c = np.random.default_rng(seed).normal(size=(2, count))
    with uproot.recreate(path) as file:
        tree = file.mktree("tree", {"a": "float64", "b": "float64"})
        tree.extend({"a": a, "b": correlation * a + np.sqrt(1 - correlation**2) * c})
    return path


def compared(folder: Path, first: Path, second: Path, permutations: int = 200, **options: Any) -> TwoSample:
    program = folder / "which.hepq"
    program.write_text(PROGRAM)
    recipe = Recipe(**{"epochs": 2, "rate": 0.02} | options.pop("recipe", {}))
    return hepq.two_sample_test(program, first, second, permutations=permutations, recipe=recipe, **options)


@pytest.mark.parametrize("statistic", ["auc", "accuracy"])
def test_p_values_are_uniform_for_events_of_one_distribution(statistic: str, tmp_path: Path) -> None:
    found = [
        compared(tmp_path, events(tmp_path, 80, 2 * i), events(tmp_path, 120, 2 * i + 1), statistic=statistic)
        for i in range(40)
    ]
    p = np.array([one.p_value for one in found])
    assert kstest(p, "uniform").pvalue > 0.01
    assert found[0].events == (80, 120)
    assert found[0].held == (40, 60)


def test_a_correlation_is_found_that_no_histogram_of_one_variable_shows(tmp_path: Path) -> None:
    first, second = events(tmp_path, 1000, 1), events(tmp_path, 1000, 2, correlation=0.8)
    found = compared(tmp_path, first, second, permutations=1000, recipe={"epochs": 15})
    assert found.p_value == pytest.approx(1 / 1001)
    assert found.auc > 0.6
    assert compared(tmp_path, first, second, recipe={"epochs": 15}, statistic="accuracy").p_value < 0.01


def test_what_training_sees_is_not_tested_on(tmp_path: Path) -> None:
    """A classifier that learns its events by heart is no better than chance on others."""
    one, other = events(tmp_path, 100, 5), events(tmp_path, 100, 6)
    found = compared(tmp_path, one, other, recipe={"epochs": 60, "rate": 0.05, "validation": 0.0})
    assert found.p_value > 0.01
    again = compared(tmp_path, one, other, recipe={"epochs": 60, "rate": 0.05, "validation": 0.0})
    assert again.p_value == found.p_value
    assert (again.scores == found.scores).all()


def test_numbers_are_those_of_scipy_and_scikit_learn(tmp_path: Path) -> None:
    found = compared(tmp_path, events(tmp_path, 150, 7), events(tmp_path, 90, 8, 0.5), permutations=4000)
    assert found.auc == pytest.approx(roc_auc_score(found.second, found.scores))
    exact = mannwhitneyu(found.scores[found.second], found.scores[~found.second], alternative="greater").pvalue
    assert found.p_value == pytest.approx(exact, abs=0.03)
    guess = found.scores > 0
    assert found.accuracy == pytest.approx((guess[found.second].mean() + 1 - guess[~found.second].mean()) / 2)


def test_equal_scores_say_nothing() -> None:
    assert midranks(np.array([2.0, 1.0, 2.0, 5.0])).tolist() == [2.5, 1, 2.5, 4]
    second = np.arange(10) < 5
    assert permutation_p(midranks(np.zeros(10)), second, 50, np.random.default_rng(0)) == 1


def test_too_few_events(tmp_path: Path) -> None:
    with pytest.raises(hepq.HepqError, match="HQ0790"):
        compared(tmp_path, events(tmp_path, 100, 1), events(tmp_path, 19, 2))


def test_the_command_says_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("which.hepq").write_text(PROGRAM)
    first, second = events(tmp_path, 400, 1), events(tmp_path, 300, 2, correlation=0.9)
    command = ["compare", str(first), str(second), "--program", "which.hepq", "--permutations", "100"]
    done = CliRunner().invoke(app, [*command, "--epochs", "15", "--lr", "0.02"])
    assert done.exit_code == 0
    assert "tested on 200 of 400 and 150 of 300 events: AUC 0." in done.output
    assert "p = 0.009901 by auc" in done.output


def test_a_result_that_tells_no_two_files_apart(tmp_path: Path) -> None:
    model = "model M(x: real[obs]) -> real[3] = Dense[3](x)\n"
    (tmp_path / "m.hepq").write_text(PROGRAM[: PROGRAM.index("model Which")] + model)
    with pytest.raises(hepq.HepqError) as caught:
        hepq.two_sample_test(tmp_path / "m.hepq", events(tmp_path, 60, 1), events(tmp_path, 60, 2))
    (found,) = caught.value.diagnostics
    assert (found.code, "the result of `M`, `real[3]`, cannot say which of two files" in found.title) == (
        "HQ0790",
        True,
    )
    assert "return `real`, large for the second" in str(found.help)
