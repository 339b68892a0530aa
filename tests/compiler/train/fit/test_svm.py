# SPDX-License-Identifier: Apache-2.0
"""Support vector machines: what training writes is the machine that scikit-learn found, and the compiler takes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import SVC

from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.train import Recipe, Trained, train_file
from hepq.compiler.train.fit import svm
from hepq.compiler.train.report import Watch
from hepq.compiler.weights.files import load_weights, recorded_dims
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError

ROOT = Path(__file__).resolve().parents[4]
EXAMPLE = ROOT / "examples/qsvm"
EVENTS = EXAMPLE / "train.root"

PROGRAM = """
from std.nn import Dense
from std.quantum import AngleMap, ZZMap, control_kernel, fidelity_kernel, projected_kernel, svm
dim obs = 3
dim cls = [qqyy, ZH]
dataset Events {
  source events = root("train.root", tree="tree")
  branch photon1_energy, photon2_energy, jet1_energy: GeV
  input x = stack(photon1_energy / 80 GeV, photon2_energy / 50 GeV, jet1_energy / 60 GeV, dim=obs)
  label truth: cls = "label_*"
}
fn rbf(a: real[obs], b: real[obs]) -> real = exp(-2 * sum((a - b) * (a - b), over=obs))
"""


def trained(model: str, folder: Path, recipe: Recipe) -> tuple[Trained, Path, Path]:
    program, out = folder / "m.hepq", folder / "m.safetensors"
    program.write_text(PROGRAM + f"model M(x: real[obs]) -> real = {model}\n")
    return train_file(program, [EVENTS], out, recipe), program, out


def scores_of(program: Path, weights: Path, found: Trained) -> np.ndarray:
    """What the model gives for the events held out, with the weights as written."""
    built = build_file(program, Options(dims=recorded_dims(weights)))
    net = to_torch(built.module, load_weights(weights, built.module))
    inputs, counts = pad_events([found.data.events[i] for i in found.data.validation], built.module)
    result: np.ndarray = net(inputs, counts)["output"].detach().numpy()
    return result


KERNELS = ["rbf", "fidelity_kernel[ZZMap[reps=1]]", "projected_kernel[ZZMap, 0.5]", "control_kernel[AngleMap]"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_model_is_the_machine(kernel: str, tmp_path: Path) -> None:
    found, program, out = trained(f"svm[kernel={kernel}, C=2](x)", tmp_path, Recipe(events=120))
    assert recorded_dims(out) == {"sv": found.fitted.dims["sv"]}
    np.testing.assert_allclose(scores_of(program, out, found), found.fitted.scores, atol=2e-4)
    assert found.fitted.auc > 0.6


def test_a_classical_kernel_gives_scikit_learns_own(tmp_path: Path) -> None:
    found, _, _ = trained("svm[kernel=rbf, C=2](x)", tmp_path, Recipe(events=200))
    data = found.data
    x = np.stack([[e[n["name"]] for n in data.module.inputs] for e in data.events]) / [80, 50, 60]
    machine = SVC(C=2, gamma=2).fit(x[data.training], data.truth[data.training])
    np.testing.assert_allclose(found.fitted.scores, machine.decision_function(x[data.validation]), atol=1e-3)
    assert found.fitted.dims["sv"] == len(machine.support_)


def test_a_kernel_matrix_is_kept_where_asked(tmp_path: Path) -> None:
    recipe = Recipe(events=60, checkpoint=tmp_path / "run", backend="exact")
    first, _, out = trained("svm[kernel=fidelity_kernel[ZZMap]](x)", tmp_path, recipe)
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "run" / "kernel" / "tiles").rglob("*") if p.is_file()}
    whole = out.read_bytes()
    second, _, _ = trained("svm[kernel=fidelity_kernel[ZZMap]](x)", tmp_path, recipe)
    assert kept
    assert all(p.stat().st_mtime_ns == written for p, written in kept.items())
    assert out.read_bytes() == whole
    assert first.fitted.auc == second.fitted.auc


def test_the_circuits_of_an_artifact_are_run(tmp_path: Path) -> None:
    """Trained on the exact values of compiled circuits, the machine is the same; other programs' are refused."""
    model = "svm[kernel=fidelity_kernel[ZZMap]](x)"
    _, program, out = trained(model, tmp_path, Recipe(events=40))
    whole = out.read_bytes()
    compile_file(program, tmp_path / "k.hepqx", Options(target="sim"))
    trained(model, tmp_path, Recipe(events=40, kernel=tmp_path / "k.hepqx"))
    assert out.read_bytes() == whole
    with pytest.raises(DataError, match="HQ0842"):
        trained("svm[kernel=rbf](x)", tmp_path, Recipe(events=40, kernel=tmp_path / "k.hepqx"))


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("svm[kernel=rbf](Dense[obs](x))", "HQ0749"),
        ("svm[kernel=rbf](x / (x - x))", "HQ0746"),
    ],
)
def test_what_a_machine_cannot_learn_is_said(model: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(HepqError, match=code):
        trained(model, tmp_path, Recipe(events=40))


def test_three_classes_are_too_many(tmp_path: Path) -> None:
    program = tmp_path / "m.hepq"
    text = PROGRAM.replace("[qqyy, ZH]", "[qqyy, ZH, other]").replace('"label_*"', '"label_ZH"')
    program.write_text(text + "model M(x: real[obs]) -> real = svm[kernel=rbf](x)\n")
    with pytest.raises(HepqError, match="HQ0747"):
        train_file(program, [EVENTS], tmp_path / "m.safetensors", Recipe(events=40), watch=Watch())


def test_a_matrix_too_large_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svm, "LARGEST", 1000)
    with pytest.raises(HepqError, match="HQ0748"):
        trained("svm[kernel=rbf](x)", tmp_path, Recipe(events=40))
