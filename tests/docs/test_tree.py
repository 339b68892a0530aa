# SPDX-License-Identifier: Apache-2.0
"""The documentation of the tree is that of the tree as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.test_docs import PAGES
from tests.docs.tree import PAGE, missing, renewed


def test_generated_parts_are_new() -> None:
    assert PAGE.read_text(encoding="utf-8") == renewed(), "python -m tests.docs.update"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_paths_exist(page: Path) -> None:
    assert not missing(page)


def test_a_path_that_is_gone_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "compiler.md"
    page.write_text("`core/gone.py` `core/types.py` `core/diagnostics/codes_*.py` `gone.py` `types.py` `docs/`\n")
    assert missing(page) == ["core/gone.py", "gone.py"]
