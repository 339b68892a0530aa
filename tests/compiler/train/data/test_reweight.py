# SPDX-License-Identifier: Apache-2.0
"""Reweighting: distributions become flat, or like a class's; what cannot be evened out is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.data.events import Labelled, event_weights, labelled, read_events, resolved
from hepq.compiler.train.data.reweight import binned, factors
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.lang.declarations.train_events import Axis, Reweight
from hepq.runtime.events.report import Evened, Report, words
from tests.compiler.train.programs import TAG, written

EDGES = np.linspace(0, 200, 5)
ETA = np.array([-2.0, 0.0, 2.0])
FLAT = "flat(photon1_energy=bins(4, 0 GeV, 200 GeV), eta=[-2, 0, 2])"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2000 events, whose classes have other energies; some are negative in weight, some outside the bins."""
    rng, count = np.random.default_rng(4), 2000
    signal = np.arange(count) % 3 == 0
    energy = np.where(signal, rng.gamma(4, 25, count), rng.gamma(2, 20, count))
    path = tmp_path_factory.mktemp("reweight") / "a.root"
    with uproot.recreate(path) as out:
        out["tree"] = ak.Array({
            "photon1_energy": energy, "photon2_energy": rng.gamma(2, 20, count), "jet1_energy": rng.gamma(2, 20, count),
            "eta": rng.normal(0, 1, count), "w": np.where(rng.random(count) < 0.1, -0.5, rng.random(count) + 0.5),
            "label_qqyy": ~signal, "label_ZH": signal,
        })  # fmt: skip
    return path


def program(folder: Path, train: str) -> Path:
    path = written(folder, TAG, f"train T {{ epochs = 2  {train} }}")
    path.write_text(path.read_text().replace("  input x", "  branch eta, w: real\n  input x"))
    return path


def found(
    folder: Path, file: Path, train: str, **recipe: Any
) -> tuple[Labelled, np.ndarray, np.ndarray, dict[str, Evened]]:
    """Events, their weights with and without the factor, and the account of each class."""
    events = read_events(program(folder, train), [file], Options())
    decided = resolved(Recipe(**recipe), events.built)
    data = labelled(events, decided)
    weights = event_weights(data, {})
    factor, (account,) = factors(data, decided, weights, {})
    return data, weights, weights * factor, dict(account.classes)


def histogram(data: Labelled, file: Path, weights: np.ndarray, c: int) -> np.ndarray:
    """Of the training events of a class."""
    tree = uproot.open(file)["tree"].arrays(["photon1_energy", "eta"], library="np")
    mine = data.training[data.truth[data.training] == c]
    rows = data.known[mine]
    sums: np.ndarray = np.histogram2d(
        tree["photon1_energy"].astype(np.float32)[rows], tree["eta"].astype(np.float32)[rows], (EDGES, ETA),
        weights=weights[mine],
    )[0]  # fmt: skip
    return sums


def test_the_weighted_distribution_of_each_class_is_flat(tmp_path: Path, file: Path) -> None:
    data, plain, both, classes = found(tmp_path, file, f"weight = w  reweight = {FLAT}")
    for c in (0, 1):
        before, after = histogram(data, file, plain, c), histogram(data, file, both, c)
        filled = before > 0
        assert before.max() / before[filled].min() > 3
        np.testing.assert_allclose(after[filled], after[filled].mean(), rtol=1e-9)
        mine = data.training[data.truth[data.training] == c]
        assert both[mine].sum() == pytest.approx(plain[mine].sum())
        one = classes[data.classes[c]]
        assert one.events == len(mine)
        assert one.bins == filled.sum()
        assert one.outside > 0
        assert (both[mine] == 0).sum() == one.outside + one.lost
        assert one.effective == pytest.approx(both[mine].sum() ** 2 / (both[mine] ** 2).sum())


def test_one_class_is_made_like_another(tmp_path: Path, file: Path) -> None:
    data, plain, both, _ = found(tmp_path, file, f"reweight = {FLAT.replace('flat(', 'like(ZH, ')}")
    wanted, made = histogram(data, file, plain, 1), histogram(data, file, both, 0)
    there = made > 0
    np.testing.assert_allclose(made[there] / made.sum(), wanted[there] / wanted[there].sum(), rtol=1e-9)
    kept = histogram(data, file, both, 1)
    np.testing.assert_allclose(kept / kept.sum(), wanted / wanted.sum(), rtol=1e-9)


