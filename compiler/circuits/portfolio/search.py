# SPDX-License-Identifier: Apache-2.0
"""The portfolio: every recipe, each result checked and scored by the device's calibration, the best kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import networkx as nx

from hepq.compiler.circuits.canonical import canonical
from hepq.compiler.circuits.check import verify_native
from hepq.compiler.circuits.native import best_couplings, writable
from hepq.compiler.circuits.portfolio import cache as store
from hepq.compiler.circuits.portfolio.recipes import LeftOut, Recipe, first_seeds, tries
from hepq.compiler.circuits.score import score
from hepq.core.circuits import Circuit, Diagonal, Gate, numbered
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.engine.threads import available
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

_WRONG = "discarded, wrong"


#: a recipe whose first seeds lose more than so many times what the best loses, -log(ESP), is not tried further:
#: seeds of one recipe differ by less
SLACK = 1.6


@dataclass(frozen=True)
class RecipeRow:
    """What one recipe came to; ``note`` says why there is no circuit, or why it is not taken."""

    recipe: str
    seed: int
    two_qubit: int = 0
    depth: int = 0
    duration: float | None = None
    esp: float = 0.0
    seconds: float = 0.0
    check: str = ""
    chosen: bool = False
    note: str = ""


@dataclass(frozen=True)
class Compiled:
    """The best circuit, what all recipes came to, and why it was chosen."""

    native: Native
    rows: tuple[RecipeRow, ...]
    why: str


@dataclass(frozen=True)
class _Found:
    row: RecipeRow
    log_esp: float = 0.0
    native: Native | None = None
    missing: tuple[str, ...] = ()


def compile_circuit(
    circuit: Circuit, device: Device, *, effort: str = "normal", seed: int = 0, processes: int | None = None,
    cache: Path | None = None, progress: Callable[[RecipeRow], None] | None = None,
) -> Compiled:  # fmt: skip
    """The native circuit of highest estimated success probability; every wire is measured at its end.

    ``effort``: quick, normal or thorough. Equal arguments give equal circuits, however many ``processes`` search
    (default: one for each core). ``progress`` is told each recipe's result as it comes.
    Raises HepqError HQ0730 for wires that hang together and have no piece of the device to be on, HQ0731 for a device
    whose gates cannot be written, HQ0732 if no recipe gives a circuit that passes its check.
    """
    _fits(circuit, device)
    circuit = numbered(circuit)
    path, name = store.folder(cache), store.key(circuit, device, effort, seed)
    if (kept := store.read(path, name)) is not None:
        return _from_json(kept)
    found: list[_Found] = []
    with _searching(circuit, device, processes) as search:
        first, rest = first_seeds(tries(circuit, device, effort, seed))
        for further in (False, True):
            for one in search(_hopeful(rest, found) if further else first):
                found.append(one)
                if progress is not None:
                    progress(one.row)
    made = _best(found, device)
    store.write(path, name, _to_json(made))
    return made


def _fits(circuit: Circuit, device: Device) -> None:
    """Wires that gates join need qubits in one piece; several groups of wires may be on several pieces."""
    graph = nx.Graph((c.a, c.b) for c in device.usable)
    graph.add_nodes_from(q for q, site in enumerate(device.qubits) if site.usable)
    pieces = sorted(map(len, nx.connected_components(graph)), reverse=True)
    joined = nx.Graph()
    joined.add_nodes_from(range(circuit.qubits))
    for op in canonical(circuit, sampled=True).ops:
        for wires in (
            [s for s, _ in op.terms] if isinstance(op, Diagonal) else [op.qubits] if isinstance(op, Gate) else []
        ):
            joined.add_edges_from(pairwise(wires))
    groups = sorted(map(len, nx.connected_components(joined)), reverse=True)
    if not _packed(groups, pieces):
        notes = (
            f"gates join its wires in groups of {_listed(groups)}",
            f"of the device's {device.size} qubits, {sum(pieces)} work, in pieces of {_listed(pieces) or 'none'}",
        )
        raise HepqError([diag("HQ0730", wanted=circuit.qubits, name=device.name, notes=notes)])
    if not writable(device) or (circuit.qubits > 1 and not best_couplings(device)):
        gates = ", ".join((*device.one_qubit, *device.two_qubit))
        raise HepqError([diag("HQ0731", name=device.name, found=gates)])


def _packed(groups: Sequence[int], pieces: Sequence[int]) -> bool:
    """Whether groups, largest first, go into pieces of these sizes."""
    if sum(groups) > sum(pieces):
        return False
    if not groups or groups[0] == 1:  # as many places as wires are left
        return True
    options = {room for room in pieces if room >= groups[0]}
    return any(
        _packed(groups[1:], sorted([*_without(pieces, room), room - groups[0]], reverse=True)) for room in options
    )


def _without(pieces: Sequence[int], one: int) -> list[int]:
    left = list(pieces)
    left.remove(one)
    return left


def _listed(sizes: Sequence[int]) -> str:
    """``3, 2 and 2``, the first few."""
    words = [str(size) for size in sizes[:6]]
    if len(sizes) > len(words):
        return f"{', '.join(words)} …"
    return " and ".join([*([", ".join(words[:-1])] if words[:-1] else []), *words[-1:]])


def _hopeful(rest: Sequence[Recipe], found: Sequence[_Found]) -> list[Recipe]:
    """Further seeds of those recipes alone whose first ones came near the best."""
    best = max((f.log_esp for f in found if f.native is not None), default=0.0)
    near = {f.row.recipe for f in found if f.native is not None and f.log_esp >= SLACK * best}
    return [recipe for recipe in rest if str(recipe) in near]


@contextmanager
def _searching(
    circuit: Circuit, device: Device, processes: int | None
) -> Iterator[Callable[[Sequence[Recipe]], Iterator[_Found]]]:
    """What runs recipes and gives results in their order, one after the other or in processes of their own."""
    count = processes or available()
    if count == 1:
        yield lambda recipes: (_try(recipe, circuit, device) for recipe in recipes)
        return
    with ProcessPoolExecutor(count, get_context("forkserver")) as pool:

        def search(recipes: Sequence[Recipe]) -> Iterator[_Found]:
            waiting = [pool.submit(_try, recipe, circuit, device) for recipe in recipes]
            for recipe, future in zip(recipes, waiting, strict=True):
                try:
                    yield future.result()
                except Exception as error:  # the process died: another recipe may do
                    yield _Found(_row(recipe, 0.0, note=f"its process died: {error}"))

        yield search


def _try(recipe: Recipe, circuit: Circuit, device: Device) -> _Found:
    """Run one recipe, check and score what it gives; whatever goes wrong in it is told in its row."""
    start = time.perf_counter()
    try:
        native = recipe(circuit, device)
    except LeftOut as reason:
        return _Found(_row(recipe, start, note=f"left out: {reason}"))
    except Exception as error:  # a recipe may fail in any way; the others go on
        return _Found(_row(recipe, start, note=f"failed: {type(error).__name__}: {error}"[:200]))
    if native is None:
        return _Found(_row(recipe, start, note="does not apply"))
    seconds = time.perf_counter() - start
    verdict = verify_native(native, circuit, device)
    if verdict.problem:
        note = f"{_WRONG}: {verdict.problem}"
        return _Found(_row(recipe, start, check=verdict.how, note=note))
    got = score(native, device)
    row = RecipeRow(
        str(recipe), recipe.seed, got.two_qubit, got.depth, got.duration, got.esp, seconds, check=verdict.how,
        note=f"{recipe.cut} further seeds left out: its share of the time" if recipe.cut else "",
    )  # fmt: skip
    return _Found(row, got.log_esp, native, got.missing)


def _row(recipe: Recipe, start: float, check: str = "", note: str = "") -> RecipeRow:
    seconds = time.perf_counter() - start if start else 0.0
    return RecipeRow(str(recipe), recipe.seed, seconds=seconds, check=check, note=note)


def _best(found: Sequence[_Found], device: Device) -> Compiled:
    good = [f for f in found if f.native is not None]
    if not good:
        notes = "; ".join(f"{f.row.recipe}: {f.row.note}" for f in found)
        raise HepqError([diag("HQ0732", name=device.name, found=notes)])
    ranked = sorted(good, key=lambda f: (-f.log_esp, f.row.two_qubit))
    best, other = ranked[0], next((f for f in ranked if f.row.recipe != ranked[0].row.recipe), None)
    why = f"{best.row.recipe} has the highest estimated success probability, {best.row.esp:.4f}"
    if other is not None:
        why += f"; next is {other.row.recipe} with {other.row.esp:.4f}"
    if wrong := sorted({f.row.recipe for f in found if f.row.note.startswith(_WRONG)}):
        why += f"; DISCARDED, not equal to the source: {', '.join(wrong)}"
    if best.missing:
        why += f"; {device.name} does not state {', '.join(best.missing)}: they count as none"
    rows = tuple(RecipeRow(**{**asdict(f.row), "chosen": f is best}) for f in found)
    assert best.native is not None
    return Compiled(best.native, rows, why)


def _to_json(made: Compiled) -> dict[str, Any]:
    return {"native": made.native.to_json(), "rows": [asdict(r) for r in made.rows], "why": made.why}


def _from_json(data: dict[str, Any]) -> Compiled:
    return Compiled(Native.from_json(data["native"]), tuple(RecipeRow(**r) for r in data["rows"]), data["why"])
