# SPDX-License-Identifier: Apache-2.0
"""The portfolio: the best of checked circuits, wrong ones discarded, the same however many processes; its cache."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.compiler.circuits.check import verify_native
from hepq.compiler.circuits.formats.qiskit import target_of
from hepq.compiler.circuits.layout import chosen, costs
from hepq.compiler.circuits.native import best_couplings
from hepq.compiler.circuits.portfolio import recipes, search
from hepq.compiler.circuits.portfolio.recipes import Recipe
from hepq.compiler.circuits.portfolio.search import Compiled, RecipeRow, compile_circuit
from hepq.compiler.targets.quantum import device as named_device
from hepq.core.circuits import Angle, Circuit, Gate
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native
from tests.support.devices import device, grid, line
from tests.support.families import kernel, vqc

CHIP = device(9, grid(3, 3))
SOURCE = kernel(3, 1, "full")


def compiled(circuit: Circuit, chip: Device, cache: Path, **options: Any) -> Compiled:
    quick: dict[str, Any] = {"effort": "quick", "processes": 1}
    return compile_circuit(circuit, chip, cache=cache, **quick | options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Compiled, Path]:
    """The source compiled, and its one entry of a cache."""
    folder = tmp_path_factory.mktemp("cache")
    made = compiled(SOURCE, CHIP, folder)
    (file,) = folder.glob("*.json")
    return made, file


def test_the_best_checked_circuit_is_chosen(tmp_path: Path) -> None:
    told: list[RecipeRow] = []
    made = compiled(SOURCE, CHIP, tmp_path, progress=told.append)
    chosen = [row for row in made.rows if row.chosen]
    assert len(chosen) == 1
    assert chosen[0].esp == max(row.esp for row in made.rows)
    assert {row.recipe for row in made.rows} >= {"structure-aware", "greedy Pauli", "tket", "qiskit O3"}
    assert [(r.recipe, r.seed, r.esp) for r in told] == [(r.recipe, r.seed, r.esp) for r in made.rows]
    assert chosen[0].recipe in made.why
    assert verify_native(made.native, SOURCE, CHIP, seed=7).problem == ""


@pytest.mark.parametrize(
    ("effort", "most"),
    [("quick", {"greedy Pauli": 1, "tket": 1, "tket, commuted": 1}),
     ("normal", {"greedy Pauli": 3, "tket": 1, "tket, commuted": 2}),
     ("thorough", {"greedy Pauli": 6, "tket": 3, "tket, commuted": 6})],
)  # fmt: skip
def test_as_many_seeds_as_a_circuit_leaves_time_for(effort: str, most: dict[str, int]) -> None:
    """All that an effort has, of a small circuit; one, and of Qiskit's level 3 a few always, of a large one."""
    small, large = kernel(2, 1, "linear"), kernel(40, 6, "full")
    found = [Counter((r.name, r.form) for r in recipes.tries(c, CHIP, effort, 0)) for c in (small, large)]
    for name, number in most.items():
        assert {found[0][name, form] for form in ("source", "canonical")} == {number}, name
        assert {found[1][name, form] for form in ("source", "canonical")} == {1}, name
    assert found[1]["qiskit O3", "source"] == (1 if effort == "quick" else recipes.ALWAYS)


def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    one, two = (compiled(SOURCE, CHIP, tmp_path / str(n), processes=n) for n in (1, 2))
    assert one.native == two.native
    assert [(r.recipe, r.seed, r.esp, r.chosen) for r in one.rows] == [
        (r.recipe, r.seed, r.esp, r.chosen) for r in two.rows
    ]


def wrong(recipe: Recipe, circuit: Circuit, on: Device) -> Native:
    """No errors at all, since there are no gates."""
    return Native(on.name, on.calibration, Circuit(on.size, circuit.slots), (0, 1, 2), (0, 1, 2))


def failing(recipe: Recipe, circuit: Circuit, on: Device) -> Native:
    raise RuntimeError("no luck")


