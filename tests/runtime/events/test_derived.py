# SPDX-License-Identifier: Apache-2.0
"""Which variable of a dataset is not a number, by a NumPy program of the variables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hepq.compiler.driver.compilation import build_file
from hepq.compiler.schema.derived import variables
from hepq.compiler.schema.events import event_schema, read_inputs
from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.manifest import EventSchema
from hepq.runtime.events.batch import prepare
from hepq.runtime.events.columns import collect
from hepq.runtime.events.derived import Variables
from hepq.runtime.events.grouped import Rows

PROGRAM = """
dim part <= 6
dataset D {
  source d = root("none/*.root")
  branch pt: GeV[part]
  branch met, unused: GeV
  logs = log(pt / 1 GeV)
  far = log(met / 1 GeV)
  near = max(far, -3)
  lost = log(unused / 1 GeV)
  input x = logs - mean(logs, over=part)
  input y = sqrt(near + 2)
  big = exp(met / 1 GeV)
  input z = 1 / big - 1 / big
}
model M(x: real[part], y: real, z: real) -> real = sum(x, over=part) + y + z
"""
PT = [[5.0, 3.0], [2.0, -1.0, 1.0], [7.0], [0.0, 4.0], [9.0, 1.0], [1.0], [1.0], [-1.0, 1.0, -1.0]]
MET = [1.0, 1.0, 0.0, 1.0, 0.1, 1.0, 100.0, 1.0]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Variables, EventSchema]:
    path = tmp_path_factory.mktemp("derived") / "m.hepq"
    path.write_text(PROGRAM)
    built = build_file(path)
    module = read_inputs(built.module)
    found = variables(built, module)
    assert found is not None
    schema = event_schema(built, module)
    return Variables.read(found.model_dump_json().encode(), "m.hepqx", schema), schema


@pytest.mark.case("silent_nan")
def test_the_first_variable_that_is_not_finite_is_named(held: tuple[Variables, EventSchema]) -> None:
    found, schema = held
    assert found.roles == {
        "logs": "variable", "far": "variable", "near": "variable", "x": "input", "y": "input", "big": "variable",
        "z": "input",
    }  # fmt: skip
    batch = prepare(schema, collect(schema, {"pt": PT, "met": MET}))
    rows = Rows(batch.offsets, batch.contents)
    # event 1: log of a negative number; 3: log of 0 is -inf, and NaN only when the mean is taken off; 2: far is -inf,
    # but cut at -3, so that y is what is NaN; 6: exp(100) is too large for float32; 7: two of three; 4: near is fine,
    # y is not; 5: nothing, so it is in the model
    causes = found.causes(schema, rows, np.array([1, 2, 3, 4, 5, 6, 7]), "M", "a.root", 10)
    assert {(c.what, c.name, c.events, c.values, c.event) for c in causes} == {
        ("variable", "logs", 3, 4, 11), ("input", "y", 2, 2, 12), ("model", "M", 1, 0, 15),
        ("variable", "big", 1, 1, 16),
    }  # fmt: skip
    assert {c.done for c in causes} == {"scored NaN"}


@pytest.mark.parametrize(
    "damage",
    [
        ("{", ""),
        ('"name":"pt"', '"name":"px"'),
        ('"name":"pt"', '"name":["pt"]'),
        ('"x":"input"', '"q":"input"'),
    ],
)
def test_a_malformed_member_is_an_error(held: tuple[Variables, EventSchema], damage: tuple[str, str]) -> None:
    found, schema = held
    text = found.model_dump_json().replace(*damage, 1)
    assert text != found.model_dump_json()
    with pytest.raises(ArtifactError) as caught:
        Variables.read(text.encode(), "m.hepqx", schema)
    assert caught.value.code == "HQ0840"


def test_a_dataset_without_variables_has_no_program(tmp_path: Path) -> None:
    path = tmp_path / "m.hepq"
    path.write_text(
        'dataset D {\n  source d = root("a.root")\n  branch a: real\n  input x = a\n}\nmodel M(x: real) -> real = x\n'
    )
    built = build_file(path)
    assert variables(built, read_inputs(built.module)) is None
