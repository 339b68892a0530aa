# SPDX-License-Identifier: Apache-2.0
"""ParticleNet with fusion is weaver-core's own, with random weights through the checkpoint table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.taggers import weaver
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.interpret import run
from hepq.compiler.schema.events import read_inputs
from hepq.compiler.weights.files import import_checkpoint
from tests.support.tvm_call import Compiled

theirs = pytest.importorskip("weaver.nn.model.ParticleNet", reason="weaver-core is not installed")
PROGRAM = """
from std.particlenet import ParticleNet
dim part <= 32
dim xy = 2
dim feat = 5
dim cls = 3
model Fused[fusion: int = 128](pos: real[part, xy], x: real[part, feat]) -> real[cls] =
  ParticleNet[cls, k=4, convs=[[8, 8, 8], [12, 12, 12]], hidden=[16], fusion=fusion, name="mod"](pos, x)
"""


@pytest.mark.parametrize("fused", [True, False])
def test_with_and_without_fusion(fused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.hepq").write_text(PROGRAM)
    torch.manual_seed(3)
    network = theirs.ParticleNet(5, 3, [(4, (8, 8, 8)), (4, (12, 12, 12))], [(16, 0.1)], use_fusion=fused, trim=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(module, name).data.uniform_(0.5, 1.5)
    torch.save({f"mod.{name}": value for name, value in network.state_dict().items()}, tmp_path / "w.pt")
    one = build_file(tmp_path / "p.hepq", Options(statics={} if fused else {"fusion": 0}))
    imported = import_checkpoint(one, tmp_path / "w.pt")
    assert set(imported.weights) == set(one.module.params)
    assert all(name.endswith("num_batches_tracked") for name in imported.ignored)
    monkeypatch.setattr(theirs, "knn", weaver.exact_search)
    rng = np.random.default_rng(1)
    events = [{"pos": rng.normal(size=(n, 2)), "x": rng.normal(size=(n, 5))} for n in (5, 9, 17)]
    exact = run(read_inputs(one.module), events, {k: v.astype(np.float64) for k, v in imported.weights.items()})
    compiled = Compiled(read_inputs(one.module), imported.weights)(events)
    for event, ours, fast in zip(events, exact["output"], compiled["output"], strict=True):
        points, features = (torch.tensor(event[name]).T[None] for name in ("pos", "x"))
        with torch.no_grad():
            logits = network.eval().double()(points, features, torch.ones(1, 1, len(event["x"]), dtype=torch.bool))
        np.testing.assert_allclose(ours, logits.softmax(-1)[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(fast, ours, rtol=0, atol=1e-5)
