# SPDX-License-Identifier: Apache-2.0
"""Studies: what is tried and kept, what goes on after a kill, what is pruned, refused and not mixed up."""

from __future__ import annotations

import csv
import math
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe, Trained, train_events, train_file
from hepq.compiler.train.data.events import TrainingSet
from hepq.compiler.train.fit import gradient, objective
from hepq.compiler.tune import Outcome, Tuned, study, trial, tune_file
from hepq.compiler.tune.study import StudyFolder
from hepq.compiler.weights.files import recorded_statics
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.draw.tuned import draw
from tests.compiler.train.programs import DATA, EVENTS, GAN

WIDE = """
const width: int = 6

model Tag(x: real[obs]) -> real[cls] = x - 1 |> Dense[width] |> relu |> Dense[cls] |> softmax
"""
SVM = """
from std.quantum import svm

fn K(a: real[obs], b: real[obs]) -> real = exp(-sum((a - b)^2, over=obs))

model Tag(x: real[obs]) -> real = svm[kernel=K, C=2](x)
"""
VARY = ("width=2..8", "train.lr=1e-3..1e-1 log")
RECIPE = Recipe(epochs=3, events=80)
#: of one process, killed by itself in the third epoch of its second trial
KILLED = """
import os, signal, sys
from hepq.compiler.tune import trial
from tests.compiler.tune.test_tune import tuned
from pathlib import Path

tell = trial._Judge._tell

def deadly(self, row):
    if self.trial.number == 1 and row["epoch"] == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    tell(self, row)

trial._Judge._tell = deadly
tuned(Path(sys.argv[1]), trials=3, workers=1)
"""


def tuned(folder: Path, *vary: str, program: str = WIDE, **options: Any) -> Tuned:
    folder.mkdir(exist_ok=True)
    path = folder / "m.hepq"
    path.write_text(DATA + program)
    given = {"recipe": RECIPE, "trials": 3, **options}
    return tune_file(path, [EVENTS], vary or VARY, folder / "study", **given)


def tried(found: Tuned) -> list[tuple[object, ...]]:
    return [(row.settings, row.value, row.epochs) for row in found.rows if row.ended]


def fails(code: str, run: Callable[[], object]) -> str:
    with pytest.raises(HepqError) as caught:
        run()
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    return diagnostic.title


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """Three trials in one go."""
    return tuned(tmp_path_factory.mktemp("whole"))


def test_what_is_kept(whole: Tuned) -> None:
    own, *others = whole.rows
    assert (own.own, own.settings) == (True, {"width": 6, "train.lr": 1e-3})
    assert all(row.state == "done" and row.epochs == 3 and 2 <= int(row.settings["width"]) <= 8 for row in others)
    assert whole.best.value == min(row.value for row in whole.rows if row.value is not None)
    folder = whole.folder.path
    assert recorded_statics(whole.folder.best) == {"width": whole.best.settings["width"]}
    with (folder / "trials.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["validation"]) for row in table] == [row.value for row in whole.rows]
    kept = {p.name for p in (folder / "trials").rglob("*") if p.is_file()}
    assert kept == {"log.csv"}, "neither checkpoints nor weights of those that are not the best"


def test_best_is_what_train_gives_and_compiling_takes(whole: Tuned, tmp_path: Path) -> None:
    program, best = whole.folder.path.parent / "m.hepq", whole.best.settings
    recipe = Recipe(epochs=3, events=80, rate=float(best["train.lr"]))
    again = tmp_path / "again.safetensors"
    train_file(program, [EVENTS], again, recipe, Options(statics={"width": best["width"]}))
    assert again.read_bytes() == whole.folder.best.read_bytes()
    compilation = Compilation(program, Options(weights=whole.folder.best)).check()
    assert compilation.statics == {"width": best["width"]}
    assert len(compilation.weights) == 4


def test_goes_on(whole: Tuned, tmp_path: Path) -> None:
    seen: list[tuple[int, str]] = []
    for trials in (1, 3, 3):
        found = tuned(tmp_path, trials=trials, begun=lambda *said: seen.append(said))
    assert tried(found) == tried(whole)
    assert [n for n, _ in seen] == [0, 1, 3]


def test_killed(whole: Tuned, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[3], timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "study/trials/0001/training.pt").exists()
    told: list[Outcome] = []
    found = tuned(tmp_path, tell=told.append)
    assert [o.taken_up for o in told] == [(1,), ()]
    first, killed, again, last = found.rows
    assert (killed.state, again.again, first.own, last.state) == ("killed", 1, True, "done")
    assert tried(found)[:2] == tried(whole)[:2], "it goes on as if nothing had happened"
    assert (tmp_path / "study/trials/0001/log.csv").read_text().count("\n") == 4
    assert not (tmp_path / "study/trials/0002").exists()


def test_another_process(whole: Tuned, tmp_path: Path) -> None:
    tuned(tmp_path, trials=2)
    found = tuned(tmp_path, workers=2)
    assert tried(found)[:2] == tried(whole)[:2]
    assert [row.state for row in found.rows] == ["done"] * 3
    assert found.rows[2].settings == whole.rows[2].settings


def test_who_holds_a_trial_runs_it(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    begun = folder.open(maximise=False)
    held = folder.of(begun.ask())
    with folder.held(held) as mine, folder.held(held) as second:
        assert (mine, second) == (True, False)
        assert folder.taken_up(begun) == []
    assert folder.taken_up(begun) == [0]
    assert folder.taken_up(begun) == []


def test_worse_trials_are_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "FIRST", 1)
    vary = "train.lr=0.05, 1e-7"
    found = tuned(tmp_path, vary, trials=6, sampler="random", recipe=Recipe(epochs=6, events=80))
    pruned = [row for row in found.rows if row.state == "pruned"]
    assert pruned
    assert all(row.settings["train.lr"] == "1e-7" and 0 < row.epochs < 6 for row in pruned)
    assert found.best.settings["train.lr"] == "0.05"
    assert sum(row.ended for row in found.rows) == 6
    assert all(row.seconds > 0 for row in found.rows)
    left = found.folder.path / "trials" / f"{pruned[0].number:04d}"
    assert [p.name for p in left.iterdir()] == ["log.csv"]


def test_values_that_cannot_be_are_said(tmp_path: Path) -> None:
    found = tuned(tmp_path, "train.lr=0.001, 1e30", trials=5, sampler="random", pruner="none")
    refused = [row for row in found.rows if row.state == "refused"]
    assert refused
    assert all(row.why.startswith("HQ0746: ") and row.seconds > 0 for row in refused)
    said = fails("HQ0784", lambda: tuned(tmp_path / "none", "train.lr=1e30..1e35", trials=1))
    assert "HQ0746" in said


def test_too_large_for_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def limited(events: TrainingSet, *rest: Any) -> Trained:
        if 7 in [dim.size for weight in events.module.params.values() for dim in weight.type.dims]:
            raise RuntimeError("CUDA out of memory")
        return train_events(events, *rest)

    monkeypatch.setattr(trial, "train_events", limited)
    found = tuned(tmp_path, "width=6, 7", trials=4, sampler="random")
    assert {(row.settings["width"], row.state, row.why) for row in found.rows} == {
        ("6", "done", ""), ("7", "refused", "not enough memory"),
    }  # fmt: skip


def test_a_kill_before_the_best_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "keep_best", lambda folder, study: None)
    found = tuned(tmp_path, trials=2)
    assert recorded_statics(found.folder.best) == {"width": found.best.settings["width"]}
    assert not list(tmp_path.rglob("weights.safetensors"))


