# SPDX-License-Identifier: Apache-2.0
"""Programs to train, on the photons and jets of `examples/qsvm`."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EVENTS = ROOT / "examples/qsvm/train.root"

DATA = """
from std.nn import Dense, Dropout, BatchNorm, softmax
from std.losses import bce, cross_entropy, mse

dim obs = 3
dim latent = 2
dim cls = [qqyy, ZH]

dataset Events {
  source events = root("train.root", tree="tree")
  branch photon1_energy, photon2_energy, jet1_energy: GeV
  input x = stack(photon1_energy / 50 GeV, photon2_energy / 50 GeV, jet1_energy / 50 GeV, dim=obs)
  label truth: cls = "label_*"
}

"""
TAG = """
model Tag(x: real[obs]) -> real[cls] {
  h = x - 1 |> Dense[8, name="body"] |> tanh
  return h |> Dense[cls, name="head"] |> softmax
}
"""
GAN = """
model Generator(z: real[latent]) -> real[obs] = z |> Dense[8] |> relu |> Dense[obs]

block Critic(x: real[obs]) -> real = (x |> Dense[8] |> relu |> Dropout[0.1] |> Dense[1] |> sigmoid)[0]

train Gan {
  generator = Generator
  critic = Critic
  noise z: real[latent] ~ normal()
  fake = generator(z)

  step critic {
    loss = bce(critic(x), 1) + bce(critic(fake), 0)
    optimiser = adam(lr=1e-3, beta1=0.5)
  }

  step generator {
    loss = bce(critic(fake), 1)
  }
}
"""


def written(folder: Path, *parts: str) -> Path:
    """A program of ``DATA`` and ``parts``."""
    path = folder / "program.hepq"
    path.write_text(DATA + "\n".join(parts))
    return path
