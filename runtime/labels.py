# SPDX-License-Identifier: Apache-2.0
"""Truth labels beside scores, kept in bounded memory while files stream by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.event_files import Source
from hepq.runtime.manifest import Label, Manifest

#: beyond this many events, every other one is forgotten, again and again
CAPACITY = 2_000_000


def classes_of(events: Any, branches: Sequence[str], classes: int) -> NDArray[np.int64]:
    """Each event's class, -1 for none: from one truth value per class, or from one branch that numbers it from 0."""
    if len(branches) == 1 < classes:
        number = np.asarray(events[branches[0]])
        return np.where((number >= 0) & (number < classes) & (number == np.floor(number)), number, -1).astype(np.int64)
    hot = np.stack([np.asarray(events[b]) for b in branches], axis=1) > 0
    return np.where(hot.sum(axis=1) == 1, hot.argmax(axis=1), -1)


@dataclass
class LabelledScores:
    """Scores [events, classes] of the output that shares the label's dim, and each event's class (-1: none).

    A single score, such as a support vector machine's, stands for the last of two classes.
    """

    label: Label
    output: str
    classes: tuple[str, ...]
    scores: list[NDArray[np.float32]] = field(default_factory=list)
    truth: list[NDArray[np.int64]] = field(default_factory=list)
    stride: int = 1
    _seen: int = 0

    @staticmethod
    def of(manifest: Manifest, sources: Sequence[Source]) -> LabelledScores | None:
        """A collector, if the dataset has labels, an output is over their dim, and every file holds them."""
        label = manifest.dataset.label if manifest.dataset else None
        if label is None or not all(set(label.branches) <= set(s.branches) for s in sources):
            return None
        dim = manifest.dim(label.dim)
        output = next((o for o in manifest.outputs if o.dims == (label.dim,) and o.entries), None)
        if output is None and dim.size == 2:
            output = next((o for o in manifest.outputs if o.dims == () and o.elem == "real"), None)
        return LabelledScores(label, output.name, dim.entries) if output and dim.entries else None

    @property
    def branches(self) -> tuple[str, ...]:
        return self.label.branches

    def add(self, arrays: dict[str, NDArray[Any]], events: Any) -> None:
        """Take a batch's scores and its label branches."""
        truth = classes_of(events, self.branches, len(self.classes))
        first = -self._seen % self.stride
        self._seen += len(truth)
        scores = arrays[self.output]
        if scores.ndim == 1:
            scores = np.stack([-scores, scores], axis=1)
        self.scores.append(scores[first :: self.stride])
        self.truth.append(truth[first :: self.stride])
        while sum(map(len, self.truth)) > CAPACITY:
            self._thin()

    def _thin(self) -> None:
        self.scores, self.truth = [np.concatenate(self.scores)[::2]], [np.concatenate(self.truth)[::2]]
        self.stride *= 2

    def auc(self) -> dict[str, float]:
        """Class -> AUC of its score against all other classes; only classes that occur, if two or more do."""
        from sklearn.metrics import roc_auc_score

        if not self.truth:
            return {}
        scores, truth = np.concatenate(self.scores), np.concatenate(self.truth)
        known = (truth >= 0) & np.isfinite(scores).all(axis=1)
        scores, truth = scores[known], truth[known]
        present = np.unique(truth)
        if len(present) < 2:
            return {}
        return {self.classes[c]: float(roc_auc_score(truth == c, scores[:, c])) for c in present}
