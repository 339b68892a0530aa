# SPDX-License-Identifier: Apache-2.0
"""Artifacts whose members were forged, hashes and all: every one ends in a clear error, before its code is called."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save
from typer.testing import CliRunner

import hepq
from benchmarks.robustness.hostile_forge import members, packed
from hepq.cli import app
from hepq.core.circuits import Circuit
from hepq.core.errors import ArtifactError
from hepq.runtime.artifact import archive
from hepq.runtime.artifact.artifact import Artifact, hashed
from hepq.runtime.engine import cpu
from hepq.runtime.program import Program
from hepq.runtime.report.labels import truth_of
from tests.support import tiny_artifact

Members = dict[str, bytes]
Change = Callable[[Any, Members], object]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_artifact.make(tmp_path_factory.mktemp("tiny") / "tiny.hepqx", tiny_artifact.dataset())


def forged(tiny: Path, out: Path, change: Change) -> Path:
    held = members(tiny)
    manifest = json.loads(held.pop("manifest.json"))
    change(manifest, held)
    manifest["members"] = dict(hashed(Artifact.open(tiny).manifest, held).members)
    out.write_bytes(packed(json.dumps(manifest).encode(), held))
    return out


def put(where: str, value: Any) -> Change:
    """Set ``a.0.b`` of the manifest."""

    def change(manifest: Any, held: Members) -> None:
        *path, last = (int(k) if k.isdigit() else k for k in where.split("."))
        for key in path:
            manifest = manifest[key]
        manifest[last] = value

    return change


def arrays(member: str, **changes: Any) -> Change:
    """Replace arrays of a member; None removes one."""

    def change(manifest: Any, held: Members) -> None:
        found = load(held[member]) | {k.replace("__", "/"): v for k, v in changes.items()}
        held[member] = save({k: np.ascontiguousarray(v) for k, v in found.items() if v is not None})

    return change


GOLDEN, PACKED, WEIGHTS = "golden.safetensors", "code/packed.safetensors", "weights.safetensors"
LAYOUT: list[Change] = [
    put("code.scratch_floats", 0), put("code.scratch_floats", 17), put("code.iscratch_ints", 5),
    put("code.lscratch_ints", 5), put("inputs.1.elem", "int"), put("outputs.2.elem", "int"),
    put("dims.0.bound", 3), put("dims.0.bound", 2**31 - 1), put("outputs.1.dims", []), put("outputs.2.dims", ["part"]),
    lambda m, h: m["outputs"].reverse(), lambda m, h: m["inputs"].reverse(), lambda m, h: m["outputs"].pop(),
    lambda m, h: m["outputs"].append({"name": "more"}), put("outputs.2.name", "other"),
    arrays(PACKED, packed=np.zeros(1, np.float32)), arrays(PACKED, packed=np.zeros(3, np.float32)),
]  # fmt: skip


@pytest.mark.parametrize("change", LAYOUT)
def test_code_is_called_with_the_memory_it_needs_or_not_at_all(
    change: Change, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = forged(tiny, tmp_path / "x.hepqx", change)
    monkeypatch.setattr(cpu.Engine, "run", lambda *_: pytest.fail("the code was called"))
    with pytest.raises(ArtifactError, match="HQ0890"):
        hepq.load(path)


def rules(**changes: Any) -> dict[str, Any]:
    """A label by rules that would do: class B where ``jet`` is above 1."""
    steps = [
        {"op": "input", "attrs": {"name": "jet"}}, {"op": "const", "attrs": {"value": 1.0}},
        {"op": "gt", "args": [0, 1], "elem": "bool"},
    ]  # fmt: skip
    program = {"inputs": {"jet": []}, "steps": steps, "outputs": {"0": 2}} | changes.pop("program", {})
    branches = [{"name": "jet", "branch": "jet_x"}]
    found = {
        "dims": [],
        "inputs": [{"name": "jet"}],
        "dataset": {"name": "y", "branches": branches},
        "program": program,
    }
    return {"name": "y", "dim": "cls", "rules": found | {"classes": [1], "rest": 0} | changes}


MALFORMED: list[tuple[str, Change]] = [
    *(("HQ0825", put(where, value)) for where, value in [
        ("dims.0.bound", -1), ("dims.0.bound", 2**31), ("dims.0.bound", 10**30), ("dims.1.size", -2),
        ("dims.1.entries", ["A", "A"]), ("dims.1.entries", ["A"]), ("dims.0.name", "p\x1b[31m"), ("dims.0.name", ""),
        ("inputs.0.dims", ["cls", "part"]), ("inputs.0.dims", ["none"]), ("inputs.1.dims", ["9" * 12]),
        ("inputs.1.name", "energy"), ("dataset.branches.0.factor", float("nan")), ("dataset.branches.1.dims", ["²"]),
        ("dataset.order.0.key", []), ("dataset.order.0.key.0.args", [0]), ("dataset.order.0.key.0.op", "system"),
        ("dataset.label.dim", "part"), ("dataset.label.branches", []), ("dataset.label.by_source", True),
        ("dataset.label", {"name": "y", "dim": "cls", "rules": {}}), ("dataset.label", rules(classes=[2])),
        ("dataset.label", rules(classes=[0, 1])), ("dataset.label", rules(rest=-1)),
        ("dataset.label", rules(values=[1])), ("dataset.label", rules(program={"inputs": {"z": []}})),
        ("dataset.label", rules(program={"outputs": {"0": 3}})), ("dataset.label", rules(program={"outputs": {}})),
        ("outputs.0.dims", ["99999", "99999"]), ("outputs.0.counts", "none"),
        ("golden.tolerance", float("inf")), ("golden.events", -1), ("invariances", [""]), ("name", ""),
        ("provenance.source", "weights.safetensors"), ("provenance.dims", {"x": -1}), ("format_version", True),
        ("code.scratch_floats", -1), ("code.scratch_floats", 2**40), ("weights.w", [-1]), ("code", None),
    ]),
    ("HQ0823", put("code.packed", "code/none.safetensors")),
    ("HQ0824", put("format_version", 10**30)),
    ("HQ0823", put("code.packed", WEIGHTS)),
    *(("HQ0830", change) for change in (
        put("golden.events", 6), arrays(GOLDEN, events=np.asarray([2**62])), arrays(GOLDEN, events=np.zeros(1)),
        arrays(GOLDEN, events=np.asarray([[7]])), arrays(GOLDEN, counts__part=np.asarray([-1, 1, 0, 0, 0, 0, 0])),
        arrays(GOLDEN, counts__part=np.full(7, 2**40)), arrays(GOLDEN, counts__part=None),
        arrays(GOLDEN, counts__part=np.ones(6, np.int64)), arrays(GOLDEN, in__energy=np.zeros(1)),
        arrays(GOLDEN, in__energy=None), arrays(GOLDEN, in__more=np.zeros(7)),
        arrays(GOLDEN, out__tot=np.zeros((7, 2, 1))),
        arrays(GOLDEN, out__tot=np.zeros((7, 2), np.int32)), arrays(GOLDEN, out__z=None),
        lambda m, h: h.update({GOLDEN: b"\xff" * 50}), lambda m, h: h.update({GOLDEN: h[GOLDEN][:-4]}),
    )),
    *(("HQ0896", change) for change in (
        arrays(PACKED, packed=np.zeros(2)), arrays(PACKED, packed=np.zeros((2, 1), np.float32)),
        arrays(PACKED, more=np.zeros(2)), arrays(PACKED, packed=None), lambda m, h: h.update({PACKED: b""}),
        lambda m, h: h.update({PACKED: struct.pack("<Q", 2**60) + b"{}"}),
    )),
]  # fmt: skip


def test_rules_that_are_not_forged_are_read(tiny: Path, tmp_path: Path) -> None:
    model = hepq.load(forged(tiny, tmp_path / "x.hepqx", put("dataset.label", rules())))
    assert model.manifest.dataset is not None
    assert model.manifest.dataset.label is not None
    truth, _ = truth_of({"jet_x": [0.0, 2.0]}, model.manifest.dataset.label, model.manifest)
    assert truth.tolist() == [0, 1]


@pytest.mark.parametrize(("code", "change"), MALFORMED)
def test_every_member_is_checked(code: str, change: Change, tiny: Path, tmp_path: Path) -> None:
    path = forged(tiny, tmp_path / "x.hepqx", change)
    with pytest.raises(ArtifactError) as caught:
        hepq.load(path).verify()
    assert caught.value.code == code, str(caught.value)


def test_what_does_not_fit_the_code_is_named(tiny: Path, tmp_path: Path) -> None:
    def change(manifest: Any, held: Members) -> None:
        manifest["code"]["scratch_floats"] += 8

    path = forged(tiny, tmp_path / "x.hepqx", change)
    with pytest.raises(ArtifactError, match=r"scratch memory: the code has [\d,]+, the rest of the artifact"):
        hepq.load(path).verify()


def test_outputs_without_end_are_refused_before_they_are_read(tiny: Path, tmp_path: Path) -> None:
    path = forged(tiny, tmp_path / "x.hepqx", put("outputs.0.dims", ["99999", "99999"]))
    with pytest.raises(ArtifactError, match="9,999,800,001 numbers; at most 268,435,456 are read"):
        hepq.load(path)


@pytest.mark.parametrize(
    "change",
    [arrays(WEIGHTS, w=np.zeros(3, np.float32)), arrays(WEIGHTS, w=np.zeros(2)), arrays(WEIGHTS, v=np.zeros(2)),
     put("weights.w", [3]), put("weights", {})],
)  # fmt: skip
def test_weights_are_those_of_the_manifest(change: Change, tiny: Path, tmp_path: Path) -> None:
    artifact = Artifact.open(forged(tiny, tmp_path / "x.hepqx", change))
    with pytest.raises(ArtifactError, match="HQ0896"):
        _ = artifact.weights


def test_names_are_shown_as_they_are(tiny: Path, tmp_path: Path) -> None:
    """Not as the terminal's or rich's own words."""
    path = forged(tiny, tmp_path / "x.hepqx", put("name", "Ti[/]ny[bold"))
    done = CliRunner().invoke(app, ["inspect", str(path)])
    assert (done.exit_code, "Ti[/]ny[bold" in done.output) == (0, True)
    source = forged(tiny, tmp_path / "y.hepqx", lambda m, h: h.update({"source.hepq": b"\xff\xfe"}))
    assert "HQ0896" in CliRunner().invoke(app, ["inspect", str(source), "--source"]).output


# --- zips


def zipped(change: Callable[[bytearray], object]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("manifest.json", "b.txt"):
            file.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), b"hello " * 50, zipfile.ZIP_DEFLATED)
    data = bytearray(out.getvalue())
    change(data)
    return bytes(data)


def field(mark: bytes, at: int, value: int, size: int = 2) -> Callable[[bytearray], object]:
    def change(data: bytearray) -> None:
        place = data.index(mark) + at
        data[place : place + size] = value.to_bytes(size, "little")

    return change


CENTRAL, LOCAL, END = b"PK\1\2", b"PK\3\4", b"PK\5\6"


@pytest.mark.case("zip_bz2_bomb")
@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("HQ0823", field(CENTRAL, 10, 12)), ("HQ0823", field(CENTRAL, 10, 14)), ("HQ0823", field(CENTRAL, 10, 0)),
        ("HQ0823", field(CENTRAL, 8, 1)), ("HQ0823", field(CENTRAL, 8, 8)), ("HQ0823", field(CENTRAL, 24, 2**31, 4)),
        ("HQ0823", field(CENTRAL, 40, 0o120777)), ("HQ0823", field(CENTRAL, 30, 4)), ("HQ0823", field(CENTRAL, 46, 46)),
        ("HQ0821", field(CENTRAL, 42, 7, 4)), ("HQ0821", field(CENTRAL, 20, 3, 4)),
        ("HQ0821", field(CENTRAL, 16, 1, 4)),
        ("HQ0821", field(LOCAL, 8, 12)), ("HQ0821", field(LOCAL, 28, 4)), ("HQ0821", field(LOCAL, 22, 9, 4)),
        ("HQ0821", field(END, 8, 1)), ("HQ0821", field(END, 10, 9999)), ("HQ0821", field(END, 16, 0, 4)),
        ("HQ0821", field(END, 4, 1)), ("HQ0821", lambda d: d.extend(b"x")),
        ("HQ0821", lambda d: d.__delitem__(slice(40, 44))),
        ("HQ0820", lambda d: d.__setitem__(slice(0, 0), b"#!/bin/sh\n")),
    ],
)  # fmt: skip
def test_zips_that_others_write_are_refused(code: str, change: Callable[[bytearray], object]) -> None:
    with pytest.raises(ArtifactError) as caught:
        archive.opened(Path("x.hepqx"), zipped(change))
    assert caught.value.code == code, str(caught.value)


@pytest.mark.case("zip_bz2_bomb")
@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_stored_and_deflated_members_are_read(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.hepqx", "w", method) as file:
        file.writestr("manifest.json", b" " * (8 << 20))
    with pytest.raises(ArtifactError, match="HQ0823"):
        Artifact.open(tmp_path / "b.hepqx")


@pytest.mark.parametrize("declared", [1000, 299, 301, (1 << 20)])
def test_no_more_is_unpacked_than_a_member_declares(declared: int) -> None:
    def change(data: bytearray) -> None:
        field(CENTRAL, 24, declared, 4)(data)
        field(LOCAL, 22, declared, 4)(data)

    with pytest.raises(ArtifactError, match=r"HQ082[23]"):
        archive.opened(Path("x.hepqx"), zipped(change)).read("manifest.json")


def test_a_large_manifest_is_refused(tiny: Path, tmp_path: Path) -> None:
    path = forged(tiny, tmp_path / "x.hepqx", put("provenance.command", "x" * (5 << 20)))
    with pytest.raises(ArtifactError, match="HQ0823"):
        Artifact.open(path)


def test_thousands_of_members_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for i in range(archive.MAX_MEMBERS + 1):
            file.writestr(f"m{i}", b"")
    with pytest.raises(ArtifactError, match="HQ0823"):
        archive.opened(Path("x"), out.getvalue())


# --- programs and circuits

PART, FEAT = ["part", None], ["feat", 3]
GOOD: dict[str, Any] = {
    "inputs": {"x": [FEAT]},
    "steps": [
        {"op": "input", "dims": [FEAT], "attrs": {"name": "x"}}, {"op": "const", "attrs": {"value": 2.0}},
        {"op": "mul", "args": [0, 1], "dims": [FEAT]},
        {"op": "reduce_sum", "args": [2], "attrs": {"over": ["feat"]}},
        {"op": "slice", "args": [0], "dims": [["two", 2]], "attrs": {"dim": "feat", "start": 1, "size": 2}},
        {"op": "stack", "args": [3, 1], "dims": [["pair", 2]]},
        {"op": "contract", "args": [2, 0], "attrs": {"over": ["feat"]}},
    ],
    "outputs": {"y": 3, "z": 6},
}  # fmt: skip


@pytest.mark.parametrize(
    ("step", "field_", "value"),
    [
        (0, "dims", [["feat", 4]]), (0, "dims", [["feat", 2**40]]), (0, "dims", [["feat", -1]]), (0, "args", [0]),
        (1, "attrs", {"value": "x"}), (1, "attrs", {"value": [1] * 9}), (1, "dims", [FEAT]), (2, "args", [0]),
        (2, "args", [0, 2]), (2, "args", [0, -1]), (2, "dims", [["feat", 4]]), (2, "dims", [FEAT, ["big", 1 << 25]]),
        (2, "dims", []), (2, "op", "system"), (3, "attrs", {"over": ["none"]}), (3, "attrs", {"over": "feat"}),
        (3, "attrs", {}), (3, "dims", [FEAT]), (4, "attrs", {"dim": "feat", "start": 2, "size": 2}),
        (4, "attrs", {"dim": "feat", "start": -1, "size": 2}), (4, "attrs", {"dim": "feat", "start": 0, "size": 2**50}),
        (4, "attrs", {"dim": "feat", "start": 1.5, "size": 2}), (4, "dims", [["two", 3]]), (5, "dims", [["pair", 3]]),
        (5, "args", [0, 1]), (6, "attrs", {"over": ["two"]}), (6, "dims", [["x", 5]]), (6, "args", [2]),
    ],
)  # fmt: skip
def test_programs_are_checked_whole_before_a_step_runs(step: int, field_: str, value: Any) -> None:
    Program.model_validate_json(json.dumps(GOOD))
    steps = [dict(s) for s in GOOD["steps"]]
    steps[step][field_] = value
    with pytest.raises(ValueError, match="step"):
        Program.model_validate_json(json.dumps(GOOD | {"steps": steps}))


def test_a_program_that_would_fill_the_memory_is_refused() -> None:
    big = [["big", 1 << 25]]
    steps: list[Any] = [{"op": "iota", "elem": "int", "dims": big}] + [{"op": "neg", "args": [0], "dims": big}] * 9
    with pytest.raises(ValueError, match="at most"):
        Program.model_validate_json(json.dumps({"inputs": {}, "steps": steps, "outputs": {}}))
    wide = [[f"d{i}", 1 << 12] for i in (0, 1, 2)]
    steps = [{"op": "iota", "elem": "int", "dims": [d]} for d in wide]
    steps += [{"op": "mul", "args": [i, i + 1], "dims": wide[i : i + 2]} for i in (0, 1)]
    steps += [{"op": "contract", "args": [3, 4], "dims": [wide[0], wide[2]], "attrs": {"over": ["d1"]}}]
    Program.model_validate_json(json.dumps({"inputs": {}, "steps": steps, "outputs": {}}))
    text = json.dumps({"inputs": {}, "steps": steps, "outputs": {}}).replace("4096", "8192")
    with pytest.raises(ValueError, match="products"):
        Program.model_validate_json(text)


@pytest.mark.parametrize(
    "data",
    [{"qubits": 10**9}, {"qubits": -1}, {"qubits": 2.0}, {"qubits": True}, {"slots": 10**9}, {"slots": None},
     {"ops": [["h", [float("inf")]]]}, {"ops": [["h", [2]]]}, {"ops": [["rx", [0], [0.0, [5, 1.0]]]]},
     {"slots": 1 << 20, "ops": [["rx", [0], 0.1]] * 65}],
)  # fmt: skip
def test_circuits_have_bounds(data: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Circuit.from_json({"qubits": 2, "slots": 1, "ops": []} | data)
