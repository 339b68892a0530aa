# SPDX-License-Identifier: Apache-2.0
"""UHI JSON, read back by hist."""

from __future__ import annotations

import json
from pathlib import Path

import hist
import uhi.io.json

from hepq.runtime.analysis.writers.uhi_json import write_uhi_json
from tests.runtime.analysis.toy import result


def test_what_is_written_is_read_by_hist(tmp_path: Path) -> None:
    made = result()
    write_uhi_json(made, tmp_path / "toy.json")
    text = (tmp_path / "toy.json").read_text()
    found = {n: hist.Hist(h) for n, h in json.loads(text, object_hook=uhi.io.json.object_hook).items()}
    assert list(found) == ["sr.ht", "sr.map", "jets", "sr.cutflow"]
    for name in made:
        assert (found[name].view(flow=True) == made[name].view(flow=True)).all()
        assert [axis.name for axis in found[name].axes] == [axis.name for axis in made[name].axes]
    flow = made.cut_flow("sr", "wjets", "btag_down")
    assert flow is not None
    axes = found["sr.cutflow"].axes
    at = found["sr.cutflow"].values()[axes[0].index("wjets"), axes[1].index("btag_down")]
    assert at.tolist() == [row.passed.sum for row in flow.rows]
    written = json.loads(text)
    assert written["jets"]["metadata"]["hepq"] == made.provenance.model_dump(mode="json")
    assert written["jets"]["uhi_schema"] == 1
