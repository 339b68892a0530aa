# SPDX-License-Identifier: Apache-2.0
"""Calls what the ONNX lowering makes, the way a framework does: padded float32 arrays and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from hepq.compiler.ir.node import Module
from hepq.compiler.lower.onnx import lower
from hepq.runtime.artifact.manifest import held_as

Array = np.ndarray[Any, Any]


class Loaded:
    """``module`` in onnxruntime. ``junk`` fills padded slots, of which there are ``extra`` more than needed."""

    def __init__(self, module: Module, weights: Mapping[str, Array]) -> None:
        self.module = module
        lowered = lower(module, weights)
        self.model, self.counts = lowered.model, lowered.counts
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self.session = onnxruntime.InferenceSession(self.model.SerializeToString(), options)

    def __call__(
        self, events: Sequence[Mapping[str, Any]], extra: int = 0, junk: float = np.nan
    ) -> dict[str, list[Array]]:
        """Outputs per event, as ``interpret.run`` gives them; asserts that they are 0 at padding."""
        sizes = self._sizes(events)
        padded = {name: max(n, default=0) + extra for name, n in sizes.items()}
        feed: dict[str, Array] = {self.counts[name]: np.array(n, np.float32) for name, n in sizes.items()}
        for node in self.module.inputs:
            shape = [padded[d.name] if d.ragged else d.size or 0 for d in node.type.dims]
            kind = held_as(node.type.elem)
            batch = np.full((len(events), *shape), junk if kind is np.float32 else 7, kind)
            for i, event in enumerate(events):
                value = np.asarray(event[node["name"]])
                inside: tuple[Any, ...] = (i, *(slice(n) for n in value.shape))
                batch[inside] = value
            feed[node["name"]] = batch
        made = self.session.run(list(self.module.outputs), feed)
        result: dict[str, list[Array]] = {}
        for (name, node), value in zip(self.module.outputs.items(), made, strict=True):
            assert value.shape == (
                len(events), *(padded[d.name] if d.ragged else d.size for d in node.type.dims),
            )  # fmt: skip
            result[name] = []
            for i, row in enumerate(value):
                inside = tuple(slice(sizes[d.name][i] if d.ragged else None) for d in node.type.dims)
                result[name].append(np.array(row[inside]))
                value[(i, *inside)] = 0
            if any(d.ragged for d in node.type.dims):
                assert (value == 0).all(), f"{name} is not 0 at padding"
        return result

    def _sizes(self, events: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
        sizes: dict[str, list[int]] = {}
        for node in self.module.inputs:
            for axis, dim in enumerate(node.type.dims):
                if dim.ragged:
                    sizes[dim.name] = [np.shape(e[node["name"]])[axis] for e in events]
        return sizes
