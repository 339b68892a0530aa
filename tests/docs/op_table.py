# SPDX-License-Identifier: Apache-2.0
"""What the documentation says of operations, written from their rows: the IR's page, and the language's functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from hepq.core.ops.row import Op
from hepq.core.ops.table import OPS, UNARY
from tests.support import special_values

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 120
COLUMNS = (10, 31)
#: groups whose operations are told together
TOGETHER = {
    "unary": "elementwise; of truth values: ``not``",
    "binary": "elementwise; comparisons give bool",
    "reduce": "over: dims. Of nothing (no particle): 0, 0, 0, 0, false, true",
}
_LAST = "`min(a, b, …)` and `max(a, b, …)` of two or more values."


def ir_table() -> str:
    """The table in the docstring of ``compiler/ir/node.py``."""
    rule = "=========  ==============================  " + "=" * (WIDTH - 44)
    lines = [rule, _line("group", "op (operands)", "attrs; meaning"), rule]
    shown = ""
    for group, operation, meaning in _entries():
        first, *rest = wrap(meaning, WIDTH - 44, break_on_hyphens=False)
        lines.append(_line(group if group != shown else "", operation, first))
        lines += [_line("", "", line) for line in rest]
        shown = group
    return "\n".join([*lines, rule])


def _entries() -> Iterator[tuple[str, str, str]]:
    for op in OPS.values():
        if op.group not in TOGETHER:
            yield op.group, f"{op.name} ({op.operands})", op.doc
        elif (alike := [o for o in OPS.values() if o.group == op.group])[0] is op:
            yield op.group, f"… ({op.operands})", f"{' '.join(o.name for o in alike)}: {TOGETHER[op.group]}"


def _line(*cells: str) -> str:
    return "".join(f"{c:{w}} " for c, w in zip(cells, COLUMNS, strict=False)) + cells[-1]


def language_functions() -> str:
    """The functions that act on each number, in the language's reference."""
    called = [op for op in OPS.values() if op.static and op.name not in ("min", "max")]
    numbers = " ".join(_written(op) for op in called if op.unit == "number")
    others = ", ".join(_written(op) for op in called if op.unit != "number")
    paragraphs = (
        f"**Elementwise, of pure numbers**: {numbers}.",
        f"**Elementwise, of quantities too**: {others}, {_LAST}",
    )
    return "\n\n".join("\n".join(wrap(p, WIDTH, break_on_hyphens=False)) for p in paragraphs)


def _written(op: Op) -> str:
    call = f"`{op.name}`" if op.name in UNARY else f"`{op.name}({op.operands})`"
    return f"{call} ({op.doc})" if op.doc else call


#: file -> its generated parts, between lines that stay, and what belongs there
GENERATED = {
    ROOT / "compiler/ir/node.py": [(r"(?s)=========  =.*=========  =[= ]*$", ir_table)],
    ROOT / "docs/language.md": [
        (r"(?s)\*\*Elementwise, of pure numbers.*?\n\n.*?(?=\n\n)", language_functions),
        (r"(?s)(?<=<!-- special values: generated -->\n).*?(?=\n<!-- end -->)", special_values.written),
    ],
}


def renewed(path: Path) -> str:
    """The file's text with its generated parts as they must be."""
    found = path.read_text(encoding="utf-8")
    for pattern, text in GENERATED[path]:
        made = text().replace("\\", r"\\")
        found, count = re.subn(pattern, made, found, count=1, flags=re.MULTILINE)
        assert count == 1, f"{path} has lost its generated part, {text.__name__}"
    return found
