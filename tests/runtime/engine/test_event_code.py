# SPDX-License-Identifier: Apache-2.0
"""Event programs at run time: columns as files have them, outputs that grow, memory that is kept to, errors."""

from __future__ import annotations

import _ctypes
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.events import lower
from hepq.compiler.targets import cpu
from hepq.core.types import Dim, Type
from hepq.runtime.engine import event_code
from hepq.runtime.engine.event_code import DTYPES, EventError, EventProgram

MANY = 2**31 - 1
JET, LEPTON, PAIR, SLOT = Dim("jet", bound=MANY), Dim("lepton", bound=MANY), Dim("pair", bound=MANY), Dim("2", 2)


def source(name: str, *dims: Dim, elem: Any = "real", into: Dim | None = None) -> Node:
    return make("input", name=name, type=Type(elem, dims, into=into))


def program(inputs: tuple[Node, ...], limit: int = 10_000_000, **outputs: Node) -> EventProgram:
    code = lower(Module("m", inputs, outputs), cpu.parse("cpu"))
    return EventProgram(code.library, code.description, limit)


def pairs(pt: Node) -> Node:
    rows = make("combinations", pt, dim=JET, dst=PAIR, slot=SLOT)
    return make("reduce_sum", make("gather", pt, rows), over=(SLOT,))


@pytest.fixture(scope="module")
def every() -> EventProgram:
    real, whole, truth = source("r", JET), source("i", JET, elem="int"), source("b", JET, elem="bool")
    return program((real, whole, truth), r=make("neg", real), i=make("neg", whole), b=make("not", truth))


@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_of_every_dtype(every: EventProgram, dtype: str) -> None:
    rng = np.random.default_rng(0)
    low = -100 if np.dtype(dtype).kind in "fi" else 0
    x = rng.integers(low, 100, 500).astype(dtype)
    whole = x if np.dtype(dtype).kind != "f" else x.astype(np.int8)
    got = every.run({"r": x, "i": whole, "b": x}, {"jet": np.array([0, 130, 70, 300])}, {"r": 1e-3}).outputs
    np.testing.assert_array_equal(got["r"], -(x.astype(float) * 1e-3))
    np.testing.assert_array_equal(got["i"], -whole.astype(np.int64))
    np.testing.assert_array_equal(got["b"], ~x.astype(bool))
    assert [got[k].dtype for k in "rib"] == [np.float64, np.int64, np.bool_]


def test_whole_numbers_beyond_what_a_double_holds(every: EventProgram) -> None:
    x = np.array([2**63 - 1, 2**53 + 1], np.uint64)
    got = every.run({"r": x, "i": x, "b": x}, {"jet": np.array([2], np.uint32)}).outputs
    assert list(got["i"]) == [-(2**63 - 1), -(2**53 + 1)]


def test_no_events_and_events_of_nothing(every: EventProgram) -> None:
    nothing = {k: np.zeros(0, bool) for k in "rib"}
    assert every.run(nothing, {"jet": np.zeros(0, np.int32)}).outputs["r"].shape == (0,)
    assert every.run(nothing, {"jet": np.zeros(70, np.int64)}).outputs["r"].shape == (0,)


