# SPDX-License-Identifier: Apache-2.0
"""Values of consts and of static arguments given from outside, and kept with the weights trained with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hepq.compiler.driver.compilation import Compilation, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.driver.rebuilt import rebuilt
from hepq.compiler.train import Recipe, train_file
from hepq.compiler.weights.files import recorded_dims, recorded_statics
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.artifact.artifact import Artifact
from tests.compiler.train.programs import DATA, EVENTS

WIDE = """
const width: int = 8
const cut: GeV = 20 GeV
const scale = 1
const text = "a"

dim hidden = 5

model Tag[heads: int = 1](x: real[obs]) -> real[cls] =
  x / scale |> Dense[width * heads, name="body"] |> Dense[hidden, name="mid"] |> Dense[cls, name="head"] |> softmax
"""


def built(folder: Path, **statics: object) -> Compilation:
    path = folder / "wide.hepq"
    path.write_text(DATA + WIDE)
    return Compilation(path, Options(statics=statics)).check()


def width(program: Compilation) -> int | None:
    return program.source.params["body.weight"].type.dims[0].size


def test_a_const_takes_another_value(tmp_path: Path) -> None:
    assert width(built(tmp_path)) == 8
    assert width(built(tmp_path, width=3)) == 3
    assert width(built(tmp_path, width=3, heads=2)) == 6


@pytest.mark.parametrize(
    ("name", "value"), [("cut", "30 GeV"), ("scale", 0.5), ("scale", -1e-5), ("text", "a b"), ("width", "2 * 8")]
)
def test_values_are_written_as_in_programs(tmp_path: Path, name: str, value: object) -> None:
    assert built(tmp_path, **{name: value}).source.params


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("cut", 30, "HQ0404"), ("cut", "30 mm", "HQ0404"), ("width", 2.5, "HQ0404"), ("width", "wide", "HQ0101"),
        ("width", "3 const b = 4", "HQ0404"), ("width", "(", "HQ0009"), ("widht", 3, "HQ0638"),
    ],
)  # fmt: skip
def test_wrong_values_are_errors(tmp_path: Path, name: str, value: object, code: str) -> None:
    with pytest.raises(HepqError) as caught:
        _ = built(tmp_path, **{name: value}).built
    assert caught.value.diagnostics[0].code == code


def test_weights_keep_what_they_were_trained_with(tmp_path: Path) -> None:
    program, weights, out = tmp_path / "wide.hepq", tmp_path / "w.safetensors", tmp_path / "a.hepqx"
    program.write_text(DATA + WIDE)
    given = Options(statics={"width": 3, "heads": 2}, dims={"hidden": 4})
    train_file(program, [EVENTS], weights, Recipe(epochs=1, events=50), given)
    assert (recorded_statics(weights), recorded_dims(weights)) == ({"width": 3, "heads": 2}, {"hidden": 4})
    compile_file(program, out, Options(weights=weights, golden=EVENTS))
    artifact = Artifact.open(out)
    assert artifact.manifest.provenance.statics == {"width": 3, "heads": 2}
    assert rebuilt(artifact).module.params["body.weight"].type.dims[0].size == 6


def test_values_of_other_programs_are_left_out(tmp_path: Path) -> None:
    program, weights = tmp_path / "wide.hepq", tmp_path / "w.safetensors"
    program.write_text(DATA + WIDE)
    train_file(program, [EVENTS], weights, Recipe(epochs=1, events=50), Options(statics={"scale": 2}))
    program.write_text(DATA + WIDE.replace("const scale = 1\n", "").replace("x / scale", "x"))
    assert Compilation(program, Options(weights=weights)).statics == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nonsense", "the program has no such dim"), ("cls", "its entries have names"),
        ("part", "events decide how many it has"), ("sv", "the program has no such dim"),
    ],
)  # fmt: skip
def test_sizes_of_what_takes_none_are_errors(tmp_path: Path, name: str, said: str) -> None:
    path = tmp_path / "wide.hepq"
    for text in (WIDE, WIDE + "train T {\n  epochs = 1\n}\n"):
        path.write_text(DATA + "dim part <= 8\n" + text)
        for trained in (False, True):
            asked = Compilation(path, Options(dims={name: 7}))
            with pytest.raises(HepqError, match=f"HQ0639.*`{name}` cannot be given a size: {said}"):
                _ = asked.training(None) if trained else asked.built


def test_sizes_of_other_programs_are_left_out(tmp_path: Path) -> None:
    program, weights = tmp_path / "wide.hepq", tmp_path / "w.safetensors"
    program.write_text(DATA + WIDE)
    train_file(program, [EVENTS], weights, Recipe(epochs=1, events=50), Options(dims={"hidden": 4}))
    assert Compilation(program, Options(weights=weights)).dims == {"hidden": 4}
    program.write_text(DATA + WIDE.replace("dim hidden = 5\n", "").replace("hidden", "4"))
    assert Compilation(program, Options(weights=weights)).dims == {}
