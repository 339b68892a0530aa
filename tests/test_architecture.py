# SPDX-License-Identifier: Apache-2.0
"""The shape of the code base: layers, cycles, what is imported lazily, how large files and folders are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

from tests.modules import ROOT, files, graph, imports

#: package -> those of ours that it may import
LAYERS = {
    "core": {"core"},
    "lang": {"core", "lang"},
    "runtime": {"core", "runtime"},
    "compiler": {"core", "lang", "runtime", "compiler"},
}
#: package -> its folders and files, from the lowest: none imports one to its right; those not listed are free
ORDER = {
    "lang": "syntax modules elaborate format declarations checker",
    "compiler": "ir passes weights circuits targets golden lower schema hybrid backends importers driver train tune",
    "runtime": "artifact events engine report quantum",
    "hepq": "draw cli",
}
#: what still goes against that order
AGAINST_ORDER = {
    "runtime": {"artifact events"},
}  # fmt: skip
#: heavy library -> folders whose files may import it
CONFINED = {
    "torch": (
        "compiler/driver/attributions.py", "compiler/lower/torch", "compiler/train",
        "compiler/weights/torch_checkpoint.py", "runtime/quantum",
    ),
    "qiskit": ("compiler/circuits", "compiler/targets", "runtime/quantum"),
    "pytket": ("compiler/circuits",),
    "qiskit_aer": ("runtime/quantum/backends",),
    "qiskit_ibm_runtime": ("compiler/targets", "runtime/quantum/clients"),
    "tvm": ("compiler/lower/cpu", "compiler/lower/cuda", "compiler/lower/events"),
    "onnx": ("compiler/lower/onnx", "compiler/importers/onnx_reader.py"),
    "optuna": (),  # only by name, in compiler/tune: `optional` says what to install
    "onnxruntime": (),  # only by name, in runtime/engine/onnx_model.py: `optional` says what to install
}  # fmt: skip
HEAVY = {
    "awkward", "matplotlib", "numpy", "onnx", "onnxruntime", "optuna", "pyarrow", "pytket", "qiskit", "sklearn",
    "torch", "tvm", "uproot",
}  # fmt: skip
MAX_LINES = 800
MAX_ENTRIES = 22
#: folders of many small things of one kind
MANY = {
    "compiler/calibrations", "compiler/passes", "core/ops", "docs/diagnostics", "docs/images", "examples", "stdlib",
    "tests/bad", "tests/good",
}  # fmt: skip
OURS = {module: path for module, path in files().items() if module.split(".")[0] == "hepq" and "docs" not in path.parts}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parts(module: str) -> tuple[str, ...]:
    """Of its path in the repository."""
    return OURS[module].relative_to(ROOT).with_suffix("").parts


def test_imports_run_one_way() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, others in graph(typed=True).items()
        if module in OURS
        for other in others
        if other not in OURS or parts(other)[0] not in LAYERS.get(parts(module)[0], {parts(other)[0]})
    ]
    assert not wrong


@pytest.mark.parametrize("package", ORDER)
def test_folders_stand_on_those_below(package: str) -> None:
    order = ORDER[package].split()
    assert all((ROOT / package / part).exists() or (ROOT / package / f"{part}.py").exists() for part in order)
    found: dict[str, list[str]] = {}
    for module, others in graph(typed=False).items():
        for other in others & set(OURS):
            if module in OURS and parts(module)[0] == parts(other)[0] == package:
                here, there = parts(module)[1], parts(other)[1]
                if here in order and there in order[order.index(here) + 1 :]:
                    found.setdefault(f"{here} {there}", []).append(f"{module} imports {other}")
    known = AGAINST_ORDER.get(package, set())
    assert not {pair: edges for pair, edges in found.items() if pair not in known}
    assert not known - set(found), "these are gone: take them out of AGAINST_ORDER"


def test_no_import_cycles() -> None:
    """In functions and for type checkers too."""
    cycles = nx.strongly_connected_components(nx.DiGraph(graph(typed=True)).subgraph(OURS))
    assert not [sorted(cycle) for cycle in cycles if len(cycle) > 1]


def test_the_ground_floor_is_pure_python() -> None:
    """Quick commands import it. rich draws diagnostics."""
    allowed = {"hepq", "rich", *sys.stdlib_module_names}
    wrong = {
        f"{module} imports {one.name}"
        for module, path in OURS.items()
        if parts(module)[0] == "core"
        for one in imports(path)
        if one.name.split(".")[0] not in allowed
    }
    assert not wrong


@pytest.mark.parametrize("library", CONFINED)
def test_heavy_libraries_stay_where_they_are_needed(library: str) -> None:
    wrong = [
        name(path)
        for path in OURS.values()
        if library in {one.name.split(".")[0] for one in imports(path) if not one.typed}
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


PLACES = ("core", "grammar", "lang", "compiler", "runtime", "stdlib", "hepq", "benchmarks", "docs", "examples", "tests")


def test_licences_and_lengths() -> None:
    wrong = []
    for path in sorted(path for place in PLACES for path in (ROOT / place).rglob("*")):
        if path.suffix not in (".py", ".hepq", ".lark"):
            continue
        lines = path.read_text().splitlines()
        free = path.suffix == ".hepq" and path.is_relative_to(ROOT / "tests")
        if not free and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]):
            wrong.append(f"{name(path)}: no licence line")
        if len(lines) > MAX_LINES:
            wrong.append(f"{name(path)}: {len(lines)} lines")
    assert not wrong


def test_folders_are_read_at_a_glance() -> None:
    folders = {path.parent for place in PLACES for path in (ROOT / place).rglob("*")}
    counts = {
        name(folder): sum(path.name != "__pycache__" and not path.name.startswith(".") for path in folder.iterdir())
        for folder in folders
        if "__pycache__" not in folder.parts and name(folder) not in MANY
    }
    assert not {folder: count for folder, count in counts.items() if count > MAX_ENTRIES}


def test_tests_mirror_the_tree() -> None:
    tested = {path.parent for package in (*LAYERS, "hepq") for path in (ROOT / "tests" / package).rglob("test_*.py")}
    assert not [name(folder) for folder in tested if not (ROOT / folder.relative_to(ROOT / "tests")).is_dir()]
