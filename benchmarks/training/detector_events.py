# SPDX-License-Identifier: Apache-2.0
"""Toy events of detectors, in ROOT files: enough structure for a network to find, and truth for it to be told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

Array = NDArray[Any]
Events = dict[str, Any]

LAYERS = np.linspace(80, 780, 24)
SAMPLES, ROWS, COLUMNS = 101, 32, 28


def chamber(rng: np.random.Generator, count: int) -> Events:
    """Hits (x, y in mm) of one or two tracks from the origin in the layers of a drift chamber, and noise.

    ``kind``: 0 noise, 1 of a track that bends to the left, 2 to the right.
    """
    events = []
    for _ in range(count):
        hits = []
        for _ in range(rng.integers(1, 3)):
            radius, direction = rng.uniform(600, 1500) * rng.choice([-1, 1]), rng.uniform(0, 2 * np.pi)
            angle = direction + np.arcsin(LAYERS / (2 * radius)) + rng.normal(0, 0.2, len(LAYERS)) / LAYERS
            seen = rng.random(len(LAYERS)) < 0.95
            hits += [(r, a, 1 if radius > 0 else 2) for r, a in zip(LAYERS[seen], angle[seen], strict=True)]
        hits += [(r, a, 0) for r, a in zip(rng.choice(LAYERS, 30), rng.uniform(0, 2 * np.pi, 30), strict=True)]
        r, a, kind = (np.array(column) for column in zip(*hits, strict=True))
        events.append({"x": r * np.cos(a), "y": r * np.sin(a), "kind": kind.astype(np.int32)})
    return _ragged(events)


def collisions(rng: np.random.Generator, count: int) -> Events:
    """Particles of one hard vertex, in two narrow sprays, and of up to 15 others, soft and everywhere.

    ``z``: of its vertex in mm, if it is charged, else 0. ``primary``: 1 for those of the hard vertex.
    """
    events = []
    for _ in range(count):
        vertices = int(rng.integers(0, 16))
        spray = 12
        axis = np.repeat(rng.uniform([-1.5, 0], [1.5, 2 * np.pi], (2, 2)), spray, axis=0)
        hard = np.column_stack([axis + rng.normal(0, 0.15, (2 * spray, 2)), rng.exponential(8, 2 * spray) + 1])
        soft = 4 * vertices
        rest = np.column_stack(
            [rng.uniform(-2.5, 2.5, soft), rng.uniform(0, 2 * np.pi, soft), rng.exponential(1.5, soft) + 0.5]
        )
        eta, phi, pt = np.concatenate([hard, rest]).T
        of = np.concatenate([np.zeros(2 * spray, int), 1 + np.arange(soft) // 4])
        z = np.concatenate([rng.normal(0, 1, 1), rng.normal(0, 40, vertices)])[of]
        charged = rng.random(len(pt)) < 0.6
        events.append(
            {
                "eta": eta, "phi": phi % (2 * np.pi), "pt": pt, "z": np.where(charged, z, 0),
                "charged": charged.astype(np.float32), "primary": (of == 0).astype(np.float32),
            }
        )  # fmt: skip
    made = _ragged(events)
    of_event = ak.sum(made["part"]["primary"] == 0, axis=1) // 4
    return {**made, "vertices": ak.to_numpy(of_event).astype(np.float32)}


def pulses(rng: np.random.Generator, count: int) -> Events:
    """A fast rise, a slow decay, noise; in every second event another, a third as high, 10 to 30 samples later."""
    piled = np.arange(count) % 2

    def one(start: Array) -> Array:
        t = np.arange(SAMPLES) - start[:, None]
        return np.where(t > 0, np.exp(-t / 15) - np.exp(-t / 2), 0)

    start = rng.uniform(10, 40, count)
    later = piled[:, None] * one(start + rng.uniform(10, 30, count)) / 3
    height = one(start) + later + rng.normal(0, 0.03, (count, SAMPLES))
    return {"height": height.astype(np.float32), **_labels(piled, "single", "piled")}


def images(rng: np.random.Generator, count: int) -> Events:
    """One spot of energy, or two of half of it side by side: no sum or largest value tells them apart."""
    two = np.arange(count) % 2
    grid = np.stack(np.meshgrid(np.arange(ROWS), np.arange(COLUMNS), indexing="ij"), -1)
    centre, angle = rng.uniform(8, 20, (count, 1, 1, 2)), rng.uniform(0, 2 * np.pi, count)
    shift = (2.5 * two[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1))[:, None, None]
    energy = sum(np.exp(-((grid - centre - s * shift) ** 2).sum(-1) / 2) for s in (-1, 1))
    return {"energy": (energy / 2).astype(np.float32), **_labels(two, "one", "two")}


MAKERS: dict[str, Callable[[np.random.Generator, int], Events]] = {
    "chamber": chamber, "collisions": collisions, "pulses": pulses, "images": images,
}  # fmt: skip


def write(kind: str, path: Path, count: int, seed: int) -> Events:
    """``count`` events of ``kind`` in the tree ``events`` of a new file; what was written."""
    events = MAKERS[kind](np.random.default_rng(seed), count)
    types = {
        name: values.type.content if isinstance(values, ak.Array) else (values.dtype, values.shape[1:])
        for name, values in events.items()
    }
    with uproot.recreate(path) as file:
        file.mktree("events", types, counter_name=lambda name: f"n{name}").extend(events)
    return events


def _labels(truth: Array, *names: str) -> Events:
    return {f"label_{name}": (truth == i).astype(np.int32) for i, name in enumerate(names)}


def _ragged(events: list[dict[str, Array]]) -> Events:
    """One record array ``part``, whose fields are branches ``part_x``, …"""
    counts = [len(next(iter(event.values()))) for event in events]
    fields = {
        name: ak.unflatten(np.concatenate([event[name] for event in events]).astype(np.float32), counts)
        for name in events[0]
    }
    return {"part": ak.zip(fields)}
