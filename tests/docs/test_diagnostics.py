# SPDX-License-Identifier: Apache-2.0
"""One page for each diagnostic code; its wrong example gives the code, its right one does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from hepq.cli import app
from hepq.compiler.driver.check import check_path
from hepq.core.diagnostics.catalogue import entries
from hepq.core.diagnostics.codes_data import DATA as CATALOGUE
from hepq.core.diagnostics.diagnostic import Diagnostic
from hepq.core.diagnostics.render import render_text
from hepq.lang.format.program import format_source
from hepq.lang.syntax.reading import MAX_BYTES
from tests.support.diagnostic_page import FOLDER, UPDATE, Page, is_about_programs
from tests.support.networks import save

CODES = [*entries(), *CATALOGUE]
ABOUT_PROGRAMS = [c for c in CODES if (FOLDER / f"{c}.md").exists() and is_about_programs(c)]


def title(code: str) -> str:
    if code in CATALOGUE:
        return CATALOGUE[code]
    return re.sub(r"`?\{+\w+\}+`?", "…", entries()[code].title)


def checked(programs: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Diagnostic]:
    monkeypatch.chdir(folder)
    for name, text in programs.items():
        Path(name).write_text(text, encoding="utf-8")
    return check_path(Path(list(programs)[-1]))


def test_every_code_has_a_page() -> None:
    assert {p.stem for p in FOLDER.glob("HQ*.md")} == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_page_begins_with_its_title(code: str) -> None:
    assert Page(code).text.startswith(f"# {code}: {title(code)}\n\n")


@pytest.mark.parametrize("code", ABOUT_PROGRAMS)
def test_wrong_example_gives_the_code(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(Page(code).programs("Wrong"), tmp_path, monkeypatch)
    Page(code).expect(render_text(found))
    assert {d.code for d in found} == {code}


@pytest.mark.parametrize("code", ABOUT_PROGRAMS)
def test_right_example_is_right(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Page(code).programs("Right")
    assert render_text(checked(programs, tmp_path, monkeypatch)) == ""
    for name, text in programs.items():
        assert format_source(text, name) == text


def write_weights(folder: Path, **changes: Any) -> None:
    """Weights of the ``Tag`` of those pages; None leaves one out."""
    good: dict[str, Any] = {"head.weight": np.zeros((2, 3), np.float32), "head.bias": np.zeros(2, np.float32)}
    tensors = good | {k.replace("_", "."): v for k, v in changes.items()}
    save_file({k: v for k, v in tensors.items() if v is not None}, folder / "trained.safetensors")


def write_device(folder: Path, qubits: list[dict[str, float]]) -> None:
    lines = ['name = "lab:three"', 'title = "three qubits"', 'vendor = "lab"', 'one_qubit = ["rz", "sx"]']
    lines += [f"[[qubits]]\n{''.join(f'{k} = {v}' for k, v in qubit.items())}" for qubit in qubits]
    lines += [
        '[couplings]\npairs = "line"\ngate = "cz"',
        '[source]\nsource = "us"\ndate = 2026-01-31\nstatus = "assumed"',
    ]
    (folder / "chip.toml").write_text("\n".join(lines))


#: what lies in the folder before the command of a page is run, beside ``tagger.hepq``
PREPARE: dict[str, Callable[[Path], object]] = {
    "HQ0002": lambda folder: (folder / "tagger.hepq").unlink(missing_ok=True),
    "HQ0003": lambda folder: (folder / "analysis").mkdir(),
    "HQ0004": lambda folder: (folder / "jets.root").write_bytes(b"root\x00\x00\xf6\x38"),
    "HQ0005": lambda folder: (folder / "events.hepq").write_bytes(b"1 " * MAX_BYTES),
    **dict.fromkeys(
        ("HQ0216", "HQ0217", "HQ0620", "HQ0621", "HQ0622", "HQ0623", "HQ0624", "HQ0701", "HQ0708", "HQ0711"), print
    ),
    "HQ0702": lambda folder: (folder / "trained.safetensors").write_bytes(b"not weights"),
    "HQ0703": lambda folder: write_weights(folder, head_bias=None),
    "HQ0704": lambda folder: write_weights(folder, embed_weight=np.zeros((8, 3), np.float32)),
    "HQ0705": lambda folder: write_weights(folder, head_weight=np.zeros((2, 4), np.float32)),
    "HQ0706": lambda folder: write_weights(folder, head_bias=np.full(2, np.nan, np.float32)),
    "HQ0707": lambda folder: save_file({"fc.weight": np.zeros((2, 3), np.float32)}, folder / "published.safetensors"),
    **dict.fromkeys(("HQ0720", "HQ0724", "HQ0760", "HQ0762", "HQ0767", "HQ0801"), print),
    "HQ0721": lambda folder: write_device(folder, [{"error": 0.001}, {"error": 1.5}, {}]),
    "HQ0723": lambda folder: (folder / "chip.json").write_text('{"qubits_info": {}, "couplers_info": {}}'),
    "HQ0763": lambda folder: save(folder / "tagger.onnx", [("Round", "x -> out")], {"out": 6}),
    "HQ0764": lambda folder: save(
        folder / "tagger.onnx", [("Relu", "x -> out")], {"out": 6}, inputs={"x": ["batch", "part", 6]}
    ),
    "HQ0820": lambda folder: (folder / "tagger.hepq").write_text("# a program\n"),
    "HQ0821": lambda folder: (folder / "tagger.hepqx").write_bytes(b"PK\x03\x04" + bytes(100)),
}


@pytest.mark.parametrize("code", PREPARE)
def test_command_prints_what_the_page_says(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    if page.program is not None:
        Path("tagger.hepq").write_text(page.program, encoding="utf-8")
    PREPARE[code](tmp_path)
    done = CliRunner().invoke(app, page.command)
    assert done.exit_code == 1
    page.expect("\n".join(line.rstrip() for line in done.output.strip().splitlines()) + "\n")
    assert f"[{code}]" in done.output
    assert not list(tmp_path.glob("*.hepqx")) or code == "HQ0821"


@pytest.mark.parametrize("code", [c for c in CODES if c not in ABOUT_PROGRAMS])
def test_other_pages_show_the_message(code: str) -> None:
    severity = "error" if code in CATALOGUE else entries()[code].severity
    assert f"{severity}[{code}]: " in Page(code).printed()
    assert "\n## Mend it\n" in Page(code).text


def test_index_lists_every_page() -> None:
    index = FOLDER / "README.md"
    rows = "".join(f"| [{code}]({code}.md) | {title(code)} |\n" for code in CODES)
    text = (
        "# Diagnostics\n\n"
        "Every message of hepq has a code, and every code a page: why, an example, and how to mend it.\n"
        "`hepqc explain HQ0303` prints a page in the terminal.\n\n"
        "| Code | Message |\n| --- | --- |\n" + rows
    )
    if UPDATE:
        index.write_text(text, encoding="utf-8")
    assert index.read_text(encoding="utf-8") == text
