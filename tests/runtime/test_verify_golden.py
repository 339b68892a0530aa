# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

import hepq
from hepq.core.errors import ArtifactError
from hepq.runtime import verify
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.model import Model
from hepq.runtime.verify import Difference


def test_golden_vectors_are_replayed_and_particles_permuted(tiny: Path, plain: Path) -> None:
    for path in (tiny, plain):
        report = hepq.load(path).verify()
        assert report.ok
        assert report.events == 7
        assert {(c.check, c.output) for c in report.checks} == {
            (check, output) for check in ("golden", "permute(part)") for output in ("tot", "z", "scale")
        }


def altered(path: Path, golden: Golden) -> Model:
    artifact = Artifact.open(path)
    artifact.members["golden.safetensors"] = golden.to_bytes()
    return Model(artifact)


def test_a_difference_is_found_measured_and_named(tiny: Path) -> None:
    golden = Golden.from_bytes(Artifact.open(tiny).members["golden.safetensors"])
    wrong = golden.outputs["scale"].copy()
    wrong[2] += 0.25
    report = altered(tiny, replace(golden, outputs=golden.outputs | {"scale": wrong})).verify()
    assert not report.ok
    bad = [c for c in report.checks if not c.ok]
    assert [(c.check, c.output) for c in bad] == [("golden", "scale"), ("permute(part)", "scale")]
    assert bad[0].largest == pytest.approx(0.25)


def test_nan_must_meet_nan(tiny: Path) -> None:
    golden = Golden.from_bytes(Artifact.open(tiny).members["golden.safetensors"])
    wrong = golden.outputs["scale"].copy()
    wrong[2] = np.nan
    report = altered(tiny, replace(golden, outputs=golden.outputs | {"scale": wrong})).verify()
    assert not report.ok


def test_a_model_that_depends_on_the_order_is_caught(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = hepq.load(plain)
    events = Golden.from_bytes(model.artifact.members["golden.safetensors"]).raw
    run = model.engine.run

    def ordered(batch):  # type: ignore[no-untyped-def]
        out = run(batch)
        first = batch.contents["energy"][np.minimum(batch.offsets["part"][:-1], batch.offsets["part"][-1] - 1)]
        return out | {"scale": out["scale"] + np.where(np.diff(batch.offsets["part"]) > 0, first, 0)}

    monkeypatch.setattr(model.engine, "run", ordered)
    golden = Golden(events, model.score_raw(events).arrays)
    model.artifact.members["golden.safetensors"] = golden.to_bytes()
    failed = {(c.check, c.output) for c in model.verify().checks if not c.ok}
    assert failed == {("permute(part)", "scale")}


def test_particles_are_permuted_within_their_event() -> None:
    counts = np.array([3, 0, 4, 1, 6])
    orders = [verify._permutation(counts, np.random.default_rng(seed)) for seed in range(3)]
    event = np.repeat(np.arange(5), counts)
    for order in orders:
        assert sorted(order) == list(range(14))
        assert (event[order] == event).all()
    assert len({tuple(order) for order in orders}) == 3


def test_golden_vectors_that_do_not_fit(tiny: Path) -> None:
    golden = Golden.from_bytes(Artifact.open(tiny).members["golden.safetensors"])
    for broken in (
        replace(golden, outputs={}),
        replace(golden, outputs=golden.outputs | {"scale": golden.outputs["scale"][:3]}),
    ):
        with pytest.raises(ArtifactError) as caught:
            altered(tiny, broken).verify()
        assert caught.value.code == "HQ0830"
    with pytest.raises(ArtifactError, match="holds no events"):
        Golden.from_bytes(save({"a": np.zeros(1)}))


def test_differences_by_hand() -> None:
    """The largest, where it is relative to what it should be, and of which event; NaN is equal to NaN alone."""
    value, wanted = np.array([[1.0, 2.0], [4.5, 0.0], [np.nan, 1.0]]), np.array([[1.0, 2.5], [6.0, 0.0], [np.nan, 1.0]])
    assert verify._compare("golden", "y", value, wanted, 0.25) == Difference("golden", "y", 1.5, True, 0.25, 1)
    assert not verify._compare("golden", "y", value, wanted, 0.2499).ok
    nothing = np.zeros((0, 2))
    assert verify._compare("golden", "y", nothing, nothing, 0.0) == Difference("golden", "y", 0.0, True, 0.0, 0)
    whole, off = np.array([2**60, 7]), np.array([2**60 + 1, 7])
    assert verify._compare("golden", "n", whole, whole, 0.5) == Difference("golden", "n", 0.0, True, 0.0, 0)
    assert verify._compare("golden", "n", off, whole, 0.5) == Difference("golden", "n", 1.0, False, 2**-60, 0)
    assert verify._compare("golden", "n", off, whole.astype(np.float32), 0.5).ok, "of an earlier hepq"
    lost = verify._compare("golden", "y", np.array([0.0, np.nan, 5.0]), np.zeros(3), 10.0)
    assert (lost.ok, lost.event) == (False, 1)
    with pytest.raises(ArtifactError, match="HQ0830"):
        verify._compare("golden", "y", nothing, wanted, 1.0)
