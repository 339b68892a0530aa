# SPDX-License-Identifier: Apache-2.0
"""Matrix products in tiles: the bits of the plain kernels, and barriers where they are needed."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cuda import codegen, lower
from hepq.core.errors import ArtifactError
from hepq.core.types import Dim, Type
from tests.support.cuda.cuda_call import Loaded
from tests.support.cuda.shim import BARRIER, SCHEDULES, cubin
from tests.support.generate import random_weights

PART, FEAT, HIT = Dim("part", bound=70), Dim("feat", 21), Dim("hit", bound=9)
HEAD, DEPTH, WIDE = Dim("head", 3), Dim("depth", 30), Dim("wide", 70)


def source(name: str, *dims: Dim) -> Node:
    return make("input", name=name, type=Type("real", dims))


def param(path: str, *dims: Dim) -> Node:
    return make("param", path=path, init=("normal", 0, 1), trainable=True, type=Type("real", dims))


def dense(x: Node, path: str, over: Dim, *cols: Dim) -> Node:
    y = make("add", make("contract", x, param(path, over, *cols), over=(over,)), param(f"{path}.bias", *cols))
    return make("max", y, make("const", value=0.0))


X, E, H = source("x", PART, FEAT), source("e", FEAT), source("h", HIT, FEAT)
PRIMED = make("rename", X, src=PART, dst=PART.prime())


def products() -> Module:
    """Of particles, events, pairs, static rows, and with two dims of columns; and two that cannot be tiled."""
    pair = make("sub", X, PRIMED)
    per_event = make("add", make("contract", X, param("mixed", FEAT, WIDE), over=(FEAT,)), dense(E, "e2", FEAT, WIDE))
    rows = make("unflatten", X, dim=FEAT, into=(Dim("three", 3), Dim("seven", 7)))
    made = {
        "particles": dense(X, "x", FEAT, WIDE),
        "events": dense(E, "e", FEAT, WIDE),
        "hits": dense(H, "h", FEAT, Dim("16", 16)),
        "pairs": make("reduce_max", dense(pair, "pair", FEAT, WIDE), over=(PART.prime(),)),
        "heads": make("reduce_sum", dense(X, "heads", FEAT, HEAD, DEPTH), over=(HEAD,)),
        "rows": dense(rows, "rows", Dim("seven", 7), Dim("20", 20)),
        "static": dense(make("mul", rows, make("const", value=2.0)), "static", Dim("three", 3), WIDE),
        "mixed": per_event,
    }
    return Module("products", (X, E, H), made)


def events(sizes: tuple[tuple[int, int], ...]) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [{"x": rng.normal(size=(n, 21)), "e": rng.normal(size=21), "h": rng.normal(size=(m, 21))} for n, m in sizes]


SIZES = ((0, 3), (1, 0), (70, 9), (5, 5), (64, 1), (0, 0))


def test_tiles_give_the_bits_of_plain_kernels() -> None:
    module = products()
    weights, given = random_weights(module, np.random.default_rng(1)), events(SIZES)
    tiled = lower(module, weights)
    shapes = [launch.shape for launch in tiled.table.launches]
    assert shapes.count("tiles") == 6
    with patch.object(codegen, "tile", lambda *_: None):
        plain = lower(module, weights)
    assert not any(launch.shape == "tiles" for launch in plain.table.launches)
    assert BARRIER in tiled.source
    assert BARRIER not in plain.source
    loaded = Loaded(module, weights, code=tiled)
    wanted, reference = Loaded(module, weights, code=plain)(given), run(module, given, weights)
    for schedule in SCHEDULES:
        for name, values in loaded(given, schedule).items():
            for a, b, c in zip(values, wanted[name], reference[name], strict=True):
                np.testing.assert_array_equal(a, b, err_msg=f"{name}, schedule {schedule}")
                np.testing.assert_allclose(a, c, 1e-4, 1e-4, err_msg=name)


def test_every_barrier_is_needed() -> None:
    """Without one, some order of threads gives something else."""
    module = Module("product", (X,), {"y": dense(X, "x", FEAT, WIDE)})
    weights, given = random_weights(module, np.random.default_rng(1)), events(((70, 0), (33, 0)))
    code = lower(module, weights)
    good = Loaded(module, weights, code=code)(given)["y"]
    places = [m.start() for m in re.finditer(re.escape(BARRIER), code.source)]
    assert len(places) == 2
    for place in places:
        image = cubin(code.source[:place] + code.source[place + len(BARRIER) :])
        broken = Loaded(module, weights, code=code, image=image)
        seen = []
        for schedule in SCHEDULES:
            found = broken(given, schedule)["y"]
            seen.append(any(not np.array_equal(a, b) for a, b in zip(found, good, strict=True)))
        assert any(seen)


def test_a_barrier_that_not_all_threads_come_to_is_noticed() -> None:
    module = Module("product", (X,), {"y": dense(X, "x", FEAT, WIDE)})
    weights = random_weights(module, np.random.default_rng(1))
    code = lower(module, weights)
    image = cubin(code.source.replace(BARRIER, f"if (threadIdx.x < 5) {BARRIER}"))
    with pytest.raises(ArtifactError, match="fake driver error"):
        Loaded(module, weights, code=code, image=image)(events(((70, 0),)))
