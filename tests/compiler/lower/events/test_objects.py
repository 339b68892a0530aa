# SPDX-License-Identifier: Apache-2.0
"""What analyses say of objects, by hand: in machine code, against the reference and against plain Python."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.events import LoweringError, lower
from hepq.compiler.lower.events.dims import Dims
from hepq.compiler.lower.events.plan import make_plan
from hepq.compiler.lower.events.prepare import prepare
from hepq.compiler.targets import cpu
from hepq.core.axes import BinAxis
from hepq.core.types import Dim, Type
from hepq.runtime.engine.event_code import BLOCK, EventProgram
from tests.support.events.programs import MANY, agree, run

JET, MUON, LEPTON = (Dim(n, bound=MANY) for n in ("jet", "muon", "lepton"))
P4, NAN = Dim("p4", 4), np.nan


@cache
def source(name: str, *dims: Dim, elem: Any = "real", into: Dim | None = None) -> Node:
    return make("input", name=name, type=Type(elem, dims, into=into))


def const(value: float) -> Node:
    return make("const", value=value)


def module(**outputs: Node) -> Module:
    leaves = tuple(n for n in Module("m", (), outputs).walk() if n.op == "input")
    return Module("m", leaves, outputs)


def check(program: Module, events: list[dict[str, Any]], tolerance: float = 1e-12) -> Any:
    events = [{k: np.asarray(v) for k, v in event.items()} for event in events]
    got = run(program, events)
    agree(program, events, got, tolerance)
    return got


def particles(rng: np.random.Generator, n: int, prefix: str = "") -> dict[str, Any]:
    return {
        f"{prefix}pt": rng.exponential(40, n) + 3, f"{prefix}eta": rng.normal(0, 1.5, n),
        f"{prefix}phi": rng.uniform(-np.pi, np.pi, n), f"{prefix}mass": np.full(n, 4.2),
    }  # fmt: skip


def four_vector(dim: Dim, prefix: str = "") -> Node:
    pt, eta, phi, mass = (source(f"{prefix}{n}", dim) for n in ("pt", "eta", "phi", "mass"))
    return make(
        "stack", make("mul", pt, make("cos", phi)), make("mul", pt, make("sin", phi)),
        make("mul", pt, make("sinh", eta)), make("hypot", make("mul", pt, make("cosh", eta)), mass), dim=P4,
    )  # fmt: skip


def chosen(name: str) -> Dim:
    return Dim(name, bound=MANY)


def all_of(of: Node, dim: Dim, k: int) -> tuple[Node, Dim]:
    slot = Dim(str(k), k)
    return make("combinations", of, dim=dim, dst=chosen(f"c{k}"), slot=slot), slot


def entry(x: Node, rows: Node, slot: Dim, i: int) -> Node:
    return make("pick", make("gather", x, rows), dim=slot, index=i)


def mass(p4: Node) -> Node:
    px, py, pz, energy = (make("pick", p4, dim=P4, index=i) for i in range(4))
    squares = make("add", make("mul", px, px), make("mul", py, py))
    along = make("mul", make("sub", energy, pz), make("add", energy, pz))
    return make("sqrt", make("max", make("sub", along, squares), const(0.0)))


def delta_r(a: Dim, b: Dim) -> Node:
    turn = make("sub", source(f"{a}phi", a), source(f"{b}phi", b))
    pi = float(np.pi)
    turns = make("floor", make("div", make("add", turn, const(pi)), const(2 * pi)))
    near = make("sub", turn, make("mul", turns, const(2 * pi)))
    return make("hypot", make("sub", source(f"{a}eta", a), source(f"{b}eta", b)), near)


def test_masses_of_opposite_pairs_and_the_best() -> None:
    pairs, slot = all_of(charge := source("charge", MUON, elem="int"), MUON, 2)
    opposite = make("filter", make("ne", entry(charge, pairs, slot, 0), entry(charge, pairs, slot, 1)),
                    dim=pairs["dst"], dst=chosen("os"))  # fmt: skip
    masses = make("gather", mass(make("reduce_sum", make("gather", four_vector(MUON), pairs), over=(slot,))), opposite)
    off = make("abs", make("sub", masses, const(91.2)))
    best = make("argsort", off, dim=opposite["dst"], dst=Dim("z", bound=1), descending=(False,))
    window = make("and", make("gt", masses, const(60.0)), make("lt", masses, const(120.0)))
    rng = np.random.default_rng(0)
    events = [{**particles(rng, n), "charge": rng.choice([-1, 1], n)} for n in [0, 1, 2, 3, 9, *rng.integers(0, 5, 80)]]
    program = module(
        mass=masses, any=make("reduce_any", window, over=(opposite["dst"],)), z=make("gather", masses, best),
        first=make("gather", entry(source("pt", MUON), pairs, slot, 0), make("gather", opposite, best)),
    )  # fmt: skip
    got = check(program, events, 1e-10)
    assert got.counts["os"][4] == sum(a != b for a, b in combinations(events[4]["charge"], 2))
    assert set(got.counts["z"]) == {0, 1}


def test_the_best_trijet_and_its_largest_tag() -> None:
    rows, slot = all_of(tag := source("tag", JET), JET, 3)
    masses = mass(p4 := make("reduce_sum", make("gather", four_vector(JET), rows), over=(slot,)))
    off = make("abs", make("sub", masses, const(172.5)))
    top = make("argsort", off, dim=rows["dst"], dst=Dim("top", bound=1), descending=(False,))
    program = module(
        mass=make("gather", masses, top), p4=make("gather", p4, top),
        tag=make("gather", make("reduce_max", make("gather", tag, rows), over=(slot,)), top),
    )  # fmt: skip
    rng = np.random.default_rng(1)
    events = [{**particles(rng, n), "tag": rng.uniform(size=n)} for n in (0, 2, 3, 4, 12, 5, 30)]
    check(program, events, 1e-10)


def overlap() -> Module:
    """Jets that no lepton is near, the leptons being those above 10."""
    pt = source("leptonpt", LEPTON)
    hard = make("filter", make("gt", pt, const(10.0)), dim=LEPTON, dst=chosen("hard"))
    near = make("gather", make("lt", delta_r(JET, LEPTON), const(0.8)), hard)
    free = make("not", make("reduce_any", near, over=(hard["dst"],)))
    clean = make("filter", make("and", make("gt", source("jetpt", JET), const(20.0)), free),
                 dim=JET, dst=chosen("clean"))  # fmt: skip
    kept = make("gather", source("jetpt", JET), clean)
    return module(pt=kept, ht=make("reduce_sum", kept, over=(clean["dst"],)), free=free)


def test_overlap_removal() -> None:
    rng = np.random.default_rng(2)
    events = [{**particles(rng, n, "jet"), **particles(rng, m, "lepton")}
              for n, m in [(0, 0), (3, 0), (0, 3), (40, 9), *rng.integers(0, 6, (80, 2))]]  # fmt: skip
    names = [n["name"] for n in overlap().inputs]
    check(overlap(), [{k: e[k] for k in names} for e in events])


def test_the_third_lepton_of_a_union() -> None:
    both = chosen("both")
    ofs = (source("muonpt", MUON), source("leptonpt", LEPTON))
    parts = [make("unite", *ofs, dims=(MUON, LEPTON), part=i, dst=both) for i in range(2)]
    pt = make("add", *(make("gather", x, idx) for x, idx in zip(ofs, parts, strict=True)))
    kind = make("ge", make("cast", parts[0], type=Type("int", (both,))), make("const", value=0))
    order = make("argsort", pt, dim=both, dst=both, descending=(True,))
    third = make("argsort", pt, dim=both, dst=Dim("3", 3), descending=(True,))
    program = module(
        pt=make("gather", pt, order), kind=make("gather", kind, order), order=order,
        third=make("pick", make("gather", pt, third), dim=Dim("3", 3), index=2),
        muons=make("reduce_sum", make("cast", kind, type=Type("int", (both,))), over=(both,)),
    )  # fmt: skip
    check(program, [{"muonpt": a, "leptonpt": b} for a, b in
                    [([], []), ([5.0, 9.0], []), ([], [2.0]), ([5.0, 9.0], [9.0, NAN, 7.0])]])  # fmt: skip


def test_cross_references_and_sums_by_them() -> None:
    of = make("number", source("of", LEPTON, elem="int"), source("jetpt", JET), dim=JET)
    pt = source("leptonpt", LEPTON)
    by_jet = {f"s{n}": make(f"segment_{n}", pt, of) for n in ("sum", "max", "min")}
    nearest = make("gather", source("jetpt", JET), of)
    back = make("gather", by_jet["ssum"], of)
    program = module(jet=nearest, back=back, **by_jet)
    check(program, [
        {"of": [], "jetpt": [], "leptonpt": []}, {"of": [0, 2, -1, 7, 0], "jetpt": [1.0, 2.0, 3.0],
         "leptonpt": [1.0, -2.0, 3.0, NAN, 5.0]}, {"of": [1, 1], "jetpt": [4.0, 5.0], "leptonpt": [NAN, 2.0]},
    ])  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 5, 24, 25, 26, 63, 64, 100, 999])
def test_order_of_few_and_of_many_with_ties_and_nan(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = source("a", JET), source("b", JET, elem="int")
    program = module(
        all=make("argsort", a, b, dim=JET, dst=JET, descending=(True, False)),
        one=make("argsort", b, dim=JET, dst=JET, descending=(True,)),
        most=make("argsort", a, dim=JET, dst=Dim("most", bound=30), descending=(False,)),
        few=make("argsort", a, b, dim=JET, dst=Dim("few", bound=3), descending=(False, True)),
        fixed=make("argsort", a, dim=JET, dst=Dim("4", 4), descending=(True,)),
        table=make("argsort", make("stack", a, make("neg", a), dim=Dim("2", 2)), dim=JET, dst=JET, descending=(True,)),
    )  # fmt: skip
    odd = np.array([NAN, -0.0, 0.0, np.inf, -np.inf, 1.0, 2.5])
    event = {"a": rng.choice(odd, n), "b": rng.integers(-3, 3, n)}
    check(program, [event, {"a": [], "b": []}, event])


#: pairs of equal length, of lengths that are rounded to equal ones, whose squares are none, or are no numbers
_LENGTHS = [(3.0, 4.0), (5.0, 0.0), (-4.0, 3.0), (1.0, 0.0), (1.0, 1.2e-8), (1.0, -1.2e-8), (0.0, 0.0), (-0.0, 0.0),
            (1e-170, 2e-170), (2e-170, 1e-170), (1e-300, 0.0), (1e200, 0.0), (3e200, 4e200), (np.inf, 1.0),
            (NAN, 1.0), (NAN, np.inf)]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_the_longest_of_two_components(seed: int) -> None:
    """Of all, of those that a filter keeps, of combinations: the first of equal ones, however lengths are compared."""
    x, y = source("x", JET), source("y", JET)
    length, here = make("hypot", x, y), make("gt", source("here", JET), const(0.3))
    kept = make("filter", here, dim=JET, dst=chosen("kept"))
    pairs, slot = all_of(x, JET, 2)
    px, py = (make("reduce_sum", make("gather", component, pairs), over=(slot,)) for component in (x, y))
    both = make("filter", make("lt", entry(source("here", JET), pairs, slot, 0), const(0.7)),
                dim=pairs["dst"], dst=chosen("both"))  # fmt: skip
    pair = make("hypot", make("gather", px, both), make("gather", py, both))

    def longest(of: Node, dim: Dim, name: str) -> Node:
        return make("argsort", of, dim=dim, dst=Dim(name, bound=1), descending=(True,))

    program = module(
        all=longest(length, JET, "one"), kept=longest(make("gather", length, kept), kept["dst"], "two"),
        pair=make("gather", pair, longest(pair, both["dst"], "three")),
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    events = []
    for n in [0, 1, 2, 3, *rng.integers(2, 9, 60)]:
        components = np.array(_LENGTHS)[rng.integers(0, len(_LENGTHS) if n % 2 else 6, n)].reshape(n, 2)
        events.append({"x": components[:, 0], "y": components[:, 1], "here": rng.uniform(size=n)})
    got = check(program, events)
    assert set(got.counts["three"]) == {0, 1}


@pytest.mark.parametrize("bins", [3, 40])
def test_whole_numbers_in_few_bins_and_in_many(bins: int) -> None:
    """Beyond a million, and where the last edge is beyond all whole numbers."""
    edges = (*(float(4**i) - 0.5 for i in range(bins // 2)), *(1e13 + 1e12 * i for i in range(bins // 2)), np.inf)
    n = source("n", JET, elem="int")
    program = module(cell=make("bin", n, axis=BinAxis.variable(edges)))
    numbers = np.array([-(2**63), -1, 0, 1, 63, 64, 126, 127, 4**9, 10**13, 10**13 + 1, 2**62, 2**63 - 1])
    got = check(program, [{"n": numbers}, {"n": np.zeros(0, np.int64)}])
    below = np.searchsorted(edges, numbers.astype(float), side="right")
    assert got.outputs["cell"].tolist() == (below - 1).tolist()


def test_objects_of_objects() -> None:
    """Combinations of a sub-dim, filtered, ordered, filtered again; what is read of them reads the file's numbers."""
    pt = source("pt", JET)
    good = make("filter", make("gt", pt, const(5.0)), dim=JET, dst=chosen("good"))
    order = make("argsort", make("gather", pt, good), dim=good["dst"], dst=Dim("lead", bound=4), descending=(True,))
    lead = make("gather", good, order)
    pairs, slot = all_of(make("gather", pt, lead), order["dst"], 2)
    sums = make("reduce_sum", make("gather", make("gather", pt, lead), pairs), over=(slot,))
    wide = make("filter", make("gt", sums, const(25.0)), dim=pairs["dst"], dst=chosen("wide"))
    even = make("filter", make("lt", make("gather", sums, wide), const(60.0)), dim=wide["dst"], dst=chosen("even"))
    total = make("gather", make("gather", sums, wide), even)
    low = make("pick", make("gather", make("gather", make("gather", make("gather", lead, pairs), wide), even),
                            make("argsort", total, dim=even["dst"], dst=Dim("two", bound=2), descending=(False,))),
               dim=slot, index=1)  # fmt: skip
    program = module(
        total=total, entry=low, pt=make("gather", pt, low), n=make("reduce_sum", total, over=(even["dst"],))
    )
    rng = np.random.default_rng(5)
    check(program, [{"pt": rng.integers(0, 40, n).astype(float)} for n in [0, 1, 2, 3, 20, *rng.integers(0, 9, 70)]])


