# SPDX-License-Identifier: Apache-2.0
"""Jets and published weights that lie beside the checkout, in ../shared/data."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import uproot

SHARED = (Path(__file__).resolve().parents[2] / "../shared/data").resolve()
#: in the order of the published taggers' outputs
CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")


class Absent(Exception):
    """A file or package that a measurement needs is not here."""


def shared(path: str) -> Path:
    """The file, or the first match of the pattern, under ../shared/data; raises ``Absent``."""
    found = sorted(SHARED.glob(path))
    if not found:
        raise Absent(f"no ../shared/data/{path}")
    return found[0]


def jets_file(label: str) -> Path:
    """The ROOT file of one class's jets."""
    return shared(f"jets/{label}_*.root")


def jets(label: str, count: int | None = None) -> ak.Array:
    """The first ``count`` jets of a class (all, without one), with every branch."""
    return uproot.open(jets_file(label))["tree"].arrays(entry_stop=count)
