# SPDX-License-Identifier: Apache-2.0
"""Reading what to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import uproot

from hepq.compiler.train.data.events import training_set
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError

EXAMPLES = Path(__file__).parents[4] / "examples"
TEST = EXAMPLES / "data" / "test.root"


def test_inputs_and_truth_are_the_files() -> None:
    data = training_set(EXAMPLES / "tagger.hepq", [TEST])
    tree = uproot.open(TEST)["tree"].arrays(["part_px", "label_Tbqq"])
    np.testing.assert_array_equal(data.truth, np.asarray(tree.label_Tbqq).astype(int))
    assert {n["name"] for n in data.module.inputs} == set(data.events[0])
    for event, px in zip(data.events[:50], tree.part_px, strict=False):
        np.testing.assert_allclose(sorted(event["part_px"]), sorted(px[:128]))


def test_a_program_without_labels_cannot_be_trained(tmp_path: Path) -> None:
    program = tmp_path / "m.hepq"
    program.write_text("dim n = 2\nmodel M(x: real[n]) -> real = sum(x, over=n)\n")
    with pytest.raises(HepqError, match="HQ0632"):
        training_set(program, [TEST])


def test_a_class_without_a_branch_is_said_to_be_one(tmp_path: Path) -> None:
    program = tmp_path / "m.hepq"
    program.write_text((EXAMPLES / "tagger.hepq").read_text().replace("Tbqq", "Top"))
    with pytest.raises(DataError, match="label_Top") as raised:
        training_set(program, [TEST])
    assert "label_Tbqq" in raised.value.why
    assert "`label`" in raised.value.help