def test_nothing_of_the_size_of_combinations_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, slot = all_of(pt := source("pt", JET), JET, 3)
    sums = make("reduce_sum", make("gather", pt, rows), over=(slot,))
    best = make("argsort", sums, dim=rows["dst"], dst=Dim("best", bound=1), descending=(True,))
    code = lower(module(y=make("gather", sums, best)), cpu.parse("cpu"))
    program, memory, sizes = EventProgram(code.library, code.description), EventProgram._memory, list[int]()

    def seen(self: EventProgram, *args: Any) -> Any:
        made = memory(self, *args)
        sizes.append(len(made))
        return made

    monkeypatch.setattr(EventProgram, "_memory", seen)
    program.run({"pt": np.arange(200.0)}, {"jet": np.array([200])})
    assert sizes[0] < 64 * (200 + BLOCK) * 8 < 200**3


def test_that_entries_are_there_needs_no_rows() -> None:
    """Of combinations, chosen ones, the best, a union: counted without a list of what they were chosen from."""
    pt, charge = source("pt", JET), source("charge", JET, elem="int")
    rows, slot = all_of(pt, JET, 2)
    differ = make("ne", *(entry(charge, rows, slot, i) for i in range(2)))
    opposite = make("filter", differ, dim=rows["dst"], dst=chosen("os"))
    sums = make("gather", make("reduce_sum", make("gather", pt, rows), over=(slot,)), opposite)
    best = make("argsort", sums, dim=opposite["dst"], dst=Dim("z", bound=1), descending=(True,))
    both = make("unite", pt, source("lpt", LEPTON), dims=(JET, LEPTON), part=1, dst=chosen("both"))

    def count(index: Node) -> Node:
        number = make("cast", index, type=Type("int", index.type.dims))
        there = make("cast", make("ge", number, make("const", value=-1)), type=Type("int", index.type.dims))
        return make("reduce_sum", there, over=index.type.dims)

    program = module(pairs=count(opposite), best=count(best), both=count(both), lead=make("gather", sums, best))
    assert Dims.of(prepare(program)).virtual == {"c2", "os"}
    rng = np.random.default_rng(0)
    check(program, [{"pt": rng.uniform(size=n), "charge": rng.choice([-1, 1], n), "lpt": rng.uniform(size=n % 3)}
                    for n in (0, 1, 2, 3, 5, 9, 2, 1)])  # fmt: skip


