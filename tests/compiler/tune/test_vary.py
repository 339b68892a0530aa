# SPDX-License-Identifier: Apache-2.0
"""What varies: ranges and lists as they are written, of what kind, and what is none."""

from __future__ import annotations

import pytest

from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.options import Options
from hepq.compiler.train.recipe import Recipe, Resolved
from hepq.compiler.tune.vary import Choice, Range, Setting, Varied, applied, varied
from hepq.core.diagnostics.diagnostic import HepqError
from tests.compiler.train.programs import DATA

PROGRAM = """
const width: int = 8
const scale: real = 1
const depth = 2
const cut: GeV = 20 GeV
const sizes = [8, 8]
const text = "a"

dim hidden = 5

model Tag[heads: int = 1, act: fn = relu](x: real[obs]) -> real[cls] =
  act(x / scale |> Dense[width * heads]) |> Dense[hidden] |> Dense[cls] |> softmax

train T {
  optimiser = adamw(lr=3e-3, decay=0.1)
  batch = 32
}
"""


@pytest.fixture(scope="module")
def compilation(tmp_path_factory: pytest.TempPathFactory) -> Compilation:
    path = tmp_path_factory.mktemp("vary") / "m.hepq"
    path.write_text(DATA + PROGRAM)
    return Compilation(path, Options()).check()


def resolved(compilation: Compilation) -> Resolved:
    plan = compilation.training(None).training
    assert plan is not None
    return Recipe().resolved(plan.settings)


def vary(compilation: Compilation, *texts: str, given: Options | None = None) -> tuple[Varied, ...]:
    return varied(compilation.training(None), resolved(compilation), given or Options(), texts)


