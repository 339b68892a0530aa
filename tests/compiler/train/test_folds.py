# SPDX-License-Identifier: Apache-2.0
"""k folds: each event is predicted by the training that has not seen it, in the files' order, and killed is resumed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe, Trained, train_file
from hepq.compiler.train.data import read
from hepq.compiler.train.folds import deviation
from hepq.compiler.train.report import Watch
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.runtime.events.event_files import iterate
from tests.compiler.train.programs import EVENTS, GAN, TAG, written

SPLIT = "train T { split = event % 4  epochs = 3 }"
FIRST = 2**60


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The photons and jets in two files, with 64-bit numbers that are out of order; some events have no class."""
    folder = tmp_path_factory.mktemp("folds")
    events = uproot.open(EVENTS)["tree"].arrays()
    numbers = FIRST + np.random.default_rng(5).permutation(len(events))
    events["event"] = numbers
    events["label_ZH"] = ak.where(numbers % 50 == 0, False, events.label_ZH)
    events["label_qqyy"] = ak.where(numbers % 50 == 0, False, events.label_qqyy)
    paths = []
    for name, part in (("a.root", events[:217]), ("b.root", events[217:])):
        with uproot.recreate(folder / name) as file:
            file["tree"] = {f: part[f] for f in part.fields}
        paths.append(folder / name)
    return paths


def folded(
    program: Path, files: Sequence[Path], name: str, watch: Watch | None = None, **recipe: Any
) -> tuple[Trained, Mapping[str, np.ndarray]]:
    out, rows = program.with_name(f"{name}.safetensors"), program.with_name(f"{name}.root")
    found = train_file(program, files, out, Recipe(folds=3, **recipe), predictions=rows, watch=watch)
    return found, columns(rows)


