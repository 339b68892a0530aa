# SPDX-License-Identifier: Apache-2.0
"""Boosting and rotating events: four-vectors as inputs, or as the branches they are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.artifact.manifest import EventSchema, FourVector
from hepq.runtime.events.columns import Raw
from hepq.runtime.events.ordering import evaluate

P4 = "p4"
#: the fastest boost, in units of the speed of light
BETA = 0.3
Array = NDArray[np.float64]


def transformations(events: int, rng: np.random.Generator) -> Array:
    """[events, 4, 4] on (px, py, pz, energy): a random rotation after a boost of up to BETA in a random direction."""
    boost = np.tile(np.eye(4), (events, 1, 1))
    way = rng.normal(size=(events, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    beta = rng.uniform(0.3 * BETA, BETA, (events, 1))
    gamma = 1 / np.sqrt(1 - beta**2)
    boost[:, :3, :3] += (gamma - 1)[..., None] * way[:, :, None] * way[:, None, :]
    boost[:, :3, 3] = boost[:, 3, :3] = -gamma * beta * way
    boost[:, 3, 3] = gamma[:, 0]
    turn = np.tile(np.eye(4), (events, 1, 1))
    q, r = np.linalg.qr(rng.normal(size=(events, 3, 3)))
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    turn[:, :3, :3] = q * np.linalg.det(q)[:, None, None]
    product: Array = turn @ boost
    return product


def untestable(schema: EventSchema) -> str:
    """Why four-vectors cannot be moved; empty if they can."""
    if schema.dataset is not None:
        return schema.dataset.unmoved if schema.dataset.vectors or schema.dataset.unmoved else "no four-vector is known"
    return "" if _whole(schema) else "no input is a four-vector"


def moving(schema: EventSchema) -> list[str]:
    """Columns that a transformation changes."""
    if schema.dataset is not None:
        return list(dict.fromkeys(name for v in schema.dataset.vectors for name in v.moving))
    return _whole(schema)


def transformed(schema: EventSchema, raw: Raw, matrices: Array) -> Raw | None:
    """Events with every four-vector moved by its event's matrix, in float64.

    None if what the program would make of the moved branches is not the moved four-vector.
    """
    contents = dict(raw.contents)
    for name in _whole(schema) if schema.dataset is None else ():
        dims = next(c.dims for c in schema.columns if c.name == name)
        contents[name] = moved(raw.contents[name], matrices[owners(schema, raw, dims)])
    for vector in schema.dataset.vectors if schema.dataset is not None else ():
        new = _moved_branches(schema, raw, vector, matrices)
        if new is None:
            return None
        contents |= new
    return Raw(raw.events, raw.counts, contents)


def moved(p: NDArray[Any], matrices: Array) -> Array:
    """[rows, …, 4] by one matrix a row."""
    result: Array = np.einsum("nij,n...j->n...i", matrices, p.astype(np.float64))
    return result


def owners(schema: EventSchema, raw: Raw, dims: tuple[str, ...]) -> NDArray[np.int64]:
    """The event of each row of a value over ``dims``."""
    dim, inner = schema.ragged_dim(dims), schema.inner_dim(dims)
    events = np.arange(raw.events)
    if dim is None:
        return events
    counts = raw.counts[dim.name]
    return np.repeat(events, counts if inner is None else counts * raw.counts[inner.name])


def _whole(schema: EventSchema) -> list[str]:
    return [c.name for c in schema.columns if c.dims[-1:] == (P4,) and c.unit == "GeV"]


def _moved_branches(schema: EventSchema, raw: Raw, vector: FourVector, matrices: Array) -> dict[str, Array] | None:
    columns = {c.name: c for c in schema.columns}
    values = {n: raw.contents[n].astype(np.float64) * columns[n].factor for n in vector.read | {*vector.moving}}
    shape = values[vector.columns[0]].shape
    matrix = matrices[owners(schema, raw, columns[vector.columns[0]].dims)]
    wanted = moved(_components(vector, values).reshape(*shape, 4), matrix)
    px, py, pz, energy = np.moveaxis(wanted, -1, 0)
    pt = np.hypot(px, py)
    with np.errstate(all="ignore"):
        first = (pt, np.arcsinh(pz / pt), np.arctan2(py, px)) if vector.polar else (px, py, pz)
    values |= dict(zip(vector.columns, first, strict=True))
    if vector.energy is not None:
        values[vector.energy] = energy
    made = _components(vector, values).reshape(wanted.shape)
    if not (np.abs(made - wanted) <= 1e-6 * np.abs(energy)[..., None]).all(where=np.isfinite(wanted)):
        return None
    return {n: values[n] / columns[n].factor for n in vector.moving}


def _components(vector: FourVector, values: dict[str, Array]) -> Array:
    flat = {n: v.reshape(-1) for n, v in values.items()}
    rows = len(flat[vector.columns[0]])
    return np.stack([evaluate(key, flat, rows) for key in vector.components], axis=-1)
