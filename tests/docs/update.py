# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.docs.update`: lay out the programs in the documentation, show what their errors say now, and write
what it says of operations and of the tree."""

from __future__ import annotations

from pathlib import Path

from hepq.lang.format.program import format_source
from tests.docs import tree
from tests.docs.markdown import blocks, said
from tests.docs.op_table import GENERATED, renewed
from tests.docs.test_docs import PAGES


def updated(page: Path) -> str:
    """The page's text with its ``hepq`` blocks formatted and the ``text`` blocks after ``hepq wrong`` renewed."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    found = [b for b in blocks(page) if b.language in ("hepq", "text")]
    new = {}
    for block, following in zip(found, [*found[1:], None], strict=False):
        if "wrong" in block.words:
            assert following is not None
            new[following] = said(block)
        elif block.language == "hepq":
            new[block] = format_source(block.text, str(block))
    for block in sorted(new, key=lambda b: -b.line):
        start = block.line - 1
        lines[start : start + block.text.count("\n")] = [new[block]]
    return "".join(lines)


if __name__ == "__main__":
    tree.PAGE.write_text(tree.renewed(), encoding="utf-8")
    for path in GENERATED:
        path.write_text(renewed(path), encoding="utf-8")
    for page in PAGES:
        text = updated(page)
        if text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")
            print(f"changed {page.name}")
