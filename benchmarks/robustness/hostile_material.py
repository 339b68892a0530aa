# SPDX-License-Identifier: Apache-2.0
"""Good files, small ones, of every kind that hepq reads: what hostile inputs are made of."""

from __future__ import annotations

import json
import os
import traceback
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

#: particles, four-vectors, an order, labels: the machinery of datasets
JETS = """
from std.nn import Dense

dim part <= 6
dim feat = 3
dim cls = [QCD, top]

dataset Jets {
  source jets = root("jets.root", tree="tree")
  branch px, py, pz, energy: GeV[part]
  branch jet_pt = "jetpt": MeV
  order part by hypot(px, py) desc
  p = p4(px=px, py=py, pz=pz, energy=energy)
  input x = stack(log(p.pt / 1 GeV), log(p.energy / 1 GeV), p.pt / jet_pt, dim=feat)
  label truth: cls = "label_*"
  policy nan = drop
}

@invariant(permute(part))
model Tagger(x: real[part, feat]) -> real[cls] =
  mean(Dense[4](x) |> relu, over=part) |> Dense[cls] |> softmax(over=cls)
"""
VECTORS = """
dim part <= 4

@invariant(permute(part), lorentz)
model Products(p: p4[part]) -> real =
  mean(mean(log1p(abs(minkowski(p, prime(p, part))) / 1 GeV^2), over=part'), over=part)
"""
CIRCUITS = """
from std.nn import Dense

dim wire = 2
dim part <= 4

circuit Map(x: real[wire]) on q: qubit[wire] {
  ry(x[0], q[0])
  rx(x[1] * 2, q[1])
  cz(q[0], q[1])
}

fn K(a: real[wire], b: real[wire]) -> real = fidelity(Map(a), Map(b))

model M(x: real[wire]) -> real[2] = expect([X[0] + 0.5, Z[0] * Y[1]], Map(x))

model H(x: real[part, wire]) -> real = expect(Z[0], Map(mean(Dense[wire](x), over=part))) |> tanh
"""
#: name -> program, its options
ARTIFACTS: dict[str, tuple[str, dict[str, object]]] = {
    "jets.hepqx": ("jets.hepq", {"init": 1}),
    "vectors.hepqx": ("vectors.hepq", {"init": 1}),
    "measured.hepqx": ("circuits.hepq", {"model": "M", "target": "line:3"}),
    "kernel.hepqx": ("circuits.hepq", {"model": "K", "target": "line:3"}),
    "hybrid.hepqx": ("circuits.hepq", {"model": "H", "init": 1}),
    "jets.onnx": ("jets.hepq", {"init": 1, "target": "onnx"}),
}


def make_apart(folder: Path, names: tuple[str, ...] = tuple(ARTIFACTS)) -> None:
    """As ``make``, in a fork: threads that compiling starts would not survive the forks of this process.

    Raises RuntimeError if it fails; why is on stderr.
    """
    pid = os.fork()
    if pid:
        if os.waitpid(pid, 0)[1]:
            raise RuntimeError("the good files could not be made")
        return
    status = 1
    try:
        make(folder, names)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def make(folder: Path, names: tuple[str, ...] = tuple(ARTIFACTS)) -> None:
    """Fill ``folder``: programs, events, artifacts ``names``, weights, a checkpoint, a store, keys, devices."""
    from hepq.compiler.driver.compilation import compile_file
    from hepq.compiler.driver.options import Options

    for name, text in (("jets.hepq", JETS), ("vectors.hepq", VECTORS), ("circuits.hepq", CIRCUITS)):
        (folder / name).write_text(text)
    _events(folder)
    for name in names:
        program, how = ARTIFACTS[name]
        options = Options(effort="quick", processes=1, cache=folder / "cache", **how)  # type: ignore[arg-type]
        compile_file(folder / program, folder / name, options)
    for line in (
        "train jets.hepq jets.root -o jets.safetensors --epochs 1 --checkpoint run",
        "kernel kernel.hepqx x.npy -o gram.npz --store tiles --tile 4",
        "sign --generate me.key",
        "sign jets.hepqx --key me.key",
        "targets import quafu.json --vendor quafu -o chip.toml",
    ):
        _run(folder, line)


def _run(folder: Path, line: str) -> None:
    from contextlib import chdir

    from hepq.cli import app

    if "kernel" in line and not (folder / "kernel.hepqx").exists():
        return
    said = StringIO()
    with chdir(folder), redirect_stdout(said), redirect_stderr(said):
        status = app(line.split(), standalone_mode=False)
    if status:
        raise RuntimeError(f"hepqc {line} ended with {status}\n{said.getvalue()}")


def _events(folder: Path) -> None:
    import awkward as ak
    import uproot

    random = np.random.default_rng(0)
    counts = random.integers(0, 8, 60)
    momenta = random.normal(0, 20, (3, int(counts.sum()))).astype("f4")
    columns = dict(zip(("px", "py", "pz"), momenta, strict=True)) | {"energy": np.hypot.reduce(momenta) + 1}
    signal = random.random(60) < 0.5
    events = {name: ak.unflatten(column, counts) for name, column in columns.items()}
    flat = {"jetpt": random.uniform(1e4, 5e4, 60).astype("f4"), "run": np.arange(60)}
    flat |= {"label_QCD": (~signal).astype("i4"), "label_top": signal.astype("i4")}
    with uproot.recreate(folder / "jets.root") as file:
        file.mktree("tree", dict.fromkeys(events, "var * float32") | {k: v.dtype for k, v in flat.items()})
        file["tree"].extend(events | flat)
    ak.to_parquet(ak.Array(events | flat), folder / "jets.parquet")
    np.save(folder / "x.npy", random.normal(size=(9, 2)))
    qubits = {"Q0": {"T1": 30.1, "T2": 10.0, "fidelity": 0.99}, "Q1": {"T1": 20.0, "T2": 9.0, "fidelity": 0.98}}
    couplers = {"C0": {"fidelity": 0.97, "qubits_index": [0, 1]}}
    chip = {"calibration_time": "2026-05-03 21:12:46", "qubits_info": qubits, "couplers_info": couplers}
    (folder / "quafu.json").write_text(json.dumps(chip))


def imported() -> None:
    """Import all that commands use, once, so that forks begin with it."""
    import importlib

    for name in (
        "awkward", "uproot", "pyarrow.parquet", "torch", "torch._dynamo", "sklearn.svm",
        "qiskit", "pytket", "matplotlib.figure", "onnx",
        "onnxruntime", "tvm_ffi", "cryptography.hazmat.primitives.asymmetric.ed25519", "rich.markdown",
        "hepq.compiler.train", "hepq.compiler.driver.compilation", "hepq.compiler.circuits.portfolio.search",
        "hepq.compiler.lower.cpu.codegen", "hepq.runtime.quantum.kernel.export", "hepq.runtime.report.attributions",
    ):  # fmt: skip
        importlib.import_module(name)
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    torch.set_num_threads(1)  # threads of numerical libraries do not survive a fork
    threadpool_limits(1)
