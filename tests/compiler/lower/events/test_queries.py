# SPDX-License-Identifier: Apache-2.0
"""The eight ADL queries as they are benchmarked: what the code counts is what the reference counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.events.queries import JET, Queries, module, number, of, source, toys
from hepq.compiler.ir.infer import make
from tests.support.events.fills import compiled, expected, program, same


def events(n: int) -> list[dict[str, Any]]:
    columns, counts = toys(n)
    ends = {dim: np.cumsum(count) for dim, count in counts.items()}
    split = {dim: lambda x, dim=dim: np.split(x.astype(float), ends[dim][:-1]) for dim in ends}
    each = {name: split.get(name.partition("_")[0], list)(x) for name, x in columns.items()}
    whole = [name for name in each if name.endswith("charge")]
    return [
        {name: np.asarray(values[i], int if name in whole else float) for name, values in each.items()}
        for i in range(n)
    ]  # fmt: skip


def test_queries_and_varied_ones_count_what_the_reference_counts() -> None:
    varied = Queries(jet_pt=make("mul", of(JET, "pt"), number(1.03)), tag=".up")
    m = module(Queries(weights=(None, source("weight"))).all(), varied.all())
    found, wanted = compiled(program(m), m, events(400), (30,)), expected(m, events(400))
    same(found, wanted)
    assert all(len(wanted[fill.name].cells) for fill in m.fills), "each has something"
