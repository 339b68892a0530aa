# SPDX-License-Identifier: Apache-2.0
"""Classes of events that a dataset's source says."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.runtime.artifact.manifest import Dim, EventSchema, Label
from hepq.runtime.report.labels import truth_of

SCHEMA = EventSchema(dims=(Dim(name="cls", size=3, entries=("bb", "cc", "qq")),), inputs=())
LABEL = Label(name="flavour", dim="cls", by_source=True)


@pytest.mark.parametrize(("source", "number"), [("bb", 0), ("qq", 2), ("other", -1), ("", -1)])
def test_the_class_is_that_of_the_source(source: str, number: int) -> None:
    truth, report = truth_of(np.zeros(4), LABEL, SCHEMA, source=source)
    assert truth.tolist() == [number] * 4
    assert report.labels is not None
    classes = {name: 4 * (i == number) for i, name in enumerate(("bb", "cc", "qq"))}
    assert (report.labels.classes, report.labels.none) == (classes, 4 * (number < 0))
