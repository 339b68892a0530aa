# SPDX-License-Identifier: Apache-2.0
"""Columns that are flat as they lie in memory: the same numbers as awkward's own functions give."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest

from hepq.runtime.events.columns import Table

LISTS = ak.Array([[1.5, 2.5], [], [3.5], [4.5, 5.5, 6.5]])
TABLE = ak.Array({
    "x": np.arange(4, dtype=np.int16), "v": np.arange(12.0).reshape(4, 3), "lists": LISTS, "others": LISTS * 2,
    "rows": ak.from_regular(ak.unflatten(np.arange(12.0).reshape(6, 2), [2, 0, 1, 3])),
    "pairs": ak.contents.ListOffsetArray(
        ak.index.Index64(np.array([0, 2, 2, 3, 6])), ak.contents.NumpyArray(np.arange(12.0).reshape(6, 2))),
    "nested": ak.Array([[[1.0], []], [], [[2.0]], [[3.0], [4.0, 5.0], []]]),
    "none": ak.Array([1, None, 2, 3]), "words": ak.Array(["a", "bc", "", "d"]),
    "records": ak.zip({"a": LISTS}),
})  # fmt: skip


@pytest.mark.parametrize("part", [slice(None), slice(1, 4), slice(0, 3), slice(2, 3)])
@pytest.mark.parametrize(("name", "shape"), [("lists", ()), ("others", ()), ("pairs", (2,))])
def test_lists(part: slice, name: str, shape: tuple[int, ...]) -> None:
    events = TABLE[part]
    found = Table(events).flat(name, True, shape)
    assert found is not None
    count, lengths, values = found
    assert count == len(events)
    assert lengths is not None
    assert lengths.tolist() == ak.num(events[name]).tolist()
    assert lengths.dtype == np.int64
    np.testing.assert_array_equal(values, ak.to_numpy(ak.flatten(events[name], axis=1)))


@pytest.mark.parametrize("part", [slice(None), slice(1, 3)])
@pytest.mark.parametrize(("name", "shape"), [("x", ()), ("v", (3,))])
def test_numbers(part: slice, name: str, shape: tuple[int, ...]) -> None:
    events = TABLE[part]
    found = Table(events).flat(name, False, shape)
    assert found is not None
    assert found[:2] == (len(events), None)
    np.testing.assert_array_equal(found[2], ak.to_numpy(events[name]))
    assert found[2].dtype == ak.to_numpy(events[name]).dtype


def test_lists_with_the_same_offsets_share_their_lengths() -> None:
    offsets = ak.index.Index64(np.array([0, 2, 2, 3]))
    layouts = [ak.contents.ListOffsetArray(offsets, ak.contents.NumpyArray(np.arange(3.0) + i)) for i in range(2)]
    table = Table(ak.Array(ak.contents.RecordArray(layouts, ["a", "b"])))
    a, b = (table.flat(name, True, ()) for name in "ab")
    assert a is not None
    assert b is not None
    assert a[1] is b[1]


@pytest.mark.parametrize(
    ("name", "ragged", "shape"),
    [
        ("x", True, ()), ("x", False, (3,)), ("v", False, ()), ("lists", False, ()), ("lists", True, (2,)),
        ("rows", True, ()), ("nested", True, ()), ("none", False, ()), ("words", False, ()), ("words", True, ()),
        ("records", True, ()), ("absent", False, ()),
    ],
)  # fmt: skip
def test_what_is_not_flat_is_left_to_awkward(name: str, ragged: bool, shape: tuple[int, ...]) -> None:
    assert Table(TABLE).flat(name, ragged, shape) is None


@pytest.mark.parametrize("data", [{"x": np.arange(3)}, TABLE[:0], TABLE[[0, 2]][["lists"]], ak.Array([1, 2])])
def test_what_has_no_rows_in_memory(data: Any) -> None:
    found = Table(data).flat("lists", True, ())
    assert found is None or found[2].tolist() == [1.5, 2.5, 3.5]
