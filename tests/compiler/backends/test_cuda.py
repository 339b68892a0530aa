# SPDX-License-Identifier: Apache-2.0
"""Artifacts with code for GPUs, made, loaded and run on a driver without a GPU."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import awkward as ak
import numpy as np
import pytest
import uproot
from typer.testing import CliRunner

import hepq
from benchmarks.robustness.hostile_forge import members, packed
from hepq.cli import app
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.cuda import nvrtc
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.artifact.artifact import Artifact, hashed
from hepq.runtime.engine.cuda import driver
from hepq.runtime.imports import optional
from tests.support.cuda.cuda_call import fake_gpu
from tests.support.cuda.shim import Fake, cubin

ROOT = Path(__file__).resolve().parents[3]
EVENTS = 25


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    """The driver and the assembler are the tests' own."""
    made = patch.object(nvrtc, "assemble", lambda source, wanted: {"sm_90": cubin(source)})
    with fake_gpu(), made, patch.object(nvrtc, "installed", lambda: "0"):
        yield
    Fake().set("capability", 90)
    Fake().set("devices", 1)


def compiled(path: Path, target: str = "cuda") -> Any:
    options = Options(target=target, weights=ROOT / "examples/tagger.safetensors", golden_events=4)
    return compile_file(ROOT / "examples/tagger.hepq", path, options)


@pytest.fixture(scope="module", name="tagger")
def _tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cuda") / "tagger.hepqx"
    with (
        fake_gpu(), patch.object(nvrtc, "installed", lambda: "0"),
        patch.object(nvrtc, "assemble", lambda source, wanted: {"sm_90": cubin(source)}),
    ):  # fmt: skip
        report = compiled(path)
    assert report.replay.ran
    assert not report.replay.note
    return path


