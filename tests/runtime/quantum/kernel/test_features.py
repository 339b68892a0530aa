# SPDX-License-Identifier: Apache-2.0
"""Arrays of features that a kernel takes as they are: which, how many of them, and what is NaN in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.quantum.kernel import features
from hepq.runtime.quantum.kernel.features import kernel_events


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of a kernel K of pairs, without a dataset."""
    monkeypatch.setattr(features, "kernel_of", lambda _: SimpleNamespace(name="K", shape=(2,), features=None))
    return SimpleNamespace(artifact=None)


def test_the_first_events_as_they_are(model: Any) -> None:
    x = np.array([[1, 2], [3, np.nan], [5, 6], [np.inf, 8]], np.float32)
    for limit, selected in ((None, 4), (3, 3), (0, 0)):
        found = kernel_events(model, x, limit, None)
        np.testing.assert_array_equal(found.x, x[:selected])
        assert found.x.dtype == np.float64
        assert found.labels is None
        assert (found.report.events, found.report.selected) == (4, selected)
    assert kernel_events(model, np.ones((3, 2), bool), None, None).x.tolist() == [[1, 1]] * 3


@pytest.mark.parametrize(
    ("events", "title"),
    [
        (np.ones((3, 3)), "kernel K takes events of shape (2,), not (3,)"),
        (np.ones(2), "kernel K takes events of shape (2,), not ()"),
        (np.ones((3, 2, 1)), "kernel K takes events of shape (2,), not (2, 1)"),
        (np.ones((3, 2), complex), "kernel K takes real numbers, not complex128"),
        (np.full((3, 2), "a"), "kernel K takes real numbers, not <U1"),
    ],
)
def test_arrays_that_do_not_fit(events: Any, title: str, model: Any) -> None:
    with pytest.raises(DataError) as caught:
        kernel_events(model, events, None, None)
    assert (caught.value.code, caught.value.title) == ("HQ0842", title)


def test_files_for_a_kernel_of_arrays(model: Any) -> None:
    with pytest.raises(ArtifactError, match="takes arrays, not files"):
        kernel_events(model, "a.root", None, None)
