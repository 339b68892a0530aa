# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.model import Model
from tests.support import tiny_artifact


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny artifact without a dataset: called by input names."""
    return tiny_artifact.make(tmp_path_factory.mktemp("artifact") / "plain.hepqx")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny artifact with a dataset: called by branch names."""
    return tiny_artifact.make(tmp_path_factory.mktemp("artifact") / "tiny.hepqx", tiny_artifact.dataset())


@pytest.fixture(scope="session")
def model(tiny: Path) -> Model:
    return Model(Artifact.open(tiny))


@pytest.fixture(scope="session")
def events() -> ak.Array:
    return make_events(500)


@pytest.fixture
def root_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes events to a ROOT file: ``root_file(events, name="a.root", tree="tree")``."""

    def write(events: Any, name: str = "a.root", tree: str = "tree") -> Path:
        with uproot.recreate(tmp_path / name) as file:
            fields = {f: events[f] for f in events.fields}
            file.mktree(tree, {k: str(v.type.content) for k, v in fields.items()})
            file[tree].extend(fields)
        return tmp_path / name

    return write


def make_events(n: int, seed: int = 0) -> ak.Array:
    random = np.random.default_rng(seed)
    counts = random.integers(0, 8, n)
    rows = int(counts.sum())
    signal = random.random(n) < 0.5
    return ak.Array(
        {
            "part_e": ak.unflatten(random.uniform(1e3, 9e3, rows).astype("f4"), counts),
            "part_px": ak.unflatten(random.normal(size=rows).astype("f4"), counts),
            "jet_x": random.normal(size=n).astype("f4"),
            "label_A": (~signal).astype("i4"),
            "label_B": signal.astype("i4"),
            "run": np.arange(n, dtype="i8"),
        }
    )
