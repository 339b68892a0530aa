# SPDX-License-Identifier: Apache-2.0
"""Toy events of detectors, and the trainings on them, at a size that says that they run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from benchmarks.training import detectors
from benchmarks.training.detector_events import MAKERS, write


@pytest.mark.parametrize("kind", MAKERS)
def test_events_are_those_of_their_seed(kind: str, tmp_path: Path) -> None:
    first = write(kind, tmp_path / "a.root", 12, 1)
    again, other = (write(kind, tmp_path / "b.root", 12, seed) for seed in (1, 2))
    name = next(iter(first))
    assert ak.almost_equal(first[name], again[name])
    assert not ak.almost_equal(first[name], other[name])
    assert uproot.open(tmp_path / "b.root")["events"].num_entries == 12


def test_vertices_are_as_many_as_their_particles_say(tmp_path: Path) -> None:
    events = write("collisions", tmp_path / "a.root", 50, 0)
    soft = ak.to_numpy(ak.sum(events["part"]["primary"] == 0, axis=1))
    assert (soft == 4 * events["vertices"]).all()
    assert np.ptp(events["vertices"]) > 5


@pytest.mark.parametrize("model", detectors.SUBJECTS)
def test_an_epoch_of_few_events(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(detectors.SUBJECTS, model, replace(detectors.SUBJECTS[model], events=24, epochs=1))
    (ratio,) = detectors.measure(model, 0).ratios
    assert 0 < ratio < np.inf
