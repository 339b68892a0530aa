# SPDX-License-Identifier: Apache-2.0
"""Does an artifact give, on this machine, what the reference interpreter gave where it was made?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import GOLDEN
from hepq.runtime.artifact.golden import Golden
from hepq.runtime.artifact.golden_events import TOLERANCE, GoldenEvents
from hepq.runtime.artifact.manifest import Described
from hepq.runtime.engine.events import Stage
from hepq.runtime.engine.pairs import Pairs
from hepq.runtime.events import lorentz, references
from hepq.runtime.events.columns import Raw
from hepq.runtime.scorer import Scorer

#: how often momenta are rounded anew
TRIALS = 4


@dataclass(frozen=True)
class Difference:
    """The largest ``|value - reference|`` of an output, and whether each is within the tolerance.

    ``relative``: the largest ``|value - reference| / max(1, |reference|)``, which is what the tolerance bounds.
    ``event``: of the golden check, in which golden event that is.
    """

    check: str
    output: str
    largest: float
    ok: bool
    relative: float = 0.0
    event: int = 0


@dataclass(frozen=True)
class Verification:
    """``checks``: ``objects``, what the dataset makes of its golden events; ``golden``; for each declared invariance
    that can be tried, ``permute(dim)`` and ``lorentz``; and ``circuit``, the probabilities that a native circuit gives
    against its source's.

    Permuted and moved events, too, are compared with the reference. A difference is within tolerance if it is at
    most ``tolerance * max(1, |reference|)``, and of whole numbers that the golden vectors have as such, 0; NaN equals
    NaN. Moved momenta are rounded to float32, so for ``lorentz``
    there is added to ``tolerance`` what such rounding of the momenta as they were makes of the outputs.
    ``untested``: a declared symmetry that cannot be tried, and why.
    """

    events: int
    tolerance: float
    checks: tuple[Difference, ...]
    untested: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return all(c.ok for c in self.checks)


#: raw events and what they are called in messages -> outputs as ``outputs.scatter`` lays them out
Score = Callable[[Raw, str], Mapping[str, NDArray[Any]]]


def verify(model: Scorer, seed: int = 0) -> Verification:
    """Replay the golden vectors, as ``replay`` does, and the circuits."""
    golden = Golden.from_bytes(model.artifact.members[GOLDEN])
    replayed = replay(model.manifest, golden, lambda raw, where: model.score_raw(raw, where).arrays, seed)
    natives = _natives(model, replayed.tolerance)
    return replace(replayed, checks=(*_objects(model), *replayed.checks, *natives))


def _objects(model: Scorer) -> list[Difference]:
    """What the event program makes of its golden events, in double precision."""
    stage = model.manifest.stage
    if stage is None or not isinstance(model.reader, Stage):
        return []
    golden = GoldenEvents.from_bytes(model.artifact.members[stage.golden], stage)
    made = model.reader.made(golden)
    return [
        _compare("objects", name, made[name].reshape(-1).astype(np.float64), wanted.astype(np.float64), TOLERANCE)
        for name, wanted in golden.outputs.items()
    ]


def replay(manifest: Described, golden: Golden, score: Score, seed: int = 0) -> Verification:
    """Score the golden vectors again; then permute, boost and rotate particles wherever it must not matter.

    Permutation takes raw particles, before ordering. Events beyond the bound are left out of it if nothing
    orders them, since which particles are cut then depends on their order; and always when momenta change.
    """
    tolerance = manifest.golden.tolerance
    replayed, checks = rescored(manifest, golden, score)
    for name in _permutable(manifest):
        order = _permutation(golden.raw.counts[name], np.random.default_rng(seed))
        moved = score(_permuted(manifest, golden.raw, name, order), "permuted golden vectors")
        valid = _comparable(manifest, golden.raw, name)
        for output in manifest.outputs:
            before, after = golden.outputs[output.name], moved[output.name]
            before = before[_moved_rows(manifest, golden.raw, output.dims, name, order)]
            mask = valid[lorentz.owners(manifest, golden.raw, output.dims)]
            checks.append(_compare(f"permute({name})", output.name, after[mask], before[mask], tolerance))
    found, untested = _lorentz(manifest, golden, score, replayed, np.random.default_rng(seed))
    return Verification(golden.raw.events, tolerance, (*checks, *found), untested)


def rescored(manifest: Described, golden: Golden, score: Score) -> tuple[Mapping[str, NDArray[Any]], list[Difference]]:
    """What ``score`` gives for the golden events, and how far that is from the reference."""
    golden.check(manifest)
    replayed = score(golden.raw, "the golden vectors")
    checks = []
    for o in manifest.outputs:
        found = _compare("golden", o.name, replayed[o.name], golden.outputs[o.name], manifest.golden.tolerance)
        owners = lorentz.owners(manifest, golden.raw, o.dims)
        checks.append(replace(found, event=int(owners[found.event]) if len(owners) else 0))
    return replayed, checks


def _lorentz(
    manifest: Described, golden: Golden, score: Score, replayed: Mapping[str, NDArray[Any]], rng: np.random.Generator
) -> tuple[list[Difference], tuple[str, ...]]:
    """Boosts and rotates the four-vectors of each event; outputs that are four-vectors move along if equivariant."""
    raw = golden.raw
    promise = next((t for t in manifest.invariances if t.split()[-1] == "lorentz"), None)
    if promise is None:
        return [], ()
    matrices = lorentz.transformations(raw.events, rng)
    why = lorentz.untestable(manifest)
    moved = None if why else lorentz.transformed(manifest, raw, matrices)
    if moved is None:
        return [], (f"{promise}: {why or 'the branches of a four-vector do not move as one'}",)
    after = score(moved, "boosted golden vectors")
    noise = _noise(manifest, raw, score, replayed, rng)
    valid = _movable(manifest, raw)
    checks = []
    for output in manifest.outputs:
        before: NDArray[Any] = golden.outputs[output.name]
        rows = lorentz.owners(manifest, raw, output.dims)
        if promise.startswith("equivariant") and output.dims[-1:] == (lorentz.P4,):
            before = lorentz.moved(before, matrices[rows])
        mask, allowed = valid[rows], manifest.golden.tolerance + 2 * noise[output.name]
        checks.append(_compare("lorentz", output.name, after[output.name][mask], before[mask], allowed))
    return checks, ()


def _noise(
    manifest: Described, raw: Raw, score: Score, replayed: Mapping[str, NDArray[Any]], rng: np.random.Generator
) -> dict[str, float]:
    """How far outputs go, relative to max(1, |output|), when the momenta's last bits change."""
    noise = dict.fromkeys(replayed, 0.0)
    for _ in range(TRIALS):
        contents = dict(raw.contents)
        for name in lorentz.moving(manifest):
            exact = contents[name].astype(np.float64)
            contents[name] = exact * (1 + rng.choice([-1, 1], exact.shape) * 2.0**-23)
        for name, value in score(Raw(raw.events, raw.counts, contents), "golden vectors").items():
            apart = np.abs(value - replayed[name]) / np.maximum(1, np.abs(replayed[name]))
            noise[name] = max(noise[name], float(np.nan_to_num(apart).max(initial=0.0)))
    return noise