def test_a_wrong_circuit_is_discarded_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipes.RECIPES, "tket", wrong)
    monkeypatch.setitem(recipes.RECIPES, "greedy Pauli", failing)
    made = compiled(SOURCE, CHIP, tmp_path)
    rows = {row.recipe: row for row in made.rows}
    assert rows["tket"].note.startswith("discarded, wrong: probabilities differ")
    assert rows["greedy Pauli"].note == "failed: RuntimeError: no luck"
    assert not rows["tket"].chosen
    assert "DISCARDED, not equal to the source: tket" in made.why
    assert made.native.circuit.ops


def test_no_recipe_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in recipes.RECIPES:
        monkeypatch.setitem(recipes.RECIPES, name, failing)
    assert code(SOURCE, CHIP, tmp_path) == "HQ0732"


def code(circuit: Circuit, chip: Device, cache: Path) -> str:
    with pytest.raises(HepqError) as caught:
        compiled(circuit, chip, cache)
    return str(caught.value.diagnostics[0].code)


def test_mistakes_are_told(tmp_path: Path) -> None:
    apart = device(6, [(0, 1), (1, 2), (3, 4), (4, 5)])
    assert code(kernel(4, 1, "linear"), apart, tmp_path) == "HQ0730"
    dead = CHIP.model_copy(update={"qubits": tuple(q.model_copy(update={"usable": False}) for q in CHIP.qubits)})
    assert code(SOURCE, dead, tmp_path) == "HQ0730"
    with pytest.raises(HepqError) as caught:
        compiled(SOURCE, device(3, line(3), one_qubit=("rz",)), tmp_path)
    assert caught.value.diagnostics[0].code == "HQ0731"
    assert "native gates" in (caught.value.diagnostics[0].help or "")
    assert code(SOURCE, device(3, line(3), gate="swap"), tmp_path) == "HQ0731"


def test_a_circuit_on_one_wire_needs_no_couplings(tmp_path: Path) -> None:
    source = Circuit(1, 1, (Gate("h", (0,)), Gate("rx", (0,), (Angle.slot(0),)), Gate("h", (0,))))
    chip = device(2, [])
    made = compiled(source, chip, tmp_path)
    best = min((0, 1), key=lambda q: chip.qubits[q].readout_error or 0.0)
    assert made.native.measured == (best,)


