# SPDX-License-Identifier: Apache-2.0
"""One small program for every function, block and model of the standard library."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from hepq.compiler.build import build
from hepq.compiler.initialise import initial_weights
from hepq.compiler.ir import Module
from hepq.lang import ast
from hepq.lang.checker import check
from hepq.lang.diagnostic import HepqError, Sink
from hepq.lang.modules import load
from hepq.lang.parser import parse
from hepq.lang.source import Source
from hepq.lang.types import ENERGY, LORENTZ, Type

Array = np.ndarray[Any, Any]

_X, _P = "x: real[part, feat]", "p: p4[part]"
_S4, _V4, _M4 = "s: real[part, cx, feat]", "v: real[part, mu, cx, feat]", "m: real[part, mu, nu, cx, feat]"
_GRAPH = "pos: real[part, xy], x: real[part, feat]"

#: name in the library -> (parameters, expression)
NN: dict[str, tuple[str, str]] = {
    **{name: (_X, f"{name}(x)") for name in "relu leaky_relu elu gelu silu softplus hard_tanh softmax".split()},
    "log_softmax": (_X, "log_softmax(x)"),
    "clip": (_X, "clip(x, -0.5, 1.5)"),
    "Linear": (_X, "x |> Linear[17]"),
    "Dense": (_X, "x |> Dense[64]"),
    "Conv1d": (_X, "x |> Conv1d[5, kernel=3]"),
    "BatchNorm": (_X, "x |> BatchNorm"),
    "LayerNorm": (_X, "x |> LayerNorm"),
    "Dropout": (_X, "x |> Dropout[0.3]"),
    **{name: (_X, f"{name}(x)") for name in "mean_pool max_pool sum_pool".split()},
    **{name: ("x: real[cell, feat]", f"{name}[2](x)") for name in "max_pool1d mean_pool1d".split()},
    "EdgeConv": (_GRAPH, "EdgeConv[[16, 24]](x, knn[4](pos, over=part))"),
    "SelfAttention": (_X, "x |> SelfAttention[2]"),
}
HEP: dict[str, tuple[str, str]] = {
    **{name: (_P, f"hep.{name}(p)") for name in (
        "pt pt2 momentum phi theta eta rapidity mass mass2 mt2".split())},
    **{name: (_P, f"hep.{name}(p, sum(p, over=part))") for name in (
        "minkowski deltaPhi deltaEta deltaR deltaR_rapidity".split())},
    "wrap_phi": (_X, "hep.wrap_phi(3 * x)"),
    "logrel": ("a: GeV[part]", "hep.logrel(a, sum(a, over=part))"),
    "log_gev": ("a: GeV[part]", "hep.log_gev(a)"),
    "from_pt_eta_phi_energy": (_P, "hep.from_pt_eta_phi_energy(pt(p), eta(p), phi(p), p.energy)"),
    "from_pt_eta_phi_mass": (_P, "hep.from_pt_eta_phi_mass(pt(p), eta(p), phi(p), mass(p))"),
    "standardise": (_X, "hep.standardise(x, 0.5, 2.0)"),
}  # fmt: skip
#: library -> its models
MODELS: dict[str, dict[str, tuple[str, str]]] = {
    "particlenet": {
        "ParticleNet": (_GRAPH, "ParticleNet[cls](pos, x)"),
        "ParticleNetLite": (_GRAPH, "ParticleNetLite[cls](pos, x)"),
    },
    "pfn": {"PFN": (_X, "PFN[cls](x)")},
    "lorentznet": {
        "psi": (_X, "psi(x)"),
        "beams": (_P, "p + sum(beams(), over=side)"),
        "cut": (_P, "cut[20](p)"),
        "Message": (f"{_P}, {_X}", "sum(Message[7](x, prime(x, part), p, prime(p, part)), over=part')"),
        "Shift": (f"{_P}, {_X}", "Shift[20](x, p)"),
        "Update": (_X, "Update(x, 2 * x, x)"),
        "LGEB": (f"{_P}, {_X}, g: real[side, feat], q: p4[side]", "LGEB[5e-3, 50](x, p, x, g, q, g)"),
        "LorentzNet": (f"{_P}, {_X}", "LorentzNet[cls, blocks=2, hidden=12](p, x)"),
    },
    "lgn": {
        **{name: (_M4, f"{name}(m)") for name in "turning transposed turned trace symmetric tensor_square".split()},
        **{name: (_V4, f"{name}(v)") for name in "lowered square".split()},
        "times": (_S4, "times(s, 2 * s)"),
        "metric": (_V4, "v * metric[mu]()"),
        "identity": (_M4, "m * identity()"),
        "outer": (f"{_X}, {_V4}", "outer(mean(x, over=feat), mean(v, over=feat))"),
        "dual": ("a: real[part, mu, nu]", "dual(a)"),
        "self_dual": (_M4, "(self_dual[1](m), self_dual[-1](m))"),
        "product": (_M4, "product(m, 2 * m)"),
        "joined": (_S4, "joined[feat]([s, 2 * s])"),
        "Mix": (_S4, "s |> Mix[5]"),
        "ScalarMLP": (_S4, "s |> ScalarMLP[2, 3]"),
        "Radial": (_P, "sum(Radial[feat, 3](hep.mass(p + prime(p, part)) / 100 GeV)[0], over=part')"),
        "heard": (_S4, "heard(s - prime(s, part), s)"),
        "Level": (
            f"{_S4}, {_V4}, q: real[part, mu]",
            "Level[3](s, [v], [], q, s - prime(s, part), s * prime(s, part))[0]",
        ),
        "LGN": (f"{_P}, {_X}", "LGN[cls, channels=[2, 2, 2], basis=2, depth=1](p, x)"),
    },
}
PROGRAMS = {"nn": NN, "hep": HEP, **MODELS}

_V, _TWO, _ANGLES = "v: real[wire]", "v: real[wire], u: real[wire]", "w: real[layer, wire]"
#: what cannot be compiled for a CPU alone; circuits as what they make of |0…0>
QUANTUM: dict[str, tuple[str, str]] = {
    **{name: (_V, f"expect(Z, {name}(v))") for name in "ZMap ZZMap PauliMap AngleMap IQPMap".split()},
    "PauliRotation": (_V, 'expect([X[0], Y[1]], PauliRotation[["X", "Z"]](v[0]))'),
    "DenseAngleMap": ("v: real[layer]", "probs(DenseAngleMap(v))"),
    "AmplitudeMap": ("w: real[eight]", "probs(AmplitudeMap(w))"),
    "ReUploading": (f"{_V}, w: real[layer, xyz, wire]", "expect(Z, ReUploading(v, w, 2 * w))"),
    **{name: (_ANGLES, f"expect(X, {name}(w))") for name in "TwoLocal RealAmplitudes EfficientSU2 BrickWall".split()},
    "QFT": (_V, "probs(quantum.AngleMap(v) |> QFT[wire]())"),
    "Ising": (_TWO, "expect(Y, quantum.AngleMap(u) |> Ising[ring](0.3, v, u))"),
    "QAOA": (f"{_TWO}, g: real[layer]", "expect(Z, QAOA[ring](g, 2 * g, v, u))"),
    "Overlap": (_TWO, "expect(X[0], Overlap[quantum.ZZMap[reps=1]](v, u))"),
    "Embed": (_TWO, "expect(X, Embed(v, u))"),
    **{
        name: (_TWO, f"{name}[quantum.ZZMap](v, u)")
        for name in "fidelity_kernel projected_kernel control_kernel".split()
    },
    "svm": (_V, "v |> svm[kernel=quantum.fidelity_kernel[quantum.ZZMap]]"),
    "QuantumLayer": ("p: real[part, wire]", "p |> QuantumLayer"),
    "VQC": (_V, "v |> VQC"),
    "QuantumAttention": ("p: real[part, feat]", "p |> QuantumAttention[wire]"),
    "reverse_ladder": (_V, "expect(Z, quantum.ZZMap[edges=reverse_ladder](v))"),
    "bit": (_V, "v * bit[5, 2]()"),
    "gray": (_V, "v * gray[5, 3]()"),
    "gray_change": (_V, "v * gray_change[3, 3]()"),
    "wires_for": (_V, "v * wires_for[9]()"),
    "walsh": ("w: real[eight]", "walsh[3](w)"),
    "amplitude_angles": ("w: real[eight]", "amplitude_angles[3, 1](w)"),
}
QUANTUM_PROGRAMS = {"quantum": QUANTUM}

_TEMPLATE = """\
import std.hep as hep
{imports}
dim part <= 40
dim wire = 3
dim layer = 4
dim eight = 8
dim xyz = 3
dim side = 2
dim mu = 4
dim nu = 4
dim cx = 2
dim feat = 6
dim cell = 12
dim xy = 2
dim cls = [signal, background]
model M({parameters}) = {expression}
"""


def declared(library: str) -> list[str]:
    """Names of the functions, blocks, models and circuits that a library file declares."""
    path = f"{library}.hepq"
    text = files("hepq.stdlib").joinpath(path).read_text(encoding="utf-8")
    return [
        d.name for d in parse(Source(f"std/{path}", text), Sink()).decls if isinstance(d, (ast.FnDecl, ast.CircuitDecl))
    ]


def module_of(library: str, name: str) -> Module:
    """The IR of a program that applies one name of the library. Raises HepqError if it does not compile."""
    parameters, expression = (PROGRAMS | QUANTUM_PROGRAMS)[library][name]
    imports = "" if library == "hep" else f"from std.{library} import {name}"
    if library == "quantum":
        imports += "\nimport std.quantum as quantum"
    text = _TEMPLATE.format(imports=imports, parameters=parameters, expression=expression)
    sink = Sink()
    program = load(Path(f"{name}.hepq"), text, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    return build(program, sink, use_dataset=False, dims={"sv": 5} if name == "svm" else {}).module


def moved_weights(module: Module, rng: np.random.Generator) -> dict[str, Array]:
    """As initialised, but for constant ones (biases, statistics): moved, so that they matter."""
    weights = initial_weights(module)
    for path, node in module.params.items():
        if node["init"][0] == "constant":
            weights[path] = (weights[path] + rng.uniform(-0.3, 0.3, weights[path].shape)).astype(np.float32)
    return weights


def event_of(module: Module, n: int, rng: np.random.Generator) -> dict[str, Array]:
    """Inputs of one event with ``n`` particles: physical four-vectors, positive energies, normal numbers."""
    return {node["name"]: _values(node.type, n, rng) for node in module.inputs}


def _values(type: Type, n: int, rng: np.random.Generator) -> Array:
    shape = [d.size if d.size is not None else n for d in type.dims]
    if type.dims and type.dims[-1] == LORENTZ:
        p = rng.normal(0, 30, (*shape[:-1], 3))
        energy = np.sqrt((p**2).sum(-1) + rng.exponential(5, shape[:-1]) ** 2)
        return np.concatenate([p, energy[..., None]], axis=-1).astype(np.float32)
    if type.unit == ENERGY:
        return (0.1 + rng.exponential(50, shape)).astype(np.float32)
    return rng.normal(size=shape).astype(np.float32)
