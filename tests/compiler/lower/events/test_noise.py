# SPDX-License-Identifier: Apache-2.0
"""Random numbers of an event, whose key or entry is a constant, in machine code."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module
from hepq.core.noise import noise
from hepq.core.types import Type
from tests.support.events.fills import program


@pytest.mark.parametrize("constant", [0, 3, -1])
def test_constants(constant: int) -> None:
    key, number = make("input", name="key", type=Type("int")), make("const", value=constant)
    outputs = {"entry": make("noise", key, number, name="smear"), "key": make("noise", number, key, name="smear")}
    keys = np.array([0, 1, -1, 2**63 - 1, -(2**63)])
    found = program(Module("m", (key,), outputs)).run({"key": keys}, {}).outputs
    assert found["entry"].tolist() == [noise("smear", int(k), constant) for k in keys]
    assert found["key"].tolist() == [noise("smear", constant, int(k)) for k in keys]