def test_the_cache_answers_and_knows_what_it_depends_on(
    kept: tuple[Compiled, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, entry = kept
    shutil.copy(entry, tmp_path)
    monkeypatch.setattr(search, "_searching", lambda *a: pytest.fail("compiled again"))
    assert compiled(SOURCE, CHIP, tmp_path) == first
    others: list[dict[str, Any]] = [{"seed": 1}, {"effort": "normal"}]
    for other in others:
        with pytest.raises(pytest.fail.Exception, match="compiled again"):
            compiled(SOURCE, CHIP, tmp_path, **other)
    changed = CHIP.model_copy(update={"title": "measured again"})
    changed.__dict__.pop("calibration", None)
    for circuit, chip in ((vqc(3), CHIP), (SOURCE, changed)):
        with pytest.raises(pytest.fail.Exception, match="compiled again"):
            compiled(circuit, chip, tmp_path)


@pytest.mark.parametrize(
    "damage", [lambda t: t[: len(t) // 2], lambda t: t.replace('"seed":0', '"seed":1'), lambda t: ""]
)
def test_a_damaged_entry_is_made_again_with_a_warning(damage: Any, kept: tuple[Compiled, Path], tmp_path: Path) -> None:
    first, entry = kept
    (tmp_path / entry.name).write_text(damage(entry.read_text()))
    with pytest.warns(UserWarning, match="damaged"):
        again = compiled(SOURCE, CHIP, tmp_path)
    assert again.native == first.native
    assert compiled(SOURCE, CHIP, tmp_path) == again


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert compiled(SOURCE, CHIP, tmp_path / "file" / "cache").native.circuit.ops


def test_values_are_bound_in_one_call(kept: tuple[Compiled, Path]) -> None:
    native = kept[0].native
    values = np.random.default_rng(0).normal(size=(20, SOURCE.slots))
    angles = native.bind(values)
    for row, filled in zip(values, angles, strict=True):
        np.testing.assert_allclose([a.value(row) for a in native.circuit.angles], filled, atol=1e-12)


@pytest.mark.case("islands")
def test_groups_of_wires_may_be_on_several_pieces(tmp_path: Path) -> None:
    """Four wires in two pairs on three couplings that hang apart; four that hang together say so."""
    pair = [Gate("ry", (0,), (Angle.slot(0),)), Gate("cx", (0, 1))]
    source = Circuit(4, 2, (*pair, *(Gate(g.name, tuple(q + 2 for q in g.qubits), g.angles) for g in pair)))
    apart = device(6, [(0, 1), (2, 3), (4, 5)])
    made = compiled(source, apart, tmp_path)
    assert verify_native(made.native, source, apart, seed=3).problem == ""
    best = sorted(apart.couplings, key=lambda c: c.error or 0.0)
    assert {frozenset(op.qubits) for op in made.native.circuit.ops if len(op.qubits) == 2} <= {
        frozenset((c.a, c.b)) for c in best
    }
    with pytest.raises(HepqError) as caught:
        compiled(kernel(4, 1, "linear"), device(6, [(0, 1), (1, 2), (3, 4), (4, 5)]), tmp_path)
    assert caught.value.diagnostics[0].notes == (
        "gates join its wires in groups of 4", "of the device's 6 qubits, 6 work, in pieces of 3 and 3",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "pieces", "fits"),
    [
        ([2, 2], [2, 2], True),
        ([3, 3], [4, 2], False),
        ([3, 2, 2], [4, 3], True),
        ([1] * 5, [2, 2], False),
        ([], [], True),
    ],
)
def test_packing_of_groups(groups: list[int], pieces: list[int], fits: bool) -> None:
    assert search._packed(groups, pieces) is fits


@pytest.mark.case("tket_not_affine")
def test_recipes_that_are_left_out_say_why_in_a_line(tmp_path: Path) -> None:
    """pytket merges rx and rz of open angles into one by atan2; what it can do without is tried, and no more seeds
    than the share of the time allows.
    """
    turned = [Gate(n, (0,), (Angle.slot(k),)) for k, n in enumerate(("rx", "rz", "rx"))]
    source = Circuit(2, 3, (*turned[:2], Gate("cx", (0, 1)), *turned, Gate("cx", (1, 0)), Gate("h", (0,))))
    chip = device(2, line(2))
    rows = {row.recipe: row for row in compiled(source, chip, tmp_path).rows}
    assert rows["tket (source)"].note.startswith("left out: it would merge 3 open rotations into atan2 angles")
    assert rows["tket, commuted (source)"].esp > 0
    large = Circuit(3, 0, (Gate("cz", (0, 1)),) * 4000)
    few = [r for r in recipes.tries(large, chip, "normal", 0) if str(r) == "qiskit O3 (short)"]
    assert (len(few), few[0].cut) == (1, 23)
    always = [r for r in recipes.tries(large, chip, "normal", 0) if str(r) == "qiskit O3 (source)"]
    assert len(always) == recipes.ALWAYS


@pytest.mark.case("esp_r7a_kingston")
def test_level_3_of_the_source_with_five_seeds_is_always_tried_first() -> None:
    """So never below Qiskit's level 3 of the same circuit with open angles."""
    first, _ = recipes.first_seeds(recipes.tries(SOURCE, CHIP, "normal", 0))
    assert [r.seed for r in first if str(r) == "qiskit O3 (source)"] == [0, 1, 2, 3, 4]


@pytest.mark.case("full_slow")
def test_of_a_device_that_couples_all_with_all_qiskit_sees_as_many_as_there_are_wires() -> None:
    chip = named_device("quantinuum:h2")
    shown = chosen(costs(chip, best_couplings(chip)), 5)
    assert shown is not None
    assert len(shown) == 5
    assert {q for pair in target_of(chip, shown).build_coupling_map().get_edges() for q in pair} == shown
    grid_chip = named_device("ibm:berlin")
    assert chosen(costs(grid_chip, best_couplings(grid_chip)), 5) is None