@pytest.fixture(scope="module", name="jets")
def _jets(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of a few."""
    path = tmp_path_factory.mktemp("jets") / "jets.parquet"
    with uproot.open(ROOT / "examples/data/test.root") as file:
        ak.to_parquet(file["tree"].arrays(entry_stop=EVENTS), path)
    return str(path)


def refusal(path: Path, device: Any = "cuda", **more: Any) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        hepq.load(path, device=device, **more)
    return caught.value


def test_scores_are_those_of_the_cpu(tagger: Path, jets: str) -> None:
    before = Fake().get("launches")
    on_cpu, on_gpu = (hepq.load(tagger, 1, device=d).score(jets)[0]["output"] for d in ("cpu", "cuda"))
    assert Fake().get("launches") > before
    for name in on_cpu.fields:
        np.testing.assert_allclose(on_gpu[name], on_cpu[name], 1e-5, 1e-5)


def test_auto_takes_the_gpu_and_says_why_not(tagger: Path, jets: str, tmp_path: Path) -> None:
    assert hepq.load(tagger, device="auto").device.name == "cuda"
    Fake().set("devices", 0)
    found = hepq.load(tagger, device="auto").device
    assert (found.name, found.why) == ("cpu", "NVIDIA's driver is here, but shows no GPU")
    done = CliRunner().invoke(
        app, ["predict", str(tagger), jets, "-o", str(tmp_path / "scores.root"), "--device", "auto"]
    )
    assert done.exit_code == 0, done.output
    assert "on the CPU: NVIDIA's driver is here, but shows no GPU" in done.output
    assert refusal(tagger).code == "HQ0846"


def test_auto_goes_on_where_the_driver_refuses_the_code(tagger: Path, tmp_path: Path) -> None:
    held = members(tagger)
    manifest = json.loads(held.pop("manifest.json"))
    held["code/sm_90.cubin"] = b"of a newer driver"
    manifest["members"] = dict(hashed(Artifact.open(tagger).manifest, held).members)
    newer = tmp_path / "newer.hepqx"
    newer.write_bytes(packed(json.dumps(manifest).encode(), held))
    assert refusal(newer).code == "HQ0847"
    found = hepq.load(newer, device="auto")
    assert found.device.name == "cpu"
    assert "image is invalid" in found.device.why
    assert found.verify().ok


def test_commands_run_on_the_gpu(tagger: Path, jets: str, tmp_path: Path) -> None:
    before, out = Fake().get("launches"), tmp_path / "scores.root"
    done = CliRunner().invoke(app, ["predict", str(tagger), jets, "-o", str(out), "--device", "cuda"])
    assert done.exit_code == 0, done.output
    first = Fake().get("launches")
    assert first > before
    with uproot.open(out) as file:
        assert file["tree"].num_entries == EVENTS
    done = CliRunner().invoke(app, ["verify", str(tagger), "--device", "cuda"])
    assert done.exit_code == 0, done.output
    assert Fake().get("launches") > first
    said = CliRunner().invoke(app, ["inspect", str(tagger)]).output
    assert "GPUs (sm_90)" in " ".join(said.split())


def test_an_artifact_for_cpus_has_none(tmp_path: Path) -> None:
    compiled(tmp_path / "cpu.hepqx", "cpu")
    assert refusal(tmp_path / "cpu.hepqx").code == "HQ0848"
    assert hepq.load(tmp_path / "cpu.hepqx", device="auto").device.why == "it was compiled for CPUs alone"


def test_a_gpu_of_another_generation_is_refused(tagger: Path) -> None:
    Fake().set("capability", 86)
    assert "sm_86; the artifact has code for sm_90" in refusal(tagger).why


def test_it_is_rebuilt_for_the_gpu(tagger: Path) -> None:
    held = hepq.load(tagger, device="cuda", rebuild=True)
    assert held.device.name == "cuda"
    assert held.verify().ok
    assert hepq.load(tagger, rebuild=True).manifest.gpu is None


def test_without_a_gpu_it_is_made_and_said_not_to_have_run(tmp_path: Path) -> None:
    Fake().set("devices", 0)
    report = compiled(tmp_path / "made.hepqx")
    assert report.replay.ran
    assert "code for GPUs not replayed" in report.replay.note
    Fake().set("devices", 1)
    assert hepq.load(tmp_path / "made.hepqx", device="cuda").verify().ok


def test_code_that_differs_is_not_written(tmp_path: Path) -> None:
    def wrong(source: str, wanted: Any) -> dict[str, bytes]:
        return {"sm_90": cubin(source.replace("fmaf(", "fminf(0.5f, ", 1).replace("fminf(0.5f, ", "fmaf(2.0f * ", 1))}

    with patch.object(nvrtc, "assemble", wrong), pytest.raises(HepqError) as caught:
        compiled(tmp_path / "wrong.hepqx")
    assert [d.code for d in caught.value.diagnostics] == ["HQ0765"]
    assert not (tmp_path / "wrong.hepqx").exists()


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "code", "why"),
    [
        (lambda t: t["memory"][0].update(bytes=4), "HQ0890", "launch table is not the one"),
        (lambda t: t["launches"].pop(), "HQ0890", "launch table is not the one"),
        (lambda t: t["launches"][0]["arguments"].reverse(), "HQ0890", "launch table is not the one"),
        (lambda t: t["inputs"][0].update(width=77), "HQ0890", "inputs"),
        (lambda t: t["outputs"][0].update(name="score"), "HQ0890", "outputs"),
        (lambda t: t.update(dims=[["part", 4]]), "HQ0890", "ragged dims"),
        (lambda t: t.update(packed=1), "HQ0890", "packed weights"),
        (lambda t: t["launches"][0].update(width=0), "HQ0896", "greater than or equal to 1"),
        (lambda t: t.clear(), "HQ0896", "Field required"),
    ],
)  # fmt: skip
def test_a_forged_launch_table_is_refused(tagger: Path, tmp_path: Path, change: Change, code: str, why: str) -> None:
    held = members(tagger)
    manifest = json.loads(held.pop("manifest.json"))
    table = json.loads(held["code/gpu.json"])
    change(table)
    held["code/gpu.json"] = json.dumps(table).encode()
    manifest["members"] = dict(hashed(Artifact.open(tagger).manifest, held).members)
    forged = tmp_path / "forged.hepqx"
    forged.write_bytes(packed(json.dumps(manifest).encode(), held))
    error = refusal(forged)
    assert error.code == code
    assert why in error.why
    assert hepq.load(forged).verify().ok  # on the CPU nothing of it is used


def test_a_changed_image_is_refused(tagger: Path, tmp_path: Path) -> None:
    held = members(tagger)
    text = held.pop("manifest.json")
    changed = tmp_path / "changed.hepqx"
    changed.write_bytes(packed(text, {**held, "code/sm_90.cubin": held["code/sm_90.cubin"] + b" "}))
    assert refusal(changed).code == "HQ0822"


def test_what_cannot_be_made_is_refused(tmp_path: Path) -> None:
    for target, code in (("cuda:sm_70", "HQ0708"), ("cuda:90", "HQ0708")):
        with pytest.raises(HepqError) as caught:
            compiled(tmp_path / "none.hepqx", target)
        assert [d.code for d in caught.value.diagnostics] == [code]
    program = str(ROOT / "examples/qsvm/zh.hepq")
    done = CliRunner().invoke(app, ["compile", program, "--init", "0", "--dim", "sv=5", "--target", "cuda"])
    assert "HQ0709" in done.output


def test_without_nvrtc_it_says_what_to_install(tmp_path: Path) -> None:
    def absent(module: str, extra: str) -> Any:
        return optional("nvidia.none_of_this", extra)

    nvrtc._library.cache_clear()
    with patch.object(nvrtc, "optional", absent), pytest.raises(DataError) as caught:
        nvrtc._library()
    assert caught.value.code == "HQ0871"
    assert "hepq[cuda]" in caught.value.help


def test_no_driver(tagger: Path) -> None:
    with patch.object(driver, "LIBRARY", "libnone.so.1"):
        assert "driver is not here" in refusal(tagger).why


def test_memory_of_the_gpu_goes_with_the_model(tagger: Path, jets: str) -> None:
    gc.collect()
    before = Fake().get("buffers")
    held = hepq.load(tagger, device="cuda")
    held.score(jets)
    assert Fake().get("buffers") > before
    del held
    gc.collect()
    assert Fake().get("buffers") == before


def test_threads_take_turns(tagger: Path, jets: str) -> None:
    held = hepq.load(tagger, device="cuda")
    wanted = held.score(jets)[0]["output"]
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(lambda _: held.score(jets)[0]["output"], range(6)):
            assert ak.all(found.Tbqq == wanted.Tbqq)
