# SPDX-License-Identifier: Apache-2.0
"""What built-ins take as their arguments."""

from __future__ import annotations

import pytest

from hepq.compiler.driver.check import check_text

PROGRAM = "dim part <= 4\ndim feat = 3\nmodel M(x: real[part, feat]) -> real = sum(x, over={})\n"


@pytest.mark.parametrize("dims", ["[feat, feat]", "[part, feat, part]"])
def test_a_dim_is_named_once(dims: str) -> None:
    (found,) = check_text(PROGRAM.format(dims))
    assert (found.code, found.labels[0].span.text) == ("HQ0204", f"over={dims}")
    assert not check_text(PROGRAM.format("[part, feat]"))
