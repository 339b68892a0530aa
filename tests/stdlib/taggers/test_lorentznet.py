# SPDX-License-Identifier: Apache-2.0
"""LorentzNet is what the paper and the published code say, with random weights and with the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import torch

import hepq
from benchmarks.shared import data
from benchmarks.shared.stdlib_programs import event_of, module_of, moved_weights
from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.build import Built
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.schema.events import read_inputs
from hepq.compiler.weights.files import import_checkpoint
from hepq.runtime.events import lorentz
from hepq.runtime.report.metrics import auc
from tests.stdlib.taggers import lorentznet_reference as theirs
from tests.support.tvm_call import Compiled

PROGRAM = Path(__file__).with_name("lorentznet_top.hepq")
CHECKPOINT = data.SHARED / "weights/LorentzNet_top_best-val-model.pt"
published = pytest.mark.skipif(not CHECKPOINT.exists(), reason="../shared/data is not here")
Array = np.ndarray[Any, Any]


def built(**options: Any) -> Built:
    return build_file(PROGRAM, Options(**options))


def trained_weights(module: Module) -> int:
    trained = [n for n in module.params.values() if n["trainable"]]
    return sum(int(np.prod([d.size or 0 for d in n.type.dims])) for n in trained)


def momenta(event: Mapping[str, Array]) -> torch.Tensor:
    p = np.stack([np.asarray(event[k], np.float64) for k in ("px", "py", "pz")], axis=-1)
    return torch.tensor(np.concatenate([p, np.linalg.norm(p, axis=-1, keepdims=True)], axis=-1))


def random_state(path: Path, scalars: int = 2) -> dict[str, torch.Tensor]:
    """A state_dict with the published names and shapes, of nodes with so many scalars, saved at ``path``."""
    shapes: dict[str, tuple[int, ...]] = {"embedding": (72, scalars), "graph_dec.0": (72, 72), "graph_dec.3": (2, 72)}
    for i in range(6):
        at = f"LGEBs.{i}"
        shapes |= {f"{at}.phi_e.0": (72, 146), f"{at}.phi_e.1": (72,), f"{at}.phi_e.3": (72, 72)}
        shapes |= {f"{at}.phi_h.0": (72, 144 + scalars), f"{at}.phi_h.1": (72,), f"{at}.phi_h.3": (72, 72)}
        shapes |= {f"{at}.phi_m.0": (1, 72)}
        shapes |= {f"{at}.phi_x.0": (72, 72), f"{at}.phi_x.2": (1, 72)} if i < 5 else {}
    random, state = torch.Generator().manual_seed(0), {}
    for name, shape in shapes.items():
        normal = torch.randn(shape, generator=random)
        state[f"{name}.weight"] = normal / shape[-1] ** 0.5 if len(shape) > 1 else 1 + 0.2 * normal
        if not name.endswith(("phi_e.0", "phi_x.2")):
            state[f"{name}.bias"] = 0.2 * torch.randn(shape[0], generator=random)
        if len(shape) == 1:
            state[f"{name}.running_mean"] = torch.randn(shape, generator=random)
            state[f"{name}.running_var"] = 1 + torch.rand(shape, generator=random)
    torch.save(state, path)
    return {name: value.double() for name, value in state.items()}


def test_weights_are_as_many_as_the_published_code_has() -> None:
    assert trained_weights(built().module) == 224_072


@pytest.mark.parametrize(("nodes", "particles"), [(None, 12), (None, 1), (40, 7)])
def test_outputs_are_those_of_another_implementation(tmp_path: Path, nodes: int | None, particles: int) -> None:
    state = random_state(tmp_path / "state.pt")
    one = built(statics={"nodes": nodes or 0})
    weights = import_checkpoint(one, tmp_path / "state.pt").weights
    rng = np.random.default_rng(1)
    # momenta large enough for components of p - q times phi_x to pass 100 GeV
    event = {k: rng.normal(0, 300, particles) for k in ("px", "py", "pz")}
    wanted = theirs.probabilities(state, momenta(event), nodes)
    ours = run(read_inputs(one.module), [event], {k: v.astype(np.float64) for k, v in weights.items()})["output"][0]
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("nodes", "particles"), [(None, 12), (None, 1), (40, 7)])
def test_without_beams(tmp_path: Path, nodes: int | None, particles: int) -> None:
    """As the authors' network for quarks and gluons: eight scalars, and momenta that change a fifth as much."""
    one = build_file(PROGRAM.with_name("lorentznet_qg.hepq"), Options(statics={"nodes": nodes or 0}))
    assert trained_weights(one.module) == 227_096
    state = random_state(tmp_path / "state.pt", scalars=8)
    imported = import_checkpoint(one, tmp_path / "state.pt")
    assert set(imported.weights) == set(one.module.params)
    rng = np.random.default_rng(4)
    p, x = rng.normal(0, 300, (particles, 4)), rng.normal(0, 2, (particles, 8))
    wanted = theirs.of_nodes(state, torch.tensor(p), torch.tensor(x), nodes, c=1e-3)
    weights = {k: v.astype(np.float64) for k, v in imported.weights.items()}
    ours = run(read_inputs(one.module), [{"p": p, "x": x}], weights)["output"][0]
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12)


