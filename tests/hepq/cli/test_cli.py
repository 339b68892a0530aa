# SPDX-License-Identifier: Apache-2.0
"""The command line: what each command prints, writes and returns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import uproot
from typer.testing import CliRunner, Result

import hepq
from hepq.cli import app

GOOD = "dim feat = 3\nmodel M(x: real[feat]) -> real = sum(x, over=feat)\n"
BAD = "dim feat = 3\nmodel M(x: real[feat]) -> real = sum(y, over=feat)\n"
UNTIDY = "dim   feat=3 # three\nmodel M(x:real[feat])->real=sum(x,over=feat)\n"
COMMANDS = [
    ["new"], ["check"], ["fmt"], ["explain"], ["tune"], ["compile"], ["targets"], ["predict"], ["verify"], ["inspect"],
    ["weights", "import"], ["weights", "list"],
]  # fmt: skip


def hepqc(*args: object, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], input=stdin, env={"COLUMNS": "200"})


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.hepq"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.hepq"
    path.write_text(BAD)
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `hepqc new top` writes, compiled with random weights."""
    folder = tmp_path_factory.mktemp("project")
    assert hepqc("new", "top", "--folder", folder).exit_code == 0
    done = hepqc("compile", folder / "top.hepq", "--init", 1)
    assert done.exit_code == 0, done.output
    assert "random weights" in done.output
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples(command: list[str]) -> None:
    shown = hepqc(*command, "--help")
    assert shown.exit_code == 0
    assert f"hepqc {' '.join(command)}" in shown.output.partition("Examples")[2]


def test_no_arguments_shows_help() -> None:
    assert "Usage" in hepqc().output


def test_wrong_usage_is_status_2() -> None:
    misspelt = hepqc("chekc", "x.hepq")
    assert misspelt.exit_code == 2
    assert "check" in misspelt.output
    assert hepqc("check").exit_code == 2
    assert hepqc("predict", "a.hepqx", "b.root").exit_code == 2


def test_check_says_what_is_wrong(good: Path, bad: Path) -> None:
    fine = hepqc("check", good)
    assert (fine.exit_code, "no errors" in fine.output) == (0, True)
    both = hepqc("check", good, bad)
    assert both.exit_code == 1
    assert "bad.hepq:2:" in both.output
    assert "2 files: 1 error" in both.output


def test_check_json(good: Path, bad: Path) -> None:
    assert json.loads(hepqc("check", good, "--json").stdout) == []
    (problem,) = json.loads(hepqc("check", bad, "--json").stdout)
    assert problem["severity"] == "error"
    assert problem["labels"][0]["start"]["line"] == 2


def test_check_reads_standard_input() -> None:
    assert hepqc("check", "-", stdin=GOOD).exit_code == 0
    assert hepqc("check", "-", stdin=BAD).exit_code == 1
    garbage = hepqc("check", "-", stdin=b"\xff\xfe\x00")
    assert garbage.exit_code == 1
    assert "HQ0004" in garbage.output


def test_check_of_a_missing_file(tmp_path: Path) -> None:
    done = hepqc("check", tmp_path / "none.hepq")
    assert done.exit_code == 1
    assert "none.hepq" in done.output


