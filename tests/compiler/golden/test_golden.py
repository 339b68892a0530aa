# SPDX-License-Identifier: Apache-2.0
"""Golden events: those that rounding decides are found by the reference alone, left out, replaced and counted."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import hepq
from benchmarks.taggers.published import PROGRAMS
from hepq.cli.shared.golden_words import phrasing
from hepq.compiler.driver.compilation import CompileReport, build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.golden.vectors import largest_move
from hepq.compiler.lower.cpu import mathfn
from hepq.compiler.lower.cpu.tir import const
from hepq.compiler.weights.files import import_checkpoint, save_weights
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.runtime import files

#: 3a and b differ by rounding, or by far
DECIDE = "model M(a: real, b: real) -> real = if a * 3 > b then 1 else 0\n"


def compiled(folder: Path, text: str, events: dict[str, np.ndarray] | None = None, n: int = 16) -> CompileReport:
    (folder / "m.hepq").write_text(text)
    golden = None
    if events is not None:
        golden = folder / "events.parquet"
        ak.to_parquet(ak.Array(events), golden)
    return compile_file(folder / "m.hepq", folder / "m.hepqx", Options(init=0, golden=golden, golden_events=n))


def decided(near: list[bool]) -> dict[str, np.ndarray]:
    a = np.random.default_rng(0).uniform(1, 2, len(near)).astype(np.float32)
    return {"a": a, "b": (a * np.float32(3) * np.where(near, 1, 2)).astype(np.float32)}


@pytest.mark.case("verify_own_artifact")
def test_events_that_rounding_decides_are_replaced_and_counted(tmp_path: Path) -> None:
    info = compiled(tmp_path, DECIDE, decided([True, False, True, False, False, False, False]), n=4).golden
    assert info is not None
    assert (info.events, info.rounding, info.unfit) == (4, 2, 0)
    model = hepq.load(tmp_path / "m.hepqx", threads=1)
    assert model.manifest.golden == info
    assert model.verify().ok


@pytest.mark.case("verify_own_artifact")
def test_more_than_half_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(HepqError, match=r"HQ0766.*rounding decides 3 of 5"):
        compiled(tmp_path, DECIDE, decided([True, False, True, False, True]))
    assert not (tmp_path / "m.hepqx").exists()
    assert compiled(tmp_path, DECIDE, decided([True, False, True, False])).golden.rounding == 2  # type: ignore[union-attr]


def test_a_tolerance_that_rounding_exceeds_in_most_events_gives_way_to_the_next_and_is_said(tmp_path: Path) -> None:
    b = np.random.default_rng(0).uniform(1, 2, 12).astype(np.float32)
    text = "model M(a: real, b: real) -> real = SCALE * (a - b)\n"
    found = [
        compiled(tmp_path, text.replace("SCALE", scale), {"a": b + np.float32(2**-14), "b": b}).golden
        for scale in ("10", "100", "1000")
    ]
    said = [(i.tolerance, i.exceeded, i.events, i.rounding) for i in found if i is not None]
    assert said == [(1e-5, None, 12, 0), (1e-4, 1e-5, 12, 0), (1e-3, 1e-5, 12, 0)]
    assert "tolerance 0.001, since rounding moves most events by more than 1e-05" in phrasing(found[2])  # type: ignore[arg-type]
    assert hepq.load(tmp_path / "m.hepqx", threads=1).verify().tolerance == 1e-3
    with pytest.raises(HepqError, match=r"HQ0766.*rounding decides 12 of 12"):
        compiled(tmp_path, text.replace("SCALE", "1000000"), {"a": b + np.float32(2**-14), "b": b})


def charges(n: int = 12) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {"c": rng.integers(-2, 3, n).astype(np.float32), "d": rng.integers(-2, 3, n) * 1.0}


@pytest.mark.parametrize("of", [
    "int(c + 2)", "(if c == 1 then 1 else 0)", "(if c + d == 0 then 1 else 0)", "(if c * d < 0 then 1 else 0)",
    "floor(c)", "(c + 2) % 2", "(if sum(stack(c, d, dim=two), over=two) == 0 then 1 else 0)",
    "(if abs(max(c, d)) >= 2 then 5 else 0)",
])  # fmt: skip
def test_rounding_does_not_decide_of_whole_numbers_of_real_branches(tmp_path: Path, of: str) -> None:
    text = f"dim two = 2\nmodel M(c: real, d: real) = {of}\n"
    info = compiled(tmp_path, text, charges()).golden
    assert info is not None
    assert (info.events, info.rounding, info.exceeded) == (12, 0, None)


@pytest.mark.parametrize(("of", "change"), [
    ("int(c)", {"c": 0.5}), ("int(c)", {"c": 2.0**24 + 1}), ("int(d)", {"d": 3 + 1e-9}),  # one value of the column
    ("int(c * 0.1 * 10)", {}),  # not exact in float32
])  # fmt: skip
def test_rounding_decides_of_all_else(tmp_path: Path, of: str, change: dict[str, float]) -> None:
    events = {name: values.astype(np.float64) for name, values in charges().items()}
    for name, value in change.items():
        events[name][0] = value
    with pytest.raises(HepqError, match="HQ0766"):
        compiled(tmp_path, f"model M(c: real, d: real) = {of}\n", events)


@pytest.mark.case("mem34")
def test_circuits_too_wide_to_simulate_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    text = "from std.quantum import ZMap\ndim wire = 34\n"
    text += "fn K(a: real[wire], b: real[wire]) -> real = fidelity(ZMap(a), ZMap(b))\n"
    (tmp_path / "m.hepq").write_text(text)
    with pytest.raises(DataError, match=r"HQ0850.*34 wires[\s\S]*1,024 GiB"):
        compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx", Options(model="K"))


def test_what_leaves_float32_is_unfit(tmp_path: Path) -> None:
    x = np.array([1, 100, 2, 3], np.float32)
    info = compiled(tmp_path, "model M(x: real) -> real = log(exp(x) + 1)\n", {"x": x}).golden
    assert info is not None
    assert (info.events, info.rounding, info.unfit) == (3, 0, 1)


@pytest.mark.case("verify_own_artifact")
def test_a_fault_of_an_emitter_makes_compile_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tanh = mathfn.FUNCTIONS["tanh"]
    monkeypatch.setitem(mathfn.FUNCTIONS, "tanh", lambda x: tanh(x) + const(1e-3, "float32"))
    with pytest.raises(HepqError, match=r"HQ0765.*output output of golden event \d+ by 1\.0e-03"):
        compiled(tmp_path, "model M(x: real[3]) -> real[3] = tanh(x)\n")
    assert list(tmp_path.iterdir()) == [tmp_path / "m.hepq"]


def test_moves_are_relative_above_one_and_infinite_to_and_from_nan() -> None:
    exact = {"a": np.array([0.5, 10.0]), "b": np.array([np.nan])}
    assert largest_move(exact, exact) == 0
    assert largest_move(exact, exact | {"a": np.array([0.5, 10.5])}) == pytest.approx(0.05)
    assert largest_move(exact, exact | {"a": np.array([0.7, 10.5])}) == pytest.approx(0.2)
    whole = {"n": np.array([2**60 + 1])}
    assert largest_move(whole, {"n": np.array([2**60])}) == 0
    assert largest_move(whole, {"n": np.array([2**60])}, {"n"}) == np.inf
    assert largest_move(exact, exact | {"b": np.array([1.0])}) == np.inf


@pytest.mark.case("verify_own_artifact")
@pytest.mark.parametrize("jets", ["Tbl_1k", "Hgg_1k"])
def test_published_weights_on_other_jets_verify(jets: str, shared: Path, tmp_path: Path) -> None:
    name = "ParticleNet_kinpid"
    weights = import_checkpoint(build_file(PROGRAMS[name], Options(model="Published")), shared / f"weights/{name}.pt")
    save_weights(tmp_path / "w.safetensors", weights.weights)
    options = Options(
        model="Published", weights=tmp_path / "w.safetensors", golden=shared / f"jets/{jets}.root", golden_events=4
    )
    report = compile_file(PROGRAMS[name], tmp_path / "a.hepqx", options)
    assert report.replayed
    assert report.golden is not None
    assert report.golden.rounding <= report.golden.events == 4
    assert hepq.load(tmp_path / "a.hepqx", threads=1).verify().ok


def test_events_that_are_made_up_are_said_to_be(tmp_path: Path) -> None:
    made_up = compiled(tmp_path, "model M(x: real) -> real = tanh(x)\n").golden
    held = compiled(tmp_path, "model M(x: real) -> real = tanh(x)\n", {"x": np.ones(3)}).golden
    assert made_up is not None
    assert held is not None
    assert (made_up.made_up, held.made_up) == (True, False)
    assert [phrasing(made_up), phrasing(held)] == ["16 golden vectors of made-up events", "3 golden vectors"]


def test_a_golden_file_without_events_is_no_reason_to_make_them_up(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"HQ0809.*no events in .*events\.parquet"):
        compiled(tmp_path, "model M(x: real) -> real = tanh(x)\n", {"x": np.ones(0)})


def test_an_artifact_that_is_replayed_is_no_leftover_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def swept(path: Path) -> list[str]:
        with pytest.raises(BlockingIOError):
            files._remove_unheld(path)
        return []

    monkeypatch.setattr("hepq.compiler.backends.artifact.differences", swept)
    compiled(tmp_path, "model M(x: real) -> real = tanh(x)\n", {"x": np.ones(3)})
    assert (tmp_path / "m.hepqx").exists()


def test_files_whose_absence_makes_golden_events_up_are_named(tmp_path: Path) -> None:
    text = 'dataset D {\n  source d = root("FILE")\n  branch x: real\n  input x = x\n}\nmodel M(x: real) -> real = x\n'
    assert compiled(tmp_path, text.replace("FILE", "none/*.root")).absent == (str(tmp_path / "none/*.root"),)
    assert compiled(tmp_path, text.replace("FILE", "none/*.root"), {"x": np.ones(3)}).absent == ()
