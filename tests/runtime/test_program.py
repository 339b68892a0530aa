# SPDX-License-Identifier: Apache-2.0
"""Straight-line programs give what the reference interpreter gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.program import NotStraight, to_program
from hepq.core.types import Dim, Type
from hepq.runtime import program as programs
from hepq.runtime.program import Program, evaluate
from tests.support.generate import random_events, random_weights, seeded_module


def no_circuits(*_: Any) -> Any:
    raise AssertionError("nothing is measured here")


def straight(seeds: range) -> list[tuple[int, Module, Program]]:
    found = []
    for seed in seeds:
        module = seeded_module(seed)
        try:
            found.append((seed, module, to_program(module)))
        except NotStraight:
            continue
    return found


def test_random_modules_agree_with_the_reference() -> None:
    cases = straight(range(400))
    assert len(cases) > 80
    for seed, module, program in cases:
        rng = np.random.default_rng(seed)
        weights = random_weights(module, rng)
        program = Program.model_validate_json(program.model_dump_json())
        for event in random_events(module, rng, 2):
            wanted = run_event(module, event, weights)
            found = evaluate(program, {k: np.asarray(v)[None] for k, v in event.items()}, weights, no_circuits)
            for name, value in wanted.items():
                np.testing.assert_allclose(found[name][0], value, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}")


def test_static_modules_run_on_whole_batches() -> None:
    feat, out, rng = Dim("feat", 3), Dim("out", 2), np.random.default_rng(0)
    x = make("input", type=Type("real", (feat,)), name="x")
    w = make("param", type=Type("real", (feat, out)), path="w", init=("constant", 0.0), trainable=True)
    module = Module("m", (x,), {"y": make("sin", make("contract", x, w, over=(feat,)))})
    values, weights = rng.normal(size=(7, 3)), {"w": rng.normal(size=(3, 2))}
    found = evaluate(to_program(module), {"x": values}, weights, no_circuits)["y"]
    np.testing.assert_allclose(found, np.sin(values @ weights["w"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": [{"op": "exec", "args": []}]}, "no operation exec"),
        ({"steps": [{"op": "neg", "args": [0]}]}, "uses a later one"),
        ({"steps": [{"op": "probs", "args": [], "attrs": {"circuit": 0}}]}, "no circuit 0"),
        ({"outputs": {"y": 3}}, "no step gives"),
    ],
)
def test_malformed_programs_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Program.model_validate({"inputs": {}, "steps": [], "outputs": {}} | change)


def test_sizes_of_dims() -> None:
    """Each size, that none is there twice, how many numbers, and how many dims."""
    assert programs._size([("a", 3), ("part", None), ("b", 0)]) == 0
    assert programs._size([("a", programs.MOST_OF_A_STEP)]) == programs.MOST_OF_A_STEP
    assert programs._size([(str(i), 1) for i in range(24)]) == 1
    for dims, message in (
        ([("a", -1)], "impossible size"), ([("a", 0), ("b", programs._LARGEST)], "impossible size"),
        ([("a", 2), ("a", 2)], "twice"), ([("a", programs.MOST_OF_A_STEP), ("b", 2)], "at most"),
        ([(str(i), 1) for i in range(25)], "at most"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            programs._size(dims)