def test_what_the_program_itself_does_is_an_error(tmp_path: Path) -> None:
    wrong = "train T {\n  optimiser = adam(lr=1e30)\n}\n"
    fails("HQ0746", lambda: tuned(tmp_path, "train.lr=1e-3..1e31", program=WIDE + wrong))
    assert tuned(tmp_path, trials=1).rows[0].own, "a study in which nothing has ended begins anew"


def test_another_study_is_not_mixed_in(tmp_path: Path) -> None:
    tuned(tmp_path, trials=1)
    assert "epochs: 3 then, 2 now" in fails("HQ0782", lambda: tuned(tmp_path, recipe=Recipe(epochs=2, events=80)))
    assert "--vary: " in fails("HQ0782", lambda: tuned(tmp_path, "width=2..8"))
    assert "the program has changed" in fails("HQ0782", lambda: tuned(tmp_path, program=WIDE.replace("6", "7")))
    assert len(tuned(tmp_path, trials=2).rows) == 2


def test_journal(tmp_path: Path) -> None:
    tuned(tmp_path, trials=1)
    journal = tmp_path / "study/journal.log"
    with journal.open("a") as file:
        file.write('{"op_code": 4, "wor')
    assert len(tuned(tmp_path, trials=2).rows) == 2, "a line that was not wholly written is no loss"
    journal.write_text("not Optuna's\n" * 3)
    assert "journal.log is damaged" in fails("HQ0782", lambda: tuned(tmp_path))


def test_metrics(tmp_path: Path) -> None:
    found = tuned(tmp_path, "train.C=0.1..10 log", program=SVM, trials=2, recipe=Recipe(events=80))
    assert (found.metric, found.rows[0].settings, found.best.epochs) == ("auc", {"train.C": 2.0}, 0)
    assert found.best.value == max(row.value for row in found.rows if row.value is not None)
    regression = "train T {\n  loss = mse(output, x)\n}\n"
    model = "model M(x: real[obs]) -> real[obs] = x |> Dense[latent] |> Dense[obs]\n"
    said = fails("HQ0783", lambda: tuned(tmp_path / "r", "train.lr=1e-3..1", program=model + regression, metric="auc"))
    assert "it gives validation" in said
    assert "against each other" in fails("HQ0783", lambda: tuned(tmp_path, "train.lr=1e-3..1", program=GAN))


def test_without_optuna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(DataError, match="HQ0871"):
        tuned(tmp_path)


@pytest.mark.parametrize("worth", [math.inf, math.nan])
def test_a_rejection_without_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worth: float) -> None:
    """Infinite, it is the best there is; NaN is no number."""

    widths: set[int | None] = set()
    plain = objective.measures

    def watched(events: TrainingSet, *rest: Any) -> Trained:
        widths.clear()
        widths.update(dim.size for weight in events.module.params.values() for dim in weight.type.dims)
        return train_events(events, *rest)

    def measures(*given: Any) -> tuple[dict[str, float], str]:
        found, lacking = plain(*given)
        return ({**found, "rejection50": worth} if 7 in widths else found), lacking

    monkeypatch.setattr(gradient, "measures", measures)
    monkeypatch.setattr(study, "FIRST", 1)
    monkeypatch.setattr(trial, "train_events", watched)
    found = tuned(tmp_path, "width=6, 7", trials=8, sampler="random", metric="rejection50")
    draw(found, tmp_path / "study.png")
    seven = {(row.state, row.value) for row in found.rows if row.settings["width"] == "7"}
    if worth == math.inf:
        assert seven == {("done", math.inf)}
        assert (found.best.settings, found.best.value) == ({"width": "7"}, math.inf)
        assert recorded_statics(found.folder.best) == {"width": 7}
        assert ",inf," in (found.folder.path / "trials.csv").read_text()
    else:
        assert "done" not in {state for state, _ in seven}
        assert found.best.settings == {"width": "6"}