def test_without_beams_every_boost_changes_nothing() -> None:
    module = module_of("lorentznet", "FreeLorentzNet")
    rng = np.random.default_rng(5)
    weights, event = moved_weights(module, rng), event_of(module, 7, rng)
    matrices = lorentz.transformations(4, rng)
    first, *others = run(module, [event, *(event | {"p": event["p"] @ m.T} for m in matrices)], weights)["output"]
    assert max(np.abs(value - first).max() for value in others) < 1e-9
    moved = run(module, [event | {"p": 1.1 * event["p"]}], weights)["output"][0]
    assert np.abs(moved - first).max() > 1e-6


@pytest.mark.parametrize("model", ["LorentzNet", "FreeLorentzNet"])
def test_compiled_code_is_within_rounding(model: str) -> None:
    module = module_of("lorentznet", model)
    rng = np.random.default_rng(2)
    weights = moved_weights(module, rng)
    events = [event_of(module, n, rng) for n in (0, 1, 2, 9, 30)]
    wanted = run(module, events, weights)["output"]
    ours = Compiled(module, weights)(events)["output"]
    np.testing.assert_allclose(np.stack(ours), np.stack(wanted), rtol=0, atol=1e-5)


def _jets(label: str, count: int) -> list[dict[str, Array]]:
    jets = data.jets(label, 4 * count)
    jets = jets[jets.jet_pt > 550][:count]
    return [{k: ak.to_numpy(jet[f"part_{k}"]).astype(np.float64) for k in ("px", "py", "pz")} for jet in jets]


@published
@pytest.mark.parametrize(("label", "nodes"), [("QCD", 0), ("Tbqq", 0), ("Tbqq", 130)])
def test_published_weights_give_the_published_outputs(label: str, nodes: int) -> None:
    one = built(statics={"nodes": nodes})
    imported = import_checkpoint(one, CHECKPOINT)
    assert set(imported.weights) == set(one.module.params)
    assert all(name.endswith("num_batches_tracked") for name in imported.ignored)
    events, state = _jets(label, 3), theirs.published(CHECKPOINT)
    ours = run(read_inputs(one.module), events, imported.weights)["output"]
    for event, value in zip(events, ours, strict=True):
        np.testing.assert_allclose(value, theirs.probabilities(state, momenta(event), nodes or None), rtol=0, atol=1e-9)


@published
def test_published_weights_tell_top_from_qcd() -> None:
    one = built(statics={"nodes": 130})
    weights = import_checkpoint(one, CHECKPOINT).weights
    module = read_inputs(one.module)
    scores, truth = [], []
    network = to_torch(module, weights).eval()
    for label in ("QCD", "Tbqq"):
        for event in _jets(label, 15):
            with torch.no_grad():
                scores.append(float(network(*pad_events([event], module))["output"][0, 1]))
            truth.append(label == "Tbqq")
    assert auc(np.array(scores), np.array(truth)) > 0.95


ALL = """
from std.lorentznet import LorentzNet
dim part <= 16
dim side = 2
dim feat = 1
dim cls = 2
@invariant(permute(part), lorentz)
model All(p: p4[part], x: real[part, feat], beam: p4[side]) -> real[cls] =
  LorentzNet[cls, blocks=2, hidden=8](p, x, beam)
"""


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    (tmp_path / "all.hepq").write_text(ALL)
    return tmp_path / "all.hepq"


def test_invariant_as_a_function_of_all_four_vectors(everything: Path) -> None:
    module = build_file(everything).module
    rng = np.random.default_rng(3)
    weights, event = moved_weights(module, rng), event_of(module, 9, rng)
    event["beam"] = theirs.BEAMS.numpy()
    (matrix,) = lorentz.transformations(1, rng)
    cos, sin = np.cos(1.0), np.sin(1.0)
    turn = np.eye(4)
    turn[:2, :2] = [[cos, -sin], [sin, cos]]
    along = np.eye(4)
    along[2:, 2:] = np.array([[1, -0.3], [-0.3, 1]]) / np.sqrt(1 - 0.3**2)
    together = {"p": event["p"] @ matrix.T, "beam": event["beam"] @ matrix.T}
    particles = [{"p": event["p"] @ m.T} for m in (turn, np.diag([-1, 1, 1, 1]), np.diag([1, 1, -1, 1]), along, matrix)]
    first, *others = run(module, [event, event | together, *(event | p for p in particles)], weights)["output"]
    apart = [np.abs(value - first).max() for value in others]
    assert max(apart[:4]) < 1e-9, "all moved; and particles alone turned about z, reflected in x, in z"
    assert min(apart[4:]) > 1e-6, "particles alone boosted along z, or anyhow"


def test_verify_boosts_particles_and_beams(everything: Path) -> None:
    compile_file(everything, everything.with_suffix(".hepqx"), Options(init=1))
    found = hepq.load(everything.with_suffix(".hepqx"), threads=1).verify()
    assert found.ok
    assert not found.untested
    assert [c.check for c in found.checks] == ["golden", "permute(part)", "lorentz"]