def _movable(manifest: Described, raw: Raw) -> NDArray[np.bool_]:
    """Events without NaN whose every particle is kept: another frame might keep others."""
    valid = np.ones(raw.events, np.bool_)
    for dim in manifest.ragged:
        valid &= raw.counts[dim.name] <= (dim.bound or 0)
    for column in manifest.columns:
        finite = np.isfinite(raw.contents[column.name]).reshape(len(raw.contents[column.name]), -1).all(axis=1)
        valid[lorentz.owners(manifest, raw, column.dims)[~finite]] = False
    return valid


def _natives(model: Scorer, tolerance: float) -> list[Difference]:
    """Circuits compiled for a device against what they were compiled from."""
    if model.manifest.circuits is None or model.manifest.circuits.natives is None:
        return []
    from hepq.runtime.quantum.native_check import native_differences

    found = native_differences(model.artifact)
    return [Difference("circuit", digest[:8], largest, largest <= tolerance) for digest, largest in found.items()]


def _compare(check: str, output: str, value: NDArray[Any], wanted: NDArray[Any], tolerance: float) -> Difference:
    if value.shape != wanted.shape:
        raise ArtifactError("HQ0830", f"golden vectors of {output} have shape {wanted.shape}, not {value.shape}")
    exact = value.dtype.kind == wanted.dtype.kind == "i"
    same = (value == wanted) | (np.isnan(value) & np.isnan(wanted))  # infinite ones, too
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(value.astype(np.float64) - wanted))
        if exact:
            difference = np.where(same, 0.0, np.maximum(1.0, difference))  # large ones may be the same in double
        relative = difference / np.maximum(1.0, np.abs(np.where(same, 0.0, wanted)))
    each = np.where(np.isnan(relative), np.inf, relative).reshape(len(relative), prod(relative.shape[1:]))
    order = each.max(axis=1, initial=0.0)
    worst = int(order.argmax()) if len(order) else 0
    largest = float(difference.max(initial=0.0))
    ok = bool((relative <= (0.0 if exact else tolerance)).all())
    return Difference(check, output, largest, ok, float(relative.max(initial=0.0)), worst)


