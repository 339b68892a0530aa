# SPDX-License-Identifier: Apache-2.0
"""Corrections of files: ranges and what is counted of them, units, one table for many leaves, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir.node import topological
from hepq.core.source import Source, Span
from hepq.core.types import ENERGY, ONE, UNITS
from hepq.lang.elaborate.corrections.corrections import Declared, applied, opened
from hepq.lang.elaborate.values import Quantity
from tests.lang.elaborate.corrections.called import ours, theirs
from tests.support.emission import Emission, reported

REAL = {"name": "x", "type": "real"}
STEPS = {"nodetype": "binning", "input": "x", "edges": [0, 1, 2], "content": [10, 20]}


def written(folder: Path, data: Any, *inputs: Any, name: str = "c.json", **more: Any) -> Path:
    one = {"name": "c", "version": 1, "inputs": list(inputs or [REAL]), "output": {"name": "w", "type": "real"},
           "data": data, **more}  # fmt: skip
    file = folder / name
    file.write_text(json.dumps({"schema_version": 2, "corrections": [one]}))
    return file


@pytest.mark.parametrize(
    ("flow", "values", "outside", "wrong"),
    [
        ("clamp", [10, 10, 10, 20, 20, 20], [1, 0, 0, 0, 1, 1], [0] * 6),
        (-1.5, [-1.5, 10, 10, 20, -1.5, -1.5], [1, 0, 0, 0, 1, 1], [0] * 6),
        ("error", [10, 10, 10, 20, 20, 20], [0] * 6, [1, 0, 0, 0, 1, 1]),
        ("wrap", [20, 10, 10, 20, 10, 20], [0] * 6, [0, 0, 0, 0, 0, 1]),
    ],
)
def test_what_is_outside_is_counted(flow: Any, values: Any, outside: Any, wrong: Any, tmp_path: Path) -> None:
    file = written(tmp_path, {**STEPS, "flow": flow})
    found = ours(file, "c", {"x": np.array([-0.5, 0, 0.5, 1, 2, np.nan])})
    for got, wanted in zip(found, (values, outside, wrong), strict=True):
        assert got.tolist() == wanted


@pytest.mark.parametrize(
    "edges",
    [[-3.14159, -2.1, -1.7, -0.3, 0.0, 0.1, 0.7, 1.0, 1.1, 2.3, 3.14159], {"n": 10, "low": -3.14159, "high": 3.14159}],
)
def test_in_its_range_nothing_is_wrapped(edges: Any, tmp_path: Path) -> None:
    file = written(tmp_path, {**STEPS, "edges": edges, "content": [*range(10)], "flow": "wrap"})
    listed = np.array(edges) if isinstance(edges, list) else np.linspace(-3.14159, 3.14159, 11)
    middles = (listed[1:] + listed[:-1]) / 2
    above, below = listed[:-1] + 1e-12, np.nextafter(listed[-1], -9)
    wrapped = [middles + turns * (listed[-1] - listed[0]) for turns in (-7, -1, 1, 2, 50)]
    on = listed if isinstance(edges, list) else listed[:0]  # of uniform bins rounding says which one an edge is of
    x = np.concatenate([above, [below], middles, *wrapped, on])
    expected = [*range(10), 9, *(6 * [*range(10)]), *[*range(10), 0][: len(on)]]
    value, outside, wrong = ours(file, "c", {"x": x})
    assert value.tolist() == expected
    assert not outside.any()
    assert not wrong.any()
    one = [ours(file, "c", {"x": float(v), "rows": np.zeros(1)})[0][0] for v in x]
    assert one == expected


def test_where_nothing_is_looked_up_nothing_is_counted(tmp_path: Path) -> None:
    steps = {**STEPS, "flow": "error"}
    data = {"nodetype": "category", "input": "k", "content": [{"key": 1, "value": steps}, {"key": 2, "value": 3}]}
    file = written(tmp_path, data, REAL, {"name": "k", "type": "int"})
    x, k = np.array([9.0, 9.0, 1.0, 1.0]), np.array([1, 2, 1, 5])
    value, outside, wrong = ours(file, "c", {"x": x, "k": k})
    assert wrong.tolist() == [True, False, False, True]
    assert not outside.any()
    assert value[1:3].tolist() == [3, 20]


def test_texts_pick_categories(tmp_path: Path) -> None:
    """The corrections of the Analysis Grand Challenge are such."""
    slope = {"nodetype": "formula", "parser": "TFormula", "variables": ["x"]}
    ways = {d: {**slope, "expression": f"1.0 {s} (x*0.075 / 50)"} for d, s in (("up", "+"), ("down", "-"))}
    names: dict[str, Any] = {"scale": {"up": 1.025, "down": 0.975}, "btag": ways}
    data: Any = [
        (n, {"nodetype": "category", "input": "d", "content": items(w), "default": 1}) for n, w in names.items()
    ]
    data = {"nodetype": "category", "input": "n", "content": items(dict(data))}
    file = written(tmp_path, data, *({"name": n, "type": "string"} for n in "nd"), REAL)
    x = np.linspace(0, 300, 100)
    for name, direction in (("scale", "up"), ("btag", "up"), ("btag", "down"), ("btag", "other")):
        rows = {"n": name, "d": direction, "x": x}
        assert (ours(file, "c", rows)[0] == theirs(file, "c", rows)[0]).all()


def items(values: dict[str, Any]) -> list[Any]:
    return [{"key": key, "value": value} for key, value in values.items()]


def jet_energy(etas: int, pts: int) -> dict[str, Any]:
    """As in files of jet energy corrections: of each eta, bins of pt of its own, with parameters of one formula. Of few
    digits: correctionlib reads numbers of 17 digits to some units in the last place."""
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(etas):
        edges = sorted({float(round(e)) for e in rng.uniform(8, 4000, pts + 1)})
        content = [{"nodetype": "formularef", "index": 0, "parameters": rng.normal(0, 1, 4).round(4).tolist()}
                   for _ in edges[1:]]  # fmt: skip
        rows.append({"nodetype": "binning", "input": "pt", "edges": edges, "content": content, "flow": "clamp"})
    edges = np.linspace(-5, 5, etas + 1).round(3).tolist()
    return {"nodetype": "binning", "input": "eta", "edges": edges, "content": rows, "flow": "error"}


SHAPE = {"nodetype": "formula", "parser": "TFormula", "variables": ["pt", "rho"],
         "expression": "max(0.0001,1-y*([0]+([1]*x)*(1+[2]*x)+[3]))"}  # fmt: skip
JET = tuple({"name": n, "type": "real"} for n in ("eta", "pt", "rho"))


def test_many_leaves_are_few_operations(tmp_path: Path) -> None:
    file = written(tmp_path, jet_energy(80, 12), *JET, generic_formulas=[SHAPE])
    made = Emission()
    span = Span(Source(str(tmp_path / "a.hepq"), "text"), 0, 4)
    correction = opened(made.ctx, "c.json", "c", [Declared(v["name"], "real", span) for v in JET], span)
    x = {v["name"]: made.input(v["name"]) for v in JET}
    result = applied(made.ctx, correction, [(t, span) for t in x.values()], span)
    assert len(list(topological([result.value.handle]))) < 45
    rng = np.random.default_rng(0)
    rows = {"eta": rng.uniform(-5, 5, 500), "pt": rng.uniform(1, 5000, 500), "rho": rng.uniform(0, 50, 500)}
    assert (ours(file, "c", rows)[0] == theirs(file, "c", rows)[0]).all()


def test_formulas_that_differ_by_numbers_are_one(tmp_path: Path) -> None:
    """As in files of b-tagging: the numbers stand in the formula of each bin."""
    rng = np.random.default_rng(2)
    content = [{"nodetype": "formula", "parser": "TFormula", "variables": ["x"],
                "expression": "{:.4f}*((1.+({:.4f}*x))/(1.+({:.4f}*x)))+{}".format(*rng.uniform(0, 1, 3), n % 2)}
               for n in range(300)]  # fmt: skip
    data = {
        "nodetype": "binning",
        "input": "x",
        "edges": np.arange(301.0).tolist(),
        "content": content,
        "flow": "clamp",
    }
    file = written(tmp_path, data)
    made = Emission()
    assert len(list(topological([emitted(made, file, [real()], made.input("x")).value.handle]))) < 20
    x = rng.uniform(-5, 305, 1000)
    assert (ours(file, "c", {"x": x})[0] == theirs(file, "c", {"x": x})[0]).all()


def test_edges_that_differ_too_much_are_looked_up_apart(tmp_path: Path) -> None:
    file = written(tmp_path, jet_energy(40, 300), *JET, generic_formulas=[SHAPE])
    rng = np.random.default_rng(1)
    rows = {"eta": rng.uniform(-5, 5, 200), "pt": rng.uniform(1, 5000, 200), "rho": rng.uniform(0, 50, 200)}
    assert (ours(file, "c", rows)[0] == theirs(file, "c", rows)[0]).all()


def emitted(made: Emission, file: Path, inputs: list[Declared], *arguments: Any) -> Any:
    span = Span(Source(str(file.parent / "a.hepq"), "text"), 0, 4)
    correction = opened(made.ctx, file.name, "c", inputs, span)
    return applied(made.ctx, correction, [(a, span) for a in arguments], span)


def real(name: str = "x", **more: Any) -> Declared:
    return Declared(name, more.pop("kind", "real"), Emission().span, **more)


@pytest.mark.parametrize(("unit", "at"), [("GeV", 1.5), ("MeV", 1500.0), ("TeV", 0.0015)])
def test_numbers_are_handed_in_in_the_declared_unit(unit: str, at: float, tmp_path: Path) -> None:
    file = written(tmp_path, {"nodetype": "formula", "parser": "TFormula", "expression": "x", "variables": ["x"]})
    declared = real(unit=ENERGY, factor=UNITS[unit][1])
    made = Emission()
    x = made.input("x", unit=ENERGY)
    result = emitted(made, file, [declared], x)
    assert result.value.type.unit == ONE
    assert made.run({"x": [1.5]}, value=result.value)["value"].tolist() == pytest.approx([at], rel=1e-15)
    made = Emission()
    result = emitted(made, file, [declared], Quantity(1.5, ENERGY))
    assert made.run({}, value=result.value)["value"] == pytest.approx(at, rel=1e-15)


def test_static_numbers_leave_nothing_to_look_up(tmp_path: Path) -> None:
    file = written(tmp_path, {**STEPS, "flow": -1.0})
    for at, wanted in ((-1.0, -1), (0, 10), (1.99, 20), (2.0, -1), (float("nan"), -1)):
        made = Emission()
        result = emitted(made, file, [real()], at)
        assert [n.op for n in topological([result.value.handle])] == ["const"]
        assert made.run({}, value=result.value)["value"] == wanted


def test_compressed_files(tmp_path: Path) -> None:
    file = written(tmp_path, {**STEPS, "flow": "clamp"})
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(file.read_bytes()))
    made = Emission()
    assert made.run({}, v=emitted(made, tmp_path / "c.json.gz", [real()], 0.5).value)["v"] == 10
    assert len(made.ctx.named_files["c.json.gz"]) == 64


TEXT = {"name": "s", "type": "string"}
PICK = {"nodetype": "category", "input": "s", "content": [{"key": "nominal", "value": 1}, {"key": "up", "value": 2}]}


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (None, "HQ0941", "no such file"), (b"{", "HQ0941", "no JSON"), (b"\x1f\x8bxx", "HQ0941", "gzip"),
        (b"\xff\xfe\x00", "HQ0941", "no text"), (b"[" * 100000, "HQ0941", "deep"), (b"[]", "HQ0942", "`corrections`"),
        (b'{"schema_version": 1, "corrections": []}', "HQ0942", "schema 1"),
        (b'{"schema_version": 2, "corrections": {"c": 1}}', "HQ0942", "no list"),
        (b'{"schema_version": 2, "corrections": [3]}', "HQ0942", "no name"),
        (b'{"schema_version": 2, "corrections": [{"name": "d"}]}', "HQ0943", "it has d"),
        (b'{"schema_version": 2, "corrections": [{"name": "c"}]}', "HQ0942", "version"),
        (b'{"schema_version": 2, "corrections": [{"name": "c"}, {"name": "c"}]}', "HQ0942", "twice"),
    ],
)  # fmt: skip
def test_files_that_are_refused(content: bytes | None, code: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    if content is not None:
        file.write_bytes(content)
    found = reported(lambda made: emitted(made, file, [real()], 1.0))
    assert found.code == code
    assert says in f"{found.title} {found.help}"


FORMULA = {"nodetype": "formula", "parser": "TFormula", "expression": "x", "variables": ["x"]}


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        ({**STEPS, "edges": [0, 1], "flow": 1}, "HQ0942", "2 contents of 1 bins"),
        ({**STEPS, "edges": [1, 1, 2], "flow": 1}, "HQ0942", "do not ascend"),
        ({**STEPS, "edges": {"n": 0, "low": 0, "high": 1}, "flow": 1}, "HQ0942", "n"),
        ({**STEPS, "edges": {"n": 2, "low": 1, "high": 0}, "flow": 1}, "HQ0942", "do not ascend"),
        ({**STEPS, "flow": "stop"}, "HQ0942", "flow"), ({**STEPS, "flow": 1, "input": "y"}, "HQ0942", "no input `y`"),
        ({**STEPS, "flow": 1, "extra": 1}, "HQ0942", "extra"), ({"nodetype": "spline"}, "HQ0942", "spline"),
        ({**FORMULA, "expression": "x +"}, "HQ0942", "the end"), ({**FORMULA, "expression": "y"}, "HQ0942", "2 variab"),
        ({**FORMULA, "expression": "[1]"}, "HQ0942", "2 parameters"),
        ({**FORMULA, "parser": "numexpr"}, "HQ0942", "TFo"),
        ({"nodetype": "formularef", "index": 0, "parameters": []}, "HQ0942", "generic formula 0"),
        ({"nodetype": "hashprng", "inputs": ["x"], "distribution": "normal"}, "HQ0947", "bits"),
        ({"nodetype": "lwtnn", "opaque": {}, "finalizer": FORMULA}, "HQ0947", "models"),
        ({"nodetype": "category", "input": "x", "content": [{"key": 1, "value": 1}]}, "HQ0942", "category of `x`"),
        ({"nodetype": "category", "input": "x", "content": [{"key": 1, "value": 1}] * 2}, "HQ0942", "twice"),
        ({"nodetype": "transform", "input": "z", "rule": 1, "content": 1}, "HQ0942", "no input `z`"),
        ({"nodetype": "multibinning", "inputs": ["x"], "edges": [], "content": [1], "flow": 1}, "HQ0942", "0 lists"),
    ],
)  # fmt: skip
def test_nodes_that_are_refused(data: Any, code: str, says: str, tmp_path: Path) -> None:
    file = written(tmp_path, data)
    found = reported(lambda made: emitted(made, file, [real()], made.input("x")))
    assert found.code == code
    assert says in f"{found.title} {found.help}"


@pytest.mark.parametrize(
    ("inputs", "code", "says"),
    [
        ([real("y")], "HQ0944", "`y` stands where the file has `x`"),
        ([], "HQ0944", "0 are declared, the file has 1"),
        ([real(), real("y")], "HQ0944", "2 are declared"),
        ([real(kind="string")], "HQ0944", "`x` is a number, not a text"),
        ([real(kind="int")], "HQ0944", "`x` is a number, not a whole number"),
    ],
)
def test_inputs_are_those_of_the_file(inputs: list[Declared], code: str, says: str, tmp_path: Path) -> None:
    file = written(tmp_path, {**STEPS, "flow": 1.0})
    found = reported(lambda made: emitted(made, file, inputs, *[1.0 for _ in inputs]))
    assert found.code == code
    assert says in found.title


@pytest.mark.parametrize(
    ("argument", "code", "says"),
    [
        (lambda made: "upp", "HQ0946", "`up`"), (lambda made: "elsewhere", "HQ0946", "it has nominal, up"),
        (lambda made: 1.0, "HQ0945", "a text that is known"),
        (lambda made: made.input("s"), "HQ0945", "a value of type"),
    ],
)  # fmt: skip
def test_texts(argument: Any, code: str, says: str, tmp_path: Path) -> None:
    file = written(tmp_path, PICK, TEXT)
    found = reported(lambda made: emitted(made, file, [real("s", kind="string")], argument(made)))
    assert found.code == code
    assert says in f"{found.title} {found.help}"


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        (lambda made: "a", "takes a number as `x`, not the text"),
        (lambda made: made.input("x", "bool"), "takes a num"),
        (lambda made: made.input("x", unit=ENERGY), "takes a pure number as `x`, not a number in GeV"),
        (lambda made: Quantity(1.0, ENERGY), "GeV"), (lambda made: 3.0, "has no value"),
    ],
)  # fmt: skip
def test_numbers(argument: Any, says: str, tmp_path: Path) -> None:
    file = written(tmp_path, {**STEPS, "flow": "error"})
    found = reported(lambda made: emitted(made, file, [real()], argument(made)))
    assert says in found.title


def test_the_number_of_arguments(tmp_path: Path) -> None:
    file = written(tmp_path, {**STEPS, "flow": "error"})
    assert "is given 2 arguments, not 1" in reported(lambda made: emitted(made, file, [real()], 1.0, 2.0)).title
