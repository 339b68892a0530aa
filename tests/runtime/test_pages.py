# SPDX-License-Identifier: Apache-2.0
"""What ``hepqc predict`` and ``attribute`` print for bad data is what the pages of the codes say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from typer.testing import CliRunner

from hepq.cli import app
from tests.runtime.conftest import make_events
from tests.support import tiny_artifact
from tests.support.diagnostic_page import Page

Events = dict[str, Any]


def changed(**branches: Any) -> Callable[[Events], Events]:
    return lambda events: {k: v for k, v in (events | branches).items() if v is not None}


def with_nan(events: Events) -> Events:
    values = np.asarray(events["jet_x"]).copy()
    values[[42, 43]] = np.nan
    return events | {"jet_x": ak.Array(values)}


COUNT = 60
STRINGS = ak.Array(["jet"] * COUNT)
NESTED = ak.Array([[[1.0, 2.0], [3.0]]] * COUNT)
#: the events of ``jets.root``, made from good ones
CHANGES: dict[str, Callable[[Events], Events]] = {
    "HQ0805": changed(part_px=None, part_pz=ak.Array([[1.0]] * COUNT)),
    "HQ0806": changed(part_e=ak.Array(np.ones(COUNT))),
    "HQ0807": changed(jet_x=STRINGS),
    "HQ0808": with_nan,
    "HQ0809": lambda events: {k: v[:0] for k, v in events.items()},
    "HQ0812": changed(part_px=ak.Array([[0.5]] * COUNT)),
    "HQ0817": changed(),
    "HQ0818": changed(scale=ak.Array(np.ones(COUNT))),
    "HQ0819": changed(genWeights=NESTED),
    "HQ0804": changed(),
    "HQ0831": changed(),
    "HQ0833": changed(),
}


def write_root(path: Path, events: Events, tree: str) -> None:
    with uproot.recreate(path) as file:
        if tree == "Events":
            file["Runs"] = {"run": np.zeros(1)}
        file[tree] = events


def output(page: Page) -> str:
    done = CliRunner().invoke(app, page.command)
    assert done.exit_code == 1
    return "\n".join(line.rstrip() for line in done.output.strip().splitlines()) + "\n"


@pytest.mark.parametrize("code", CHANGES)
def test_bad_events(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_artifact.make(tmp_path / "tagger.hepqx", tiny_artifact.dataset())
    events = make_events(COUNT)
    given = {name: events[name] for name in events.fields}
    write_root(tmp_path / "jets.root", CHANGES[code](given), "Events" if code == "HQ0804" else "tree")
    page = Page(code)
    page.expect(output(page))
    assert page.printed().startswith(f"error[{code}]: ")
    assert {p.name for p in tmp_path.iterdir()} == {"tagger.hepqx", "jets.root"}


def test_not_a_root_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_artifact.make(tmp_path / "tagger.hepqx", tiny_artifact.dataset())
    Path("jets.txt").write_text("pt,eta,phi\n")
    page = Page("HQ0802")
    page.expect(output(page))
    assert page.printed().startswith("error[HQ0802]: ")
