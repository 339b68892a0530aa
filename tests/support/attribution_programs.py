# SPDX-License-Identifier: Apache-2.0
"""Models that are known to hang on certain inputs alone, and their events."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import uproot

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.runtime.model import Model

DATASET = """\
from std.nn import Dense

dim part <= 6
dim cls = [background, signal]

dataset Events {
  source events = root("events.root", tree="tree")
  branch a, b, c: real[part]
  branch met, other: real
  order part by a desc
  scaled = stack(a, 2 * b, c)
  input x = scaled
  input g = stack(met, other)
  label truth: cls = "is_*"
}

"""
#: the class hangs on b alone
PLANTED = """\
model Planted(x: real[part, 3], g: real[2]) -> real[cls] {
  s = sum(x[1], over=part) + 0 * (g[0] + g[1])
  return softmax(stack(-s, s, dim=cls))
}
"""
LINEAR = "model Linear(x: real[part, 3], g: real[2]) -> real = sum(x[1] - 3 * x[2], over=part) + 5 * g[0]\n"
SMOOTH = """\
model Smooth(x: real[part, 3], g: real[2]) -> real[cls] {
  h = mean(x |> Dense[8] |> tanh, over=part)
  return concat(h, g) |> Dense[8] |> tanh |> Dense[cls] |> softmax
}
"""


def events(count: int = 400, seed: int = 0) -> ak.Array:
    """Multiplicities 0 to 6 and every branch but ``b`` know nothing of the class."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 7, count)
    signal = rng.random(count) < 0.5
    a, b, c = (ak.unflatten(rng.normal(size=counts.sum()), counts) for _ in "abc")
    b = b + 0.5 * (2.0 * signal - 1)
    met, other = rng.normal(size=(2, count))
    return ak.Array({"a": a, "b": b, "c": c, "met": met, "other": other, "is_signal": signal, "is_background": ~signal})


def write(found: ak.Array, path: Path) -> Path:
    with uproot.recreate(path) as file:
        file["tree"] = {name: found[name] for name in found.fields}
    return path


def compiled(folder: Path, model: str, text: str = DATASET) -> Model:
    source = folder / "m.hepq"
    source.write_text(text + model)
    compile_file(source, folder / "m.hepqx", Options(init=3))
    return hepq.load(folder / "m.hepqx")
