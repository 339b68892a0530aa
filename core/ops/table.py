# SPDX-License-Identifier: Apache-2.0
"""Every operation of the IR. A new one needs its row here, and a rule where a back end has no default for it.

``tests/compiler/test_op_table.py`` names what is missing; ``python -m tests.docs.update`` renews the documentation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from hepq.core.ops.row import Op
from hepq.core.types import Elem

_NUMBERS: tuple[Elem, ...] = ("real", "int")
_ANY: tuple[Elem, ...] = ("real", "int", "bool")

#: of a pure number
_function = partial(Op, group="unary", operands="x", takes=("real",), unit="number", coerce="real")
_unary = partial(Op, group="unary", operands="x", takes=_NUMBERS, coerce="number", cheap=True)
_binary = partial(Op, group="binary", operands="a, b", takes=_NUMBERS, coerce="number", cheap=True)
_compare = partial(_binary, gives="bool", unit="none")
_logic = partial(Op, group="binary", operands="a, b", takes=("bool",), commutative=True, cheap=True)
_move = partial(Op, group="shape", operands="x")
_reduce = partial(Op, group="reduce", operands="x", attrs={"over": "dims"})
_circuit = partial(Op, group="quantum", operands="a")

_ROWS = (
    Op("input", "given", attrs={"name": "text"}, doc="name"),
    Op("param", "given", attrs={"path": "text", "init": "init", "trainable": "flag"},
       doc="path, init (a tuple, see ``INITS`` in ``infer.py``), trainable"),
    Op("const", "known", attrs={"value": "value"}, doc="value: float | int | bool (a scalar)"),
    Op("iota", "known", attrs={"dim": "dim"}, doc="dim; int[dim] = 0, 1, 2 …"),
    Op("count", "known", attrs={"dim": "dim"}, doc="dim; int, entries of dim in this event (its size if static)"),

    _function("exp", static=math.exp, regular=0.5, numpy="exp", torch="exp", onnx="Exp"),
    _function("log", static=math.log, regular=0.5, numpy="log", torch="log", onnx="Log"),
    _function("log1p", static=math.log1p, regular=0.5, numpy="log1p", torch="log1p"),
    _function("expm1", static=math.expm1, regular=0.5, numpy="expm1", torch="expm1"),
    _function("sin", static=math.sin, odd=True, numpy="sin", torch="sin", onnx="Sin", c="sinf"),
    _function("cos", static=math.cos, even=True, numpy="cos", torch="cos", onnx="Cos", c="cosf"),
    _function("tan", static=math.tan, odd=True, regular=0.5, numpy="tan", torch="tan", onnx="Tan", c="tanf"),
    _function("asin", static=math.asin, odd=True, regular=0.5, numpy="arcsin", torch="asin", onnx="Asin", c="asinf"),
    _function("acos", static=math.acos, regular=0.5, numpy="arccos", torch="acos", onnx="Acos", c="acosf"),
    _function("atan", static=math.atan, odd=True, numpy="arctan", torch="atan", onnx="Atan", c="atanf"),
    _function("sinh", static=math.sinh, odd=True, regular=0.5, numpy="sinh", torch="sinh", onnx="Sinh", c="sinhf"),
    _function("cosh", static=math.cosh, regular=0.5, even=True, numpy="cosh", torch="cosh", onnx="Cosh", c="coshf"),
    _function("tanh", static=math.tanh, odd=True, numpy="tanh", torch="tanh", onnx="Tanh"),
    _function("asinh", static=math.asinh, odd=True, numpy="arcsinh", torch="asinh", onnx="Asinh", c="asinhf"),
    _function("atanh", static=math.atanh, odd=True, regular=0.5, numpy="arctanh", torch="atanh", onnx="Atanh",
              c="atanhf"),
    _function("sigmoid", static=lambda v: 1 / (1 + math.exp(-v)), doc="1 / (1 + e⁻ˣ)", torch="sigmoid", onnx="Sigmoid"),
    _function("erf", static=math.erf, odd=True, torch="erf", onnx="Erf"),
    _function("floor", static=math.floor, cheap=True, numpy="floor", torch="floor", onnx="Floor"),
    _function("ceil", static=math.ceil, cheap=True, numpy="ceil", torch="ceil", onnx="Ceil"),
    _unary("neg", symbol="-", odd=True, numpy="negative", torch="neg", onnx="Neg"),
    _unary("abs", static=abs, even=True, numpy="abs", torch="abs", onnx="Abs"),
    _unary("sign", static=lambda v: (v > 0) - (v < 0), odd=True, doc="−1, 0 or 1", unit="none",
           numpy="sign", torch="sign", onnx="Sign"),
    _unary("sqrt", takes=("real",), coerce="real", unit="root", static=math.sqrt, regular=0.5,
           doc="of half the unit's power", numpy="sqrt", onnx="Sqrt"),
    _unary("not", takes=("bool",), coerce=None, unit="number", symbol="not",
           numpy="logical_not", torch="logical_not", onnx="Not"),

    _binary("add", symbol="+", commutative=True, neutral=0, numpy="add", torch="add", onnx="Add"),
    _binary("sub", symbol="-", neutral=0, numpy="subtract", torch="sub", onnx="Sub"),
    _binary("mul", symbol="*", odd=True, unit="product", commutative=True, neutral=1,
            numpy="multiply", torch="mul", onnx="Mul"),
    _binary("div", symbol="/", odd=True, unit="quotient", takes=("real",), coerce="real", neutral=1, regular=1,
            numpy="divide", torch="div", onnx="Div"),
    _binary("mod", symbol="%", cheap=False, regular=1, numpy="mod", torch="remainder"),
    _binary("pow", symbol="^", unit="power", takes=("real",), coerce="real", neutral=1, cheap=False, regular=1,
            numpy="power", torch="pow", onnx="Pow"),
    _binary("min", static=min, commutative=True, numpy="minimum", torch="minimum", onnx="Min"),
    _binary("max", static=max, commutative=True, numpy="maximum", torch="maximum", onnx="Max"),
    _binary("atan2", static=math.atan2, operands="y, x", takes=("real",), coerce="real", unit="none", cheap=False,
            regular=1, numpy="arctan2", torch="atan2", c="atan2f"),
    _binary("hypot", static=math.hypot, takes=("real",), coerce="real", commutative=True, even=True, cheap=False,
            regular=1, numpy="hypot", c="hypotf"),
    _compare("eq", symbol="==", takes=_ANY, coerce="alike", commutative=True, numpy="equal", torch="eq", onnx="Equal"),
    _compare("ne", symbol="!=", takes=_ANY, coerce="alike", commutative=True, numpy="not_equal", torch="ne"),
    _compare("lt", symbol="<", numpy="less", torch="lt", onnx="Less"),
    _compare("le", symbol="<=", numpy="less_equal", torch="le", onnx="LessOrEqual"),
    _compare("gt", symbol=">", numpy="greater", torch="gt", onnx="Greater"),
    _compare("ge", symbol=">=", numpy="greater_equal", torch="ge", onnx="GreaterOrEqual"),
    _logic("and", symbol="and", numpy="logical_and", torch="logical_and", onnx="And"),
    _logic("or", symbol="or", numpy="logical_or", torch="logical_or", onnx="Or"),

    Op("where", "select", "cond, a, b", takes=("bool",), cheap=True, doc="elementwise"),
    Op("cast", "cast", "x", cheap=True, doc="to type.elem (bool -> 0/1, int -> real, real -> int truncates)"),

    _move("rename", attrs={"src": "dim", "dst": "dim"},
          doc="src, dst: the same data, dim src now called dst (``part`` -> ``part'``)"),
    _move("transpose", doc="same dims, node's order"),
    _move("stack", operands="x0, x1, …", attrs={"dim": "dim"}, takes=_ANY, coerce="alike",
          doc="dim (new, last); operands broadcast to the union of their dims"),
    _move("concat", operands="x0, x1, …", attrs={"along": "dim of each", "dim": "dim"}, takes=_ANY, coerce="alike",
          doc="along: one dim per operand, dim: the joined dim (last)"),
    _move("pick", attrs={"dim": "dim", "index": "int"}, doc="dim, index: one entry, dim dropped"),
    _move("slice", attrs={"dim": "dim", "start": "int", "dst": "dim"},
          doc="dim, start, dst: dst.size entries from start; dst takes dim's place"),
    _move("unflatten", attrs={"dim": "dim", "into": "two dims"},
          doc="dim, into: (outer, inner), row-major, in dim's place"),
    _move("flatten", attrs={"dims": "two dims", "dst": "dim"},
          doc="dims: (outer, inner), adjacent, dst: in their place"),

    Op("contract", "contract", "a, b", {"over": "dims"}, takes=_NUMBERS, coerce="real", commutative=True,
       doc="over: dims; sum of products, other dims aligned by name"),
    _reduce("reduce_sum", takes=_NUMBERS, coerce="number", numpy="sum"),
    _reduce("reduce_prod", takes=_NUMBERS, coerce="number", numpy="prod", doc="of nothing 1"),
    _reduce("reduce_mean", takes=("real",), coerce="real", numpy="mean"),
    _reduce("reduce_max", takes=_NUMBERS, coerce="number", numpy="max"),
    _reduce("reduce_min", takes=_NUMBERS, coerce="number", numpy="min"),
    _reduce("reduce_any", takes=("bool",), numpy="any"),
    _reduce("reduce_all", takes=("bool",), numpy="all"),

    Op("knn", "knn", "pos", {"over": "dim", "coord": "dim", "nbr": "dim", "short": "text"}, takes=("real",),
       coerce="real", doc="over: the points' dim, coord: dims summed in the distance, nbr: Dim(size k), short: "
       "\"zero\" | \"self\". index(over)[over, nbr]: the k nearest *other* points, nearest first; squared distance by "
       "differences; ties to the lower index. With fewer than k others, the rest is -1 (\"zero\") or the point "
       "(\"self\")"),
    Op("gather", "gather", "x, idx", takes=(*_ANY, "index"),
       doc="x's dim ``idx.type.into`` is looked up by idx; -1 gives 0, of an index -1. Result dims are those of idx, "
       "then x's others; a dim in both is aligned by name"),
    Op("filter", "rows", "mask", {"dim": "dim", "dst": "dim"}, takes=("bool",),
       doc="dim, dst: index(dim)[dst]: the entries of dim where mask[dim] is true, in order; no more than the first "
       "dst.bound"),
    Op("argsort", "rows", "key0, …", {"dim": "dim", "dst": "dim", "descending": "flags"}, takes=_ANY,
       doc="dim, dst, descending (one of each key): index(dim)[dst, keys' other dims]: the entries of dim by key0, "
       "equal ones by key1, …, equal ones in order; NaN is last either way. dst: dim itself; a ragged one, of the "
       "first dst.bound; or a static one, -1 where there are no more"),
    Op("combinations", "rows", "of", {"dim": "dim", "dst": "dim", "slot": "dim"},
       doc="dim, dst, slot: Dim(size k): index(dim)[dst, slot]: entries i < j < … of dim, by i, then by j, …; of is "
       "any value over dim"),
    Op("unite", "rows", "of0, of1, …", {"dims": "dim of each", "part": "int", "dst": "dim"},
       doc="dims, part, dst: index(dims[part])[dst]: dst has the entries of each dim in turn; -1 at those of other "
       "dims. of: any value over each dim"),
    Op("number", "rows", "x, of", {"dim": "dim"}, takes=("int",),
       doc="dim: index(dim) of whole numbers; -1 where dim has no such entry. of: any value over dim"),
    Op("cumsum", "cumsum", "x", {"over": "dim"}, takes=_NUMBERS, coerce="number",
       doc="over: a dim; the sum of the entries up to each, itself too"),
    *(Op(f"segment_{name}", "segment", "x, idx", takes=_NUMBERS,
         doc=f"x has idx's dims: its {what} over them by the entry of ``idx.type.into`` that idx names, [into, x's "
         "others]; -1 is left out. Of nothing: 0. into's size: as elsewhere in the event")
      for name, what in (("sum", "sum"), ("max", "maximum"), ("min", "minimum"))),
    Op("window", "window", "x", {"dim": "dim", "win": "dim", "stride": "int", "pad": "int", "dst": "dim"}, takes=_ANY,
       doc="dim, win: Dim(size w), stride, pad, dst: y[…, dst=t, …, win=j] = x[dim = t*stride + j - pad], 0 outside "
       "0..n; win goes last"),

    Op("bin", "counting", "x", {"axis": "axis"}, takes=_NUMBERS,
       doc="axis: BinAxis. Elementwise: the number of x's bin, -1 below all, axis.bins above all and of NaN, as "
       "boost-histogram has it; whole numbers are compared exactly"),
    Op("lookup", "counting", "i", {"values": "numbers"}, takes=("int",),
       doc="values. Elementwise: values[i]; elsewhere 0. real, or int if all values are"),
    Op("noise", "counting", "key, entry", {"name": "text"}, takes=("int",),
       doc="name. Elementwise: a random real in (0, 1) that follows from name, key and entry alone (core/noise.py)"),
    Op("cut", "counting", "state, holds", {"number": "int"}, takes=("int",), cheap=True,
       doc="number: j. Elementwise: how far a cut flow came. State 0: passed all cuts so far; 2j + 1: failed cut j "
       "only; 2j + 2: failed cut j first and a later one. 0 becomes 2j + 1, and an odd one the next, unless holds"),

    Op("batch_norm", "training", "x, w, b, mean, var", {"channel": "dim", "eps": "number", "momentum": "number"},
       coerce="real", doc="channel, eps, momentum: (x - mean) / sqrt(var + eps) * w + b; w, b, mean and var are "
       "[channel]. In training: statistics over the batch"),
    Op("dropout", "training", "x", {"p": "number"}, takes=("real",), coerce="real", identity=True, random=True,
       doc="p; identity outside training"),
    Op("stop_gradient", "training", "x", identity=True, doc="identity whose derivative is 0"),

    Op("fidelity", "quantum", "a, b", {"left": "circuit", "right": "circuit"},
       doc="left, right: Circuit. |<right(b)|left(a)>|², each run on |0…0>. The last dim of a and b is their "
       "circuit's slots; other dims are aligned by name"),
    _circuit("expect", attrs={"circuit": "circuit", "observables": "observables", "dim": "dim or none"},
             doc="circuit, observables: per observable (coefficient, ((wire, \"X\"|\"Y\"|\"Z\"), …)) terms, added; "
             "dim: of the observables, last; None: one, no dim"),
    _circuit("probs", attrs={"circuit": "circuit", "wires": "ints", "dim": "dim"},
             doc="circuit, wires, dim: Dim(size 2^wires), last: of strings of their bits, the first wire is bit 0"),
    _circuit("sample", attrs={"circuit": "circuit", "wires": "ints", "dim": "dim", "shots": "int"},
             doc="circuit, wires, dim, shots: as probs; a device estimates them from that many shots"),
)  # fmt: skip

OPS = {row.name: row for row in _ROWS}


def _where(fact: Callable[[Op], object]) -> frozenset[str]:
    return frozenset(row.name for row in _ROWS if fact(row))


GIVEN = _where(lambda op: op.group == "given")
#: from their attributes and the place alone
KNOWN = _where(lambda op: op.group == "known")
UNARY = _where(lambda op: op.group == "unary")
BINARY = _where(lambda op: op.group == "binary")
COMPARE = _where(lambda op: op.gives == "bool")
#: of events that are counted: they stand in event programs alone
COUNTING = _where(lambda op: op.group == "counting")
ELEMENTWISE = UNARY | BINARY | {"where", "cast"} | COUNTING
#: the numbers of other values, moved about
SHAPE = _where(lambda op: op.group == "shape")
#: one operand's numbers at other indices
ACCESS = _where(lambda op: op.name in SHAPE and op.arity == 1) | {"gather", "window"}
#: what they are over no entry, where that is not 0
OF_NOTHING = {"reduce_all": True, "reduce_prod": 1}
#: names differ from the elementwise min and max: ``reduce_max``
REDUCE = _where(lambda op: op.group == "reduce")
#: which entries of one dim stand in another
ROWS = _where(lambda op: op.group == "rows")
SEGMENT = _where(lambda op: op.group == "segment")
QUANTUM = _where(lambda op: op.group == "quantum")
IDENTITY = _where(lambda op: op.identity)
RANDOM = _where(lambda op: op.random)
COMMUTATIVE = _where(lambda op: op.commutative)
