# SPDX-License-Identifier: Apache-2.0
"""Options that one kind of training heeds, and the other refuses."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.recipe import ONLY
from hepq.compiler.train.report import Watch
from hepq.compiler.tune import tune_file
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.lang.declarations.train_settings import OPTIMISERS, Spec
from tests.compiler.train.programs import EVENTS, TAG, written

SVM = """
from std.quantum import svm

fn K(a: real[obs], b: real[obs]) -> real = exp(-sum((a - b)^2, over=obs))

model Tag(x: real[obs]) -> real = svm[kernel=K, C=2](x)
"""
#: another value than the default of each option
VALUES: dict[str, Any] = {
    "optimiser": Spec.default("adam", OPTIMISERS), "schedule": Spec.default("adam", OPTIMISERS), "precision": "single",
    "device": "cuda", "start": "w.safetensors", "kernel": Path("k.hepqx"), "backend": "noisy",
    **dict.fromkeys(("replace", "freeze"), ("head",)), "scale": (("head", 0.1),),
    **dict.fromkeys(("epochs", "batch", "patience", "shots"), 3), **dict.fromkeys(("rate", "clip", "C"), 0.5),
}  # fmt: skip


def test_every_option_is_of_one_kind_or_of_both() -> None:
    known = {f.name for f in fields(Recipe)}
    assert {*ONLY[False], *ONLY[True]} - known == {"log"}
    assert not {*ONLY[False]} & {*ONLY[True]}
    assert {*VALUES, "log"} == {*ONLY[False], *ONLY[True]}


@pytest.mark.parametrize("machine", [False, True])
@pytest.mark.parametrize("name", VALUES)
def test_what_would_change_nothing_is_refused(name: str, machine: bool) -> None:
    recipe = Recipe(**{name: VALUES[name]})
    if name in ONLY[machine]:
        recipe.check("Tag", machine)
        return
    with pytest.raises(HepqError, match="HQ0759") as caught:
        recipe.check("Tag", machine)
    assert f"`--{'lr' if name == 'rate' else name}` would change nothing: `Tag`" in str(caught.value)


@pytest.mark.parametrize(
    ("model", "recipe", "said"),
    [
        (SVM, Recipe(epochs=3, rate=0.1), "`--epochs`, `--lr` would change nothing: `Tag` is a support vector machine"),
        (TAG, Recipe(C=3, shots=8), "`--C`, `--shots` would change nothing: `Tag` has no `svm`"),
    ],
)
def test_before_any_file_is_opened(tmp_path: Path, model: str, recipe: Recipe, said: str) -> None:
    program = written(tmp_path, model)
    with pytest.raises(HepqError) as trained:
        train_file(program, ["none.root"], tmp_path / "w.safetensors", recipe)
    assert said in str(trained.value)
    with pytest.raises(HepqError) as tuned:
        tune_file(
            program, [EVENTS], ["train.C=1, 2" if model is SVM else "train.lr=1, 2"], tmp_path / "s", recipe=recipe
        )
    assert said in str(tuned.value)
    assert not (tmp_path / "s" / "journal.log").exists()


def test_a_log_of_epochs_that_there_are_none_of(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "log.csv")
    with pytest.raises(HepqError, match="`--log` would change nothing"):
        train_file(written(tmp_path, SVM), [EVENTS], tmp_path / "w.safetensors", Recipe(events=40), watch=watch)
    train_file(written(tmp_path, SVM), [EVENTS], tmp_path / "w.safetensors", Recipe(events=40, device="cpu"))
