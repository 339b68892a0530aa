# SPDX-License-Identifier: Apache-2.0
"""Functions of the library, found again in the IR by their formulas; whoever changes one in ``std.nn`` changes it here.

Each is written as in ``std.nn``; what it captures has the names that its docstring or comment gives.
"""

from __future__ import annotations

from functools import reduce
from math import isclose, pi, sqrt
from operator import or_

from hepq.compiler.ir.match import Found, Pattern, capture, number, op
from hepq.core.ops.table import OPS

#: a floor under a probability, there to keep its logarithm finite
FLOOR = 1e-20

_x, _over = capture("x"), capture("over")
_one = _over.where(lambda found: len(found["over"]) == 1)


def _softmax(x: Pattern) -> Pattern:
    shifted = (x - op("reduce_max", x, over=_one)).named("shifted")
    e = op("exp", shifted).named("e")
    return e / op("reduce_sum", e, over=_over).named("total")


def _layer_norm() -> Pattern:
    d = (_x - op("reduce_mean", _x, over=_one)).named("d")
    variance = op("reduce_mean", d * d, over=_over)
    return d / op("sqrt", variance + number("eps")) * capture("weight") + capture("bias")


def _attention() -> Pattern:
    product = op("contract", capture("q"), capture("k"), over=capture("summed"))
    scaled = product | product * number("factor") | product / number("divisor")
    softmax = _softmax((scaled | scaled + capture("bias")).named("logits"))
    weights = softmax | op("dropout", softmax, p=capture("p"))
    return op("contract", weights, capture("v"), over=capture("keys")).where(_over_its_keys)


def _wrapped() -> Pattern:
    turn = number("turn")
    wrapped = _x - op("floor", (_x + number("half")) / turn) * turn
    return wrapped.where(lambda f: isclose(f["turn"], 2 * pi) and isclose(f["half"], pi))


def _over_its_keys(found: Found) -> bool:
    return [d.key for d in found["keys"]] == [d.key for d in found["over"]]


#: max(x, 0)
RELU = op("max", _x, 0)
#: x (1 + erf(x / sqrt(2))) / 2, arXiv:1606.08415
GELU = (_x * 0.5 * (op("erf", _x / number("root")) + 1)).where(lambda f: isclose(f["root"], sqrt(2), rel_tol=1e-12))
#: exp(shifted) / total with shifted = x - max(x), total = sum(exp(shifted)), all ``over`` one dim
SOFTMAX = _softmax(_x)
#: log(softmax(x)), or of its maximum with a tiny number
LOG_SOFTMAX = op("log", SOFTMAX | op("max", SOFTMAX, number("floor")).where(lambda f: 0 < f["floor"] <= FLOOR))
#: (x - mean) / sqrt(mean((x - mean)^2) + eps) * weight + bias ``over`` one dim, arXiv:1607.06450
LAYER_NORM = _layer_norm()
#: the sum over ``keys``, one dim, of v times softmax(q . k / divisor + bias): the sum of q times k ``summed`` over some
#: dims, which may have a ``factor`` instead, or neither; of the weights a fraction p may be dropped. arXiv:1706.03762
ATTENTION = _attention()
#: x W^T + b over one dim
LINEAR = op("contract", _x, op("param").named("weight"), over=_one).named("product") + op("param").named("bias")
#: x - 2π floor((x + π) / 2π): an angle in -π..π. But for its ends, an odd function
WRAPPED = _wrapped()
#: what is x itself
IDENTITIES = reduce(
    or_, (op(o.name, _x, o.neutral) for o in OPS.values() if o.neutral is not None), op("neg", op("neg", _x))
)
