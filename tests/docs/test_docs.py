# SPDX-License-Identifier: Apache-2.0
"""Everything the documentation shows is run: programs are checked, commands and Python executed.

Fenced blocks of a page are steps of one session in a folder that holds a copy of ``examples/``:

- ``hepq``: a program that checks without a word, in canonical layout. ``hepq FILE`` writes it too. ``hepq wrong``
  has errors, and the ``text`` block after it is what ``hepqc check`` says.
- ``console``: lines that begin with ``$`` are run; output shown must be what comes out, ``…`` being anything.
  ``console fails``: the last command ends non-zero. The README's are run by a shell, as they stand; those of other
  pages, if they are hepqc's, in this process, which has imported already what each would import anew.
- ``python``: executed, all blocks of a page in one namespace. ``python FILE`` is only written.
- ``toml FILE``, ``json FILE``: written.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import benchmarks
from hepq.cli import app
from hepq.core.types import UNITS
from hepq.lang.declarations.dataset import POLICIES
from hepq.lang.elaborate.attributes import ATTRIBUTES
from hepq.lang.elaborate.circuits.gates import GATES
from hepq.lang.elaborate.context import BUILTINS
from hepq.lang.format.program import format_source
from hepq.lang.modules import library_module, library_modules
from hepq.lang.syntax import ast
from tests.docs.markdown import Block, anchors, blocks, commands, links, said, shows

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = [page for page in PAGES if any(b.language in ("console", "python") for b in blocks(page))]
#: those that call artifacts are checked where sessions run them
PROGRAMS = [b for page in PAGES for b in blocks(page) if b.language == "hepq" and "artifact(" not in b.text]

#: commands that are shown but not run here, with the reason
NOT_RUN = {
    "make demo": "installs a virtual environment; CI runs it",
    "make test": "this is it",
    "make quick": "a part of this",
    "make lint types": "CI runs it",
    "pip install .": "changes the environment",
    "source .venv/bin/activate": "the tests run in an environment of their own",
    "hepqc weights import particlenet.hepq ParticleNet_kin.pt -o particlenet.safetensors": "published weights",
    "hepqc compile particlenet.hepq --weights particlenet.safetensors": "published weights, see benchmarks/taggers",
    ".venv/bin/pre-commit install": "changes the clone",
    "hepqc compile examples/tagger.hepq --weights examples/tagger.safetensors --target cuda -o tagger.hepqx": "NVRTC",
    "hepqc predict tagger.hepqx examples/data/test.root -o scores.root --device cuda": "no GPU",
    "hepqc verify tagger.hepqx --device cuda": "no GPU",
    "hepqc kernel torino.hepqx examples/qsvm/train.root --events 12 -o chip.npz --backend ibm --store chip": "no chip",
}
NOT_RUN_PREFIXES = {
    "python -m benchmarks": "takes minutes and reads ../shared/data",
    "hepqc tune zh.hepq --study zh40": "forty trainings",
}


def skipped(line: str) -> bool:
    return line in NOT_RUN or line.startswith(tuple(NOT_RUN_PREFIXES))


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_program(block: Block) -> None:
    if "wrong" in block.words:
        after = blocks(block.page)[blocks(block.page).index(block) + 1]
        assert after.language == "text", "the diagnostics should follow"
        assert after.text == said(block), "python -m tests.docs.update"
    else:
        assert said(block) == ""
        assert block.text == format_source(block.text), "python -m tests.docs.update"


@pytest.mark.parametrize("page", RUN, ids=lambda p: p.name)
def test_session(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    names: dict[str, Any] = {"__name__": "docs"}
    for block in blocks(page):
        if block.file is not None and block.language in ("hepq", "python", "toml", "json"):
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text)
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
        elif block.language == "console":
            _console(block, monkeypatch)


def _console(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [c for c in commands(block) if not skipped(c.line)]
    for i, command in enumerate(steps):
        here = block.page.name != "README.md" and command.line.startswith("hepqc ")
        status, printed = _in_process(command.line, monkeypatch) if here else _in_shell(command.line)
        fails = "fails" in block.words and i == len(steps) - 1
        assert (status != 0) == fails, f"{block}: {command.line}\n{printed}"
        if command.output:
            assert shows(command.output, printed), f"{block}: {command.line}\n{printed}"


def _in_shell(line: str) -> tuple[int, str]:
    """Exit status, and what was printed."""
    done = subprocess.run(
        ["bash", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
    )
    return done.returncode, done.stdout


def _in_process(line: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The same of a command of hepqc without anything that a shell makes something of."""
    words = shlex.split(line)
    assert line == shlex.join(words) or not set("|&;<>$`(){}") & set(line), f"{line}: needs a shell"
    monkeypatch.setattr(sys, "argv", words)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        done = CliRunner().invoke(app, words[1:], catch_exceptions=False)
    return done.exit_code, done.output


