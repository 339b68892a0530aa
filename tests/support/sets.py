# SPDX-License-Identifier: Apache-2.0
"""What the tests of models on sets share: a program, moved weights, events, and comparisons with a second opinion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.shared.stdlib_programs import event_of, moved_weights
from hepq.compiler.ir.build import Built, build
from hepq.compiler.ir.interpret import evaluate, run
from hepq.compiler.ir.node import Module
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.core.diagnostics.diagnostic import Sink
from hepq.lang.checker import check
from hepq.lang.modules import load
from tests.support.tvm_call import Compiled

Array = np.ndarray[Any, Any]
Event = Mapping[str, Array]
Weights = Mapping[str, Tensor]
#: the model in torch, from weights by their paths in the model "net" and one event's inputs by name
Peer = Callable[..., Tensor]


def built(text: str) -> Built:
    """The program, checked."""
    sink = Sink()
    program = load(Path("program.hepq"), text, sink)
    check(program, sink)
    assert not sink.errors
    return build(program, sink, use_dataset=False)


class Subject:
    """A program's only model, with weights that all matter, and events of it.

    ``head`` scales the weights of the last layer, where logits would be so large that softmax hides what made them.
    """

    def __init__(self, text: str, seed: int = 0, head: float = 1.0) -> None:
        self.module: Module = built(text).module
        self.rng = np.random.default_rng(seed)
        self.weights = moved_weights(self.module, self.rng)
        if head != 1:
            self.weights["net.head.weight"] = (head * self.weights["net.head.weight"]).astype(np.float32)

    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(w.size for path, w in self.weights.items() if self.module.params[path]["trainable"])

    def events(self, sizes: Sequence[int]) -> list[dict[str, Array]]:
        return [event_of(self.module, n, self.rng) for n in sizes]

    def run(self, events: Sequence[Event], dtype: Any = np.float64) -> list[Array]:
        return run(self.module, events, self.weights, dtype)["output"]

    def agrees_with(self, peer: Peer, sizes: Sequence[int], compiled: bool = True) -> None:
        """The interpreter to 1e-9; compiled code to 1e-5 where float32 finds the same neighbours, which most must."""
        events = self.events(sizes)
        double = {path.removeprefix("net."): torch.as_tensor(w.astype(np.float64)) for path, w in self.weights.items()}
        with torch.no_grad():
            theirs = [
                peer(double, **{k: torch.as_tensor(v.astype(np.float64)) for k, v in e.items()}).numpy() for e in events
            ]
        assert np.ptp([value.ravel()[0] for value in theirs]) > 1e-3, "results tell events apart"
        for ours, value in zip(self.run(events), theirs, strict=True):
            np.testing.assert_allclose(ours, value, rtol=0, atol=1e-9 * max(1, np.abs(value).max()))
        if compiled:
            self._compiled_agrees(events, theirs)

    def _compiled_agrees(self, events: Sequence[Event], theirs: Sequence[Array]) -> None:
        stable = [i for i, event in enumerate(events) if self._same_neighbours(event)]
        assert len(stable) > len(events) / 2
        compiled = Compiled(*run_pipeline(INFERENCE, self.module, self.weights))([events[i] for i in stable])["output"]
        for value, i in zip(compiled, stable, strict=True):
            np.testing.assert_allclose(value, theirs[i], rtol=1e-5, atol=1e-5)

    def _same_neighbours(self, event: Event) -> bool:
        lists = [n for n in self.module.walk() if n.op == "knn"]
        double, single = (evaluate(self.module, lists, event, self.weights, t) for t in (np.float64, np.float32))
        return all(np.array_equal(double[n], single[n]) for n in lists)

    def permuted(self, size: int) -> tuple[Array, Array, Array]:
        """(output, output of the permuted event, the permutation)."""
        (event,) = self.events([size])
        order = self.rng.permutation(size)
        ragged = {n["name"] for n in self.module.inputs if any(d.ragged for d in n.type.dims)}
        straight, shuffled = self.run([event, {k: v[order] if k in ragged else v for k, v in event.items()}])
        return straight, shuffled, order


def dense(w: Weights, path: str, x: Tensor) -> Tensor:
    bias = w.get(f"{path}.bias")
    return x @ w[f"{path}.weight"].T + (0 if bias is None else bias)


def norm(w: Weights, path: str, x: Tensor, eps: float = 1e-3) -> Tensor:
    scale = w[f"{path}.weight"] / torch.sqrt(w[f"{path}.running_var"] + eps)
    return (x - w[f"{path}.running_mean"]) * scale + w[f"{path}.bias"]


def nearest(points: Tensor, k: int) -> Tensor:
    """[points, k]: numbers of the k nearest points, itself among them, by |a|^2 - 2ab + |b|^2 as published codes do."""
    square = (points**2).sum(-1)
    return torch.topk(square[:, None] - 2 * points @ points.T + square[None, :], k, largest=False).indices
