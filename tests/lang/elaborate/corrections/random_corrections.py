# SPDX-License-Identifier: Apache-2.0
"""Corrections of all kinds of nodes, by chance: inputs `a`, `b` (real), `k` (int), `s` (string)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

KEYS = (-3, 0, 1, 4, 5, 21)
TEXTS = ("up", "down", "nominal")
REALS, ALL = ("a", "b"), ("a", "b", "k")
EDGES = st.lists(st.sampled_from([-5.0, -2.5, -1.0, -0.1, 0.0, 0.3, 1.0, 2.0, 7.0, 30.0]), min_size=2, max_size=5,
                 unique=True).map(sorted)  # fmt: skip
NUMBERS = st.floats(-9, 9).map(lambda v: round(v, 3))

EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "y", "x[0]", "[0]", "[1]", "2", "0.5", "1e-2", "-3", "-x"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+ - * / ^ == != < > <= >= || &&".split()), inner).map(" ".join),
        st.tuples(st.sampled_from("log log10 exp erf sqrt abs cos sin tan acos asin atan cosh sinh tanh acosh asinh "
                                  "atanh".split()), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(st.sampled_from("atan2 pow max min".split()), inner, inner).map(lambda p: f"{p[0]}({p[1]},{p[2]})"),
        inner.map(lambda e: f"({e})"), inner.map(lambda e: f"-({e})"),
    ),
    max_leaves=6,
)  # fmt: skip
FORMULAS = st.builds(
    lambda expression, variables, parameters: {
        "nodetype": "formula", "parser": "TFormula", "expression": expression, "variables": variables,
        "parameters": parameters,
    },
    EXPRESSIONS, st.permutations(REALS).map(list), st.lists(NUMBERS, min_size=2, max_size=2),
)  # fmt: skip
REFERENCES = st.builds(
    lambda index, parameters: {"nodetype": "formularef", "index": index, "parameters": parameters},
    st.integers(0, 1), st.lists(NUMBERS, min_size=2, max_size=2),
)  # fmt: skip
#: of a transform: finite for all finite numbers
RULES = st.one_of(
    NUMBERS,
    st.builds(lambda p: {"nodetype": "formula", "parser": "TFormula", "expression": "[0] * x + [1] * y - 0.5",
                         "variables": ["a", "b"], "parameters": p}, st.lists(NUMBERS, min_size=2, max_size=2)),
)  # fmt: skip


@st.composite
def axes(draw: st.DrawFn, wraps: bool) -> Any:
    if draw(st.booleans()):
        low = draw(st.sampled_from([-5.0, -1.0, 0.0, 0.3]))
        return {"n": draw(st.integers(1, 4)), "low": low, "high": low + draw(st.sampled_from([0.7, 3.0, 11.0]))}
    edges: list[Any] = list(draw(EDGES))
    if not wraps and draw(st.booleans()):
        edges = ["-inf", *edges] if draw(st.booleans()) else [*edges, draw(st.sampled_from(["inf", "+inf"]))]
    return edges


def bins_of(edges: Any) -> int:
    return edges["n"] if isinstance(edges, dict) else len(edges) - 1


@st.composite
def binnings(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Any:
    flow = draw(st.one_of(st.sampled_from(["clamp", "error", "wrap"]), inner))
    inputs = draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=2))
    edges = [draw(axes(flow == "wrap")) for _ in inputs]
    content = [draw(inner) for _ in range(math.prod(map(bins_of, edges)))]
    if len(inputs) == 1 and draw(st.booleans()):
        return {"nodetype": "binning", "input": inputs[0], "edges": edges[0], "content": content, "flow": flow}
    return {"nodetype": "multibinning", "inputs": inputs, "edges": edges, "content": content, "flow": flow}


@st.composite
def categories(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Any:
    input = draw(st.sampled_from("ks"))
    keys = draw(st.lists(st.sampled_from(KEYS if input == "k" else TEXTS), min_size=1, max_size=4, unique=True))
    default = draw(st.one_of(st.none(), inner))
    content = [{"key": key, "value": draw(inner)} for key in keys]
    return {"nodetype": "category", "input": input, "content": content, "default": default}


def transforms(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda input, rule, content: {"nodetype": "transform", "input": input, "rule": rule, "content": content},
        st.sampled_from(ALL), RULES, inner,
    )  # fmt: skip


CONTENTS = st.recursive(
    st.one_of(NUMBERS, FORMULAS, REFERENCES),
    lambda inner: st.one_of(binnings(inner), categories(inner), transforms(inner)),
    max_leaves=12,
)


def correction(name: str, data: Any, generic: list[Any]) -> dict[str, Any]:
    inputs = [{"name": n, "type": {"k": "int", "s": "string"}.get(n, "real")} for n in "abks"]
    return {"name": name, "version": 1, "inputs": inputs, "output": {"name": "w", "type": "real"}, "data": data,
            "generic_formulas": generic}  # fmt: skip


GENERIC = st.lists(FORMULAS, min_size=2, max_size=2).map(
    lambda formulas: [{k: v for k, v in f.items() if k != "parameters"} for f in formulas]
)


def file(*corrections: Any, compound: Any = None) -> dict[str, Any]:
    return {"schema_version": 2, "corrections": list(corrections), "compound_corrections": compound}


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "nodetype" in tree:
            yield tree
        for below in tree.values():
            yield from nodes(below)
    elif isinstance(tree, list):
        for below in tree:
            yield from nodes(below)


def _all_edges(tree: Any) -> Iterator[tuple[Any, bool]]:
    """Edges of all bins, and whether their input wraps."""
    for node in nodes(tree):
        if "edges" in node:
            for edges in node["edges"] if node["nodetype"] == "multibinning" else [node["edges"]]:
                yield edges, node["flow"] == "wrap"


def uniform(tree: Any) -> list[tuple[float, float]]:
    """Ends of all uniform bins."""
    return [(e["low"], e["high"]) for e, _ in _all_edges(tree) if isinstance(e, dict)]


def wrapped(tree: Any) -> list[tuple[float, float]]:
    """Ends of those whose input is taken modulo their range."""
    found = [(e["low"], e["high"]) if isinstance(e, dict) else (e[0], e[-1]) for e, wraps in _all_edges(tree) if wraps]
    return [(float(low), float(high)) for low, high in found]


def rows(tree: Any, count: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """Numbers around, on and just beside the edges of ``tree``; NaN and infinity, unless there are uniform bins (with
    NaN, correctionlib reads memory that is not its own) or a transform makes whole numbers of them."""
    rng = np.random.default_rng(seed)
    found = {float(e) for n in nodes(tree) if "edges" in n for e in _numbers(n["edges"])}
    edges = np.array([e for e in sorted(found | {0.0, 1.0}) if math.isfinite(e)])
    special = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
    if not uniform(tree) and not any(n["nodetype"] == "transform" and n["input"] == "k" for n in nodes(tree)):
        special = np.concatenate([special, [np.nan, np.inf, -np.inf]])
    made: dict[str, np.ndarray[Any, Any]] = {}
    for name in REALS:
        made[name] = np.where(rng.random(count) < 0.5, rng.choice(special, count), rng.normal(0, 4, count))
    made["k"] = rng.choice([*KEYS, -10, 2, 3, 7, 100], count)
    return made


def _numbers(edges: Any) -> Iterator[float]:
    if isinstance(edges, dict):
        yield from (edges["low"], edges["high"])
    elif isinstance(edges, list):
        for e in edges:
            yield from _numbers(e)
    else:
        yield float(edges)
