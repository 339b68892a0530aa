# SPDX-License-Identifier: Apache-2.0
"""Which events are for what."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe
from hepq.compiler.train.data.events import labelled, read_events, resolved
from hepq.compiler.train.data.held import assigned, divided, held_out
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.lang.declarations.train_events import Split
from tests.compiler.train.programs import TAG, written

#: whole numbers that float64 cannot tell apart
FIRST = 2**60


def test_folds_are_disjoint_and_complete_and_share_every_class() -> None:
    truth = np.random.default_rng(1).integers(-1, 3, 1003)
    found = assigned(truth, None, 5, 7)
    assert set(found) == set(range(5))
    for c in (-1, 0, 1, 2):
        counts = np.bincount(found[truth == c], minlength=5)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(found)
    assert sizes.max() - sizes.min() <= 1
    assert (found == assigned(truth, None, 5, 7)).all()
    assert (found != assigned(truth, None, 5, 8)).any()


def test_by_numbers_neither_order_nor_class_matters() -> None:
    numbers = FIRST + np.random.default_rng(1).permutation(1000)
    truth = np.arange(1000) % 2
    assert (assigned(truth, numbers, 4, 1) == numbers % 4).all()
    training, validation = divided(numbers, 5)
    assert sorted(np.concatenate([training, validation])) == list(range(1000))
    assert {int(n) % 5 for n in numbers[validation]} == {0}
    assert 0 not in {int(n) % 5 for n in numbers[training]}


def test_every_class_gives_a_fraction() -> None:
    truth = np.repeat([0, 1], [300, 100])
    training, validation = held_out(truth, 0.2, np.random.default_rng(1))
    assert list(np.bincount(truth[validation])) == [60, 20]
    assert sorted(np.concatenate([training, validation])) == list(range(400))


def events(folder: Path, name: str, numbers: np.ndarray, **more: np.ndarray) -> Path:
    rng = np.random.default_rng(len(numbers))
    signal = np.arange(len(numbers)) % 2 == 1
    features = {f"{b}_energy": rng.exponential(50, len(numbers)) for b in ("photon1", "photon2", "jet1")}
    with uproot.recreate(folder / name) as file:
        file["tree"] = ak.Array({**features, "event": numbers, "label_qqyy": ~signal, "label_ZH": signal, **more})
    return folder / name


def test_a_split_holds_the_same_events_out_in_whatever_order_the_files_are(tmp_path: Path) -> None:
    numbers = FIRST + np.random.default_rng(2).permutation(400)
    files = [events(tmp_path, "a.root", numbers[:150]), events(tmp_path, "b.root", numbers[150:])]
    program = written(tmp_path, TAG, "train T { split = event % 5 }")
    held = []
    for order in (files, files[::-1]):
        found = read_events(program, order, Options())
        data = labelled(found, resolved(Recipe(), found.built))
        assert found.numbers is not None
        held.append(sorted(found.numbers[data.known[data.validation]].tolist()))
        assert sorted([*data.training, *data.validation]) == list(range(400))
    assert held[0] == held[1] == [n for n in range(FIRST, FIRST + 400) if n % 5 == 0]


def test_a_split_is_by_a_branch_of_the_dataset_or_by_a_name_in_quotes(tmp_path: Path) -> None:
    file = events(tmp_path, "a.root", np.arange(100), **{"my.number": np.arange(100) * 3})
    for text, expected in (("photon % 5", "event"), ('"my.number" % 5', "my.number"), ("event % 5", "event")):
        program = written(tmp_path, TAG, f"train T {{ split = {text} }}")
        text = program.read_text().replace("  input x", '  branch photon = "event": int\n  input x')
        program.write_text(text)
        found = read_events(program, [file], Options())
        assert found.built.training is not None
        assert found.built.training.settings["split"] == Split(expected, 5)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        (np.array([0.0, 1.0, 2.5, 3.0]), "2.5 in event 2"),
        (np.array([0.0, np.nan, 2.0, 3.0]), "nan in event 1"),
        (np.array([0.0, 1.0, 2.0, 2.0**54]), "in event 3"),
        (np.array([0, 1, 2, 2**24 + 2], np.float32), "in event 3"),
        (np.array([0, 1, 2**63, 3], np.uint64), "9223372036854775808 in event 2"),
    ],
)
def test_numbers_that_are_not_whole_or_not_exact_are_told(tmp_path: Path, numbers: np.ndarray, told: str) -> None:
    file = events(tmp_path, "a.root", numbers)
    program = written(tmp_path, TAG, "train T { split = event % 5 }")
    with pytest.raises(DataError, match="HQ0838") as raised:
        read_events(program, [file], Options())
    assert "a.root" in raised.value.title
    assert "event" in raised.value.title
    assert told in raised.value.why


def test_floats_that_are_whole_will_do(tmp_path: Path) -> None:
    found = read_events(
        written(tmp_path, TAG, "train T { split = event % 5 }"),
        [events(tmp_path, "a.root", np.array([0.0, -7.0, 2.0**53, 3.0]))], Options(),
    )  # fmt: skip
    assert found.numbers is not None
    assert found.numbers.tolist() == [0, -7, 2**53, 3]


def test_a_fraction_beside_a_split_and_nothing_left(tmp_path: Path) -> None:
    program = written(tmp_path, TAG, "train T { split = event % 5 }")
    found = read_events(program, [events(tmp_path, "a.root", np.arange(40) * 5)], Options())
    with pytest.raises(HepqError, match="HQ0659"):
        resolved(Recipe(validation=0.1), found.built)
    with pytest.raises(HepqError, match="HQ0738"):
        labelled(found, resolved(Recipe(), found.built))
    program = written(tmp_path, TAG, "train T { validation = 0.1 }")
    assert resolved(Recipe(split=Split("event", 3)), read_events(program, [tmp_path / "a.root"], Options()).built).split