def test_fmt_in_place_keeps_mode_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "a.hepq"
    path.write_text(UNTIDY)
    path.chmod(0o640)
    assert hepqc("fmt", path).exit_code == 0
    assert path.read_text().startswith("dim feat = 3  # three\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert "changed" not in hepqc("fmt", path).output


def test_fmt_check_and_diff_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.hepq"
    path.write_text(UNTIDY)
    assert hepqc("fmt", "--check", path).exit_code == 1
    diff = hepqc("fmt", "--diff", path)
    assert diff.exit_code == 1
    assert "+dim feat = 3" in diff.output
    assert path.read_text() == UNTIDY


def test_fmt_of_standard_input() -> None:
    assert hepqc("fmt", "-", stdin=UNTIDY).stdout.startswith("dim feat = 3")


def test_fmt_leaves_a_broken_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.hepq"
    path.write_text("model M(")
    assert hepqc("fmt", path).exit_code == 1
    assert path.read_text() == "model M("
    assert os.listdir(tmp_path) == ["a.hepq"]


def test_explain() -> None:
    page = hepqc("explain", "hq0002")
    assert page.exit_code == 0
    assert "HQ0002" in page.output
    assert "HQ0002" in hepqc("explain").output
    unknown = hepqc("explain", "HQ9999")
    assert unknown.exit_code == 2
    assert "no such code" in unknown.output


def test_targets_name_this_machine() -> None:
    shown = hepqc("targets")
    assert shown.exit_code == 0
    assert shown.output.count("yes, best") == 1


def test_new_is_right_and_canonical(project: Path) -> None:
    assert hepqc("check", project / "top.hepq").exit_code == 0
    assert hepqc("fmt", "--check", project / "top.hepq").exit_code == 0


def test_new_overwrites_nothing(project: Path) -> None:
    again = hepqc("new", "top", "--folder", project)
    assert again.exit_code == 1
    assert "already there" in again.output
    assert hepqc("new", "1x").exit_code == 2


def test_compile_needs_weights(good: Path, project: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.hepqx"
    done = hepqc("compile", project / "top.hepq", "-o", out)
    assert done.exit_code == 1
    assert "HQ0711" in done.output
    missing = hepqc("compile", project / "top.hepq", "-o", out, "--weights", tmp_path / "none.safetensors")
    assert missing.exit_code == 1
    assert "none.safetensors" in missing.output
    assert not out.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--init", 1, "--weights", "w.safetensors"],
        ["--init", 1, "--dim", "part"],
        ["--init", 1, "--dim", "feat=many"],
        ["--emit", "smoke"],
    ],
    ids=str,
)
def test_compile_refuses_contradictions(wrong: list[object], good: Path) -> None:
    done = hepqc("compile", good, *wrong)
    assert done.exit_code == 2
    assert not good.with_suffix(".hepqx").exists()


def test_compile_refuses_an_unknown_target(good: Path) -> None:
    done = hepqc("compile", good, "--target", "abacus")
    assert done.exit_code == 1
    assert "abacus" in done.output


def test_emit_prints_a_stage(good: Path) -> None:
    assert "reduce_sum" in hepqc("compile", good, "--emit", "ir").stdout
    assert "FnDecl" in hepqc("compile", good, "--emit", "ast").stdout
    assert not good.with_suffix(".hepqx").exists()


def test_static_arguments_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "a.hepq"
    path.write_text("dim feat\nmodel M[n: int](x: real[feat]) -> real[feat] = n * x\n")
    shown = hepqc("compile", path, "--emit", "ir", "--dim", "feat=5", "--set", "n=3")
    assert shown.exit_code == 0, shown.output
    assert "3" in shown.stdout


def test_weights_list(project: Path) -> None:
    shown = hepqc("weights", "list", project / "top.hepq")
    assert "dense0.weight" in shown.stdout
    assert "[64, 5]" in shown.stdout


