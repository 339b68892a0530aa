# SPDX-License-Identifier: Apache-2.0
"""`hepqc kernel`: matrices from files and arrays, resumed, shared, drawn; compiled kernels measured by shots."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uproot
from typer.testing import CliRunner, Result

import hepq
from hepq.cli import app
from hepq.core.errors import DataError
from hepq.runtime.model import Model
from hepq.runtime.quantum.backends.backend import Outcomes, Task
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.kernel import export
from hepq.runtime.quantum.kernel.estimator import QSVC
from hepq.runtime.quantum.kernel.gram import gram
from hepq.runtime.quantum.kernel.matrix import kernel_alignment

PROGRAM = """\
from std.quantum import svm

dim wire = 2
dim cls = [background, signal]

circuit Map(x: real[wire]) on q: qubit[wire] {
  for i in wire {
    h(q[i])
    p(2 * x[i], q[i])
  }
  cx(q[0], q[1])
  p(x[0] * x[1], q[1])
  cx(q[0], q[1])
}

fn K(x: real[wire], y: real[wire]) -> real = fidelity(Map(x), Map(y))

dataset Events {
  source events = root("events.root", tree="tree")
  branch a, b: real
  input x = stack(a, b, dim=wire)
  label truth: cls = "is_*"
}

model M(x: real[wire]) -> real = svm[kernel=K](x)
"""


def hepqc(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "m.hepq").write_text(PROGRAM)
    done = hepqc("compile", folder / "m.hepq")
    assert done.exit_code == 0, done.output
    x = np.random.default_rng(0).uniform(0, 1, (60, 2))
    truth = (x.sum(axis=1) > 1).astype("i4")
    with uproot.recreate(folder / "events.root") as file:
        file["tree"] = {"a": x[:, 0], "b": x[:, 1], "is_signal": truth, "is_background": 1 - truth}
    with uproot.recreate(folder / "empty.root") as file:
        file.mktree("tree", dict.fromkeys(("a", "b", "is_signal", "is_background"), "f8"))
    np.save(folder / "x.npy", x)
    np.save(folder / "none_at_all.npy", np.zeros((0, 2)))
    np.save(folder / "nan.npy", np.full((3, 2), np.nan))
    np.save(folder / "words.npy", np.array([["a", "b"]]))
    (folder / "garbage.npy").write_text("no array")
    return folder


@pytest.fixture(scope="module")
def model(project: Path) -> Model:
    return hepq.load(project / "m.hepqx")


@pytest.fixture(scope="module")
def x(project: Path) -> np.ndarray:
    found: np.ndarray = np.load(project / "x.npy")
    return found


def test_a_matrix_of_a_file(project: Path, model: Model, x: np.ndarray, tmp_path: Path) -> None:
    path, picture = tmp_path / "gram.npz", tmp_path / "gram.png"
    done = hepqc("kernel", project / "m.hepqx", project / "events.root", "-o", path, "--picture", picture)
    assert done.exit_code == 0, done.output
    found = export.load(path)
    np.testing.assert_allclose(found.gram, model.kernel().block(x, x), atol=1e-6)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, x.sum(axis=1) > 1)
    assert found.provenance["backend"] == "exact"
    assert found.provenance["kernel"] == model.kernel().digest
    assert f"alignment with the labels {kernel_alignment(found.gram, found.labels):.3f}" in done.output
    assert "positive semidefinite: smallest eigenvalue" in done.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_arrays_events_and_other_columns(project: Path, model: Model, x: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "gram.npz"
    command = ("kernel", project / "m.hepqx", project / "x.npy", "--against", project / "events.root", "-o", path)
    assert hepqc(*command, "--events", 7).exit_code == 0
    np.testing.assert_allclose(export.load(path).gram, model.kernel().block(x[:7], x[:7]), atol=1e-6)
    assert export.load(path).arrays["labels_against"].shape == (7,)
    refused = hepqc(*command, "--psd", "clip")
    assert refused.exit_code == 1
    assert "HQ0861" in refused.output


def test_events_without_features_are_left_out(project: Path, x: np.ndarray, tmp_path: Path) -> None:
    holes = x[:9].copy()
    holes[[2, 5], 1] = np.nan
    np.save(tmp_path / "holes.npy", holes)
    done = hepqc("kernel", project / "m.hepqx", tmp_path / "holes.npy", "-o", tmp_path / "gram.npz")
    assert "2 of 9 events" in done.output
    np.testing.assert_array_equal(export.load(tmp_path / "gram.npz").arrays["events"], [0, 1, 3, 4, 6, 7, 8])


def test_a_killed_job_goes_on(project: Path, model: Model, x: np.ndarray, tmp_path: Path) -> None:
    tiles, path = tmp_path / "tiles", tmp_path / "gram.npz"
    command = ["kernel", project / "m.hepqx", project / "x.npy", "-o", path, "--store", tiles, "--tile", 4]
    with subprocess.Popen([sys.executable, "-m", "hepq.cli", *map(str, command)]) as child:
        end = time.monotonic() + 60
        while len(list(tiles.glob("tiles/??/*"))) < 5 and time.monotonic() < end:
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
    stored = {p.name: p.stat().st_mtime_ns for p in tiles.glob("tiles/??/*")}
    assert 5 <= len(stored) < 120
    assert not path.exists()
    done = hepqc(*command)
    assert done.exit_code == 0, done.output
    assert f"{len(stored)} of 120 tiles are in the store" in done.output
    after = {p.name: p.stat().st_mtime_ns for p in tiles.glob("tiles/??/*")}
    assert len(after) == 120
    assert stored.items() <= after.items()
    np.testing.assert_array_equal(export.load(path).gram, gram(model.kernel(), x, tile=4))
    shown = hepqc("kernel", "--store", tiles, "--status").output
    assert model.kernel().digest[:8] in shown
    assert "120" in shown


def test_damage_is_told_in_a_line(project: Path, tmp_path: Path) -> None:
    command = (
        "kernel",
        project / "m.hepqx",
        project / "x.npy",
        "-o",
        tmp_path / "g.npz",
        "--store",
        tmp_path / "tiles",
    )
    assert hepqc(*command).exit_code == 0
    (tile,) = (tmp_path / "tiles/tiles").glob("??/*")
    tile.write_bytes(tile.read_bytes()[:-1])
    done = hepqc(*command)
    assert done.exit_code == 0
    assert done.output.startswith("warning: tile ")
    assert "1 damaged" in hepqc("kernel", "--store", tmp_path / "tiles", "--status").output


def test_an_interrupt_is_told(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hepq.runtime.quantum.kernel.gram.gram", interrupted)
    done = hepqc("kernel", project / "m.hepqx", project / "x.npy", "-o", tmp_path / "g.npz", "--store", tmp_path)
    assert done.exit_code == 130
    assert "the same command goes on" in done.output


def test_workers(project: Path, model: Model, x: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "gram.npz"
    done = hepqc("kernel", project / "m.hepqx", project / "x.npy", "-o", path, "--workers", 2)
    assert done.exit_code == 0, done.output
    np.testing.assert_allclose(export.load(path).gram, gram(model.kernel(), x), atol=1e-14)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["m.hepqx"],
        ["m.hepqx", "x.npy"],
        ["--status"],
        ["m.hepqx", "x.npy", "-o", "g.npz", "--backend", "ibm", "--workers", "2"],
        ["m.hepqx", "x.npy", "-o", "g.npz", "--psd", "squeeze"],
        ["m.hepqx", "x.npy", "-o", "g.npz", "--seed", "1"],
        ["m.hepqx", "x.npy", "-o", "g.npz", "--copies", "2"],
        ["m.hepqx", "x.npy", "-o", "g.npz", "--tree", "tree"],
        ["m.hepqx", "x.npy", "-o", "g.npz", "--dask", "here:1", "--workers", "2"],
        ["m.hepqx", "--store", "s", "--status"],
    ],
)
def test_wrong_usage(args: list[str], project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert hepqc("kernel", *args).exit_code == 2


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["m.hepqx", "x.npy", "-o", "g.csv"], "HQ0817"),
        (["m.hepqx", "x.npy", "-o", "none/g.npz"], "HQ0817"),
        (["m.hepqx", "none.npy", "-o", "g.npz"], "HQ0801"),
        (["m.hepqx", "nan.npy", "-o", "g.npz"], "HQ0809"),
        (["m.hepqx", "words.npy", "-o", "g.npz"], "HQ0842"),
        (["m.hepqx", "garbage.npy", "-o", "g.npz"], "HQ0842"),
        (["m.hepqx", "x.npy", "-o", "g.npz", "--store", "."], "HQ0858"),
        (["m.hepqx", "x.npy", "-o", "g.npz", "--backend", "oracle"], "HQ0870"),
        (["m.hepqx", "x.npy", "-o", "g.npz", "--backend", "noisy"], "HQ0877"),
        (["--store", "none", "--status"], "HQ0858"),
    ],
)
def test_mistakes_are_errors(args: list[str], code: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    done = hepqc("kernel", *args)
    assert done.exit_code == 1
    assert code in done.output


@pytest.mark.parametrize("none", ["empty.root", "none_at_all.npy"])
def test_no_events_give_no_values(none: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    g, h, i = (tmp_path / f"{name}.npz" for name in "ghi")
    done = hepqc("kernel", "m.hepqx", none, "-o", g, "--psd", "clip", "--picture", tmp_path / "p.png")
    assert done.exit_code == 0, done.output
    assert "0 × 0 values" in done.output
    assert export.load(g).gram.shape == (0, 0)
    x = np.load("x.npy")
    assert hepqc("kernel", "m.hepqx", "x.npy", "--against", none, "-o", h).exit_code == 0
    assert export.load(h).gram.shape == (len(x), 0)
    assert hepqc("kernel", "m.hepqx", none, "--against", "x.npy", "-o", i).exit_code == 0
    assert export.load(i).gram.shape == (0, len(x))


@dataclass(frozen=True)
class Dice:
    """Exact probabilities, then shots: as a device without errors."""

    name: str = "dice"
    exact: bool = False

    def run(self, task: Task, values: np.ndarray, shots: int, seed: int | None = None) -> Outcomes:
        chances = Exact().run(task, values, shots).probabilities()
        dice = np.random.default_rng(seed)
        return Outcomes.of(dice.multinomial(shots, chances / chances.sum(axis=1, keepdims=True)) / shots)


def test_shots(model: Model, x: np.ndarray, tmp_path: Path) -> None:
    kernel, exact = model.kernel(Dice(), shots=400), gram(model.kernel(), x)
    made = gram(kernel, x, store=tmp_path, tile=8)
    np.testing.assert_array_equal(made, made.T)
    np.testing.assert_allclose(np.diag(made), 1, atol=1e-12)
    pull = (made - exact)[np.triu_indices(60, 1)] / np.sqrt((exact * (1 - exact) / 400)[np.triu_indices(60, 1)])
    assert abs(pull.mean()) < 0.1
    assert 0.9 < pull.std() < 1.1
    np.testing.assert_array_equal(gram(pickle.loads(pickle.dumps(kernel)), x, tile=8), made)
    assert kernel.digest != model.kernel(Dice(), shots=401).digest != model.kernel(Dice(), shots=400, seed=1).digest


@pytest.mark.parametrize("shape", [(3, 3), (3,), (3, 2, 1)])
def test_events_of_another_shape_are_not_measured(shape: tuple[int, ...], model: Model, x: np.ndarray) -> None:
    for rows, columns in [(x, np.ones(shape)), (np.ones(shape), x)]:
        with pytest.raises(DataError, match="HQ0842"):
            model.kernel().block(rows, columns)


def test_estimator(project: Path, model: Model, x: np.ndarray) -> None:
    y = x.sum(axis=1) > 1
    for kernel in (project / "m.hepqx", str(project / "m.hepqx"), model):
        assert QSVC(kernel, C=10).fit(x[:40], y[:40]).score(x[40:], y[40:]) > 0.85
    assert QSVC(model, C=10, backend=Dice(), psd="clip").fit(x[:40], y[:40]).score(x[40:], y[40:]) > 0.7


@pytest.mark.case("shots_ignored")
def test_shots_of_the_exact_simulator(project: Path, model: Model, x: np.ndarray, tmp_path: Path) -> None:
    """Multiples of 1/50 around the exact values, the same for a seed, another for another."""
    exact, kernel = gram(model.kernel(), x), model.kernel(shots=50)
    made = gram(kernel, x, tile=8)
    np.testing.assert_allclose(made * 50, np.round(made * 50), atol=1e-9)
    np.testing.assert_allclose(np.diag(made), 1)
    np.testing.assert_array_equal(made, made.T)
    upper = np.triu_indices(60, 1)
    pull = (made - exact)[upper] / np.sqrt((exact * (1 - exact) / 50)[upper])
    assert abs(pull.mean()) < 0.1
    assert 0.9 < pull.std() < 1.1
    np.testing.assert_array_equal(gram(model.kernel(shots=50), x, tile=8), made)
    assert (gram(model.kernel(shots=50, seed=1), x, tile=8) != made).any()
    for shots in ([], ["--shots", "50", "--seed", "1"]):
        assert hepqc("kernel", project / "m.hepqx", project / "x.npy", "-o", tmp_path / "g.npz", *shots).exit_code == 0
        found = export.load(tmp_path / "g.npz")
        assert (found.provenance["backend"], "shots" in found.provenance) == (
            "sampled:exact" if shots else "exact", bool(shots),
        )  # fmt: skip


def test_events_that_a_select_leaves_out_are_counted_once(tmp_path: Path) -> None:
    program = PROGRAM.replace("  input x", "  select high = a > 0\n  input x")
    (tmp_path / "m.hepq").write_text(program)
    rng = np.random.default_rng(1)
    a, signal = rng.normal(size=24), np.arange(24) % 2
    columns = {"a": a, "b": rng.normal(size=24), "is_background": signal == 0, "is_signal": signal == 1}
    with uproot.recreate(tmp_path / "events.root") as file:
        file["tree"] = columns
    for command in (["train", "m.hepq", "-o", "m.safetensors"], ["compile", "m.hepq", "--weights", "m.safetensors"]):
        result = hepqc(*[tmp_path / c if "." in c else c for c in command])
        assert result.exit_code == 0, result.output
    result = hepqc("kernel", tmp_path / "m.hepqx", tmp_path / "events.root", "-o", tmp_path / "k.npz")
    assert result.exit_code == 0, result.output
    assert f"{(a > 0).sum()} of 24 events used" in result.output
    assert "finite numbers" not in result.output
