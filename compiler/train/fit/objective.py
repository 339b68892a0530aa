# SPDX-License-Identifier: Apache-2.0
"""What is minimised, by what the model gives.

===========================  ============================================================================
the model gives              loss
===========================  ============================================================================
one number per class         cross entropy: of probabilities where the numbers are (none negative, sum 1:
                             `softmax`, `probs`), else of logits
`sigmoid(…)`, `fidelity(…)`  binary cross entropy of a probability of the signal
`expect(…)` itself           mean squared distance from +1 for signal and -1 for background
another single number        binary cross entropy; the number is the signal's logit
===========================  ============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hepq.compiler.ir.node import Node
from hepq.compiler.train.data.events import Labelled
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.runtime.report.metrics import accuracy, auc, discriminants, rejection

#: values and is_signal, both [events], to losses [events]
_SINGLE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "probability": lambda p, s: F.binary_cross_entropy(p.clamp(0, 1), s, reduction="none"),
    "expectation": lambda v, s: (v - (2 * s - 1)) ** 2,
    "logit": lambda v, s: F.binary_cross_entropy_with_logits(v, s, reduction="none"),
}
_KINDS = {"sigmoid": "probability", "fidelity": "probability", "expect": "expectation"}
_TINY = 1e-12
#: signal efficiencies, percent, at which background rejection is told
EFFICIENCIES = (30, 50, 70)


@dataclass(frozen=True)
class Objective:
    """``output``: the name of the output that is trained. ``kind``: ``classes``, or one of a single number's."""

    output: str
    kind: str
    signal: int

    def losses(self, values: Tensor, truth: Tensor, logits: bool = False) -> Tensor:
        """[events] of values [events] or [events, classes] and class numbers [events].

        ``logits``: the values are what the softmax of the output is taken of.
        """
        if logits:
            return F.cross_entropy(values, truth, reduction="none")
        if self.kind == "classes":
            logs = torch.log(values.clamp_min(_TINY)) if _probabilities(values) else torch.log_softmax(values, -1)
            return F.nll_loss(logs, truth, reduction="none")
        return _SINGLE[self.kind](values.reshape(len(truth)), (truth == self.signal).to(values.dtype))

    @property
    def threshold(self) -> float:
        """Where a score of two classes stands for neither."""
        return 0.5 if self.kind in ("classes", "probability") else 0.0

    def accuracy(
        self, values: NDArray[np.float64], truth: NDArray[np.int64], weight: NDArray[np.float64] | None = None
    ) -> float:
        """The weighted fraction of events [events] whose class is the one that looks likeliest."""
        if self.kind == "classes":
            return accuracy(values, truth, weight)
        scores = values.reshape(len(truth))
        return accuracy(np.stack([np.full(len(truth), self.threshold), scores], 1), truth == self.signal, weight)

    def signal_scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """[events]: larger for what looks more like the signal: its probability, of one number per class."""
        if self.kind != "classes":
            return values.reshape(len(values))
        scores: NDArray[np.float64] = discriminants(values)[:, self.signal]
        return scores


def objective(data: Labelled, outputs: Mapping[str, Node]) -> Objective:
    """The one of ``outputs`` that the labels speak of. Raises HepqError HQ0742 if there is none."""
    single = {name: node for name, node in outputs.items() if _size(node) == 1}
    for name, node in outputs.items():
        dims = node.type.dims
        named = len(dims) == 1 and (dims[0].anonymous or dims[0].name == data.dim)
        if named and node.type.elem == "real" and _size(node) == len(data.classes) > 1:
            return Objective(name, "classes", data.signal)
    if len(single) == 1 and len(data.classes) == 2:
        name, node = next(iter(single.items()))
        if node.type.elem == "real":
            return Objective(name, _KINDS.get(node.op, "logit"), data.signal)
    found = ", ".join(f"`{node.type}`" for node in outputs.values())
    raise HepqError([diag("HQ0742", model=data.module.name, found=found, dim=data.dim, count=len(data.classes))])


def _size(node: Node) -> int | None:
    """How many numbers an event gets; None for a ragged value."""
    size = 1
    for dim in node.type.dims:
        if dim.size is None:
            return None
        size *= dim.size
    return size


def _probabilities(values: Tensor) -> bool:
    detached = values.detach()
    return bool((detached >= 0).all()) and bool(((detached.sum(-1) - 1).abs() < 1e-3).all())


def measures(
    target: Objective, values: NDArray[np.float64], truth: NDArray[np.int64], is_signal: NDArray[np.bool_],
    weight: NDArray[np.float64],
) -> tuple[dict[str, float], str]:  # fmt: skip
    """``accuracy``, ``auc``, ``rejection30`` (1/ε_b at ε_s = 0.3) and so on, of weighted events, as
    ``runtime.metrics`` defines them; or nothing, and why: events of one class have none.
    """
    scores = target.signal_scores(values)
    try:
        found = {"accuracy": target.accuracy(values, truth, weight), "auc": auc(scores, is_signal, weight)}
        return found | {f"rejection{e}": rejection(scores, is_signal, e / 100, weight).value for e in EFFICIENCIES}, ""
    except DataError as error:
        return {}, ": ".join(filter(None, (error.title, error.why)))
