# SPDX-License-Identifier: Apache-2.0
"""Taggers of the library as programs, and events for them that look like jets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hepq.compiler.ir.build import Built, build
from hepq.compiler.ir.node import Module
from hepq.compiler.weights.files import Imported, import_checkpoint
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load

Array = np.ndarray[Any, Any]

_TEMPLATE = """\
from std.{library} import {name}
dim part <= {bound}
dim feat = {features}
dim xy = 2
dim cls = {classes}
model M({parameters}) -> real[cls] = {call}
"""


def built(library: str, parameters: str, call: str, *, features: int = 7, classes: int = 10, bound: int = 128) -> Built:
    """``call`` applies one model of ``std.library``. Raises HepqError if the program does not compile."""
    name = call.partition("[")[0]
    text = _TEMPLATE.format(
        library=library, name=name, parameters=parameters, call=call, features=features, classes=classes, bound=bound
    )
    sink = Sink()
    program = load(None, text, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    return build(program, sink, use_dataset=False)


def trained(module: Module) -> int:
    """Number of weights that training changes."""
    return sum(prod(d.size or 0 for d in n.type.dims) for n in module.params.values() if n["trainable"])


def jets(
    counts: Sequence[int], features: int, seed: int, mass: tuple[float, float] = (0.2, 0.6)
) -> list[dict[str, Array]]:
    """Events with ``p``: particles about one axis, by descending pT, and ``x``: anything.

    ``mass``: of a particle, over its pT, between two values; by default such that float32 resolves E^2 - p^2.
    """
    rng = np.random.default_rng(seed)
    events = []
    for n in counts:
        pt = np.sort(rng.exponential(20, n) + 1)[::-1]
        eta, phi = rng.normal(0.5, 0.3, n), rng.normal(3.0, 0.3, n)
        energy = pt * np.hypot(np.cosh(eta), rng.uniform(*mass, n))
        p = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy], -1)
        events.append({"p": p.astype(np.float32), "x": rng.normal(size=(n, features)).astype(np.float32)})
    return events


def moved(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """``module`` in double precision, its weights and statistics moved from where they begin, in evaluation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=generator) - 0.5
                tensor += noise * (0.6 if tensor.dim() < 2 else 3 / tensor[0].numel() ** 0.5)
    # weights travel as float32
    return module.float().eval().double()


def padded(events: Sequence[Mapping[str, Array]], name: str, slots: int) -> torch.Tensor:
    """[event, channel, slot], zero beyond an event's particles."""
    out = np.zeros((len(events), events[0][name].shape[1], slots))
    for row, event in zip(out, events, strict=True):
        row[:, : len(event[name])] = event[name].T
    return torch.from_numpy(out)


def mask(events: Sequence[Mapping[str, Array]], slots: int) -> torch.Tensor:
    """[event, 1, slot]: is there a particle?"""
    return torch.tensor([[[i < len(e["x"]) for i in range(slots)]] for e in events])


def imported(built: Built, module: torch.nn.Module, folder: Path, prefix: str, **renamed: str) -> Imported:
    """The weights of ``module`` as float32 through the checkpoint tables of ``built``.

    ``prefix`` stands before each of their names; ``renamed`` gives other spellings of parts of a name.
    """
    state = {}
    for name, tensor in module.state_dict().items():
        for old, new in renamed.items():
            name = name.replace(old, new)
        state[prefix + name] = tensor.float() if tensor.is_floating_point() else tensor
    torch.save(state, folder / "theirs.pt")
    return import_checkpoint(built, folder / "theirs.pt")
