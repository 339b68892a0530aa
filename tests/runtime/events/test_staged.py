# SPDX-License-Identifier: Apache-2.0
"""What was made of events, of several chunks one after the other."""

from __future__ import annotations

import numpy as np

from hepq.runtime.events.staged import Cut, Staged


def of(passed: list[bool], left_out: int, cut: list[int], outside: int, odd: list[int] | None = None) -> Staged:
    return Staged(
        np.array(passed), {"select": left_out}, {"jet": Cut(np.array(cut), np.array(cut) + 1)},
        {"truth": np.arange(len(passed))}, outside={"sf": outside},
        not_finite={} if odd is None else {("branch", "x", "as read"): np.array(odd)},
    )  # fmt: skip


def test_chunks_are_added() -> None:
    found = of([True, False], 1, [2, 0], 3) + of([True], 4, [5], 7, odd=[6])
    assert found.passed.tolist() == [True, False, True]
    assert found.left_out == {"select": 5}
    assert found.outside == {"sf": 10}
    assert found.labels["truth"].tolist() == [0, 1, 0]
    assert found.not_finite["branch", "x", "as read"].tolist() == [0, 0, 6]
    assert found.read == 3
