# SPDX-License-Identifier: Apache-2.0
"""The file that `hepqc compile --target onnx` writes: what it says of itself, how others and hepqc use it."""

from __future__ import annotations

import base64
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import onnx
import onnxruntime
import pytest
import uproot
from typer.testing import CliRunner, Result

import hepq
from hepq.cli import app
from hepq.compiler.backends.onnx import write
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.onnx import Lowered
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.artifact.manifest import OnnxManifest
from hepq.runtime.engine.onnx_model import CHECKSUM, GOLDEN, MANIFEST, OnnxModel
from tests.support import networks

EXAMPLES = Path(__file__).parents[4] / "examples"
JETS = EXAMPLES / "data/test.root"


def hepqc(*args: object) -> Result:
    return CliRunner().invoke(app, [*map(str, args)], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("onnx") / "tagger.onnx"
    weights = EXAMPLES / "tagger.safetensors"
    done = hepqc("compile", EXAMPLES / "tagger.hepq", "--weights", weights, "--target", "onnx", "-o", out)
    assert done.exit_code == 0, done.output
    assert f"run with onnxruntime {onnxruntime.__version__}: at most" in done.output
    return out


def padded(jets: ak.Array, length: int) -> dict[str, Any]:
    """As a framework would do it, from the words of the file alone."""
    particles = [f for f in jets.fields if f.startswith("part_")]
    fill = {f: ak.to_numpy(ak.fill_none(ak.pad_none(jets[f], length, clip=True), -999)) for f in particles}
    feed = {name: value.astype(np.float32) for name, value in fill.items()}
    feed["n_part"] = ak.to_numpy(ak.num(jets.part_px)).astype(np.float32)
    return feed | {f: ak.to_numpy(jets[f]).astype(np.float32) for f in ("jet_pt", "jet_energy")}


def test_jets_score_as_the_artifact_scores_them(tagger: Path, tmp_path: Path) -> None:
    compile_file(EXAMPLES / "tagger.hepq", tmp_path / "t.hepqx", Options(weights=EXAMPLES / "tagger.safetensors"))
    jets = uproot.open(JETS)["tree"].arrays(entry_stop=200)
    wanted = hepq.load(tmp_path / "t.hepqx", threads=1)(jets)
    session = onnxruntime.InferenceSession(tagger)
    longest = int(ak.max(ak.num(jets.part_px)))
    for length in (longest, longest + 30):
        feed = padded(jets, length)
        (scores,) = session.run(["output"], {i.name: feed[i.name] for i in session.get_inputs()})
        np.testing.assert_allclose(scores, np.stack([wanted.QCD, wanted.Tbqq], axis=1), rtol=0, atol=2e-6)


def test_every_tensor_is_float32_with_the_batch_first(tagger: Path) -> None:
    session = onnxruntime.InferenceSession(tagger)
    shapes = {t.name: t.shape for t in (*session.get_inputs(), *session.get_outputs())}
    assert {t.type for t in (*session.get_inputs(), *session.get_outputs())} == {"tensor(float)"}
    particles = {"part_px", "part_py", "part_pz", "part_energy", "part_deta", "part_dphi"}
    assert {name for name, shape in shapes.items() if shape == ["batch", "part"]} == particles
    assert {name for name, shape in shapes.items() if shape == ["batch"]} == {"jet_pt", "jet_energy", "n_part"}
    assert shapes["output"] == ["batch", 2]


def test_it_says_what_it_is(tagger: Path) -> None:
    model = onnx.load(tagger)
    onnx.checker.check_model(model, full_check=True)
    says = {p.key: p.value for p in model.metadata_props}
    manifest = OnnxManifest.model_validate_json(says[MANIFEST])
    assert json.loads(says["hepq.outputs"]) == {"output": ["QCD", "Tbqq"]}
    assert says["hepq.source"] == (EXAMPLES / "tagger.hepq").read_text()
    assert says["hepq.source_sha256"] == manifest.provenance.source_sha256
    assert (manifest.opset, manifest.counts) == (13, {"part": "n_part"})
    assert [b.branch for b in manifest.columns][:2] == ["part_px", "part_py"]
    assert manifest.invariances == ("invariant permute(part)",)
    words = {i.name: i.doc_string for i in (*model.graph.input, *model.graph.output)}
    assert words["part_px"] == "real [batch, part] in GeV"
    assert words["output"] == "real [batch, cls]: QCD, Tbqq"
    assert "up to 128 an event" in model.doc_string


def test_it_is_verified_and_inspected(tagger: Path, tmp_path: Path) -> None:
    done = hepqc("verify", tagger)
    assert done.exit_code == 0
    assert "permute(part)" in done.output
    assert "agrees with the reference" in done.output
    described = hepqc("inspect", tagger).output
    assert "ONNX opset 13" in described
    assert "TVM" not in described
    assert hepqc("inspect", tagger, "--source").output == (EXAMPLES / "tagger.hepq").read_text()
    assert json.loads(hepqc("inspect", tagger, "--json").output)["counts"] == {"part": "n_part"}
    model = onnx.load(tagger)
    bias = next(t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT and list(t.dims) == [2])
    moved = onnx.numpy_helper.to_array(bias) + np.array([0.01, 0], np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(moved, bias.name))
    onnx.save(model, tmp_path / "changed.onnx")
    assert "HQ0822" in hepqc("verify", tmp_path / "changed.onnx").output
    unread = tagger.read_bytes().replace(b'"name":"Tagger"', b'"name":"T\xc2gger"')
    (tmp_path / "changed.onnx").write_bytes(unread)
    assert "HQ0822" in hepqc("inspect", tmp_path / "changed.onnx").output
    model.metadata_props.remove(next(p for p in model.metadata_props if p.key == CHECKSUM))
    onnx.save(model, tmp_path / "changed.onnx")
    done = hepqc("verify", tmp_path / "changed.onnx")
    assert done.exit_code == 1
    assert "does NOT agree" in done.output


def test_it_is_among_the_targets() -> None:
    assert "onnx is a .onnx file for CMSSW, Athena, key4hep" in hepqc("targets").output


def test_a_graph_that_is_wrong_is_not_written(tagger: Path, tmp_path: Path) -> None:
    model, opened = onnx.load(tagger), OnnxModel(tagger)
    del model.metadata_props[:]
    for node in model.graph.node:
        if node.op_type == "Relu":
            node.op_type = "Neg"
    golden = Golden.from_bytes(zlib.decompress(base64.b64decode(opened.metadata[GOLDEN])))
    with pytest.raises(HepqError, match="HQ0761"):
        write(tmp_path / "wrong.onnx", Lowered(model, {"part": "n_part"}), opened.manifest, golden, "")
    assert not list(tmp_path.iterdir())


def test_files_of_others_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "odd.onnx").write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match="HQ0820"):
        OnnxModel(tmp_path / "odd.onnx")
    with pytest.raises(ArtifactError, match="HQ0801"):
        OnnxModel(tmp_path / "none.onnx")
    with pytest.raises(ArtifactError, match="was not made by hepq"):
        OnnxModel(networks.tagger(tmp_path / "theirs.onnx"))


