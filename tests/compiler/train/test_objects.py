# SPDX-License-Identifier: Apache-2.0
"""Trainings on a dataset with objects: folds, reweighting and selections; killed, resumed; one row for each event."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe, Trained, train_file
from hepq.compiler.train.report import Watch
from hepq.core.diagnostics.diagnostic import Sink
from hepq.lang.checker import check
from hepq.lang.modules import load
from tests.compiler.train.test_folds import Killed

FIRST = 2**60
OBJECTS = """
from std.nn import Dense, softmax

collection Jet = "Jet_*" {
  pt: GeV
  eta: real
}
record MET = "MET_*" { pt: GeV }

dim part <= 2
dim feat = 2
dim cls = [other, hard]

dataset D {
  source events = parquet("a.parquet", "b.parquet")
  branch number: int
  object good = Jet where Jet.pt > 20 GeV
  object part <= 2 = good by good.pt desc
  select some = exists(good)
  select balanced = MET.pt < 100 GeV
  input x: real[part, feat] = stack(log(part.pt / 20 GeV), part.eta, dim=feat)
  input ht = log(max(good.pt, over=good) / 20 GeV)
  input met = MET.pt / 1 GeV
  label truth: cls = { hard: count(good) > 2, other: otherwise }
}

model M(x: real[part, feat], ht: real) -> real[cls] {
  return concat(mean(Dense[8](x) |> tanh, over=part), stack(ht)) |> Dense[cls] |> softmax
}

train T {
  split = number % 4
  reweight = flat(met=[0, 20, 50, 100], max=5)
  epochs = 3
  batch = 32
}
"""


def written(path: Path, seed: int, numbers: np.ndarray[Any, Any]) -> ak.Array:
    rng = np.random.default_rng(seed)
    jets = rng.poisson(2.5, len(numbers))
    values = {"Jet_pt": rng.exponential(30, jets.sum()) + 10, "Jet_eta": rng.normal(0, 1, jets.sum())}
    lists = {name: ak.unflatten(v.astype("f4"), jets) for name, v in values.items()}
    found = ak.Array(lists | {"MET_pt": rng.exponential(50, len(numbers)).astype("f4"), "number": numbers})
    ak.to_parquet(found, path)
    return found


@pytest.fixture
def files(tmp_path: Path) -> tuple[list[Path], ak.Array]:
    numbers = FIRST + np.random.default_rng(5).permutation(500)
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    return paths, ak.concatenate([written(paths[0], 1, numbers[:190]), written(paths[1], 2, numbers[190:])])


def folded(
    folder: Path, files: list[Path], name: str, watch: Watch | None = None, **recipe: Any
) -> tuple[Trained, Mapping[str, np.ndarray[Any, Any]]]:
    (folder / "m.hepq").write_text(OBJECTS)
    weights, rows = folder / f"{name}.safetensors", folder / f"{name}.parquet"
    found = train_file(folder / "m.hepq", files, weights, Recipe(folds=3, **recipe), predictions=rows, watch=watch)
    return found, columns(rows)


def columns(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    rows = ak.from_parquet(path)
    return {name: ak.to_numpy(rows[name]) for name in rows.fields}


def test_killed_and_resumed_is_bit_for_bit_the_same(tmp_path: Path, files: tuple[list[Path], ak.Array]) -> None:
    paths, _ = files
    whole, rows = folded(tmp_path, paths, "whole")
    with pytest.raises(KeyboardInterrupt):
        folded(tmp_path, paths, "again", Killed(5), checkpoint=tmp_path / "kept")
    again, same = folded(tmp_path, paths, "again", checkpoint=tmp_path / "kept", resume=True)
    for a, b in zip(whole.files, again.files, strict=True):
        assert a.read_bytes() == b.read_bytes()
    for name in rows:
        assert rows[name].tobytes() == same[name].tobytes()


def test_predictions_have_a_row_for_each_event_in_the_order_of_the_files(
    tmp_path: Path, files: tuple[list[Path], ak.Array]
) -> None:
    paths, events = files
    trained, rows = folded(tmp_path, paths, "w", epochs=1)
    good = ak.num(events.Jet_pt[events.Jet_pt > 20]).to_numpy()
    used = (good > 0) & (events.MET_pt < 100).to_numpy()
    report, numbers = trained.report, events.number.to_numpy()
    assert (report.events, report.selected) == (len(events), used.sum())
    assert report.left_out == {"some": (good == 0).sum(), "balanced": ((good > 0) & ~used).sum()}
    assert report.entries["part"].cut == np.maximum(good - 2, 0).sum()
    np.testing.assert_array_equal(rows["fold"], numbers % 3)
    np.testing.assert_array_equal(np.isnan(rows["output_hard"]), ~used)
    np.testing.assert_array_equal(trained.data.truth, (good > 2)[used])
    for number, weights in enumerate(trained.files):
        compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx", Options(weights=weights))
        model = hepq.load(tmp_path / "m.hepqx", threads=1)
        model.predict(paths, tmp_path / "s.parquet", keep=["number"], progress=False, step=77)
        whole, mine = columns(tmp_path / "s.parquet"), used & (rows["fold"] == number)
        np.testing.assert_array_equal(whole["number"], numbers)
        np.testing.assert_array_equal(np.isnan(whole["output_hard"]), ~used)
        np.testing.assert_allclose(rows["output_hard"][mine], whole["output_hard"][mine], rtol=1e-4, atol=1e-6)
        assert not np.allclose(rows["output_hard"][used & ~mine], whole["output_hard"][used & ~mine], rtol=1e-4)


def test_a_model_of_each_entry_predicts_lists_whose_event_is_of_one_fold(
    tmp_path: Path, files: tuple[list[Path], ak.Array]
) -> None:
    paths, events = files
    program = (
        OBJECTS[: OBJECTS.index("dim part")]
        + """
