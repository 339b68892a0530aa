# SPDX-License-Identifier: Apache-2.0
"""A module as a ``torch.nn.Module``: differentiable, trainable, over padded batches."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.symmetry import halved
from hepq.compiler.lower.torch.attention import attentions
from hepq.compiler.lower.torch.convolution import convolutions
from hepq.compiler.lower.torch.fused import find, needed
from hepq.compiler.lower.torch.norm import batch_norms
from hepq.compiler.lower.torch.ops import RULES, dtype_of
from hepq.compiler.lower.torch.plan import Plan, plan
from hepq.compiler.lower.torch.record import Recorder, Replay
from hepq.compiler.lower.torch.values import BATCH, Batch, Value, arrange, dense, summed
from hepq.compiler.weights.initialise import initial_weights

Forced = Mapping[Node, Tensor]
#: of sizes and settings, at most
RECORDINGS = 16


def to_torch(module: Module, weights: Mapping[str, Any] | None = None, seed: int = 0) -> TorchModule:
    """``module`` in torch, with ``weights`` (arrays by param path) in their own float type.

    Without weights, each param's ``init`` decides, from ``seed``. Faster to train, with the same weights and
    gradients: ``module`` after the passes ``MergeEqual`` and ``LinearGather``.
    Raises ``ValueError`` naming weights that are missing or have the wrong shape.
    """
    return TorchModule(module, initial_weights(module, seed) if weights is None else weights)


def pad_events(
    events: Sequence[Mapping[str, Any]], module: Module, dtype: torch.dtype = torch.float32
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(inputs, counts) as ``TorchModule.forward`` takes them, ragged dims padded to the largest of these events."""
    counts: dict[str, Tensor] = {}
    for node in module.inputs:
        for axis, dim in enumerate(node.type.dims):
            if dim.ragged and dim.name not in counts:
                counts[dim.name] = torch.tensor([np.shape(e[node["name"]])[axis] for e in events])
    inputs = {}
    for node in module.inputs:
        shape = [int(counts[d.name].max()) if d.ragged else d.size or 0 for d in node.type.dims]
        padded = torch.zeros(len(events), *shape, dtype=dtype_of(node.type.elem, dtype))
        for row, event in zip(padded, events, strict=True):
            value = torch.as_tensor(np.asarray(event[node["name"]]))
            row[tuple(slice(n) for n in value.shape)] = value.to(row.dtype)
        inputs[node["name"]] = padded
    return inputs, counts


