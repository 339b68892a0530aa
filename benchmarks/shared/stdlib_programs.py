# SPDX-License-Identifier: Apache-2.0
"""One small program for every function, block and model of the standard library."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from hepq.compiler.ir.build import build
from hepq.compiler.ir.node import Module
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.core.source import Source
from hepq.core.types import ENERGY, LORENTZ, Type
from hepq.lang.checker import check
from hepq.lang.modules import load
from hepq.lang.syntax import ast
from hepq.lang.syntax.parser import parse

Array = np.ndarray[Any, Any]

_X, _P = "x: real[part, feat]", "p: p4[part]"
_IMAGE = "x: real[cell, pixel, xy]"
_S4, _V4, _M4 = "s: real[part, cx, feat]", "v: real[part, mu, cx, feat]", "m: real[part, mu, nu, cx, feat]"
_GRAPH = "pos: real[part, xy], x: real[part, feat]"
_JET = f"{_GRAPH}, g: real[glob]"
_HITS = "pos: real[hit, xy], x: real[hit, feat]"
_BOOK, _CODES = f"{_X}, b: real[eight, feat]", "c: real[layer, eight], g: real[glob]"
_KNN = "knn[4](pos, over=part)"
_CELLS = "x: real[cell, feat]"

#: name in the library -> (parameters, expression)
NN: dict[str, tuple[str, str]] = {
    **{name: (_X, f"{name}(x)") for name in "relu leaky_relu elu selu gelu silu softplus hard_tanh softmax".split()},
    "log_softmax": (_X, "log_softmax(x)"),
    "clip": (_X, "clip(x, -0.5, 1.5)"),
    "Linear": (_X, "x |> Linear[17]"),
    "Dense": (_X, "x |> Dense[64]"),
    "Embedding": (_X, "int(2 * x) |> Embedding[3, 17]"),
    "Conv1d": (_X, "x |> Conv1d[5, kernel=3]"),
    "Conv2d": (_IMAGE, "x |> Conv2d[5, stride=2, pad=1]"),
    "BatchNorm": (_X, "x |> BatchNorm"),
    "LayerNorm": (_X, "x |> LayerNorm"),
    "Dropout": (_X, "x |> Dropout[0.3]"),
    **{name: (_X, f"{name}(x)") for name in "mean_pool max_pool sum_pool".split()},
    **{name: ("x: real[cell, feat]", f"{name}[2](x)") for name in "max_pool1d mean_pool1d".split()},
    "neighbourhood": (_GRAPH, f"neighbourhood[5](x, {_KNN})"),
    "EdgeConv": (_GRAPH, f"EdgeConv[[16, 24]](x, {_KNN})"),
    **{name: (_IMAGE, f"{name}[3](x)") for name in "max_pool2d mean_pool2d".split()},
    **{name: (_IMAGE, f"{name}(x)") for name in "global_max_pool2d global_mean_pool2d".split()},
    "SelfAttention": (_X, "x |> SelfAttention[2]"),
}
HEP: dict[str, tuple[str, str]] = {
    **{name: (_P, f"hep.{name}(p)") for name in (
        "pt pt2 momentum phi theta eta rapidity mass mass2 mt2".split())},
    **{name: (_P, f"hep.{name}(p, sum(p, over=part))") for name in (
        "minkowski deltaPhi deltaEta deltaR deltaR_rapidity".split())},
    "wrap_phi": (_X, "hep.wrap_phi(3 * x)"),
    "transverse_mass": (_P, "hep.transverse_mass(pt(p), phi(p), 30 GeV, 0.5)"),
    "logrel": ("a: GeV[part]", "hep.logrel(a, sum(a, over=part))"),
    "log_gev": ("a: GeV[part]", "hep.log_gev(a)"),
    "from_pt_eta_phi_energy": (_P, "hep.from_pt_eta_phi_energy(pt(p), eta(p), phi(p), p.energy)"),
    "from_pt_eta_phi_mass": (_P, "hep.from_pt_eta_phi_mass(pt(p), eta(p), phi(p), mass(p))"),
    "standardise": (_X, "hep.standardise(x, 0.5, 2.0)"),
}  # fmt: skip
_TRUTH = "x: real[part, feat], y: real[part, feat]"
LOSSES: dict[str, tuple[str, str]] = {
    **{name: (_TRUTH, f"{name}(softmax(x), softmax(y))") for name in "cross_entropy cross_entropy_logits bce".split()},
    **{
        name: (_TRUTH, f"{name}(x, y)")
        for name in "bce_logits squared_error absolute_error huber mse gaussian_kl".split()
    },
    "quantile": (_TRUTH, "quantile(x, y, 0.3)"),
}
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
    "epic": {
        "pooled": (_X, "pooled(x)"),
        "EpicLayer": (f"{_X}, g: real[glob]", "EpicLayer(g, x)"),
        "EpicGenerator": (f"{_X}, g: real[glob]", "EpicGenerator[xy, hidden=12, layers=2](g, x)"),
        "EpicCritic": (_X, "EpicCritic[hidden=12, layers=2](x)"),
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
    "image": {
        "Residual": (_IMAGE, "x |> Residual"),
        "Downsample": (_IMAGE, "x |> Downsample[4]"),
        "EndToEnd": (_IMAGE, "EndToEnd[cls](x)"),
    },
    "jedinet": {
        "JEDILayers": (_X, "x |> JEDILayers[5, 8, elu]"),
        "JEDINet": (_X, "JEDINet[cls](x)"),
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
    "lorentznet": {
        "psi": (_X, "psi(x)"),
        "beams": (_P, "p + sum(beams(), over=side)"),
        "cut": (_P, "cut[20](p)"),
        "Message": (f"{_P}, {_X}", "sum(Message[7](x, prime(x, part), p, prime(p, part)), over=part')"),
        "Shift": (f"{_P}, {_X}", "Shift[20](x, p)"),
        "Update": (_X, "Update(x, 2 * x, x)"),
        "LGEB": (f"{_P}, {_X}, g: real[side, feat], q: p4[side]", "LGEB[5e-3, 50](x, p, x, g, q, g)"),
        "LorentzNet": (f"{_P}, {_X}", "LorentzNet[cls, blocks=2, hidden=12](p, x)"),
        "FreeLGEB": (f"{_P}, {_X}", "FreeLGEB[5e-3, 50](x, p, x)"),
        "FreeLorentzNet": (f"{_P}, {_X}", "FreeLorentzNet[cls, blocks=2, hidden=12](p, x)"),
    },
    "mpgan": {
        "MPNetwork": (_X, "x |> MPNetwork[[8, 5]]"),
        "MPLayer": (_X, "MPLayer[5, [8, 7], [9]](x, x[0])"),
        "smallest": (_X, "smallest(x[0], 3)"),
        "MPGAN": (f"{_X}, n: real", "MPGAN[xy, hidden=8, edge=[9], node=[10]](x, 3 + n)"),
        "MPCritic": (_X, "MPCritic[hidden=8, edge=[9], node=[10]](x, mpgan.smallest(x[0], 3))"),
    },
    "mps": {
        "MPS": ("x: real[feat]", "x |> MPS[cls, bond=3]"),
        "MPSClassifier": ("x: real[feat]", "MPSClassifier[cls](x)"),
    },
    "part": {
        "pair_features": (_P, "mean(pair_features(p), over=part')"),
        "PairEmbed": (_X, "mean(PairEmbed[[8, 4], cell, true](x * prime(x, part)), over=part')"),
        "FeedForward": (_X, "x |> FeedForward[2, 0.1]"),
        "JoinHeads": (_X, "unflatten(x, feat, [xy, xyz]) |> JoinHeads[feat, 0.1]"),
        "ParticleBlock": (_X, "ParticleBlock[2, 4, 0.1, false](x, 0)"),
        "ClassBlock": (_X, "ClassBlock[2, 4](mean(x, over=part), x)"),
        "Transformer": (_X, "Transformer[cls, [16, 24], 1, 1, 4, 2, 0.1, false](x, 0)"),
        "ParT": (f"{_P}, {_X}", "ParT[cls, embed=[16, 24], pair_embed=[16], layers=2, heads=4](p, x)"),
        "ParTPlain": (_X, "ParTPlain[cls, embed=[16, 24], layers=2, heads=4](x)"),
    },
    "particlenet": {
        "ParticleNet": (_GRAPH, "ParticleNet[cls](pos, x)"),
        "ParticleNetLite": (_GRAPH, "ParticleNetLite[cls](pos, x)"),
    },
    "pcnn": {
        "StridedShortcut": (_CELLS, "x |> StridedShortcut[8, 2]"),
        "ResidualUnit": (_CELLS, "x |> ResidualUnit[8, 2]"),
        "Stage": (_CELLS, "x |> Stage[[8, 5], 2]"),
        "PCNN": (_X, "PCNN[cls, slots=20, stages=[[16, 16], [24]]](x)"),
    },
    "pct": {
        "PCTEdgeConv": (_GRAPH, f"PCTEdgeConv[8](x, {_KNN})"),
        "OffsetAttention": (_GRAPH, "concat(pos, x) |> OffsetAttention"),
        "PCT": (_GRAPH, "PCT[cls](pos, x)"),
        "SPCT": (_X, "SPCT[cls](x)"),
    },
    "pfn": {"PFN": (_X, "PFN[cls](x)"), "EFN": ("z: real[part], pos: real[part, xy]", "EFN[cls](z, pos)")},
    "photons": {"PhotonCNN": ("x: real[cell, xy]", "PhotonCNN[cls, widths=[5, 6], kernel=3](x)")},
    "pileup": {"PileupGNN": (_GRAPH, "PileupGNN(pos, x)")},
    "pulse": {"PulseCNN": ("x: real[cell, xy]", "PulseCNN[cls](x)")},
    "rpcn": {
        "outer": ("x: real[feat], y: real[xy]", "outer(x, y)"),
        "ParticleConv": (_GRAPH, "ParticleConv[8, 12, freqs=3, hidden=5](pos, x)"),
        "CircularConv": ("x: real[feat, cell]", "x |> CircularConv[8, 3]"),
        "RPCN": (_GRAPH, "RPCN[cls](pos, x)"),
    },
    "shapes": {
        "momentum_tensor": (_P, "momentum_tensor[1.0](p).x"),
        "deviator": (_P, "deviator(p.px / 1 GeV, p.py / 1 GeV, p.pz / 1 GeV, pt(p) / 1 GeV, eta(p), phi(p))"),
        "eigenvalues": (_P, "eigenvalues(shapes.momentum_tensor(p))"),
        **{
            name: (_P, f"{name}(p)")
            for name in (
                "sphericity aplanarity C_parameter D_parameter circularity isotropy event_shapes thrust broadenings"
            ).split()
        },
        "minor": (_P, "minor[0, 2](shapes.momentum_tensor(p))"),
        "thrust_vector": (_P, "thrust_vector(p) / max(shapes.scalar_sum(p), 1 GeV)"),
        "scalar_sum": (_P, "scalar_sum(p) / 1 GeV"),
        "cross": ("p: p4[part], q: real[xyz]", "cross(rename(q, xyz, shapes.axis), shapes.thrust_vector(p) / 1 GeV)"),
        "fox_wolfram": (_P, "fox_wolfram[3](p)"),
        "legendre": ("x: real[feat]", "legendre[3](x)"),
        "projections": (_P, "projections[20](p) / max(sum(p.pt, over=part), 1 GeV)"),
        "EventShapeMLP": (_P, "EventShapeMLP[cls](p)"),
    },
    "sphere": {
        "fibonacci": (_CELLS, "x * sum(fibonacci[cell, xyz](), over=xyz)"),
        "scaled_laplacian": (
            f"{_CELLS}, n: real[cell, xyz]",
            "dot(scaled_laplacian(n, 1.5), prime(x, cell), over=cell')",
        ),
        "SphereConv": (
            f"{_CELLS}, n: real[cell, xyz]",
            "SphereConv[5, order=4](x, sphere.scaled_laplacian(n, 1.5))",
        ),
        "Vectors": (f"{_CELLS}, n: real[cell, xyz]", "Vectors[5](x, n)"),
        "SphereDirection": (_CELLS, "SphereDirection[[8, 7], 2, 3, 0.9](x, sphere.fibonacci[cell, xyz]())"),
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
PROGRAMS = {"nn": NN, "hep": HEP, "losses": LOSSES, **MODELS}

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
QUANTUM_PROGRAMS = {
    "quantum": QUANTUM,
    "qpart": {
        "Projection": ("p: real[part, wire]", "p |> Projection[true, 2]"),
        "QuantumParticleBlock": (
            "p: real[part, wire]",
            "QuantumParticleBlock[true, 2](p, sum(p * prime(p, part), over=wire))",
        ),
        "QuantumParT": (f"{_P}, {_X}", "QuantumParT[cls, wires=3, layers=1](p, x)"),
    },
    "qgan": {
        "StyleGenerator": ("x: real[xy]", "StyleGenerator[eight, 3](x)"),
        "QuantumCritic": ("x: real[wire]", "QuantumCritic(x)"),
    },
    "qsann": {
        "SelfAttentionLayer": ("p: real[part, wire]", "p |> SelfAttentionLayer[true, 2]"),
        "QSANN": ("p: real[part]", "QSANN[5, wires=3](int(2 * abs(p)))"),
    },
}

_TEMPLATE = """\
import std.hep as hep
{imports}
dim part <= 40
dim hit <= 40
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
dim pixel = 11
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
    if library not in ("hep", "nn", "part"):  # part is a dim there
        imports += f"\nimport std.{library} as {library}"
    text = _TEMPLATE.format(imports=imports, parameters=parameters, expression=expression)
    sink = Sink()
    program = load(Path(f"{name}.hepq"), text, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    return build(program, sink, use_dataset=False, dims={"sv": 5} if name == "svm" else {}).module


def moved_weights(module: Module, rng: np.random.Generator) -> dict[str, Array]:
    """As initialised, but that they matter more: constant ones (biases, statistics) are moved, and matrices of layers
    are as large as keeps values their size through rectified layers (arXiv:1502.01852)."""
    weights = initial_weights(module)
    for path, node in module.params.items():
        if node["init"][0] == "constant":
            weights[path] = (weights[path] + rng.uniform(-0.3, 0.3, weights[path].shape)).astype(np.float32)
        elif node["init"][0] == "uniform" and len(node.type.dims) > 1:
            weights[path] = (weights[path] * np.sqrt(6)).astype(np.float32)
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
