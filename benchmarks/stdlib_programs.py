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
_GRAPH = "pos: real[part, xy], x: real[part, feat]"
_JET = f"{_GRAPH}, g: real[glob]"
_HITS = "pos: real[hit, xy], x: real[hit, feat]"
_BOOK, _CODES = f"{_X}, b: real[eight, feat]", "c: real[layer, eight], g: real[glob]"
_KNN = "knn[4](pos, over=part)"

#: name in the library -> (parameters, expression)
NN: dict[str, tuple[str, str]] = {
    **{name: (_X, f"{name}(x)") for name in "relu leaky_relu elu selu gelu silu softplus hard_tanh softmax".split()},
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
    "neighbourhood": (_GRAPH, f"neighbourhood[5](x, {_KNN})"),
    "EdgeConv": (_GRAPH, f"EdgeConv[[16, 24]](x, {_KNN})"),
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
    "abcnet": {
        "ABCLayer": (_X, "x |> ABCLayer[8]"),
        "GAPHead": (_GRAPH, f"GAPHead[8](x, {_KNN})"),
        "GAPLayer": (_GRAPH, f"GAPLayer[8, heads=3](x, pos, {_KNN})"),
        "ABCFeatures": (_JET, "ABCFeatures[4, [8, 16], [1, 2], [16, 12], [8, 24], 1, 20, 4](pos, x, g)"),
        "ABCNet": (_JET, "ABCNet[cls](pos, x, g)"),
        "ABCPileup": (_JET, "ABCPileup[cls](pos, x, g)"),
    },
    "autoencoder": {
        "Layers": (_X, "x |> Layers[5, [8, 7]]"),
        "Autoencoder": (_X, "x |> Autoencoder[2, [8]]"),
        "Anomaly": ("x: real[feat]", "Anomaly[2, [8]](x)"),
    },
    "diffusion": {
        "linear_schedule": (_X, "linear_schedule[10](2) * x"),
        "cosine_schedule": (_X, "cosine_schedule[10](2) * x"),
        "diffused": (_X, "diffused(x, 0.3, x + 1)"),
        "time_embedding": ("x: real[feat]", "time_embedding[4](5 * x[0])"),
        "Denoiser": ("x: real[feat]", "Denoiser[feat, [8], 4](x, 5 * x[0])"),
        "denoised": (_X, "denoised[diffusion.linear_schedule[10], bound=2](x, x / 2 - 1, 3, x + 1)"),
    },
    "gan": {
        "Generator": (_X, "x |> Generator[5, [8]]"),
        "Critic": (_X, "x |> Critic[[8]]"),
        "critic_loss": (_X, "critic_loss(x, x + 1, 0.1)"),
        "generator_loss": (_X, "generator_loss(x)"),
    },
    "hits": {
        "EdgeNetwork": (_GRAPH, f"EdgeNetwork[8](x, {_KNN})"),
        "NodeNetwork": (_GRAPH, f"NodeNetwork[8](x, {_KNN}, gather(x, {_KNN})[0])"),
        "HitGNN": (_HITS, "HitGNN(pos, x)"),
        "HitPointNet": ("x: real[hit, feat]", "HitPointNet[cls](x)"),
    },
    "jedinet": {
        "JEDILayers": (_X, "x |> JEDILayers[5, 8, elu]"),
        "JEDINet": (_X, "JEDINet[cls](x)"),
    },
    "particlenet": {
        "ParticleNet": (_GRAPH, "ParticleNet[cls](pos, x)"),
        "ParticleNetLite": (_GRAPH, "ParticleNetLite[cls](pos, x)"),
    },
    "pct": {
        "PCTEdgeConv": (_GRAPH, f"PCTEdgeConv[8](x, {_KNN})"),
        "OffsetAttention": (_GRAPH, "concat(pos, x) |> OffsetAttention"),
        "PCT": (_GRAPH, "PCT[cls](pos, x)"),
        "SPCT": (_X, "SPCT[cls](x)"),
    },
    "pfn": {"PFN": (_X, "PFN[cls](x)")},
    "pileup": {"PileupGNN": (_GRAPH, "PileupGNN(pos, x)")},
    "rpcn": {
        "outer": ("x: real[feat], y: real[xy]", "outer(x, y)"),
        "ParticleConv": (_GRAPH, "ParticleConv[8, 12, freqs=3, hidden=5](pos, x)"),
        "CircularConv": ("x: real[feat, cell]", "x |> CircularConv[8, 3]"),
        "RPCN": (_GRAPH, "RPCN[cls](pos, x)"),
    },
    "vae": {
        "GaussianEncoder": (_X, "GaussianEncoder[xy, [8]](x)"),
        "reparameterise": (_X, "reparameterise(x, x / 2, x + 1)"),
        "Spread": (_X, "Spread[feat]() * x"),
        "negative_elbo": (f"{_X}, w: real[feat]", "negative_elbo(x, x + 1, exp(w), x / 2, x, 0.5)"),
    },
    "vq": {
        "Codebook": (_X, "dot(Codebook[eight, feat](), x, over=feat)"),
        "nearest": (_BOOK, "nearest(x, b)"),
        "look_up": (_BOOK, "look_up(dot(x, b, over=feat), b)"),
        "quantise": (_BOOK, "quantise(x, b)"),
        "quantisation_loss": (_BOOK, "quantisation_loss(x, b)"),
        "CausalConv1d": ("x: real[cell, feat]", "x |> CausalConv1d[5, 3]"),
        "before": ("x: real[cell, feat]", "before(x)"),
        "CodePrior": (_CODES, "CodePrior[6, 2, 3](c, g)"),
        "code_loss": (_CODES, "code_loss(2 * c, c)"),
        "draw": ("c: real[eight]", "draw(c, 0.5 * sigmoid(c[0]))"),
        "DrawCodes": ("u: real[layer], g: real[glob]", "DrawCodes[eight, vq.CodePrior[6]](sigmoid(u), g)"),
        "outer": ("c: real[eight], g: real[glob]", "outer(c, g)"),
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
dim hit <= 40
dim wire = 3
dim layer = 4
dim eight = 8
dim xyz = 3
dim feat = 6
dim cell = 12
dim xy = 2
dim glob = 3
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
    if library not in ("hep", "nn"):
        imports += f"\nimport std.{library} as {library}"
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
