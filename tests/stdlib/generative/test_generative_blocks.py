# SPDX-License-Identifier: Apache-2.0
"""What std.vae, gan, vq and diffusion compute, against formulas of their papers written in NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.interpret import run
from hepq.compiler.lower.torch.module import to_torch
from hepq.compiler.weights.initialise import initial_weights
from tests.support.tvm_call import Compiled

Array = np.ndarray[Any, Any]

PROGRAM = """
from std.vae import negative_elbo, reparameterise
from std.vq import CodePrior, code_loss, draw, look_up, nearest, quantisation_loss, quantise
from std.diffusion import cosine_schedule, denoised, diffused, linear_schedule, time_embedding

dim feat = 5
dim latent = 3
dim code = 6
dim node = 7
dim glob = 1

model Elbo(
  x: real[feat], y: real[feat], s: real[feat], m: real[latent], v: real[latent], z: real[latent],
) = (negative_elbo(x, y, s, m, v), reparameterise(m, v, z))

model Nearest(z: real[node, latent], b: real[code, latent]) =
  (nearest(z, b), look_up(nearest(z, b), b), quantisation_loss(z, b, 0.25), quantise(z, b))

model Draw(logits: real[code], u: real) -> real[code] = draw(logits, u)

model Prior(c: real[node, code], g: real[glob]) -> real[node, code] = CodePrior[8, 2, 3](c, g)

model Schedules(t: real) = (linear_schedule[50](t), cosine_schedule[50](t), time_embedding[6](t))

model Back(x: real[feat], e: real[feat], n: real[feat], t: real) =
  denoised[linear_schedule[50], bound=1e6](x, e, t, n)
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blocks") / "blocks.hepq"
    path.write_text(PROGRAM)
    return path


def computed(program: Path, model: str, **inputs: Any) -> list[Array]:
    module = build_file(program, Options(model=model)).module
    given = [{k: np.asarray(v, np.float64) for k, v in inputs.items()}]
    return [value[0] for value in run(module, given, initial_weights(module)).values()]


def test_elbo_is_that_of_normal_distributions(program: Path) -> None:
    rng = np.random.default_rng(0)
    x, y, m, v, z = (rng.normal(size=n) for n in (5, 5, 3, 3, 3))
    s = np.exp(rng.normal(size=5))
    loss, drawn = computed(program, "Elbo", x=x, y=y, s=s, m=m, v=v, z=z)
    np.testing.assert_allclose(drawn, norm.ppf(norm.cdf(z), m, np.exp(v / 2)))
    posterior = torch.distributions.Normal(torch.tensor(m), torch.tensor(np.exp(v / 2)))
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum().item()
    wanted = kl - multivariate_normal(y, np.diag(s**2)).logpdf(x) - 2.5 * np.log(2 * np.pi)
    assert loss == pytest.approx(wanted, rel=1e-9)


def test_nearest_codes_and_their_losses(program: Path) -> None:
    rng = np.random.default_rng(1)
    z, b = rng.normal(size=(7, 3)), rng.normal(size=(6, 3))
    b[4] = b[1]  # always as near
    z[0] = b[4]
    codes, vectors, loss, straight = computed(program, "Nearest", z=z, b=b)
    distance = ((z[:, None] - b) ** 2).sum(-1)
    which = distance.round(12).argmin(axis=1)  # of equal ones, numpy too gives the first
    assert (codes == np.eye(6)[which]).all()
    assert which[0] == 1
    np.testing.assert_allclose(vectors, b[which])
    np.testing.assert_allclose(straight, b[which])
    np.testing.assert_allclose(loss, 1.25 * distance.min(axis=1) / 3)


def test_compiled_code_chooses_one_code(program: Path) -> None:
    module = build_file(program, Options(model="Nearest")).module
    rng = np.random.default_rng(2)
    events = [{"z": rng.normal(size=(7, 3)), "b": rng.normal(size=(6, 3))} for _ in range(50)]
    codes = np.array(Compiled(module, {})(events)["output0"])
    assert (codes.sum(axis=2) == 1).all()
    assert (codes == np.array(run(module, events, {})["output0"])).all()


def test_derivatives_pass_the_choice_of_a_code(program: Path) -> None:
    module = build_file(program, Options(model="Nearest")).module
    z = torch.randn((1, 7, 3), dtype=torch.float64, requires_grad=True)
    b = torch.randn((1, 6, 3), dtype=torch.float64, requires_grad=True)
    found = to_torch(module, {})({"z": z, "b": b}, {})
    (straight,) = torch.autograd.grad(found["output3"].sum(), z, retain_graph=True)
    assert (straight == 1).all()
    to_z, to_b = torch.autograd.grad(found["output2"].sum(), (z, b))
    codes, gap = found["output0"], (z - found["output1"]).detach()
    torch.testing.assert_close(to_z, 0.25 * 2 * gap / 3)
    torch.testing.assert_close(to_b, -2 / 3 * codes.transpose(1, 2) @ gap)


def test_codes_are_drawn_as_often_as_they_should(program: Path) -> None:
    p = np.array([0.1, 0.0, 0.4, 0.2, 0.3, 0.0])
    logits = np.log(p, where=p > 0, out=np.full(6, -50.0))
    module = build_file(program, Options(model="Draw")).module
    u = (np.arange(1000) + 0.5) / 1000
    drawn = np.array(run(module, [{"logits": logits, "u": np.array(v)} for v in u], {})["output"])
    assert (drawn.sum(axis=1) == 1).all()
    np.testing.assert_allclose(drawn.mean(axis=0), [0.1, 0, 0.4, 0.2, 0.3, 0], atol=0.002)
    (last,) = computed(program, "Draw", logits=logits, u=1.0)
    assert last.sum() == 1


def test_the_prior_sees_only_codes_before(program: Path) -> None:
    rng = np.random.default_rng(3)
    c, g = rng.normal(size=(7, 6)), rng.normal(size=1)
    (before,) = computed(program, "Prior", c=c, g=g)
    for i in range(7):
        changed = c.copy()
        changed[i] += 1
        (after,) = computed(program, "Prior", c=changed, g=g)
        moved = np.abs(after - before).max(axis=1) > 1e-12
        assert not moved[: i + 1].any()
        assert i == 6 or moved[i + 1 :].any()


def test_schedules_and_steps_are_those_of_the_papers(program: Path) -> None:
    betas = np.linspace(0.1 / 50, 20 / 50, 50)
    left = np.cumprod(1 - betas)
    rng = np.random.default_rng(4)
    for t in (0, 1, 20, 49):
        linear, cosine, _ = computed(program, "Schedules", t=t)
        assert linear == pytest.approx(left[t])
        f = [np.cos((s / 50 + 0.008) / 1.008 * np.pi / 2) ** 2 for s in (0, t + 1)]
        assert cosine == pytest.approx(max(f[1] / f[0], 1e-5))
        x, e, n = rng.normal(size=(3, 5))
        (found,) = computed(program, "Back", x=x, e=e, n=n, t=t)
        mean = (x - betas[t] / np.sqrt(1 - left[t]) * e) / np.sqrt(1 - betas[t])
        variance = betas[t] * (1 - left[t - 1]) / (1 - left[t]) if t else 0.0
        np.testing.assert_allclose(found, mean + np.sqrt(variance) * n, atol=1e-9)
    _, _, wave = computed(program, "Schedules", t=3)
    angles = 3 * 1e4 ** (-np.arange(3) / 3)
    np.testing.assert_allclose(wave, np.concatenate([np.sin(angles), np.cos(angles)]))
