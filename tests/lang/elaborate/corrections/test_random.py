# SPDX-License-Identifier: Apache-2.0
"""Corrections made by chance of all kinds of nodes give what correctionlib gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.lang.elaborate.corrections import random_corrections as made
from tests.lang.elaborate.corrections.called import Array, Refused, ours, theirs

#: functions that libraries round in ways of their own; differences of what is nearly equal make that more
ROUNDED = r"log|exp|erf|sin|cos|tan|pow|\^"
SETTINGS = settings(max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip


def at_an_end(tree: Any, given: dict[str, Any]) -> Array:
    """Just below the upper end of a range, where the number's part of it rounds to 1: correctionlib then takes content
    that there is none of, what is outside, or raises."""
    found = np.zeros(len(given["a"]), bool)
    for name in made.ALL:
        for low, high in made.uniform(tree):
            found |= (given[name] < high) & ((given[name] - low) / (high - low) >= 1)
        for low, high in made.wrapped(tree):
            z = (given[name] - low) / (high - low)
            with np.errstate(invalid="ignore"):
                z -= np.floor(z)
            found |= (z >= 1) | (low + z * (high - low) >= high)
    return found


def agree(tree: Any, file: Path, name: str, rows: dict[str, Any]) -> None:
    expected, raised = theirs(file, name, rows)
    try:
        value, _, wrong = ours(file, name, rows)
    except Refused as why:
        code = str(why)
        keys = {item["key"] for n in made.nodes(tree) if n.get("input") == "s" for item in n["content"]}
    else:
        code = ""
    if code:
        assert raised.all() if code == "HQ0945" else code == "HQ0946" and rows["s"] not in keys
        return
    kept = ~at_an_end(tree, rows)
    assert (wrong == raised)[kept].all()
    kept &= ~raised
    formulas = [n["expression"] for n in made.nodes(tree) if "expression" in n]
    tolerance = 1e-13 if any(re.search(ROUNDED, e) for e in formulas) else 0.0
    with np.errstate(all="ignore"):
        close = np.abs(value - expected) <= tolerance * np.abs(expected)
    same = (value == expected) | (np.isnan(value) & np.isnan(expected)) | close
    assert same[kept].all(), (value[kept & ~same][:3], expected[kept & ~same][:3])


@SETTINGS
@given(data=made.CONTENTS, generic=made.GENERIC, text=st.sampled_from(made.TEXTS), seed=st.integers(0, 99))
def test_random_corrections(data: Any, generic: Any, text: str, seed: int, tmp_path: Path) -> None:
    tree = made.correction("c", data, generic)
    file = tmp_path / "c.json"
    file.write_text(json.dumps(made.file(tree)))
    agree(tree, file, "c", {**made.rows(tree, 1000, seed), "s": text})


@SETTINGS
@given(
    stack=st.lists(made.CONTENTS, min_size=1, max_size=3), generic=made.GENERIC, text=st.sampled_from(made.TEXTS),
    ops=st.tuples(st.sampled_from("+*/"), st.sampled_from(["+", "*", "/", "last"])),
    update=st.lists(st.sampled_from("ab"), unique=True), seed=st.integers(0, 99),
)  # fmt: skip
def test_random_compounds(
    stack: Any, generic: Any, text: str, ops: tuple[str, str], update: list[str], seed: int, tmp_path: Path
) -> None:
    if made.uniform(stack):  # correctionlib reads memory that is not its own where a changed input is NaN
        update = []
    parts = [made.correction(f"part{n}", data, generic) for n, data in enumerate(stack)]
    compound = {
        "name": "c", "inputs": parts[0]["inputs"], "output": parts[0]["output"], "inputs_update": update,
        "input_op": ops[0], "output_op": ops[1], "stack": [p["name"] for p in parts],
    }  # fmt: skip
    file = tmp_path / "c.json"
    file.write_text(json.dumps(made.file(*parts, compound=[compound])))
    agree(parts, file, "c", {**made.rows(stack, 1000, seed), "s": text})
