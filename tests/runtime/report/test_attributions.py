# SPDX-License-Identifier: Apache-2.0
"""Permutation importance: only what matters loses, by as much as it should; what is exchanged stays whole."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import hepq
from hepq.runtime.model import Model
from hepq.runtime.report.attributions import _permuted, _rows, variables
from hepq.runtime.report.scored import drawn
from tests.support.attribution_programs import PLANTED, compiled, events, write

EVENTS = events()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return compiled(tmp_path_factory.mktemp("planted"), PLANTED)


def test_only_the_planted_variable_loses(model: Model) -> None:
    found = hepq.attributions(model, EVENTS, repeats=4)
    assert found.names == ("a", "b", "c", "met", "other")
    score, known = model(EVENTS).signal.to_numpy(), ak.num(EVENTS.a).to_numpy() > 0
    assert found.whole == pytest.approx(roc_auc_score(EVENTS.is_signal[known], score[known]))
    assert found.whole is not None
    assert found.whole > 0.8
    losses = dict(zip(found.names, found.values, strict=True))
    assert losses.pop("b") == pytest.approx(found.whole - 0.5, abs=0.08)  # what is left is chance
    assert set(losses.values()) == {0.0}
    assert 0 < found.errors[1] < 0.06
    assert found.ranking[0][0] == "b"
    assert (found.score, found.quantity, found.events) == ("output.signal", "loss of AUC", 400)


def test_a_seed_fixes_everything_and_files_give_what_arrays_give(model: Model, tmp_path: Path) -> None:
    path = write(EVENTS, tmp_path / "events.root")
    runs = [
        hepq.attributions(model, given, repeats=2, seed=seed, limit=150)
        for given, seed in ((EVENTS, 7), (str(path), 7), ({n: EVENTS[n] for n in EVENTS.fields}, 7), (EVENTS, 8))
    ]
    for other in runs[1:3]:
        np.testing.assert_array_equal(other.values, runs[0].values)
    assert (runs[3].whole, runs[3].events) != (runs[0].whole, 400)
    assert runs[0].events == 150


def test_truth_is_taken_as_given(model: Model) -> None:
    plain = {n: EVENTS[n] for n in ("a", "b", "c", "met", "other")}
    signal = np.asarray(EVENTS.is_signal)
    labelled = hepq.attributions(model, EVENTS, repeats=2)
    for truth in (signal, signal.astype(int)):
        np.testing.assert_array_equal(hepq.attributions(model, plain, truth, repeats=2).values, labelled.values)
    opposite = hepq.attributions(model, plain, ~signal, repeats=2)
    assert labelled.whole is not None
    assert opposite.whole == pytest.approx(1 - labelled.whole)
    background = hepq.attributions(model, EVENTS, repeats=2, class_="background")
    np.testing.assert_allclose(background.values, labelled.values, atol=2e-3)  # probabilities of 1 are equal
    few = np.where(np.arange(400) < 50, -1, signal.astype(int))
    assert hepq.attributions(model, plain, few, repeats=2).whole != labelled.whole


def test_accuracy(model: Model) -> None:
    found = hepq.attributions(model, EVENTS, metric="accuracy", repeats=2)
    known = ak.num(EVENTS.a).to_numpy() > 0
    right = (model(EVENTS).signal.to_numpy() > 0.5) == EVENTS.is_signal.to_numpy()
    assert found.whole == pytest.approx(right[known].mean())
    assert found.values[1] > 0.2
    assert found.quantity == "loss of accuracy"


def test_lists_stay_whole_and_ranks_keep_their_place() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([2, 3, 0, 2, 3, 5, 2, 0, 3])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    owner, rank = np.repeat(np.arange(len(counts)), counts), np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    moved = False
    for _ in range(20):
        rows = _rows(offsets, "lists", rng)
        assert sorted(rows) == list(range(offsets[-1]))
        assert (rank[rows] == rank).all()
        assert (counts[owner[rows]] == counts[owner]).all()
        assert all(len(set(owner[rows][owner == i])) == 1 for i in set(owner))
        moved |= bool((owner[rows] != owner).any())
        rows = _rows(offsets, "ranks", rng)
        assert sorted(rows) == list(range(offsets[-1]))
        assert (rank[rows] == rank).all()
    assert moved


def test_variables_together_move_alike(model: Model) -> None:
    batch, _ = drawn(model, EVENTS)
    joint, *rest = variables(model, [("a", "b", "met")])
    assert (joint.name, [v.name for v in rest]) == ("a + b + met", ["c", "other"])
    moved = _permuted(model, batch, joint, "lists", np.random.default_rng(0))
    for names in (("a", "b"), ("met",)):
        before, after = (np.stack([x.contents[n] for n in names], axis=1) for x in (batch, moved))
        assert not np.array_equal(before, after)
        assert sorted(map(tuple, before)) == sorted(map(tuple, after))
    assert np.array_equal(moved.contents["c"], batch.contents["c"])
    found = hepq.attributions(model, EVENTS, together=[("a", "b")], repeats=2)
    assert found.names[0] == "a + b"
    assert found.values[0] > 0.2


def test_events_alone_are_counted(model: Model) -> None:
    few = EVENTS[[int(np.flatnonzero(ak.num(EVENTS.a) == n)[0]) for n in (1, 2, 3, 4)] + list(range(3))]
    truth = np.arange(7) % 2 == 0
    counts = ak.num(few.a).to_numpy()
    wanted = sum(int((counts == n).sum() == 1) for n in range(1, 7))
    assert hepq.attributions(model, few, truth, repeats=2).alone == ({"part": wanted} if wanted else {})
    assert hepq.attributions(model, few, truth, repeats=2, ragged="ranks").alone == {}


def test_entries_of_an_input_are_variables(tmp_path: Path) -> None:
    text = "dim feat = [pt, eta]\n\nmodel M(x: real[feat], y: real[3]) -> real = x.eta + 0 * sum(y, over=3)\n"
    model = compiled(tmp_path, "", text)
    x = np.random.default_rng(0).normal(size=(200, 2))
    found = hepq.attributions(model, {"x": x, "y": np.zeros((200, 3))}, x[:, 1] > 0, repeats=2)
    assert found.names == ("x.pt", "x.eta", "y[0]", "y[1]", "y[2]")
    assert found.whole == 1.0
    assert found.values[1] == pytest.approx(0.5, abs=0.15)
    assert set(np.delete(found.values, 1)) == {0.0}
    assert hepq.attributions(model, {"x": x, "y": np.zeros((200, 3))}, x[:, 1] > 0, together=[["x"]]).names[0] == (
        "x.pt + x.eta"
    )


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"output": "outptu"}, "HQ0831", 'did you mean "output"'), ({"class_": "signl"}, "HQ0831", '"signal"'),
        ({"together": [["aa", "b"]]}, "HQ0833", "no input variable aa"),
        ({"together": [["a"], ["a"]]}, "HQ0833", "twice"),
        ({"truth": np.ones(400, bool)}, "HQ0829", "only signal"), ({"truth": np.ones(3, int)}, "HQ0829", "400 events"),
        ({"truth": np.arange(400) % 2 == 0, "metric": "accuracy"}, "HQ0829", "--metric auc"),
    ],
)  # fmt: skip
def test_mistakes_are_told(model: Model, options: dict[str, object], code: str, words: str) -> None:
    with pytest.raises(hepq.DataError) as caught:
        hepq.attributions(model, EVENTS, **options)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert words in str(caught.value)


def test_no_events_and_no_labels_are_told(model: Model) -> None:
    with pytest.raises(hepq.DataError, match="HQ0809"):
        hepq.attributions(model, EVENTS[:0])
    with pytest.raises(hepq.DataError, match="HQ0805"):
        hepq.attributions(model, EVENTS[["a", "b", "c", "met", "other"]])