def test_weights_import_of_what_is_no_checkpoint(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    file.write_bytes(b"no checkpoint")
    done = hepqc("weights", "import", project / "top.hepq", file, "-o", tmp_path / "w.safetensors")
    assert done.exit_code == 1
    assert not (tmp_path / "w.safetensors").exists()


def test_verify_and_inspect(project: Path) -> None:
    checked = hepqc("verify", project / "top.hepqx")
    assert checked.exit_code == 0, checked.output
    assert "permute(part)" in checked.output
    shown = hepqc("inspect", project / "top.hepqx").output
    assert "part_px" in shown
    assert "background, signal" in shown
    assert hepqc("inspect", project / "top.hepqx", "--source").stdout == (project / "top.hepq").read_text()
    assert json.loads(hepqc("inspect", project / "top.hepqx", "--json").stdout)["name"] == "Top"


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_pictures(project: Path, tmp_path: Path, suffix: str) -> None:
    picture = tmp_path / f"a.{suffix}"
    assert hepqc("inspect", project / "top.hepqx", "--picture", picture).exit_code == 0
    assert picture.stat().st_size > 1000
    if suffix == "svg":
        assert hepqc("inspect", project / "top.hepq", "--picture", tmp_path / "b.svg").exit_code == 0


def test_a_picture_needs_a_known_format(project: Path, tmp_path: Path) -> None:
    assert hepqc("inspect", project / "top.hepqx", "--picture", tmp_path / "a.gif").exit_code == 1
    assert not list(tmp_path.iterdir())


def test_predict(project: Path, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.root"
    done = hepqc(
        "predict",
        project / "top.hepqx",
        root / "examples/data/test.root",
        "-o",
        out,
        "--keep",
        "jet_pt",
        "--threads",
        1,
    )
    assert done.exit_code == 0, done.output
    assert "800 events" in done.output
    tree = uproot.open(out)["tree"]
    assert tree.num_entries == 800
    assert {"output_background", "output_signal", "jet_pt"} <= set(tree.keys())


def test_predict_by_workers_and_again(project: Path, root: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "scores.root", root / "examples/data/test.root"
    args = ("predict", project / "top.hepqx", file, "-o", out, "--step", 250, "--store", tmp_path / "store")
    done = hepqc(*args, "--workers", 2)
    assert done.exit_code == 0, done.output
    first = uproot.open(out)["tree"].arrays(library="np")
    again = hepqc(*args)
    assert "800 of them were scored before" in " ".join(again.output.split())
    alone = hepqc(*args[:-2])
    assert "before" not in alone.output
    found = uproot.open(out)["tree"].arrays(library="np")
    assert {name: values.tobytes() for name, values in found.items()} == {n: v.tobytes() for n, v in first.items()}
    both = hepqc(*args, "--workers", 2, "--scheduler", "tcp://localhost:1")
    assert both.exit_code == 2


def test_predict_names_the_missing_branch(project: Path, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.root"
    file = root / "examples/data/test.root"
    done = hepqc("predict", project / "top.hepqx", file, "-o", out, "--keep", "jet_ptt")
    assert done.exit_code == 1
    assert "jet_ptt" in done.output
    assert not out.exists()


def test_errors_are_messages_unless_debugging(tmp_path: Path) -> None:
    broken = tmp_path / "a.hepqx"
    broken.write_bytes(b"PK\x03\x04 but no more")
    assert "error[HQ08" in hepqc("verify", broken).output
    debugged = hepqc("--debug", "verify", broken)
    assert debugged.exception is not None
    assert type(debugged.exception).__name__ == "ArtifactError"


def test_our_own_faults_are_said_to_be_ours(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hepq.compiler.driver.check

    def fails(path: Path) -> None:
        raise ZeroDivisionError(path.name)

    monkeypatch.setattr(hepq.compiler.driver.check, "check_path", fails)
    done = hepqc("check", good)
    assert done.exit_code == 70
    assert "internal error: ZeroDivisionError: good.hepq" in done.output


@pytest.mark.parametrize("args", [["--help"], ["check", "good.hepq"]], ids=" ".join)
def test_check_and_help_wait_for_no_large_package(args: list[str], good: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "hepq.cli", *args],
        cwd=good.parent, capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "hepq" in imported
    large = "numpy scipy torch tvm awkward uproot pyarrow pandas qiskit pytket sklearn matplotlib hist correctionlib"
    assert not imported & {*large.split()}


def test_the_version_is_that_of_the_package() -> None:
    assert hepq.__version__ == metadata.version("hepq")
    assert hepqc("--version").output == f"hepqc {hepq.__version__}\n"


@pytest.mark.parametrize("command", [["compile", "."], ["train", ".", "x.root"], ["import", "."], ["compile", ""]])
def test_a_path_without_a_name_is_no_internal_error(command: list[str]) -> None:
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert "error[HQ" in done.output
