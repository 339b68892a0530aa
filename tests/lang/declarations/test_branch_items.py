# SPDX-License-Identifier: Apache-2.0
"""Branches of a dataset: which types a file can hold."""

from __future__ import annotations

import pytest

from hepq.core.diagnostics.diagnostic import Sink
from hepq.lang.checker import check
from hepq.lang.modules import load

PROGRAM = """dim part <= 10
dim feat

dataset D {{
  source a = root("a.root")
  branch y: {type}
  input z = 1.0
}}
"""


@pytest.mark.parametrize("type", ["real[feat]", "real[part, feat]"])
def test_a_branch_has_dims_of_known_sizes(type: str) -> None:
    sink = Sink()
    check(load(None, PROGRAM.format(type=type), sink), sink)
    (error,) = [d for d in sink.items if d.code == "HQ0611"]
    assert error.title == f"`{type}` cannot be read from a file"
    assert error.help == "give dim `feat` a size"