def test_costly_values_of_chosen_entries_are_computed_once() -> None:
    """Not again at each jet; those of columns, in vectors."""
    hard = make("filter", make("gt", source("lpt", LEPTON), const(10.0)), dim=LEPTON, dst=chosen("hard"))
    once = make("sin", make("gather", make("exp", source("leta", LEPTON)), hard))
    near, over = make("gt", make("mul", once, source("eta", JET)), const(0.3)), (hard["dst"],)
    program = module(near=make("reduce_any", near, over=over), n=make("reduce_max", once, over=over))
    plan = make_plan(prepare(program))
    assert {n.op for n in plan.kept if n.op in ("exp", "sin", "filter")} == {"exp", "sin", "filter"}
    assert [n.op for n in plan.flat["lepton"]] == ["exp"]
    rng = np.random.default_rng(0)
    check(program, [{"lpt": rng.exponential(15, n), "leta": rng.normal(0, 1, n), "eta": rng.normal(0, 1, m)}
                    for n, m in [(0, 0), (3, 0), (0, 3), (9, 4), *rng.integers(0, 6, (40, 2))]])  # fmt: skip


@pytest.mark.parametrize("k", [2, 3, 4])
def test_there_is_memory_for_all_combinations(k: int) -> None:
    """Of the largest event, however their number rounds."""
    pt = source("pt", JET)
    rows, slot = all_of(pt, JET, k)
    total = make("cumsum", make("reduce_sum", make("gather", pt, rows), over=(slot,)), over=rows["dst"])
    code = lower(module(y=total), cpu.parse("cpu"))
    for n in range(18):
        got = EventProgram(code.library, code.description).run({"pt": np.ones(n)}, {"jet": np.array([n])})
        assert list(got.outputs["y"]) == [k * (i + 1.0) for i in range(comb(n, k))]


@pytest.mark.parametrize("op", ["dropout", "param", "ragged", "twice"])
def test_what_is_refused(op: str) -> None:
    pt = source("pt", JET)
    made = {
        "dropout": lambda: make("dropout", pt, p=0.5),
        "param": lambda: make("mul", pt, make("param", path="w", init=("constant", 1.0), trainable=True, type=Type())),
        "ragged": lambda: make("sub", pt, make("rename", pt, src=JET, dst=JET.prime())),
        "twice": lambda: make(
            "add",
            *(
                make("gather", pt, make("filter", make(op, pt, const(1.0)), dim=JET, dst=chosen("d")))
                for op in ("gt", "lt")
            ),
        ),
    }[op]()
    with pytest.raises(LoweringError):
        lower(module(y=made), cpu.parse("cpu"))
