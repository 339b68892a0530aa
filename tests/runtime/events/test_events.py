# SPDX-License-Identifier: Apache-2.0
"""From a user's arrays to what the compiled code is given."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepq.core.errors import DataError
from hepq.runtime.artifact.manifest import Branch, Dataset, Dim, EventSchema, Order, Policy, Value
from hepq.runtime.events.batch import Batch, prepare
from hepq.runtime.events.columns import collect
from hepq.runtime.events.ordering import Instruction, check, evaluate
from tests.support import tiny_artifact

NAN = float("nan")


def schema(policy: Policy | None = None, **changes: Any) -> EventSchema:
    return tiny_artifact.schema(tiny_artifact.dataset(**({"policy": policy} if policy else {}), **changes))


def run(data: Any, policy: Policy | None = None) -> Batch:
    s = schema(policy)
    return prepare(s, collect(s, data))


def events(e: Any, px: Any | None = None, jet: Any | None = None) -> dict[str, Any]:
    return {"part_e": e, "part_px": px if px is not None else e, "jet_x": jet if jet is not None else [0.0] * len(e)}


def code_of(data: Any, policy: Policy | None = None, s: EventSchema | None = None) -> tuple[str, str]:
    s = s or schema(policy)
    with pytest.raises(DataError) as caught:
        prepare(s, collect(s, data))
    return caught.value.code, str(caught.value)


def content(batch: Batch, name: str = "energy") -> list[list[float]]:
    return [x.tolist() for x in np.split(batch.contents[name], batch.offsets["part"][1:-1])]


def test_ordered_and_cut_and_scaled() -> None:
    e = [[1e3, 2e3, 3e3], [], [1e3, 2e3, 3e3, 4e3, 5e3, 6e3]]
    batch = run(events(e, [[0.1, -9, 0.2], [], [1, 2, -3, 4, 5, 6]]))
    assert content(batch) == [[2, 3, 1], [], [6, 5, 4, 3]]
    assert batch.report.truncated == 1
    assert batch.report.empty == 1
    given_to_code: list[Any] = [*batch.contents.values(), *batch.offsets.values()]
    assert all(a.ctypes.data % 64 == 0 for a in given_to_code)
    assert set(batch.contents) == {"energy", "jet"}


def test_ties_keep_their_order() -> None:
    batch = run(events([[1e3, 2e3, 3e3, 4e3, 5e3]], [[1, 1, 7, -1, 1]]))
    assert content(batch) == [[3, 1, 2, 4]]


@given(
    st.lists(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 9)), max_size=7), min_size=1, max_size=8),
    st.booleans(),
)
def test_ordering_is_python_sorted(jets: list[list[tuple[int, int]]], descending: bool) -> None:
    order = Order.model_validate({"dim": "part", "descending": descending, "key": [{"op": "cast", "args": ["px"]}]})
    s = schema(order=(order,))
    e = ak.values_astype(ak.Array([[float(v) * 1e3 for _, v in jet] for jet in jets]), "f4")
    px = ak.values_astype(ak.Array([[float(k) for k, _ in jet] for jet in jets]), "f4")
    batch = prepare(s, collect(s, events(e, px)))
    expected = [[float(v) for _, v in sorted(jet, key=lambda p: -p[0] if descending else p[0])][:4] for jet in jets]
    assert content(batch) == expected


def test_an_ordering_key_may_use_per_event_branches_and_every_kind_of_instruction() -> None:
    key = [
        Instruction(op="const", value=2.0),
        Instruction(op="mul", args=("x", 0)),
        Instruction(op="gt", args=(1, "j")),
        Instruction(op="where", args=(2, 1, "j")),
        Instruction(op="neg", args=(3,)),
    ]
    check(key, {"x", "j"})
    values = evaluate(key, {"x": np.asarray([1.0, 3.0]), "j": np.asarray([4.0, 4.0])}, 2)
    np.testing.assert_array_equal(values, [-4.0, -6.0])


@pytest.mark.parametrize(
    "step",
    [
        {"op": "nonsense", "args": ["x"]},
        {"op": "abs", "args": ["x", "x"]},
        {"op": "abs", "args": ["y"]},
        {"op": "abs", "args": [0]},
        {"op": "const"},
    ],
)
def test_a_bad_key_is_refused(step: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="ordering key"):
        check([Instruction.model_validate(step)], {"x"})


# --- policies ------------------------------------------------------------------------------


def test_nan_error_names_branch_event_and_count() -> None:
    code, text = code_of(events([[1.0], [2.0, NAN], [float("inf")]]), Policy(nan="error"))
    assert code == "HQ0808"
    assert '"part_e"' in text
    assert "event 1" in text
    assert "2 values" in text


def test_a_value_beyond_float32_counts_as_infinite() -> None:
    s = EventSchema(dims=(), inputs=(Value(name="a"),))
    assert code_of({"a": [1e300]}, s=s)[0] == "HQ0808"


def test_nan_drop_drops_the_particle_from_every_branch() -> None:
    batch = run(events([[1e3, NAN, 3e3], [5e3]], [[1, 2, NAN], [4]]), Policy(nan="drop"))
    assert content(batch) == [[1], [5]]
    assert batch.report.dropped == 2
    assert not batch.unscored.any()


def test_nan_drop_of_a_per_event_branch_leaves_the_event_unscored() -> None:
    batch = run(events([[1e3], [2e3]], jet=[NAN, 1.0]), Policy(nan="drop"))
    assert batch.unscored.tolist() == [True, False]
    assert batch.report.unscored == 1
    assert np.isfinite(batch.contents["jet"]).all()


def test_nan_zero() -> None:
    batch = run(events([[1e3, NAN]], [[1, 5]], [float("-inf")]), Policy(nan="zero"))
    assert content(batch) == [[0, 1]]
    assert batch.contents["jet"].tolist() == [0]


def test_overflow_error() -> None:
    code, text = code_of(events([[1.0] * 4, [1.0] * 5]), Policy(overflow="error"))
    assert code == "HQ0811"
    assert "event 1" in text
    assert "part <= 4" in text


def test_without_a_dataset_nothing_is_cut_silently() -> None:
    s = tiny_artifact.schema()
    assert code_of({"energy": [[1.0] * 5], "jet": [0.0]}, s=s)[0] == "HQ0811"


@pytest.mark.parametrize(("empty", "unscored"), [("nan", [False, True]), ("score", [False, False])])
def test_zero_particles(empty: Any, unscored: list[bool]) -> None:
    batch = run(events([[1e3], []]), Policy(empty=empty))
    assert batch.unscored.tolist() == unscored
    assert batch.report.empty == 1


def test_zero_particles_error_also_when_all_were_dropped() -> None:
    code, text = code_of(events([[1e3], [NAN]]), Policy(empty="error", nan="drop"))
    assert code == "HQ0810"
    assert "event 1" in text


# --- kinds of input ------------------------------------------------------------------------

PLAIN = tiny_artifact.schema()


@pytest.mark.parametrize(
    "energy",
    [
        [[1.0, 2.0], [3.0]],
        ak.Array([[1.0, 2.0], [3.0]]),
        ak.values_astype(ak.Array([[1, 2], [3]]), "i8"),
        np.array([np.array([1.0, 2.0]), np.array([3.0])], dtype=object),
        (np.asarray([1.0, 2.0]), np.asarray([3.0])),
        ak.Array([[0.0], [1.0, 2.0], [3.0]])[1:],
        ak.Array([[3.0], [1.0, 2.0]])[[1, 0]],
        ak.Array([[1.0, 2.0], [3.0], None])[:2],
    ],
)
def test_many_kinds_of_jagged_arrays(energy: Any) -> None:
    batch = prepare(PLAIN, collect(PLAIN, {"energy": energy, "jet": np.zeros(2)}))
    assert content(batch) == [[1, 2], [3]]


def test_a_rectangular_numpy_array_is_jagged_enough() -> None:
    batch = prepare(PLAIN, collect(PLAIN, {"energy": np.asarray([[1, 2], [3, 4]]), "jet": np.zeros(2)}))
    assert content(batch) == [[1, 2], [3, 4]]


def test_byte_order_and_strides_do_not_matter() -> None:
    energy, jet = np.asarray([[1, 9, 2], [3, 9, 4]], ">f4")[:, ::2], np.asarray([5.0, 9.0, 6.0], ">f8")[::2]
    batch = prepare(PLAIN, collect(PLAIN, {"energy": energy, "jet": jet}))
    assert content(batch) == [[1, 2], [3, 4]]
    assert batch.contents["jet"].tolist() == [5, 6]


@pytest.mark.parametrize("energy", [[], ak.Array([]), ak.Array([[1.0]])[:0], np.zeros((0, 3))])
def test_zero_events(energy: Any) -> None:
    batch = prepare(PLAIN, collect(PLAIN, {"energy": energy, "jet": []}))
    assert batch.events == 0
    assert batch.offsets["part"].tolist() == [0]


def test_only_empty_events() -> None:
    batch = prepare(PLAIN, collect(PLAIN, {"energy": [[], []], "jet": [0, 0]}))
    assert batch.offsets["part"].tolist() == [0, 0, 0]


WIDE = EventSchema(
    dims=(Dim(name="part", bound=9), Dim(name="p4", size=4, entries=("px", "py", "pz", "energy"))),
    inputs=(Value(name="p", dims=("part", "p4")), Value(name="m", dims=("2", "3"))),
)


def test_static_dims_and_records() -> None:
    p = [[[1, 2, 3, 4], [5, 6, 7, 8]], []]
    m = np.arange(12).reshape(2, 2, 3)
    batch = prepare(WIDE, collect(WIDE, {"p": p, "m": m}))
    assert batch.contents["p"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert batch.contents["m"].tolist() == list(range(12))
    record = ak.zip({n: ak.Array(p)[..., i] for n, i in zip(["energy", "px", "py", "pz"], [3, 0, 1, 2], strict=True)})
    again = prepare(WIDE, collect(WIDE, {"p": record, "m": m.tolist()}))
    assert again.contents["p"].tolist() == batch.contents["p"].tolist()


def test_one_record_an_event() -> None:
    wide = WIDE.model_copy(update={"inputs": (Value(name="jet", dims=("p4",)),), "dims": WIDE.dims[1:]})
    jets = ak.Array([{"energy": 4, "px": 1, "py": 2, "pz": 3}, {"energy": 8, "px": 5, "py": 6, "pz": 7}])
    assert prepare(wide, collect(wide, {"jet": jets})).contents["jet"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("p", "m", "code"),
    [
        ([[[1, 2, 3]]], np.zeros((1, 2, 3)), "HQ0806"),
        ([[[1, 2, 3, 4], [1, 2, 3]]], np.zeros((1, 2, 3)), "HQ0806"),
        ([[1, 2, 3]], np.zeros((1, 2, 3)), "HQ0806"),
        ([[[1, 2, 3, 4]]], np.zeros((1, 3, 2)), "HQ0806"),
        (ak.Array([[{"px": 1, "py": 2, "pz": 3}]]), np.zeros((1, 2, 3)), "HQ0805"),
    ],
)
def test_wrong_static_dims(p: Any, m: Any, code: str) -> None:
    assert code_of({"p": p, "m": m}, s=WIDE)[0] == code


@pytest.mark.parametrize(
    ("energy", "jet", "code", "named"),
    [
        ([1.0, 2.0], [0.0, 0.0], "HQ0806", "energy"),
        ([[1.0], [2.0]], [[0.0], [0.0, 1.0]], "HQ0806", "jet"),
        ([["a"], ["b"]], [0.0, 0.0], "HQ0807", "energy"),
        ([[1.0], [2.0]], ["a", "b"], "HQ0807", "jet"),
        (ak.Array([[{"x": 1}], []]), [0.0, 0.0], "HQ0807", "energy"),
        ([[1.0], [2.0]], np.asarray([1j, 2j]), "HQ0807", "jet"),
        (7, [0.0, 0.0], "HQ0807", "energy"),
        ([[1.0, None], [2.0]], [0.0, 0.0], "HQ0815", "energy"),
        ([[1.0], None], [0.0, 0.0], "HQ0815", "energy"),
        ([[1.0], [2.0]], np.ma.masked_array([0.0, 1.0], [False, True]), "HQ0815", "jet"),
        ([[1.0], [2.0]], [0.0], "HQ0813", "jet"),
        ([], ak.Array(["a"])[:0], "HQ0807", "jet"),
        (ak.Array([["a"]])[:0], [], "HQ0807", "energy"),
    ],
)
def test_wrong_arrays_are_named(energy: Any, jet: Any, code: str, named: str) -> None:
    found, text = code_of({"energy": energy, "jet": jet}, s=PLAIN)
    assert found == code
    assert f'"{named}"' in text


def test_missing_input_suggests_the_near_one() -> None:
    code, text = code_of({"enrgy": [[1.0]], "jet": [0.0]}, s=PLAIN)
    assert code == "HQ0805"
    assert 'did you mean "enrgy"' in text
    assert "jet" in text


def test_inconsistent_multiplicities() -> None:
    code, text = code_of(events([[1.0], [2.0, 3.0]], [[1.0], [2.0]]))
    assert code == "HQ0812"
    assert '"part_e"' in text
    assert '"part_px"' in text
    assert "event 1" in text


@pytest.mark.parametrize("data", [3, None, [[1.0]], np.zeros(3), ak.Array([1.0])])
def test_events_of_no_kind(data: Any) -> None:
    assert code_of(data, s=PLAIN)[0] == "HQ0816"


def test_integers_are_exact() -> None:
    part = Dim(name="part", bound=3)
    inputs = (Value(name="n", elem="int"), Value(name="k", elem="int", dims=("part",)))
    s = EventSchema(dims=(part,), inputs=inputs)
    ids, jagged = np.array([2**63 - 1, 2**53 + 1], np.uint64), ak.Array([[2**62 + 1], [-(2**63), 7]])
    contents = prepare(s, collect(s, {"n": ids, "k": jagged})).contents
    assert contents["n"].tolist() == [2**63 - 1, 2**53 + 1]
    assert contents["k"].tolist() == [2**62 + 1, -(2**63), 7]
    code, text = code_of({"n": [0, 0], "k": ak.unflatten(np.array([1, 2, 2**63], np.uint64), [1, 2])}, s=s)
    assert code == "HQ0814"
    assert "event 1, entry 1 holds 9223372036854775808" in text
    code, text = code_of({"n": np.array([1, 2**64 - 1], np.uint64), "k": jagged}, s=s)
    assert code == "HQ0814"
    assert "event 1 holds 18446744073709551615" in text
    assert prepare(s, collect(s, {"n": [2.0, -(2.0**63)], "k": jagged})).contents["n"].tolist() == [2, -(2**63)]
    assert code_of({"n": [1.0, np.inf], "k": jagged}, s=s)[0] == "HQ0808"


@pytest.mark.parametrize(("n", "code", "words"), [
    (np.array([1.0, -1.5]), "HQ0807", 'branch "n" in the events does not hold whole numbers\n  in event 1, it is -1.5'),
    (np.array([1.0, 1.5], np.float16), "HQ0807", "in event 1, it is 1.5"),
    (np.array([1.0, 2.0**63]), "HQ0814", "event 1 holds 9.2"),
    (np.array([-1e300, 0], np.float64), "HQ0814", "event 0 holds -1e+300"),
    (np.array([1.0, np.nan]), "HQ0808", "first in event 1"),
    ([7, 10**30], "HQ0814", "event 1 holds 1000000"),
])  # fmt: skip
def test_whole_numbers_lose_nothing_silently(n: Any, code: str, words: str) -> None:
    s = EventSchema(dims=(), inputs=(Value(name="n", elem="int"),))
    found, text = code_of({"n": n}, s=s)
    assert found == code
    assert words in text


def test_whole_numbers_of_lists_lose_nothing_silently() -> None:
    part = Dim(name="part", bound=3)
    s = EventSchema(dims=(part,), inputs=(Value(name="k", elem="int", dims=("part",)),))
    for k, code, words in (
        ([[1.0], [2.0, 2.5]], "HQ0807", "in event 1, entry 1, it is 2.5"),
        ([[1.0], [2.0, 1e19]], "HQ0814", "event 1, entry 1 holds 1e+19"),
        ([[1], [2, -(10**30)]], "HQ0814", "event 1 holds [2, -1000"),
    ):
        found, text = code_of({"k": k}, s=s)
        assert found == code
        assert words in text


def test_whole_numbers_beyond_64_bits_are_no_real_ones() -> None:
    s = EventSchema(dims=(), inputs=(Value(name="x"),))
    code, text = code_of({"x": [10**30, 1]}, s=s)
    assert code == "HQ0814"
    assert "give it as a float" in text


def test_scaling_rounds_once() -> None:
    s = EventSchema(
        dims=(),
        inputs=(Value(name="a"),),
        dataset=Dataset(name="d", branches=(Branch(name="a", branch="a", factor=1e-3),)),
    )
    x = np.random.default_rng(0).uniform(0, 1e6, 1000)
    np.testing.assert_array_equal(prepare(s, collect(s, {"a": x})).contents["a"], (x * 1e-3).astype("f4"))


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"dims": [{"name": "a"}], "inputs": []}, "size or a bound"),
        ({"dims": [{"name": "a", "size": 2, "entries": ["x"]}], "inputs": []}, "entries"),
        ({"dims": [{"name": "a", "bound": 2}], "inputs": [{"name": "x", "dims": ["3", "a"]}]}, "first dim"),
        ({"dims": [{"name": "a", "bound": 2}], "inputs": [{"name": "x"}]}, "ragged dim a"),
        ({"dims": [], "inputs": [{"name": "x", "dims": ["a"]}]}, "no dim a"),
        ({"dims": [], "inputs": [{"name": "x"}, {"name": "x"}]}, "same name"),
        ({"dims": [], "inputs": [{"name": "x"}], "dataset": {"name": "d", "branches": []}}, "no branch"),
    ],
)
def test_an_inconsistent_schema_is_refused(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        EventSchema.model_validate(fields)
