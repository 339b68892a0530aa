# SPDX-License-Identifier: Apache-2.0
"""What the documentation says of operations is what their rows say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.op_table import GENERATED, renewed


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_documentation_is_that_of_the_rows(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == renewed(path), "stale: run `python -m tests.docs.update`"