PROGRAM = "model M(x: real[3]) -> real = sum(x, over=3)\n"


def test_missing_packages_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "m.hepq"
    source.write_text(PROGRAM)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(DataError, match=r"pip install 'hepq\[onnx\]'"):
        compile_file(source, tmp_path / "m.onnx", Options(target="onnx"))
    assert not (tmp_path / "m.onnx").exists()


def test_without_onnxruntime_it_is_written_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "m.hepq"
    source.write_text(PROGRAM)
    monkeypatch.setattr("hepq.compiler.backends.onnx.find_spec", lambda name: None)
    done = hepqc("compile", source, "--target", "onnx")
    assert done.exit_code == 0
    assert "not run: onnxruntime is not installed" in done.output
    assert OnnxModel(tmp_path / "m.onnx").verify().ok


@pytest.mark.parametrize(("target", "out"), [("cpu", "m.onnx"), ("onnx", "m.hepqx")])
def test_a_name_that_says_something_else_is_refused(target: str, out: str, tmp_path: Path) -> None:
    source = tmp_path / "m.hepq"
    source.write_text(PROGRAM)
    done = hepqc("compile", source, "--target", target, "-o", tmp_path / out)
    assert done.exit_code == 1
    assert "HQ0817" in done.output
    assert not (tmp_path / out).exists()
