# SPDX-License-Identifier: Apache-2.0
"""From a file to scores: what the artifact computes is what the program means, however it is called."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import build_file, compile_file, model_weights
from hepq.compiler.driver.options import Options
from hepq.compiler.golden.vectors import reference
from hepq.compiler.schema.events import read_inputs
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import Artifact, write
from hepq.runtime.events.columns import collect
from hepq.runtime.model import Model

JETS = Path(__file__).parents[2] / "examples" / "data" / "test.root"
PROGRAM = """
from std.nn import BatchNorm, Dense, EdgeConv, relu, softmax

dim part <= {bound}
dim xy = 2
dim cls = [QCD, Tbqq]

dataset Jets {{
  source jets = root("{files}", tree="tree")
  branch part_px, part_py, part_pz, part_energy: GeV[part]
  branch part_deta, part_dphi: rad[part]
  branch jet_pt: GeV
  {order}
  p = p4(px=part_px, py=part_py, pz=part_pz, energy=part_energy)
  input pos = stack(part_deta, part_dphi, dim=xy)
  input x = stack(log(p.pt / 1 GeV), log(p.pt / jet_pt), p.eta)
  label y: cls = "label_*"
}}

@invariant(permute(part))
model Tagger(pos: real[part, xy], x: real[part, 3]) -> real[cls] {{
  h = EdgeConv[[8, 8]](x |> BatchNorm, knn[4, short="zero"](pos, over=part))
  return mean(h, over=part) |> Dense[8] |> relu |> Dense[cls] |> softmax
}}
"""


def compiled(folder: Path, bound: int, order: str = "order part by p.pt desc") -> Path:
    text = PROGRAM.format(bound=bound, files=JETS, order="")
    text = text.replace("  input pos", f"  {order}\n  input pos", 1)
    source = folder / f"tagger{bound}.hepq"
    source.write_text(text)
    out = folder / f"tagger{bound}.hepqx"
    compile_file(source, out, Options(init=3, verify_each=True))
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture(scope="module")
def tagger(folder: Path) -> Model:
    return hepq.load(compiled(folder, 128), threads=1)


@pytest.fixture(scope="module")
def jets() -> ak.Array:
    return uproot.open(JETS)["tree"].arrays(entry_stop=300)


def scores(model: Model, events: ak.Array) -> np.ndarray:
    return np.asarray(model(events)["Tbqq"])


def test_scores_are_the_interpreters(tagger: Model, jets: ak.Array, folder: Path) -> None:
    built = build_file(folder / "tagger128.hepq")
    module = read_inputs(built.module)
    raw = collect(tagger.manifest, jets[:100])
    wanted = reference(module, model_weights(built.module, Options(init=3)), tagger.manifest, raw, np.float64)
    np.testing.assert_allclose(scores(tagger, jets[:100]), wanted["output"][:, 1], rtol=0, atol=1e-5)


def test_golden_vectors_replay(tagger: Model) -> None:
    report = tagger.verify()
    assert report.ok
    assert report.events > 0
    assert {c.check for c in report.checks} == {"golden", "permute(part)"}


def test_a_larger_bound_changes_no_score_of_a_jet_that_fits(tagger: Model, jets: ak.Array, folder: Path) -> None:
    small, large = (hepq.load(compiled(folder, bound), threads=1) for bound in (64, 200))
    fits = jets[ak.num(jets.part_px) <= 64]
    assert len(fits) > 100
    np.testing.assert_array_equal(scores(small, fits), scores(tagger, fits))
    np.testing.assert_array_equal(scores(large, fits), scores(tagger, fits))


def test_truncation_keeps_the_hardest(folder: Path, jets: ak.Array) -> None:
    model = hepq.load(compiled(folder, 20), threads=1)
    pt = np.hypot(jets.part_px, jets.part_py)
    order = ak.argsort(pt, axis=1, ascending=False, stable=True)[:, :20]
    cut = {b: jets[b][order] if b.startswith("part") else jets[b] for b in model.branches()}
    np.testing.assert_array_equal(scores(model, jets), scores(model, ak.Array(cut)))


def test_permuting_particles_changes_nothing(tagger: Model, jets: ak.Array) -> None:
    rng = np.random.default_rng(0)
    counts = ak.num(jets.part_px)
    order = ak.argsort(ak.unflatten(rng.random(int(ak.sum(counts))), counts), axis=1)
    shuffled = ak.Array({b: jets[b][order] if b.startswith("part") else jets[b] for b in tagger.branches()})
    np.testing.assert_allclose(scores(tagger, shuffled), scores(tagger, jets), rtol=0, atol=1e-6)


def test_one_at_a_time_equals_all_at_once(tagger: Model, jets: ak.Array) -> None:
    alone = np.concatenate([scores(tagger, jets[i : i + 1]) for i in range(40)])
    np.testing.assert_array_equal(alone, scores(tagger, jets)[:40])


def test_eight_threads_equal_one(tagger: Model, jets: ak.Array, folder: Path) -> None:
    wanted = scores(tagger, jets)
    many = hepq.load(folder / "tagger128.hepqx", threads=8)
    np.testing.assert_array_equal(scores(many, jets), wanted)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: scores(tagger, jets), range(16)):
            np.testing.assert_array_equal(found, wanted)


def test_files_and_arrays_give_the_same_scores(tagger: Model, jets: ak.Array) -> None:
    np.testing.assert_array_equal(ak.to_numpy(tagger(str(JETS))["Tbqq"])[:300], scores(tagger, jets))


def test_rebuilding_leaves_the_code_alone(tagger: Model, jets: ak.Array, folder: Path, tmp_path: Path) -> None:
    """The code of this file would end the process, or not load: it is compiled anew from program and weights."""
    held = Artifact.open(folder / "tagger128.hepqx")
    junk = b"\x7fELF" + held.library[4:64] + b"\xcc" * 4096
    write(tmp_path / "junk.hepqx", held.manifest, {**held.members, "code/cpu.so": junk})
    with pytest.raises(ArtifactError, match="HQ0827"):
        hepq.load(tmp_path / "junk.hepqx")
    rebuilt = hepq.load(tmp_path / "junk.hepqx", threads=1, rebuild=True)
    np.testing.assert_array_equal(scores(rebuilt, jets), scores(tagger, jets))
    assert rebuilt.verify().ok
    wrong = held.members["weights.safetensors"][:-4] + b"\0\0\xc0\x7f"
    write(tmp_path / "nan.hepqx", held.manifest, {**held.members, "weights.safetensors": wrong})
    with pytest.raises(HepqError, match="HQ0706"):
        hepq.load(tmp_path / "nan.hepqx", rebuild=True)


def test_nothing_is_written_without_weights(tmp_path: Path) -> None:
    source = tmp_path / "t.hepq"
    source.write_text(PROGRAM.format(bound=8, files="none.root", order=""))
    with pytest.raises(HepqError, match="HQ0711"):
        compile_file(source, tmp_path / "t.hepqx")
    assert [p.name for p in tmp_path.iterdir()] == ["t.hepq"]


def test_an_unknown_target_is_a_diagnostic(tmp_path: Path) -> None:
    source = tmp_path / "t.hepq"
    source.write_text(PROGRAM.format(bound=8, files="none.root", order=""))
    with pytest.raises(HepqError, match="HQ0708"):
        compile_file(source, tmp_path / "t.hepqx", Options(target="cpu:z80", init=0))