def test_no_factor_is_above_the_largest_that_is_allowed(tmp_path: Path, file: Path) -> None:
    train = f"reweight = {FLAT.replace('])', '], max=2)')}"
    _, plain, both, classes = found(tmp_path, file, train)
    assert (both / plain).max() == 2
    assert {one.largest for one in classes.values()} == {2}
    assert all(one.capped > 0 for one in classes.values())


def test_bins_hold_their_lower_edge_and_outside_is_told() -> None:
    how = Reweight((Axis("a", (0.0, 1.0, 2.0)), Axis("b", (0.0, 1.0))))
    a, b = np.array([0.0, 1.0, 2.0, -1.0, np.nan, 1.5, 0.5]), np.array([0.5, 0.0, 0.5, 0.5, 0.5, 1.0, np.nan])
    cells, count = binned(how, [a, b])
    assert count == 2
    assert cells.tolist() == [0, 1, 2, 2, 2, 2, 2]


def test_a_class_outside_all_bins_is_an_error(tmp_path: Path, file: Path) -> None:
    with pytest.raises(HepqError, match="HQ0758"):
        found(tmp_path, file, "reweight = flat(photon1_energy=bins(4, 1e4 GeV, 2e4 GeV))")


def test_the_loss_is_that_of_reweighted_events_and_metrics_are_not(tmp_path: Path, file: Path) -> None:
    """The same training as with the factors as a weight of the program; and its report says what was done."""
    path = program(tmp_path, f"weight = w  reweight = {FLAT}")
    out = tmp_path / "a.safetensors"
    trained = train_file(path, [file], out, Recipe())
    events = read_events(path, [file], Options())
    data = labelled(events, resolved(Recipe(), events.built))
    factor, _ = factors(data, resolved(Recipe(), events.built), event_weights(data, {}), {})
    tree = uproot.open(file)["tree"].arrays()
    tree["product"] = tree.w * factor
    with uproot.recreate(tmp_path / "b.root") as file_:
        file_["tree"] = {f: tree[f] for f in tree.fields}
    same = program(tmp_path, "weight = product")
    same.write_text(same.read_text().replace("eta, w: real", "eta, w, product: real"))
    other = train_file(same, [tmp_path / "b.root"], tmp_path / "b.safetensors", Recipe())
    assert trained.fitted.loss == pytest.approx(other.fitted.loss, rel=1e-5)
    for name, value in trained.fitted.weights.items():
        np.testing.assert_allclose(value, other.fitted.weights[name], rtol=1e-3, atol=1e-5)
    account = trained.fitted.account
    assert account is not None
    assert (account.weight, account.without) == ("w", "reweighting")
    assert account.sum_of_weights == pytest.approx(float(event_weights(data, {})[data.validation].sum()))
    said = list(words(trained.report))
    assert any("ZH reweighted flat in photon1_energy, eta: " in line for line in said)
    assert any("without the reweighting" in line for line in said)
    (told,) = trained.report.as_json()["reweighted"]
    assert set(told["classes"]) == {"qqyy", "ZH"}
    assert (trained.report + Report()).reweighted == trained.report.reweighted


def test_a_checkpoint_notices_another_reweighting_or_split(tmp_path: Path, file: Path) -> None:
    for before, after in ((FLAT, FLAT.replace("[-2, 0, 2]", "[-2, 1, 2]")), (FLAT, FLAT.replace("])", "], max=3)"))):
        kept = tmp_path / str(abs(hash((before, after))))
        first = train_file(program(tmp_path, f"reweight = {before}"), [file], tmp_path / "a.safetensors",
                           Recipe(checkpoint=kept))  # fmt: skip
        whole = first.files[0].read_bytes()
        train_file(program(tmp_path, f"reweight = {before}"), [file], tmp_path / "a.safetensors",
                   Recipe(checkpoint=kept, resume=True))  # fmt: skip
        assert first.files[0].read_bytes() == whole
        with pytest.raises(HepqError, match="HQ0743"):
            train_file(program(tmp_path, f"reweight = {after}"), [file], tmp_path / "a.safetensors",
                       Recipe(checkpoint=kept, resume=True))  # fmt: skip


def test_folds_have_factors_of_their_own(tmp_path: Path, file: Path) -> None:
    trained = train_file(program(tmp_path, f"reweight = {FLAT}"), [file], tmp_path / "a.safetensors", Recipe(folds=2))
    ofs = [account.of for account in trained.report.reweighted]
    assert ofs == ["training events without fold 0", "training events without fold 1"]
    assert trained.report.metrics[-1].without == "reweighting"
