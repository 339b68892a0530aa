# SPDX-License-Identifier: Apache-2.0
"""Each ONNX operator that is imported, as an expression of the language. Formulas: the ONNX operator specification."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from hepq.compiler.importers import onnx_axes as axes
from hepq.compiler.importers.network import Operation, Unfit
from hepq.compiler.importers.onnx_conv import conv
from hepq.compiler.importers.program import Term, Writer, literal
from hepq.core.ops.table import OPS, UNARY

Rule = Callable[[Writer, Operation], Term]


def _gemm(w: Writer, o: Operation) -> Term:
    x, weight = w.term(o.inputs[0]), w.network.constants.get(o.inputs[1])
    bias = w.constant(o.inputs[2]) if len(o.inputs) > 2 and o.inputs[2] else None
    if o.inputs[0] in w.network.constants or weight is None or (bias is None and len(o.inputs) > 2 and o.inputs[2]):
        raise Unfit(f"{o.kind} `{o.output}` of weights that are computed")
    if o.attributes.get("transA", 0) or weight.ndim != 2:
        raise Unfit(f"{o.kind} `{o.output}` is no layer on vectors")
    weight = weight if o.attributes.get("transB", 0) else weight.T
    weight = weight * o.attributes.get("alpha", 1.0)
    size, width = weight.shape
    if width != x.size:
        raise Unfit(f"{o.kind} `{o.output}` takes {width} numbers, is given {x.size}")
    result = axes.along(o, x, len(x.axes), size)
    if bias is None:
        return w.layer(x, "Linear", result, o.inputs[1], {"weight": weight})
    bias = np.broadcast_to(bias.reshape(-1) * o.attributes.get("beta", 1.0), (size,))
    return w.layer(x, "Dense", result, o.inputs[1], {"weight": weight, "bias": bias})


def _layer_norm(w: Writer, o: Operation) -> Term:
    x, axis = w.term(o.inputs[0]), o.attributes.get("axis", -1)
    rank = len(x.axes) + 1
    if axis % rank == 0 or np.prod(x.axes[axis % rank - 1 :]) != x.size:
        raise Unfit(f"LayerNormalization `{o.output}` from axis {axis} on of {axes.shown(x)}")
    weights = {}
    for name, given, otherwise in zip(("weight", "bias"), (*o.inputs[1:3], "", ""), (1.0, 0.0), strict=False):
        value = w.network.constants.get(given) if given else np.float32(otherwise)
        if value is None or np.size(value) not in (1, x.size):
            raise Unfit(f"LayerNormalization `{o.output}` of weights that are computed, or are not one for each number")
        weights[name] = np.broadcast_to(np.reshape(value, -1), (x.size,))
    eps = literal(o.attributes.get("epsilon", 1e-5))
    hint = o.inputs[1] if len(o.inputs) > 1 else ""
    return w.layer(x, "LayerNorm", x.axes, hint, weights, f"eps={eps}, ")


def _batch_norm(w: Writer, o: Operation) -> Term:
    x, stats = w.term(o.inputs[0]), [w.constant(i) for i in o.inputs[1:5]]
    if o.attributes.get("training_mode", 0) or any(s is None for s in stats):
        raise Unfit(f"BatchNormalization `{o.output}` is in training")
    if x.size > 1 and x.axes[0] != x.size:
        raise Unfit(f"BatchNormalization `{o.output}` is over axis 1 of {axes.shown(x)}, which has one number")
    names = ("weight", "bias", "running_mean", "running_var")
    weights = {n: s.reshape(-1) for n, s in zip(names, stats, strict=True) if s is not None}
    eps = literal(o.attributes.get("epsilon", 1e-5))
    return w.layer(x, "BatchNorm", x.axes, o.inputs[1], weights, f"eps={eps}, ")


def _stage(text: str, w: Writer, o: Operation, **defaults: float) -> Term:
    """``x |> text``, with attributes filled in."""
    given = {name: literal(o.attributes.get(name, value)) for name, value in defaults.items()}
    return w.term(o.inputs[0]).into(text.format(**given))


def _formula(text: str, w: Writer, o: Operation, **defaults: float) -> Term:
    """A formula of ``x``."""
    given = {name: literal(o.attributes.get(name, value)) for name, value in defaults.items()}
    x = w.bound(w.term(o.inputs[0]))
    return Term(text.format(x=x.text, **given), x.axes, True)


def _binary(sign: str, w: Writer, o: Operation) -> Term:
    terms = [w.term(i) for i in o.inputs]
    common = axes.common(w, o, terms)
    if len(terms) == 1:
        return terms[0]
    size = math.prod(common)
    return Term(f" {sign} ".join(_spread(w, t, size).tight for t in terms), common, True)


def _call(name: str, w: Writer, o: Operation) -> Term:
    terms = [w.term(i) for i in o.inputs]
    common = axes.common(w, o, terms)
    if len(terms) == 1:
        return terms[0]
    size = math.prod(common)
    return Term(f"{name}({', '.join(_spread(w, t, size).text for t in terms)})", common)


def _spread(w: Writer, term: Term, size: int) -> Term:
    """A vector of one number beside longer ones: the number."""
    number = term.text.lstrip("-")[:1].isdigit() or term.text.lstrip("-") == "inf"
    return term if term.size == size or number else Term(f"{w.bound(term).text}[0]", (size,))


def _softmax(name: str, w: Writer, o: Operation) -> Term:
    x = w.term(o.inputs[0])
    axis = o.attributes.get("axis", -1)
    if axis % (len(x.axes) + 1) == 0:
        raise Unfit(f"{o.kind} `{o.output}` over the batch")
    axes.along(o, x, axis, x.size)
    return x.into(name)


def _clip(w: Writer, o: Operation) -> Term:
    x = w.term(o.inputs[0])
    limits = [o.attributes.get("min"), o.attributes.get("max")]
    for i, name in enumerate(o.inputs[1:3]):
        value = w.constant(name)
        if value is None and name:
            raise Unfit(f"Clip `{o.output}` between computed limits")
        limits[i] = None if value is None else value.item()
    low, high = (default if v is None else literal(v) for v, default in zip(limits, ("-inf", "inf"), strict=True))
    return x.into(f"clip({low}, {high})")


def _concat(w: Writer, o: Operation) -> Term:
    if any(i in w.network.constants for i in o.inputs):
        raise Unfit(f"Concat `{o.output}` with a constant")
    terms, axis = [w.term(i) for i in o.inputs], o.attributes["axis"]
    if axis % (len(terms[0].axes) + 1) == 0:
        raise Unfit(f"Concat `{o.output}` over the batch")
    size = sum(t.size for t in terms)
    joined = [axes.along(o, t, axis, size) for t in terms]
    return terms[0] if len(terms) == 1 else Term(f"concat({', '.join(t.text for t in terms)})", joined[0])


def _same(w: Writer, o: Operation) -> Term:
    return w.term(o.inputs[0])


def _prelu(w: Writer, o: Operation) -> Term:
    if o.inputs[1] not in w.network.constants:
        raise Unfit(f"PRelu `{o.output}` of slopes that are computed")
    x, slope = w.bound(w.term(o.inputs[0])), w.term(o.inputs[1])
    return Term(f"max({x.text}, 0) + {slope.tight} * min({x.text}, 0)", axes.common(w, o, [x, slope]), True)


def _cast(w: Writer, o: Operation) -> Term:
    if o.attributes["to"] not in (1, 11):  # float, double
        raise Unfit(f"Cast `{o.output}` to what is no float")
    return w.term(o.inputs[0])


def _gelu(w: Writer, o: Operation) -> Term:
    if o.attributes.get("approximate", b"none") != b"none":
        raise Unfit(f"Gelu `{o.output}` by approximation")
    return w.term(o.inputs[0]).into("gelu")


#: operator -> (writer, operation) -> its result
RULES: dict[str, Rule] = {
    "Gemm": _gemm, "MatMul": _gemm, "BatchNormalization": _batch_norm, "Softmax": partial(_softmax, "softmax"),
    "LogSoftmax": partial(_softmax, "log_softmax"), "Clip": _clip, "Concat": _concat, "Dropout": _same,
    "Identity": _same, "Cast": _cast, "Conv": conv, "LayerNormalization": _layer_norm, **axes.RULES,
    "Relu": partial(_stage, "relu"), "Softplus": partial(_stage, "softplus"),
    **{op.onnx: partial(_stage, op.name) for op in OPS.values() if op.onnx and op.name in UNARY and op.static},
    "LeakyRelu": partial(_stage, "leaky_relu({alpha})", alpha=0.01), "Elu": partial(_stage, "elu({alpha})", alpha=1.0),
    "Gelu": _gelu, "PRelu": _prelu,
    "Selu": partial(_formula, "{gamma} * elu({x}, {alpha})", alpha=1.6732632, gamma=1.050701),
    "HardSigmoid": partial(_formula, "clip({alpha} * {x} + {beta}, 0, 1)", alpha=0.2, beta=0.5),
    "HardSwish": partial(_formula, "{x} * clip({x} / 6 + 0.5, 0, 1)"),
    "Mish": partial(_formula, "{x} * tanh(softplus({x}))"),
    "Softsign": partial(_formula, "{x} / (1 + abs({x}))"),
    "Neg": partial(_formula, "-{x}"), "Reciprocal": partial(_formula, "1 / {x}"),
    "Add": partial(_binary, "+"), "Sum": partial(_binary, "+"), "Sub": partial(_binary, "-"),
    "Mul": partial(_binary, "*"), "Div": partial(_binary, "/"), "Pow": partial(_binary, "^"),
    "Min": partial(_call, "min"), "Max": partial(_call, "max"),
}  # fmt: skip
