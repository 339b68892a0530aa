# SPDX-License-Identifier: Apache-2.0
"""What a module calls of torch, recorded once and then called again: a small step costs what its operations cost.

Working out axes, layouts and shapes by names takes longer than a small layer does. Where no dim is ragged it comes out
the same for all batches of one size, so that the calls made for one of them do for the others. What looks at values in
Python, or has a derivative of its own, cannot be recorded, and is worked out anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: variables (inputs, then weights) to outputs
Replay = Callable[..., tuple[Tensor, ...]]

#: what tells of a tensor's form, not of its values
_FORM = frozenset(
    "shape dtype device dim ndim ndimension numel size stride layout is_floating_point is_complex requires_grad "
    "__len__ is_contiguous element_size is_leaf".split()
)
#: what has a shape that values decide
_BY_VALUE = frozenset("nonzero masked_select unique unique_consecutive repeat_interleave argwhere bincount".split())
#: what gives the same again if its shape and strides are the same
_VIEWS = frozenset("expand reshape view permute flatten broadcast_to contiguous".split())
#: what makes a constant of numbers, and constants of constants
_CONSTANT = frozenset(("tensor", "arange"))
_FOLDED = frozenset(
    "prod to clamp mul add sub div unsqueeze squeeze select __getitem__ reshape view permute long float int".split()
)


class _Unrecordable(Exception):
    pass


class Recorder(TorchFunctionMode):
    """Inside ``with``, calls of torch are recorded as a program over ``variables``."""

    def __init__(self, variables: Sequence[Tensor]) -> None:
        super().__init__()
        self._grad, self._complete = torch.is_grad_enabled(), True
        self._count = len(variables)
        #: by id, how a tensor is written; those tensors, so that no other gets the id of one
        self._written = {id(tensor): f"v{i}" for i, tensor in enumerate(variables)}
        self._kept: list[Any] = list(variables)
        self._constants: dict[str, Any] = {}
        self._fixed: set[int] = set()  # the ids of tensors that are constants
        self._lines: list[tuple[str, str]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if self._complete:
            try:
                self._note(func, args, kwargs or {}, made)
            except _Unrecordable:
                self._complete = False
        return made

    def replay(self, outputs: Sequence[Tensor]) -> Replay | None:
        """The program that makes ``outputs``; None if not all of it could be recorded."""
        try:
            results = [self._write(tensor) for tensor in outputs]
        except _Unrecordable:
            return None
        if not self._complete:
            return None
        given = [f"v{i}" for i in range(self._count)]
        body = [f"    {target} = {call}" for target, call in self._lines]
        source = [f"def replay({', '.join(given)}):", *body, f"    return ({' '.join(f'{r},' for r in results)})"]
        namespace = dict(self._constants)
        exec("\n".join(source), namespace)
        replay: Replay = namespace["replay"]
        return replay

    def _note(self, func: Any, args: Any, kwargs: Mapping[str, Any], made: Any) -> None:
        name = getattr(func, "__name__", "")
        if name == "__get__":
            name = getattr(getattr(func, "__self__", None), "__name__", "")
        if name in _FORM:
            return
        # derivatives of one's own are computed inside without any
        if name in _BY_VALUE or torch.is_grad_enabled() != self._grad:
            raise _Unrecordable
        if name == "__getitem__" and any(isinstance(i, Tensor) and i.dtype == torch.bool for i in _indices(args[1])):
            raise _Unrecordable
        in_place = "out" in kwargs or (name.endswith("_") and not name.endswith("__"))
        given = [t for t in (*args, *kwargs.values()) if isinstance(t, Tensor)]
        fixed = given and all(id(t) in self._fixed for t in given)
        if in_place and any(id(t) in self._fixed for t in (args[0], kwargs.get("out"))):
            raise _Unrecordable
        if name in _CONSTANT or (fixed and name in _FOLDED):
            self._written[id(made)] = self._constant(made)
            self._fixed.add(id(made))
            self._kept.append(made)
        elif isinstance(made, Tensor):
            source = args[0] if args and isinstance(args[0], Tensor) else None
            if source is not None and not in_place and (made is source or (name in _VIEWS and _alike(made, source))):
                self._written.setdefault(id(made), self._write(source))
                self._kept.append(made)
                return
            call = self._call(func, args, kwargs)
            self._lines.append((self._new(made), call))
        elif isinstance(made, tuple | list) and all(isinstance(m, Tensor) for m in made):
            call = self._call(func, args, kwargs)
            self._lines.append((" ".join(f"{self._new(m)}," for m in made), call))
        else:
            raise _Unrecordable

    def _new(self, made: Tensor) -> str:
        if id(made) not in self._written:
            self._written[id(made)] = f"v{self._count + len(self._kept)}"
            self._kept.append(made)
        return self._written[id(made)]

    def _call(self, func: Any, args: Any, kwargs: Mapping[str, Any]) -> str:
        given = [self._write(a) for a in args] + [f"{k}={self._write(v)}" for k, v in kwargs.items()]
        return f"{self._constant(func)}({', '.join(given)})"

    def _constant(self, value: Any) -> str:
        name = f"c{len(self._constants)}"
        self._constants[name] = value
        return name

    def _write(self, value: Any) -> str:
        if isinstance(value, Tensor):
            if id(value) not in self._written:  # nothing that was recorded made it
                raise _Unrecordable
            return self._written[id(value)]
        if isinstance(value, list) or type(value) in (tuple, torch.Size):
            left, right = "[]" if isinstance(value, list) else "()"
            return left + " ".join(f"{self._write(v)}," for v in value) + right
        if value is None or isinstance(value, bool | int):
            return repr(value)
        return self._constant(value)


def _indices(index: Any) -> Sequence[Any]:
    return index if isinstance(index, tuple) else (index,)


def _alike(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.stride() == b.stride() and a.dtype == b.dtype and a.device == b.device
