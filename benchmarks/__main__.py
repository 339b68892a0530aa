# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks NAME [options]`: run one measurement; without a name, list them.

Exit status: 0 every bar met, 1 a bar missed, 2 wrong usage, 3 ../shared/data (or a peer) is absent.
"""

from __future__ import annotations

import ast
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared.data import Absent


@dataclass(frozen=True)
class Benchmark:
    """``about``: the first line of the module's docstring."""

    module: str
    about: str


def benchmarks() -> dict[str, Benchmark]:
    """By name, every module in the folders here that defines ``main``."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*/[a-z]*.py"), key=lambda path: path.stem):
        tree = ast.parse(path.read_text())
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            about = (ast.get_docstring(tree) or "").split("\n")[0]
            found[path.stem.replace("_", "-")] = Benchmark(f"benchmarks.{path.parent.name}.{path.stem}", about)
    return found


def run(argv: list[str]) -> int:
    known = benchmarks()
    if not argv or argv[0] not in known:
        print("usage: python -m benchmarks NAME [--help] [--quick] ...\n")
        print("\n".join(f"  {name:<14} {one.about}" for name, one in known.items()))
        return 2 if argv and argv[0] not in ("-h", "--help") else 0
    try:
        status = importlib.import_module(known[argv[0]].module).main(argv[1:])
    except Absent as absent:
        print(f"{argv[0]}: cannot run: {absent}")
        return 3
    return int(status)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