def columns(rows: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = uproot.open(rows)["tree"].arrays(library="np")
    return found


def test_every_event_is_predicted_by_the_weights_that_have_not_seen_it(tmp_path: Path, files: list[Path]) -> None:
    program = written(tmp_path, TAG, SPLIT)
    found, rows = folded(program, files, "w")
    numbers = np.concatenate([uproot.open(f)["tree"]["event"].array(library="np") for f in files])
    assert list(rows) == ["output_qqyy", "output_ZH", "fold"]
    assert (rows["fold"] == numbers % 3).all()
    for number, one in enumerate(found.folds):
        seen, unseen = (numbers[one.data.known[p]] for p in (one.data.training, one.data.tested))
        held = numbers[one.data.known[one.data.validation]]
        assert set(unseen % 3) == {number}
        assert number not in {*(seen % 3), *(held % 3)}
        assert len(seen) + len(held) + len(unseen) == len(one.data.known)
        assert set(held // 3 % 4) == {0}
        assert 0 not in set(seen // 3 % 4)
    for number, path in enumerate(found.files):
        compile_file(program, tmp_path / "m.hepqx", Options(weights=path))
        hepq.load(tmp_path / "m.hepqx", threads=1).predict(files, tmp_path / "all.root")
        whole, mine = columns(tmp_path / "all.root"), rows["fold"] == number
        for name in ("output_qqyy", "output_ZH"):
            np.testing.assert_allclose(rows[name][mine], whole[name][mine], rtol=1e-4, atol=1e-6)
            assert not np.allclose(rows[name][~mine], whole[name][~mine], rtol=1e-4, atol=1e-6)


def test_metrics_are_of_each_fold_and_have_mean_and_spread(tmp_path: Path, files: list[Path]) -> None:
    found, rows = folded(written(tmp_path, TAG, SPLIT), files, "w")
    *folds, whole = found.report.metrics
    assert [m.of for m in folds] == [f"events of fold {i}" for i in range(3)]
    assert [m.events for m in folds] == [len(one.data.tested) for one in found.folds]
    assert whole.events == sum(m.events for m in folds) == len(found.data.known)
    areas = [m.values["auc"] for m in folds]
    assert whole.values["auc"] == {
        "mean": pytest.approx(np.mean(areas)),
        "deviation": pytest.approx(np.std(areas, ddof=1)),
    }
    assert found.report.parts == {f"fold {i}": m.events for i, m in enumerate(folds)}
    for one in found.all:
        assert one.tested is not None
    assert np.isfinite(rows["output_ZH"]).all()


class Killed(Watch):
    """Ends the process, as it were, in an epoch of a fold."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.left = epochs

    def epoch(self, history: Any) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("more", ["", "reweight = flat(photon1_energy=bins(5, 0 GeV, 200 GeV), max=5)"])
def test_killed_and_resumed_is_bit_for_bit_the_same(tmp_path: Path, files: list[Path], more: str) -> None:
    program = written(tmp_path, TAG, SPLIT.replace("epochs", f"{more}  epochs"))
    whole, rows = folded(program, files, "whole")
    with pytest.raises(KeyboardInterrupt):
        folded(program, files, "again", Killed(5), checkpoint=tmp_path / "kept")
    assert not (tmp_path / "again.root").exists()
    assert (tmp_path / "again.fold0.safetensors").exists()
    again, same = folded(program, files, "again", checkpoint=tmp_path / "kept", resume=True)
    for a, b in zip(whole.files, again.files, strict=True):
        assert a.read_bytes() == b.read_bytes()
    for name in rows:
        assert rows[name].tobytes() == same[name].tobytes()
    with pytest.raises(HepqError, match="HQ0743"):
        train_file(
            program, files, tmp_path / "x.safetensors", Recipe(folds=4, checkpoint=tmp_path / "kept", resume=True)
        )


def test_folds_by_chance_depend_on_the_seed_not_on_how_files_are_read(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = written(tmp_path, TAG)
    found, rows = folded(program, files, "w", epochs=1)
    monkeypatch.setattr(read, "iterate", partial(iterate, step=13))
    _, same = folded(program, files, "w", epochs=1)
    assert all(rows[name].tobytes() == same[name].tobytes() for name in rows)
    _, others = folded(program, files, "w", epochs=1, seed=1)
    assert (rows["fold"] != others["fold"]).any()
    for one in found.folds:
        counts = np.bincount(one.data.truth[one.data.tested])
        assert abs(counts / np.bincount(one.data.truth) - 1 / 3).max() < 0.01


def test_events_that_are_not_scored_are_rows_too(tmp_path: Path, files: list[Path]) -> None:
    program = written(tmp_path, TAG)
    program.write_text(program.read_text().replace("  input x", "  policy nan = drop\n  input x"))
    with uproot.open(files[0]) as file:
        events = file["tree"].arrays()
    events["jet1_energy"] = ak.where(np.arange(len(events)) % 40 == 3, np.nan, events.jet1_energy)
    with uproot.recreate(tmp_path / "nan.root") as out:
        out["tree"] = {f: events[f] for f in events.fields}
    _, rows = folded(program, [tmp_path / "nan.root"], "w", epochs=1)
    assert (np.isnan(rows["output_ZH"]) == (np.arange(len(events)) % 40 == 3)).all()


def test_results_that_are_lists_are_left_out(tmp_path: Path, files: list[Path]) -> None:
    model = """
dim hit <= 4
model Lists(x: real[obs], h: real[hit]) {
  s = x |> Dense[cls] |> softmax
  return (s=s, per_hit=h + s.ZH)
}
"""
    program = written(tmp_path, model)
    text = program.read_text().replace("  input x", "  branch h: real[hit]\n  input h = h\n  input x")
    program.write_text(text)
    events = uproot.open(files[0])["tree"].arrays()
    with uproot.recreate(tmp_path / "h.root") as out:
        out["tree"] = {**{f: events[f] for f in events.fields}, "h": ak.unflatten(np.arange(3.0 * len(events)), 3)}
    found, rows = folded(program, [tmp_path / "h.root"], "w", epochs=1)
    assert list(rows) == ["s_qqyy", "s_ZH", "fold"]
    assert found.left_out == ("per_hit",)


def test_what_has_no_meaning_is_refused(tmp_path: Path, files: list[Path]) -> None:
    gan = written(tmp_path, GAN)
    with pytest.raises(HepqError, match="HQ0757"):
        folded(gan, files, "w", epochs=1)
    found = train_file(gan, files, tmp_path / "w.safetensors", Recipe(folds=2, epochs=1))
    assert [p.name for p in found.files] == ["w.fold0.safetensors", "w.fold1.safetensors"]
    assert list(found.report.metrics[-1].values) == ["loss"]
    tag = written(tmp_path, TAG)
    with pytest.raises(HepqError, match="HQ0756"):
        train_file(tag, files, tmp_path / "w.safetensors", Recipe(folds=1000, epochs=1))
    program = written(tmp_path, TAG.replace("softmax", "softmax") + "train T { fold = output.ZH  loss = fold^2 }")
    program.write_text(
        program.read_text()
        .replace("-> real[cls] {", "{")
        .replace("return h", "s = h")
        .replace("|> softmax\n}", "|> softmax\n  return (fold=s.ZH, s=s)\n}")
        .replace("output.ZH", "output.fold")
    )
    with pytest.raises(DataError, match="HQ0818"):
        folded(program, files, "w", epochs=1)


def test_a_support_vector_machine_has_folds_too(tmp_path: Path, files: list[Path]) -> None:
    machine = "model M(x: real[obs]) -> real = svm[kernel=rbf, C=2](x)\n"
    kernel = "fn rbf(a: real[obs], b: real[obs]) -> real = exp(-2 * sum((a - b) * (a - b), over=obs))\n"
    program = written(tmp_path, "from std.quantum import svm\n", kernel, machine)
    found, rows = folded(program, files, "w", events=90)
    assert list(rows) == ["decision", "fold"]
    assert np.isfinite(rows["decision"]).all()
    for number, one in enumerate(found.folds):
        assert one.fitted.tested is not None
        mine = one.data.known[one.data.tested]
        assert (rows["fold"][mine] == number).all()
        np.testing.assert_allclose(rows["decision"][mine], one.fitted.tested.scores, rtol=1e-5, atol=1e-6)
    assert set(found.report.metrics[-1].values) == {"auc"}


@pytest.mark.parametrize(
    ("values", "spread"), [([1.0, 3.0], 2**0.5), ([4.0], 0.0), ([1.0, math.inf], math.nan), ([math.inf] * 2, math.nan)]
)
def test_how_far_trainings_differ(values: list[float], spread: float) -> None:
    """Where no background passes in one, its rejection is infinite."""
    assert deviation(values) == pytest.approx(spread, nan_ok=True)
