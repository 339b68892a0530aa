# SPDX-License-Identifier: Apache-2.0
"""What NaN, infinity, zeros and the smallest numbers mean: the table of the language's reference, and its examples.

``tests/docs/op_table.py`` writes the table, ``tests/pipeline/test_special_values.py`` asks every back end for each
example.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NAN, INF = np.nan, np.inf
Value = float | bool | Sequence[float] | Sequence[Sequence[float]]


@dataclass(frozen=True)
class Meaning:
    """``examples``: expressions over ``GIVEN`` and what they are."""

    of: str
    meaning: str
    examples: Mapping[str, Value]


#: inputs by name, per event or over ``part``
GIVEN: Mapping[str, Any] = {
    "nan": NAN, "zero": 0.0, "below": -0.0, "tiny": 1e-40, "big": INF, "x": [1.0, NAN, 2.0], "y": [1.0, INF, -INF],
    "at": [0.0, NAN, INF, 3.0, 1.0], "m": 2**53 + 1, "n": [2**53 + 1, -3, 5], "most": 2**63 - 1, "none": 0,
}  # fmt: skip
TOLD = (
    "In the examples, `nan` is an input that is NaN, `big` is infinite, `below` −0 and `tiny` 1e-40; `x` has the "
    "entries 1, NaN, 2 and `y` 1, ∞, −∞ over `part`; `at` are 0, NaN, ∞, 3, 1 over `spot`. Whole numbers "
    "are `m`, 2⁵³ + 1, `none`, 0, `most`, 2⁶³ − 1, and `n`, 2⁵³ + 1, −3, 5 over `part`."
)
MEANINGS = (
    Meaning("arithmetic, functions", "IEEE 754's: NaN where an operand is, except where C has a number whatever it "
            "stands for. Numbers beyond 3.4 · 10³⁸ are infinite",
            {"nan + 1": NAN, "big - big": NAN, "1 / zero": INF, "sign(nan)": NAN, "hypot(big, nan)": INF, "1 ^ nan": 1,
             "-big % 2": NAN}),
    Meaning("comparisons", "with NaN, `!=` is true and all others are false",
            {"nan == nan": False, "nan != nan": True, "nan < 1": False, "not (nan < 1)": True, "nan >= nan": False}),
    Meaning("`if c then a else b`", "`a` or `b`, whatever the other is",
            {"if zero == 0 then 1 else nan": 1, "if nan > 0 then 1 else 2": 2}),
    Meaning("`min`, `max`, `clip`, `relu` of values", "NaN where an operand is",
            {"max(nan, 1)": NAN, "min(big, nan)": NAN, "clip(nan, 0, 1)": NAN, "clip(big, 0, 1)": 1, "relu(nan)": NAN}),
    Meaning("`sum`, `mean`, `min`, `max` over a dim",
            "NaN where an entry is, in whatever order they stand; of nothing 0",
            {"max(x, over=part)": NAN, "min(x, over=part)": NAN, "mean(x, over=part)": NAN, "max(y, over=part)": INF,
             "sum(y, over=part)": NAN}),
    Meaning("`softmax`", "NaN for all entries where one is NaN or ∞",
            {"softmax(x, over=part)": (NAN, NAN, NAN), "softmax(y, over=part)": (NAN, NAN, NAN)}),
    Meaning("`dot`, layers, what the compiler reorders",
            "NaN where an operand is; of infinite operands infinite or NaN, and that may differ between back ends",
            {"dot(x, y, over=part)": NAN}),
    Meaning("`order … by key`", "NaN comes last, ascending and descending; equal keys, −0 and 0 among them, and NaN "
            "keep the order of the file", {}),
    Meaning("`sort`, `argsort`, `top_k`, `argmax`, `argmin`", "NaN comes last, ascending and descending; equal "
            "ones, −0 and 0 among them, and NaN keep their order",
            {"sort(x, over=part)": (1, 2, NAN), "sort(x, over=part, desc=true)": (2, 1, NAN),
             "sort(y, over=part)": (-INF, 1, INF), "gather(x, argmax(x, over=part))": 2,
             "gather(y, argmin(y, over=part))": -INF}),
    Meaning("`cumsum`, sums by an index", "NaN where one of the entries that are added is",
            {"cumsum(x, over=part)": (1, NAN, NAN), "sum(x, by=argsort(x, over=part))": (1, 2, NAN)}),
    Meaning("`knn`", "an infinite distance is behind every finite one, NaN behind that; equal ones by index",
            {"gather(at, knn[4](stack(at), over=spot))": [
                [1, 3, INF, NAN], [0, INF, 3, 1], [0, 3, 1, NAN], [1, 0, INF, NAN], [0, 3, INF, NAN]]}),
    Meaning("−0", "equals 0. Its sign can be lost: what tells the two apart, `1 / below` or `atan2(below, -1)`, may be "
            "either", {"below == 0": True, "below < zero": False, "max(below, zero)": 0}),
    Meaning("denormal numbers", "are kept by every back end, down to 1.4 · 10⁻⁴⁵",
            {"tiny > 0": True, "tiny * 1e30 > 0.9e-10": True, "abs(-tiny) == tiny": True}),
    Meaning("whole numbers", "have 64 bits and a sign, and are exact in arithmetic, comparisons, reductions and "
            "look-ups, from branches to outputs",
            {"m + 1": 2**53 + 2, "3 * m": 3 * (2**53 + 1), "m - 1 < m": True, "m == 9007199254740993": True,
             "m - 9007199254740992": 1, "(m - 9007199254740990) ^ 3": 27, "sum(n, over=part)": 2**53 + 3,
             "max(n, over=part)": 2**53 + 1, "sort(n, over=part)": (-3, 5, 2**53 + 1),
             "n - m": (0, -(2**53) - 4, -(2**53) + 4),
             "gather(n, argmax(n, over=part))": 2**53 + 1,
             "cumsum(n, over=part)": (2**53 + 1, 2**53 - 2, 2**53 + 3),
             "sum(n, by=argsort(n, over=part))": (5, 2**53 + 1, -3)}),
    Meaning("`%` of whole numbers", "has the sign of the divisor; by 0 it is 0",
            {"n % 4": (1, 1, 1), "n % -4": (-3, -3, -3), "m % none": 0, "(-most - 1) % -1": 0}),
    Meaning("whole numbers beyond ±2⁶³",
            "wrap around. Do not compare what may have: compiled code may take `n + 1 > n` for true",
            {"most + 1": -(2**63), "-(most + 2)": 2**63 - 1}),
    Meaning("`int(x)`", "drops the fraction; of NaN it is 0, and of what is too large the nearest there is",
            {"int(nan)": 0, "int(big)": 2**63 - 1, "int(-big)": -(2**63), "int(-2.7 * (1 + zero))": -2}),
    Meaning("whole numbers where real ones are needed, `n / 2`", "are rounded to single precision, exact up to 2²⁴",
            {"min(n, over=part) / 2": -1.5}),
)  # fmt: skip


def program() -> str:
    """One model that gives every example, in the order of the table."""
    over = {"x": "[part]", "y": "[part]", "n": "[part]", "at": "[spot]"}
    kinds = {name: "int" if np.asarray(value).dtype.kind == "i" else "real" for name, value in GIVEN.items()}
    inputs = ", ".join(f"{name}: {kind}{over.get(name, '')}" for name, kind in kinds.items())
    made = ",\n  ".join(code for one in MEANINGS for code in one.examples)
    return f"dim part <= 4\ndim spot <= 6\n\nmodel Special({inputs}) = (\n  {made})\n"


def written() -> str:
    """The table in Markdown."""
    lines = [TOLD, "", "| of | meaning | examples |", "|---|---|---|"]
    for one in MEANINGS:
        shown = "; ".join(f"`{code}` is {_shown(value)}" for code, value in one.examples.items())
        lines.append(f"| {one.of} | {one.meaning} | {shown} |")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, list) and isinstance(value[0], list):
        return f"{_shown(value[0])} for the first"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int):
        return f"{value}".replace("-", "−")
    return "NaN" if np.isnan(value) else "∞" if value == INF else f"{value:g}"
