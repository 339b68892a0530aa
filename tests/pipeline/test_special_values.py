# SPDX-License-Identifier: Apache-2.0
"""The table of NaN, infinity and zeros in the language's reference is true of every back end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.compiled.agreement import Case, measure
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module, topological
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.compiler.schema.events import read_inputs
from tests.support.events import programs as event_programs
from tests.support.flat import flat_outputs
from tests.support.generate import ODD, random_events, random_weights, seeded_module
from tests.support.ort_call import Loaded
from tests.support.special_values import GIVEN, MEANINGS, program
from tests.support.tvm_call import Compiled

EVENT = {name: np.asarray(value) for name, value in GIVEN.items()}
EXAMPLES = {code: value for meaning in MEANINGS for code, value in meaning.examples.items()}
Results = Mapping[str, Sequence[Any]]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Module:
    path = tmp_path_factory.mktemp("special") / "special.hepq"
    path.write_text(program())
    return read_inputs(build_file(path).module)


def in_torch(module: Module, dtype: torch.dtype) -> Results:
    with torch.no_grad():
        found = to_torch(module, {}).to(dtype).eval()(*pad_events([EVENT], module, dtype))
    return {name: value.numpy() for name, value in found.items()}


BACK_ENDS: dict[str, Callable[[Module], Results]] = {
    "reference": lambda module: run(module, [EVENT], {}),
    "reference, single": lambda module: run(module, [EVENT], {}, np.float32),
    "passes": lambda module: run(run_pipeline(INFERENCE, module, {})[0], [EVENT], {}),
    "torch, double": lambda module: in_torch(module, torch.float64),
    "torch, single": lambda module: in_torch(module, torch.float32),
    "CPU": lambda module: Compiled(*run_pipeline(INFERENCE, module, {}))([EVENT]),
    "ONNX": lambda module: Loaded(*run_pipeline(INFERENCE, module, {}))([EVENT]),
}


@pytest.mark.case("nan_max")
@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_examples(module: Module, back_end: str) -> None:
    found = BACK_ENDS[back_end](module)
    assert len(EXAMPLES) == len(found) > 30
    for (code, value), results in zip(EXAMPLES.items(), found.values(), strict=True):
        got = np.asarray(results[0])
        if got.dtype.kind == "i":
            assert got.tolist() == (list(value) if isinstance(value, tuple) else value), code
        else:
            np.testing.assert_array_equal(got.astype(float), np.asarray(value, float), code)


def test_event_programs(module: Module) -> None:
    """They have no neighbours."""
    made = {k: n for k, n in module.outputs.items() if "knn" not in {o.op for o in topological([n])}}
    assert len(made) == len(module.outputs) - 1
    found = event_programs.run(replace(module, outputs=made), [EVENT]).outputs
    codes = dict(zip(module.outputs, EXAMPLES, strict=True))
    for name, values in found.items():
        wanted = np.asarray(EXAMPLES[codes[name]], float)
        np.testing.assert_array_equal(values.astype(float).reshape(wanted.shape), wanted, codes[name])


@pytest.mark.parametrize("seed", range(2000, 2012))
def test_random_programs_of_odd_events(seed: int) -> None:
    """NaN, infinities and nothing at all: NaN at the same places everywhere, and the same numbers elsewhere."""
    module, rng = flat_outputs(seeded_module(seed, 20)), np.random.default_rng(seed)
    case = Case(f"random {seed}", module, random_weights(module, rng), random_events(module, rng, 8, ODD))
    assert any(np.isnan(v).any() for values in run(module, case.events, case.weights).values() for v in values)
    assert not measure(case).missed