def _permutable(manifest: Described) -> list[str]:
    """Ragged dims that ``invariant(permute(dim))`` or ``equivariant(permute(dim))`` names."""
    named = {m for text in manifest.invariances for m in re.findall(r"permute\(\s*(\w+)\s*\)", text)}
    return [d.name for d in manifest.ragged if d.name in named]


def _permutation(counts: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    owner = np.repeat(np.arange(len(counts)), counts)
    return np.lexsort((random.random(len(owner)), owner))


def _moved_rows(
    manifest: Described, raw: Raw, dims: tuple[str, ...], dim: str, order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Which row of an output over ``dims`` each is when the rows of ``dim`` are in the ``order``."""
    rows = [d for d in (manifest.ragged_dim(dims), manifest.inner_dim(dims)) if d is not None]
    moved = [order if d.name == dim else np.arange(int(raw.counts[d.name].sum())) for d in rows]
    if len(rows) < 2:
        return moved[0] if moved else np.arange(raw.events)
    pairs = Pairs(raw.counts[rows[0].name], raw.counts[rows[1].name])
    outer, inner = pairs.rows
    return pairs.places(moved[0][outer], moved[1][inner])


def _permuted(manifest: Described, raw: Raw, dim: str, order: NDArray[np.int64]) -> Raw:
    contents = dict(raw.contents)
    starts = np.cumsum(raw.counts[dim]) - raw.counts[dim]
    number = np.argsort(order) - np.repeat(starts, raw.counts[dim])
    for column in manifest.columns:
        if column.dims[:1] == (dim,):
            contents[column.name] = raw.contents[column.name][order]
    for column in (c for c in manifest.columns if c.into == dim):
        leading = manifest.ragged_dim(column.dims)
        counts = np.ones(raw.events, np.int64) if leading is None else raw.counts[leading.name]
        owner = np.repeat(np.arange(raw.events), counts)
        contents[column.name] = references.renumbered(contents[column.name], owner, raw.counts[dim], number)
    return Raw(raw.events, raw.counts, contents)


def _comparable(manifest: Described, raw: Raw, dim: str) -> NDArray[np.bool_]:
    ordered = any(o.dim == dim for o in (manifest.dataset.order if manifest.dataset else ()))
    inside: NDArray[np.bool_] = raw.counts[dim] <= (manifest.dim(dim).bound or 0)
    return np.ones(raw.events, np.bool_) if ordered else inside
