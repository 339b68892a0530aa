# SPDX-License-Identifier: Apache-2.0
"""Arguments of public functions that are none: said before any file is opened."""

from __future__ import annotations

from typing import Any

import pytest

import hepq
from hepq.core.errors import DataError


@pytest.mark.parametrize(
    "argument",
    [{"by": "junk"}, {"metric": "q"}, {"ragged": 3}, {"baseline": "q"}, {"repeats": 0}, {"repeats": 1.5}, {"seed": -1},
     {"limit": 0}, {"limit": -1}, {"steps": 0}, {"seed": True}],
)  # fmt: skip
def test_attributions_take_what_they_know(argument: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"HQ0889.*" + next(iter(argument))):
        hepq.attributions("none.hepqx", "none.root", **argument)


@pytest.mark.parametrize("argument", [{"statistic": "q"}, {"permutations": 0}, {"permutations": -1}])
def test_a_two_sample_test_takes_what_it_knows(argument: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"HQ0889.*" + next(iter(argument))):
        hepq.two_sample_test("none.hepq", "a.root", "b.root", **argument)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "a"])
def test_threads_are_whole_numbers(threads: Any) -> None:
    with pytest.raises(DataError, match=r"HQ0889.*threads"):
        hepq.load("none.hepqx", threads)
