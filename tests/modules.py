# SPDX-License-Identifier: Apache-2.0
"""Our modules and what they import, read from their text: nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: top-level folder -> the package it is installed as
PACKAGES = {
    **{name: f"hepq.{name}" for name in ("core", "grammar", "lang", "compiler", "runtime", "stdlib", "docs")},
    **{name: name for name in ("hepq", "benchmarks", "tests")},
}


@dataclass(frozen=True)
class Import:
    """``name``: dotted, down to what is imported; ``typed``: for type checkers alone."""

    name: str
    typed: bool


def files() -> dict[str, Path]:
    """By dotted name, every Python file of ours."""
    found = {}
    for folder, package in PACKAGES.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([package, *parts]).removesuffix(".__init__")] = path
    return found


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """What a file names in import statements, at any depth; ours are named absolutely."""
    tree = ast.parse(path.read_text())
    typed = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }

    def named() -> Iterator[Import]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node in typed) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}: a relative import"
                yield from (Import(f"{node.module}.{alias.name}", node in typed) for alias in node.names)

    return tuple(named())


@cache
def graph(*, typed: bool) -> dict[str, set[str]]:
    """Module -> modules of ours that it imports, in functions too; with ``typed``, for type checkers too."""
    ours = files()
    found: dict[str, set[str]] = {}
    for module, path in ours.items():
        wanted = (one.name for one in imports(path) if typed or not one.typed)
        homes = {name if name in ours else name.rpartition(".")[0] for name in wanted}
        found[module] = (homes & set(ours)) - {module}
    return found