def test_columns_that_do_not_fit(every: EventProgram) -> None:
    x = np.zeros(3)
    for columns, counts in (
        ({"r": x, "i": x, "b": x}, [3]), ({"r": x, "i": x.astype(int), "b": x}, [2]),
        ({"r": x, "i": np.full(3, 2**63, np.uint64), "b": x}, [3]), ({"r": x.astype(">f8"), "i": x > 0, "b": x}, [3]),
        ({"r": x, "i": x > 0, "b": x}, [4, -1]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"column|count"):
            every.run(columns, {"jet": np.array(counts)})


def test_outputs_grow() -> None:
    pt = source("pt", JET)
    made = program((pt,), y=pairs(pt), n=make("reduce_sum", pairs(pt), over=(PAIR,)))
    counts = np.array([0, 60, 3, 0, 200, 1, 90] * 40)
    x = np.random.default_rng(0).normal(size=counts.sum())
    got = made.run({"pt": x}, {"jet": counts})
    np.testing.assert_array_equal(got.counts["pair"], counts * (counts - 1) // 2)
    assert len(got.outputs["y"]) == got.counts["pair"].sum()
    sums = np.add.reduceat(np.append(got.outputs["y"], 0), np.cumsum(got.counts["pair"]) - got.counts["pair"])
    np.testing.assert_allclose(np.where(got.counts["pair"] > 0, sums, 0), got.outputs["n"], 1e-9, 1e-9)


def test_scratch_memory_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    pt, of = source("pt", JET), source("of", LEPTON, elem="index", into=JET)
    order = make("argsort", pt, dim=JET, dst=JET, descending=(True,))
    good = make("filter", make("gt", pt, make("const", value=0.0)), dim=JET, dst=Dim("good", bound=MANY))
    kept = make("gather", pt, good)
    listed = make("combinations", kept, dim=good["dst"], dst=PAIR, slot=SLOT)
    stored = make("cumsum", make("reduce_sum", make("gather", kept, listed), over=(SLOT,)), over=PAIR)
    made = program(
        (pt, of), a=make("gather", make("exp", pt), order), b=stored, c=make("segment_max", make("gather", pt, of), of),
        d=make("cumsum", kept, over=good["dst"]),
    )  # fmt: skip
    memory, guard = EventProgram._memory, 4096
    seen: list[np.ndarray[Any, Any]] = []

    def guarded(self: EventProgram, *args: Any) -> Any:
        n = len(memory(self, *args))
        whole = np.full(n + 2 * guard, 0xA5, np.uint8)
        seen.append(whole)
        start = guard + (-(whole.ctypes.data + guard) % 64)
        return whole[start : start + n]

    monkeypatch.setattr(EventProgram, "_memory", guarded)
    rng = np.random.default_rng(0)
    for size in (1, 7, 33, 64):
        jets, leptons = rng.integers(0, size + 1, 200), rng.integers(0, 4, 200)
        leptons[jets == 0] = 0
        most = np.repeat(jets, leptons)
        made.run(
            {"pt": rng.normal(size=jets.sum()), "of": rng.integers(-1, np.maximum(most, 1))},
            {"jet": jets, "lepton": leptons},
        )
        whole = seen.pop()
        start = guard + (-(whole.ctypes.data + guard) % 64)
        assert (whole[:start] == 0xA5).all()
        assert (whole[len(whole) - guard + 64 :] == 0xA5).all()
    monkeypatch.setattr(EventProgram, "_memory", lambda self, *args: memory(self, *args)[:-64])
    with pytest.raises(EventError, match="too small"):
        made.run({"pt": np.zeros(2), "of": np.zeros(0, int)}, {"jet": np.array([2]), "lepton": np.array([0])})


def test_counts_that_are_larger_than_was_said(every: EventProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_code, "_largest", lambda counts, offsets: (2, 100))
    x = np.zeros(9)
    with pytest.raises(EventError, match="event 1: its counts"):
        every.run({"r": x, "i": x > 0, "b": x}, {"jet": np.array([2, 4, 3])})
    monkeypatch.setattr(event_code, "_largest", lambda counts, offsets: (9, 5))
    with pytest.raises(EventError, match="event 0: its counts"):
        every.run({"r": x, "i": x > 0, "b": x}, {"jet": np.array([2, 4, 3])})


@pytest.mark.parametrize("stored", [False, True])
def test_too_many_combinations_name_the_event(stored: bool) -> None:
    pt = source("pt", JET)
    sums = pairs(pt)
    value = make("cumsum", sums, over=PAIR) if stored else make("reduce_max", sums, over=(PAIR,))
    made = program((pt,), limit=45, y=value)
    made.run({"pt": np.zeros(20)}, {"jet": np.array([10, 10])})
    with pytest.raises(EventError, match="event 70: combinations of 11 entries are more than 45") as error:
        made.run({"pt": np.zeros(151)}, {"jet": np.array([2] * 70 + [11])})
    assert (error.value.event, error.value.detail) == (70, 11)


def test_an_index_of_no_entry_names_input_and_event() -> None:
    pt, of = source("pt", JET), source("of", LEPTON, elem="index", into=JET)
    made = program((pt, of), y=make("gather", pt, of))
    counts = {"jet": np.array([1, 2]), "lepton": np.array([1, 2])}
    assert list(made.run({"pt": np.arange(3.0), "of": np.array([-1, 1, 0])}, counts).outputs["y"]) == [0.0, 2.0, 1.0]
    for wrong in (2, -2):
        with pytest.raises(EventError, match="event 1: of has an index"):
            made.run({"pt": np.arange(3.0), "of": np.array([0, 1, wrong])}, counts)


def test_a_description_is_written_and_read(every: EventProgram) -> None:
    text = event_code.to_json(every.description)
    assert event_code.described(text) == every.description
    with pytest.raises(ValueError, match="validation error"):
        event_code.described(text[:-9])


def test_code_of_another_description_is_refused() -> None:
    pt = source("pt", JET)
    one, two = (lower(Module("m", (pt,), {name: make("neg", pt)}), cpu.parse("cpu")) for name in ("a", "b"))
    EventProgram(one.library, one.description)
    with pytest.raises(OSError, match="other inputs or outputs"):
        EventProgram(one.library, two.description)
    with pytest.raises(OSError, match="too short"):
        EventProgram(b"no library", one.description)


def test_programs_without_inputs_are_told_how_many_events_there_are() -> None:
    made = program((), y=make("add", make("const", value=1.0), make("const", value=2.0)))
    assert list(made.run({}, {}, events=3).outputs["y"]) == [3.0, 3.0, 3.0]
    with pytest.raises(ValueError, match="no number of events"):
        made.run({}, {})


def test_running_loads_neither_tvm_nor_torch() -> None:
    code = "import hepq.runtime.engine.event_code, sys; print(sorted({'tvm', 'tvm_ffi', 'torch'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_library_is_none() -> None:
    code = lower(Module("m", (X := source("x"),), {"y": X}), cpu.parse("cpu"))
    with pytest.raises(OSError, match="it is no event program"):
        EventProgram(Path(_ctypes.__file__).read_bytes(), code.description)