@pytest.mark.parametrize(
    ("text", "space", "own", "kind"),
    [
        ("width=4..16", Range(4, 16, whole=True), 8, "const"),
        ("width = 4 .. 16 log", Range(4, 16, whole=True, log=True), 8, "const"),
        ("width=4..17 step 4", Range(4, 16, whole=True, step=4), 8, "const"),
        ("width=5..17 step 4", Range(5, 17, whole=True, step=4), None, "const"),
        ("width=16..32", Range(16, 32, whole=True), None, "const"),
        ("scale=0..1", Range(0, 1), 1.0, "const"),
        ("scale=1e-3..1.5 step 0.5", Range(1e-3, 1.001, step=0.5), None, "const"),
        ("depth=1..3", Range(1, 3, whole=True), 2, "const"),
        ("depth=1..2.5", Range(1, 2.5), 2.0, "const"),
        ("cut=10..50 GeV", Range(10, 50, unit="GeV"), 20.0, "const"),
        ("cut=10000..50000 MeV log", Range(1e4, 5e4, log=True, unit="MeV"), 2e4, "const"),
        ("cut=20 GeV, 30 GeV", Choice(("20 GeV", "30 GeV")), "20 GeV", "const"),
        ("sizes=[8, 8], [16]", Choice(("[8, 8]", "[16]")), "[8, 8]", "const"),
        ("text=a, b", Choice(("a", "b")), "a", "const"),
        ("hidden=2..9", Range(2, 9, whole=True), 5, "dim"),
        ("hidden=4, 8", Choice(("4", "8")), None, "dim"),
        ("heads=1..4", Range(1, 4, whole=True), 1, "static"),
        ("act=relu, tanh", Choice(("relu", "tanh")), None, "static"),
        ("train.lr=1e-4..1e-2 log", Range(1e-4, 1e-2, log=True), 3e-3, "train"),
        ("train.batch=16..64 step 16", Range(16, 64, whole=True, step=16), 32, "train"),
        ("train.batch=32, 64", Choice(("32", "64")), "32", "train"),
        ("train.optimiser=adam, adamw", Choice(("adam", "adamw")), "adamw", "train"),
    ],
)
def test_written(compilation: Compilation, text: str, space: Range | Choice, own: object, kind: str) -> None:
    (one,) = vary(compilation, text)
    if isinstance(space, Range) and isinstance(one.space, Range):
        assert one.space.high == pytest.approx(space.high)
        assert (one.space.low, one.space.whole, one.space.log, one.space.step, one.space.unit) == (
            space.low, space.whole, space.log, space.step, space.unit
        )  # fmt: skip
    else:
        assert one.space == space
    assert (one.own, type(one.own), one.kind) == (own, type(own), kind)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("width", "write `NAME=LOW..HIGH`"), ("width=", "write `NAME=LOW..HIGH`"), ("width=3", "two values at least"),
        ("width=3, 3", "two values at least"), ("width=9..3", "9 is not below 3"), ("width=3..3", "not below"),
        ("width=a..b", "`a` is not a number"), ("scale=1..inf", "`inf` is not a number"),
        ("width=3..9 lin", "then `log` or `step SIZE`"), ("width=3..9 step 0", "a step of 0 does not lead"),
        ("width=3..9 step 20", "a step of 20 does not lead"), ("scale=0..1 log", "begin above 0"),
        ("width=3..9.5", "whole numbers"), ("cut=10..50", "it has a unit: `cut=10..50 GeV`"),
        ("cut=10..50 mm", "it is not of the unit mm"), ("width=1..5 GeV", "it is not of the unit GeV"),
        ("hidden=0..5", "the size of a dim is 1 at least"), ("hidden=2.5, 3", "whole numbers"),
        ("train.lr=0..1", "it is above 0"), ("train.batch=0..8", "it is 1 at least"),
        ("train.batch=a, b", "it takes numbers"), ("train.optimiser=adam, newton", "`newton` is none of sgd"),
        ("train.schedule=1..2", "it takes no numbers"), ("act=1..2", "it takes no numbers"),
    ],
)  # fmt: skip
def test_no_range(compilation: Compilation, text: str, said: str) -> None:
    with pytest.raises(HepqError) as caught:
        vary(compilation, text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "HQ0781"
    assert said in diagnostic.title


@pytest.mark.parametrize(
    ("name", "help"),
    [("widht", "did you mean `width`?"), ("hiddn", "did you mean `hidden`?"), ("zzzzz", "there are: ")],
)
def test_no_such_name(compilation: Compilation, name: str, help: str) -> None:
    with pytest.raises(HepqError) as caught:
        vary(compilation, f"{name}=1..2")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "HQ0780"
    assert (diagnostic.help or "").startswith(help)


def test_one_value_only(compilation: Compilation) -> None:
    for texts, given in (
        (("width=1..2", "width=2..3"), None),
        (("width=1..2",), Options(statics={"width": 3})),
        (("hidden=1..2",), Options(dims={"hidden": 3})),
    ):
        with pytest.raises(HepqError, match="HQ0781"):
            vary(compilation, *texts, given=given)


def test_applied(compilation: Compilation) -> None:
    those = vary(
        compilation, "cut=10..50 GeV", "hidden=2..9", "sizes=[8, 8], [16]", "train.lr=1e-4..1e-2", "train.batch=32, 64",
        "train.optimiser=adam, adamw",
    )  # fmt: skip
    settings: dict[str, Setting] = {"cut": 12.5, "hidden": 3, "sizes": "[16]", "train.lr": 1e-3, "train.batch": "64"}
    program = resolved(compilation)
    for optimiser, decay in (("adamw", 0.1), ("adam", None)):
        options, recipe = applied(those, {**settings, "train.optimiser": optimiser}, Options(), Recipe(), program)
        assert options.statics == {"cut": "12.5 GeV", "sizes": [16]}
        assert options.dims == {"hidden": 3}
        assert (recipe.rate, recipe.batch) == (1e-3, 64)
        assert recipe.optimiser is not None
        assert dict(recipe.optimiser.args).get("decay") == decay, "the program's own keeps its arguments"
