# SPDX-License-Identifier: Apache-2.0
"""The portfolio: the best of checked circuits, wrong ones discarded, the same however many processes; its cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.compiler.lower.circuit import portfolio, recipes
from hepq.compiler.lower.circuit.check import verify_native
from hepq.compiler.lower.circuit.portfolio import Compiled, RecipeRow, compile_circuit
from hepq.compiler.lower.circuit.recipes import Recipe
from hepq.lang.diagnostic import HepqError
from hepq.runtime.quantum.circuit import Angle, Circuit, Gate
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native
from tests.compiler.circuit.devices import device, grid, line
from tests.compiler.circuit.families import kernel, vqc

CHIP = device(9, grid(3, 3))
SOURCE = kernel(3, 1, "full")


def compiled(circuit: Circuit, chip: Device, cache: Path, **options: Any) -> Compiled:
    quick: dict[str, Any] = {"effort": "quick", "processes": 1}
    return compile_circuit(circuit, chip, cache=cache, **quick | options)


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


def test_the_cache_answers_and_knows_what_it_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compiled(SOURCE, CHIP, tmp_path)
    monkeypatch.setattr(portfolio, "_searching", lambda *a: pytest.fail("compiled again"))
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
def test_a_damaged_entry_is_made_again_with_a_warning(damage: Any, tmp_path: Path) -> None:
    first = compiled(SOURCE, CHIP, tmp_path)
    (file,) = tmp_path.glob("*.json")
    file.write_text(damage(file.read_text()))
    with pytest.warns(UserWarning, match="damaged"):
        again = compiled(SOURCE, CHIP, tmp_path)
    assert again.native == first.native
    assert compiled(SOURCE, CHIP, tmp_path) == again


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert compiled(SOURCE, CHIP, tmp_path / "file" / "cache").native.circuit.ops


def test_values_are_bound_in_one_call(tmp_path: Path) -> None:
    native = compiled(SOURCE, CHIP, tmp_path).native
    values = np.random.default_rng(0).normal(size=(20, SOURCE.slots))
    angles = native.bind(values)
    for row, filled in zip(values, angles, strict=True):
        np.testing.assert_allclose([a.value(row) for a in native.circuit.angles], filled, atol=1e-12)