class TorchModule(nn.Module):
    """``state_dict`` keys are the param paths; params that are not trained are buffers."""

    def __init__(self, module: Module, weights: Mapping[str, Any]) -> None:
        super().__init__()
        if odd := next((n.op for n in module.walk() if n.op in RULES.illegal), None):
            raise ValueError(f"`{odd}` cannot be computed in torch")
        self.ir = module
        self._fused = find(module) | convolutions(module) | attentions(module)
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._ragged = any(d.ragged for node in module.walk() for d in node.type.dims)
        self._names, self._paths = tuple(n["name"] for n in module.inputs), tuple(module.params)
        self._once: set[Hashable] = set()
        self._replays: dict[Hashable, Replay | None] = {}
        nodes = self._plan_of(None).nodes
        self._halved = halved(nodes, {node: self._operands(node) for node in nodes})
        for path, node in module.params.items():
            shape = tuple(d.size for d in node.type.dims)
            if path not in weights:
                raise ValueError(f"weight {path} is missing")
            if np.shape(weights[path]) != shape:
                raise ValueError(f"weight {path} has shape {np.shape(weights[path])}, must be {shape}")
            self._store(path, torch.tensor(np.asarray(weights[path])), node["trainable"])

    def _plan_of(self, outputs: Sequence[str] | None) -> Plan:
        """What to compute for some outputs, or for all."""
        key = tuple(self.ir.outputs) if outputs is None else tuple(outputs)
        if key not in self._plans:
            outputs_of = [self.ir.outputs[name] for name in key]
            nodes = needed(outputs_of, self._fused)
            self._plans[key] = plan(nodes, {node: self._operands(node) for node in nodes}, outputs_of)
        return self._plans[key]

    def __deepcopy__(self, memo: dict[int, Any]) -> TorchModule:
        """Own weights, the same IR: nodes are known by identity."""
        copy = TorchModule(self.ir, {path: self._load(path).detach().cpu() for path in self.ir.params})
        for path in self.ir.params:
            copy._load(path).data = self._load(path).detach().clone()
        return copy.train(self.training)

    def _store(self, path: str, value: Tensor, trainable: bool) -> None:
        # written past nn.Module's checks: a block may well be called "train" or "type"
        *parents, name = path.split(".")
        owner: nn.Module = self
        for parent in parents:
            owner = cast(nn.Module, owner._modules.setdefault(parent, nn.Module()))
        if trainable:
            owner._parameters[name] = nn.Parameter(value)
        else:
            owner._buffers[name] = value

    def _load(self, path: str) -> Tensor:
        *parents, name = path.split(".")
        owner: nn.Module = self
        for parent in parents:
            owner = cast(nn.Module, owner._modules[parent])
        return cast(Tensor, owner._parameters[name] if name in owner._parameters else owner._buffers[name])

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        counts: Mapping[str, Tensor] | None = None,
        forced: Forced | None = None,
        outputs: Sequence[str] | None = None,
    ) -> dict[str, Tensor]:
        """Outputs by name, [batch, *dims], zero (an index: -1) at padding.

        ``inputs``: [batch, *dims], ragged dims padded to any common size with anything, NaN included.
        ``counts``: entries of each ragged dim per event, [batch]. ``forced`` gives values of some nodes
        (say, neighbour lists, [batch, part, k]) instead of computing them. ``outputs``: only these are computed.
        Raises ``ValueError`` naming an input that is missing or has the wrong shape.
        """
        if forced or self._ragged:
            return self._interpreted(inputs, counts, forced, outputs)
        names = tuple(self.ir.outputs) if outputs is None else tuple(outputs)
        given = [inputs[name] for name in self._names if name in inputs]
        variables = [*given, *(self._load(path) for path in self._paths)]
        key = (names, self.training, len(given), torch.is_grad_enabled(), _cast_to(given),
               *((id(t), t.requires_grad) for t in variables[len(given):]),
               *((t.shape, t.dtype, t.device, t.requires_grad) for t in given))  # fmt: skip
        if key in self._replays:
            replay = self._replays[key]
            if replay is not None:
                return dict(zip(names, replay(*variables), strict=True))
            return self._interpreted(inputs, counts, forced, outputs)
        if key not in self._once:  # most sizes are seen once
            self._once = {*self._once, key} if len(self._once) < RECORDINGS else {key}
            return self._interpreted(inputs, counts, forced, outputs)
        with Recorder(variables) as recorder:
            found = self._interpreted(inputs, counts, forced, outputs)
        if len(self._replays) >= RECORDINGS:
            self._replays.clear()
        self._replays[key] = recorder.replay([found[name] for name in names])
        return found

    def _interpreted(
        self,
        inputs: Mapping[str, Tensor],
        counts: Mapping[str, Tensor] | None,
        forced: Forced | None,
        outputs: Sequence[str] | None,
    ) -> dict[str, Tensor]:
        """``forward``, node by node."""
        batch = self._batch(inputs, counts or {})
        values = {n: Value(t.to(batch.device), (BATCH, *n.type.dims)) for n, t in (forced or {}).items()}
        wanted = self.ir.outputs if outputs is None else {name: self.ir.outputs[name] for name in outputs}
        todo = self._plan_of(outputs)
        for node in todo.nodes:
            if node not in values:
                nodes = [n for n in todo.together.get(node, (node,)) if n not in values]
                values.update(zip(nodes, self._computed(nodes, values, batch), strict=True))
            for read in todo.done.get(node, ()):
                batch.forget(values.pop(read))
        return {name: _finish(values[node], node, batch) for name, node in wanted.items()}

    def _operands(self, node: Node) -> tuple[Node, ...]:
        return self._fused[node].operands if node in self._fused else node.operands

    def _computed(self, nodes: Sequence[Node], values: Mapping[Node, Value], batch: Batch) -> list[Value]:
        """One node's value, or those of batch normalisations that go together."""
        if len(nodes) == 1:
            return [self._compute(nodes[0], values, batch)]
        args = [self._arranged(node, [values[o] for o in node.operands], batch) for node in nodes]
        return batch_norms(nodes, args, batch)

    def _compute(self, node: Node, values: Mapping[Node, Value], batch: Batch) -> Value:
        if node.op == "param":
            return Value(self._load(node["path"]), node.type.dims)
        fused = self._fused.get(node)
        given = [values[o] for o in self._operands(node)]
        if fused is not None and fused.padded:
            return fused.apply([dense(value, batch) for value in given], batch)
        args = self._arranged(node, given, batch)
        return RULES[node.op](node, args, batch) if fused is None else fused.apply(args, batch)

    def _arranged(self, node: Node, given: Sequence[Value], batch: Batch) -> list[Value]:
        fused = self._fused.get(node)
        laid, over = (node, summed(node)) if fused is None else (fused.laid or node, fused.over)
        return arrange(laid, given, batch, over, node in self._halved)

    def _batch(self, inputs: Mapping[str, Tensor], counts: Mapping[str, Tensor]) -> Batch:
        size: int | None = None
        padded: dict[str, int] = {}
        for node in self.ir.inputs:
            name = node["name"]
            if name not in inputs:
                raise ValueError(f"input {name} is missing")
            shape = tuple(inputs[name].shape)
            size = shape[0] if size is None and shape else size
            wanted = (size, *(padded.setdefault(d.name, n) if d.ragged else d.size
                              for d, n in zip(node.type.dims, shape[1:], strict=False)))  # fmt: skip
            if shape != wanted or len(shape) != 1 + len(node.type.dims):
                raise ValueError(f"input {name} has shape {shape}, must be a batch of {node.type}")
        for name in padded:
            if name not in counts:
                raise ValueError(f"counts of dim {name} are missing")
        tensors = [*self.parameters(), *self.buffers(), *(t for t in inputs.values() if t.is_floating_point())]
        dtype = tensors[0].dtype if tensors else torch.get_default_dtype()
        device = next((t.device for t in (*tensors, *inputs.values())), torch.device("cpu"))
        return Batch(
            size=1 if size is None else size,
            padded={name: max(n, 1) for name, n in padded.items()},
            counts={name: counts[name].to(device) for name in padded},
            inputs={n["name"]: _at_least_one(inputs[n["name"]], n) for n in self.ir.inputs},
            dtype=dtype,
            device=device,
            training=self.training,
        )


def _cast_to(given: Sequence[Tensor]) -> torch.dtype | None:
    kind = given[0].device.type if given else "cpu"
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None


def _at_least_one(tensor: Tensor, node: Node) -> Tensor:
    """Ragged axes of length 0 padded to 1: then no reduction meets an empty axis."""
    for axis, dim in enumerate(node.type.dims, start=1):
        if dim.ragged and tensor.shape[axis] == 0:
            shape = list(tensor.shape)
            shape[axis] = 1
            tensor = tensor.new_zeros(shape)
    return tensor


def _finish(value: Value, node: Node, batch: Batch) -> Tensor:
    dims, value = (BATCH, *node.type.dims), dense(value, batch)
    return batch.fill(Value(batch.full(value, dims), dims), -1 if node.type.elem == "index" else 0).tensor
