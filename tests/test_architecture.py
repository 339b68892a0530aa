# SPDX-License-Identifier: Apache-2.0
"""The shape of the code base: which way imports run, what is imported lazily, how long files are."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "grammar", "lang", "compiler", "runtime", "stdlib", "hepq")
FILES = [path for folder in PACKAGES for path in sorted((ROOT / folder).rglob("*.py"))]
SOURCES = [
    path
    for folder in (*PACKAGES, "benchmarks", "docs", "examples", "tests")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".hepq", ".lark")
]
MAX_LINES = 400

#: package -> other packages of ours that it must not import
FORBIDDEN = {
    "core": {"hepq.lang", "hepq.compiler", "hepq.runtime", "hepq.cli", "hepq.draw", "hepq.api"},
    "lang": {"hepq.compiler", "hepq.runtime", "hepq.cli", "hepq.draw", "hepq.api"},
    "runtime": {"hepq.lang", "hepq.compiler", "hepq.cli", "hepq.draw", "hepq.api"},
    "compiler": {"hepq.cli", "hepq.draw", "hepq.api"},
}
#: heavy library -> folders whose files may import it
CONFINED = {
    "torch": ("compiler/lower/torch", "compiler/train", "compiler/weights/torch_checkpoint.py", "runtime/quantum"),
    "qiskit": ("compiler/circuits", "compiler/targets", "runtime/quantum"),
    "pytket": ("compiler/circuits",),
    "qiskit_aer": ("runtime/quantum/backends",),
    "qiskit_ibm_runtime": ("compiler/targets", "runtime/quantum/clients"),
    "tvm": ("compiler/lower/cpu",),
    "onnx": ("compiler/lower/onnx", "compiler/importers/onnx_reader.py"),
    "onnxruntime": (),  # only by name, in runtime/engine/onnx_model.py: `optional` says what to install
}
HEAVY = {
    "awkward", "matplotlib", "numpy", "onnx", "onnxruntime", "pyarrow", "pytket", "qiskit", "sklearn", "torch", "tvm",
    "uproot",
}  # fmt: skip


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, *, types_too: bool = True) -> Iterator[str]:
    """Modules that a file names in import statements, at any depth."""
    tree = ast.parse(path.read_text())
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if not types_too and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            skipped |= {inner for statement in node.body for inner in ast.walk(statement)}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = ["hepq", *path.relative_to(ROOT).parent.parts][: -node.level + 1 or None] if node.level else []
            yield from (".".join([*here, *filter(None, [node.module]), alias.name]) for alias in node.names)


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_one_way(package: str) -> None:
    wrong = [
        f"{name(path)} imports {module}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for module in imports(path)
        if any(module == other or module.startswith(other + ".") for other in FORBIDDEN[package])
    ]
    assert not wrong


@pytest.mark.parametrize("library", CONFINED)
def test_heavy_libraries_stay_where_they_are_needed(library: str) -> None:
    wrong = [
        name(path)
        for path in FILES
        if library in {module.split(".")[0] for module in imports(path, types_too=False)}
        and not any(path.is_relative_to(ROOT / place) for place in CONFINED[library])
    ]
    assert not wrong


PROBE = """
import json, sys
sys.argv = {argv!r}
try:
    {code}
except SystemExit:
    pass
print(json.dumps(sorted({{m.split(".")[0] for m in sys.modules}})))
"""


@pytest.mark.parametrize(
    ("code", "argv"),
    [
        ("import hepq", ["x"]),
        ("from hepq.cli import main; main()", ["hepqc", "--help"]),
        ("from hepq.cli import main; main()", ["hepqc", "compile", "--help"]),
        ("from hepq.cli import main; main()", ["hepqc", "check", "examples/tagger.hepq"]),
    ],
)
def test_quick_commands_import_nothing_heavy(code: str, argv: list[str]) -> None:
    program = PROBE.format(code=code, argv=argv)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & HEAVY


def test_an_artifact_needs_neither_language_nor_compiler() -> None:
    code = "import hepq.runtime.model, hepq.runtime.predict, hepq.runtime.verify"
    program = code + "\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert not [m for m in loaded if m.split(".")[0] in ("torch", "tvm", "lark")]
    assert not [m for m in loaded if m.startswith(("hepq.lang", "hepq.compiler"))]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_licence_and_length(path: Path) -> None:
    lines = path.read_text().splitlines()
    if path.suffix != ".hepq" or not path.is_relative_to(ROOT / "tests"):
        assert any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]), "no licence line"
    assert len(lines) <= MAX_LINES, f"{len(lines)} lines"
