# SPDX-License-Identifier: Apache-2.0
"""Programs compiled once: what is kept is that of the same files, and is had without the language and the compiler."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hepq.compiler.driver import running
from hepq.compiler.driver.running import compiled_program
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.analysis.program import Compiled

PROGRAM = """from std.nanoaod import MET
from cuts import least

analysis A {
  source run = data("run.root", tree="Events")
  cut good = golden_json("good.json", 1, 2)
  cut met = MET.pt > least
  hist met = MET.pt in bins(10, 0 GeV, 100 GeV)
}
"""
AGAIN = """
import sys
from pathlib import Path
from hepq.compiler.driver.running import compiled_program
made = compiled_program(Path(sys.argv[1]))
assert not {"tvm", "torch", "lark"} & set(sys.modules)
assert not [m for m in sys.modules if m.startswith(("hepq.lang", "hepq.compiler.ir", "hepq.compiler.lower"))]
Path(sys.argv[2]).write_bytes(made.to_bytes())
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "a.hepq").write_text(PROGRAM)
    (tmp_path / "cuts.hepq").write_text("const least: GeV = 20 GeV\n")
    (tmp_path / "good.json").write_text(json.dumps({"1": [[1, 5]]}))
    return tmp_path / "a.hepq"


def test_it_is_had_without_the_compiler(program: Path, tmp_path: Path) -> None:
    made = compiled_program(program)
    done = subprocess.run([sys.executable, "-c", AGAIN, str(program), str(tmp_path / "again")], timeout=60, check=False)
    assert done.returncode == 0
    assert Compiled.from_bytes((tmp_path / "again").read_bytes()) == made


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("a.hepq", PROGRAM.replace("bins(10", "bins(11")),
        ("cuts.hepq", "const least: GeV = 21 GeV\n"),
        ("good.json", json.dumps({"1": [[3, 5]]})),
    ],
)
def test_of_changed_files_it_is_made_again(program: Path, file: str, content: str, tmp_path: Path) -> None:
    first = compiled_program(program)
    assert compiled_program(program) == first
    (tmp_path / file).write_text(content)
    second = compiled_program(program)
    assert second.analysis.digest != first.analysis.digest
    assert second.code["data"].identity != first.code["data"].identity
    assert compiled_program(program) == second


def test_mistakes_are_not_kept(program: Path) -> None:
    program.write_text(PROGRAM.replace("MET.pt > least", "MET.ptt > least"))
    for _ in range(2):
        with pytest.raises(HepqError, match="HQ0310"):
            compiled_program(program)
    program.write_text(PROGRAM)
    assert compiled_program(program).analysis.name == "A"


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was made, each time."""
    found: list[Path] = []
    made = running._made

    def counted(path: Path, name: str | None, target: str) -> running._Made:
        found.append(path)
        return made(path, name, target)

    monkeypatch.setattr(running, "_made", counted)
    return found


def test_files_that_are_not_found_again(program: Path, times: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells whether they changed: it is made each time."""
    monkeypatch.setattr(running, "_sha256", lambda path: "")
    assert compiled_program(program) == compiled_program(program)
    assert len(times) == 2


def test_paths_in_it_are_from_the_working_directory(
    program: Path, times: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, path, number in ((".", program.name, 1), (".", program.name, 1), ("cache", f"../{program.name}", 2)):
        monkeypatch.chdir(program.parent / folder)
        compiled_program(Path(path))
        assert len(times) == number