dim cls = [soft, hard]
dataset D {
  source events = parquet("a.parquet", "b.parquet")
  each Jet
  select balanced = MET.pt < 50 GeV
  input eta = Jet.eta
  label truth: cls = { hard: Jet.pt > 30 GeV, soft: otherwise }
}
model M(eta: real) -> real[cls] = stack(eta, eta^2) |> Dense[cls] |> softmax
"""
    )
    (tmp_path / "m.hepq").write_text(program)
    out = tmp_path / "rows.parquet"
    found = train_file(
        tmp_path / "m.hepq", paths, tmp_path / "w.safetensors", Recipe(folds=3, epochs=1), predictions=out
    )
    rows, used = ak.from_parquet(out), events.MET_pt < 50
    assert ak.num(rows.fold).to_list() == ak.num(rows.output_hard).to_list() == ak.num(events.Jet_pt).to_list()
    assert ak.all(ak.max(rows.fold, axis=1) == ak.min(rows.fold, axis=1))
    assert ak.all(np.isnan(rows.output_hard) == ~used)
    assert found.report.selected == ak.sum(used)
    assert len(found.data.truth) == ak.sum(ak.num(events.Jet_pt)[used])


#: values of a dataset that a training names, and how they would be inputs
NAMED = """
  scale = 2
  pull = scale * MET.pt / 1 GeV + scale
"""
NAMING = """
train T {
  split = number % 4
  weight = pull / scale
  reweight = flat(pull=bins(4, 0, 200))
  loss = pull * number * sum(output^2, over=cls)
  epochs = 2
}
"""
HEAD, EACH = OBJECTS[: OBJECTS.index("train T")], "  each Jet\n  branch number: int\n"
OF_JETS = (
    HEAD[: HEAD.index("dim part")]
    + f"""
dim cls = [soft, hard]
dataset D {{
  source events = parquet("a.parquet", "b.parquet")
{EACH}  input eta = Jet.eta
  label truth: cls = {{ hard: Jet.pt > 30 GeV, soft: otherwise }}
}}
model M(eta: real) -> real[cls] = stack(eta, eta^2) |> Dense[cls] |> softmax
"""
)


@pytest.mark.parametrize(
    ("text", "after", "named"),
    [
        (HEAD, "  branch number: int\n", NAMED),
        (OF_JETS, EACH, NAMED),
        (OF_JETS, EACH, NAMED + "  far = abs(Jet.eta)\n"),
    ],
)
def test_values_that_a_training_names_are_as_inputs_are(
    tmp_path: Path, files: tuple[list[Path], ak.Array], text: str, after: str, named: str
) -> None:
    naming = NAMING.replace("weight = pull", "weight = far * pull") if "far" in named else NAMING
    inputs = "".join(f"  input {name} = {name}\n" for name in ("pull", "number", "far") if name in after + named)
    found = []
    for i, more in enumerate(("", inputs)):
        (tmp_path / "m.hepq").write_text(text.replace(after, after + named + more) + naming)
        weights = tmp_path / f"w{i}.safetensors"
        train_file(tmp_path / "m.hepq", files[0], weights, Recipe())
        found.append(weights.read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("value", "weight", "code"),
    [("Jet[0].pt / 1 GeV", "pull", "HQ0664"), ("Jet.pt / 1 GeV", "sum(pull, over=Jet)", "HQ0673"),
     ("1", "sum(Jet.pt, over=Jet) / 1 GeV", "HQ0660")],
)  # fmt: skip
def test_values_that_a_training_cannot_be_given(value: str, weight: str, code: str) -> None:
    text = HEAD.replace("  input x", f"  pull = {value}\n  input x") + f"train T {{\n  weight = {weight}\n}}\n"
    sink = Sink()
    check(load(None, text, sink), sink)
    assert [d.code for d in sink.items] == [code]
    assert sink.items[0].labels[0].span.start > text.index("train T")
