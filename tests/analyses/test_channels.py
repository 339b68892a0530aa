# SPDX-License-Identifier: Apache-2.0
"""What may be a channel of a fit is said when the program is checked."""

from __future__ import annotations

import re

import pytest

from tests.analyses.made import made
from tests.analyses.test_meaning import HEAD, SOURCES


@pytest.mark.parametrize(
    ("axes", "why"),
    [
        ("MET.pt in bins(5, 0 GeV, 50 GeV) per side", "it has categories, `per side`"),
        ("MET.pt in bins(5, 0 GeV, 50 GeV), MET.phi in bins(5, 0 rad, 3 rad)", "it has 2 axes"),
    ],
)
def test_a_channel_that_is_not_one_axis_of_bins(axes: str, why: str) -> None:
    text = f"{SOURCES}\n  side = MET.phi > 0 rad\n  hist h = {axes}"
    fit = "fit F {\n  channels = [h]\n  free = [top]\n}"
    with pytest.raises(AssertionError, match=f"HQ0933.*{re.escape(why)}"):
        made(f"{HEAD}\nanalysis A {{{text}\n}}\n{fit}\n")
