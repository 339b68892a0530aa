# SPDX-License-Identifier: Apache-2.0
"""Events of whole systems, and the simple methods that stand beside the networks."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from benchmarks.shared import data
from benchmarks.systems.detectors import images, transport
from benchmarks.systems.inference import missing
from benchmarks.systems.jets import pairs


def test_events_with_and_without_pile_up_are_of_one_collision() -> None:
    found = transport.events(20, 3)
    assert ak.to_list(found) == ak.to_list(transport.events(20, 3))
    assert ak.to_list(found) != ak.to_list(transport.events(20, 4))
    for event in found:
        hard = np.asarray(event["vertex"]) > 0
        assert np.all(np.diff(event["pt"]) <= 0)
        # where its tracks are is measured without errors
        assert set(np.asarray(event["phi"])[hard]) <= set(np.asarray(event["clean_phi"]))
        pt, phi = (np.asarray(event[f"clean_{name}"]) for name in ("pt", "phi"))
        assert (pt * np.cos(phi)).sum() == pytest.approx(event["px"], abs=40)


def test_puppi_weighs_what_is_near_hard_tracks() -> None:
    """Neutral particles beside a hard track, beside a track of pile-up, and alone."""
    event = ak.Record({
        "pt": [40.0, 5, 5, 5, 2, 2, 2], "eta": [0.0, 0.1, -2.0, 1.5, -2.1, 1.0, 0.3],
        "phi": [3.1, -3.1, 0.0, 1.5, 0.0, 3.0, -3.0], "vertex": [1.0, 0, 0, 0, -1, -1, -1],
    })  # fmt: skip
    weights = transport.puppi(event)
    assert weights[0] == 1
    assert weights[1] > 0.9
    np.testing.assert_array_equal(weights[2:], 0)


def test_the_resolution_of_right_weights_is_that_of_the_detector() -> None:
    found = transport.events(60, 0)
    right = [np.isin(np.asarray(event["phi"]), np.asarray(event["clean_phi"])) * 1.0 for event in found]
    all_of_it = [np.ones(len(event["pt"])) for event in found]
    assert transport.resolution(found, right) < 0.5 * transport.resolution(found, all_of_it)


def test_events_of_two_jets_are_of_each_class_in_both_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(set(pairs.CLASSES)) == 45

    def jets(label: str, count: int) -> ak.Array:
        number = float(data.CLASSES.index(label))
        lists = [f"part_{x}" for x in ("px", "py", "pz", "energy", "charge", "isElectron", "isMuon")]
        lists += [f"part_{x}{y}" for x in ("d0", "dz") for y in ("val", "err")]
        whole = {f"jet_{x}": np.full(count, number) for x in ("sdmass", "tau1", "tau2", "tau3")}
        return ak.Array({name: np.tile([number + 1, number + 9], (count, 1)) for name in lists} | whole)

    monkeypatch.setattr(data, "jets", jets)
    kinds = {kind: pairs.jets(kind) for kind in pairs.KINDS}
    found = pairs.events(kinds, 4, np.random.default_rng(0))
    assert len(found) == 4 * 45
    assert ak.all(found["of"] == [[0, 0, 1, 1]])
    for event in found:
        (first, _), (second, _) = (np.asarray(event["px"])[of] - 9 for of in ([0, 1], [2, 3]))
        kind = {round(first), round(second)}
        assert kind == {data.CLASSES.index(name) for name in pairs.CLASSES[event["pair"]]}
    assert any(event["one_whole"][0] > event["two_whole"][0] for event in found)
    assert np.all(pairs.heights(found)[:, 0] >= pairs.heights(found)[:, 3])


def test_squares_are_laid_in_eight_ways() -> None:
    image = np.zeros((1, 4, 4))
    image[0, 0, 1] = 1
    ways = images.turned(image)
    assert len({tuple(np.argwhere(way)[0]) for way in ways}) == 8


def test_moments_of_a_shower() -> None:
    image = np.zeros((1, 9, 9))
    image[0, 4, 4], image[0, 4, 6], image[0, 4, 2] = 0.5, 0.25, 0.25
    np.testing.assert_allclose(images.moments(image), [[0, 2**0.5, 0.5, 0.5, 1]])


def test_a_resonance_is_in_the_data_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "EVENTS", 20_000)
    rng = np.random.default_rng(0)
    near = {}
    for share in (0, 0.01):
        made = missing.events(share, rng)
        assert set(made["is_data"]) == {int(share > 0)}
        near[share] = int(np.sum(np.abs(made["mass"] - 3.5) < 0.1))
    assert 120 < near[0.01] - near[0] < 280