def test_commands_not_run() -> None:
    """The list of exceptions is exact, and what they name exists."""
    shown = {c.line for page in PAGES for b in blocks(page) if b.language == "console" for c in commands(b)}
    assert set(NOT_RUN) <= shown
    assert not [prefix for prefix in NOT_RUN_PREFIXES if not any(line.startswith(prefix) for line in shown)]
    makefile = (ROOT / "Makefile").read_text()
    for line in shown:
        if line.startswith("make "):
            assert f"\n{line.split()[1]}:" in makefile
        if line.startswith("python -m benchmarks ") and len(line.split()) > 3:
            assert line.split()[3] in benchmarks()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links(page: Path) -> None:
    broken = []
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert not broken


def test_pictures_are_well_formed() -> None:
    pictures = sorted((ROOT / "docs").rglob("*.svg"))
    assert pictures
    for picture in pictures:
        assert ElementTree.parse(picture).getroot().tag.endswith("svg")


REFERENCE = "\n".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("language.md", "models.md"))


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("built-ins", list(BUILTINS)), ("units", list(UNITS)), ("gates", list(GATES)), ("attributes", list(ATTRIBUTES)),
        ("policies", [*POLICIES, *(value for choices in POLICIES.values() for value in choices)]),
    ],
)  # fmt: skip
def test_the_reference_is_complete(what: str, names: list[str]) -> None:
    assert not [n for n in names if not re.search(rf"`(?:@|policy )?{re.escape(n)}\b", REFERENCE)]


def _signatures() -> list[tuple[str, str]]:
    """(module, signature as written, on one line) of every function, block, model and circuit of the library."""
    found = []
    for module in library_modules():
        parsed = library_module(module)
        assert parsed is not None
        for decl in parsed[0].decls:
            if isinstance(decl, (ast.FnDecl, ast.CircuitDecl)):
                kind = decl.kind if isinstance(decl, ast.FnDecl) else "circuit"
                body = decl.body.span if not isinstance(decl.body, tuple) else decl.body[0].span
                source = decl.span.source.text
                head = source[decl.span.start : body.start].rstrip(" ={\n\t")
                found.append((module, _on_one_line(head[head.index(f"{kind} {decl.name}") :])))
    return found


def _on_one_line(text: str) -> str:
    return re.sub(r",? ([\])])", r"\1", re.sub(r"([\[(]) ", r"\1", " ".join(text.split())))


@pytest.mark.parametrize("module", library_modules())
def test_the_reference_has_what_files_have(module: str) -> None:
    parsed = library_module(module)
    assert parsed is not None
    names = [d.name for d in parsed[0].decls if isinstance(d, ast.CollectionDecl | ast.RecordDecl)]
    section = REFERENCE.split(f"### {module}\n")[1].split("\n### ")[0] if names else ""
    assert [n for n in names if f"`{n}`" not in section] == []


@pytest.mark.parametrize(("module", "signature"), _signatures(), ids=lambda s: s[:40])
def test_the_reference_has_the_whole_library(module: str, signature: str) -> None:
    section = REFERENCE.split(f"### {module}\n")[1].split("\n### ")[0]
    assert signature in _on_one_line(section)
