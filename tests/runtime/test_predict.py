# SPDX-License-Identifier: Apache-2.0
"""Scoring files: the same answers for every step size, and nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot

from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.manifest import Branch, Label
from hepq.runtime.events import event_files
from hepq.runtime.events.writers import open_writer
from hepq.runtime.model import Model
from hepq.runtime.report import labels
from tests.runtime.conftest import make_events
from tests.support import tiny_artifact

Write = Callable[..., Path]
COLUMNS = {"tot_A", "tot_B", "z", "scale"}


def read(path: Path) -> dict[str, Any]:
    if path.suffix == ".root":
        with uproot.open(path) as file:
            assert file["tree"].classname == "TTree"
            tree = file["tree"]
            return {b.name: b.array() for b in tree.branches if b.name != "nz" and not b.name.startswith("npart")}
    table = ak.from_parquet(path)
    return {k: table[k] for k in table.fields}


@pytest.mark.parametrize("ending", [".root", ".parquet"])
@pytest.mark.parametrize("step", [500, 77, 1, "4 kB"])
def test_any_step_gives_what_calling_gives(
    model: Model, events: ak.Array, root_file: Write, tmp_path: Path, ending: str, step: int | str
) -> None:
    events = events[:120] if step == 1 else events
    expected = model(events)
    keep = ["label_A", "part_px", "run"]
    summary = model.predict(root_file(events), tmp_path / f"out{ending}", step=step, keep=keep, progress=False)
    found = read(summary.out)
    assert set(found) == COLUMNS | set(keep) == set(summary.columns)
    for name in "AB":
        np.testing.assert_array_equal(found[f"tot_{name}"].to_numpy(), expected["tot"][name].to_numpy())
    np.testing.assert_array_equal(found["scale"].to_numpy(), expected["scale"])
    assert ak.array_equal(ak.fill_none(found["z"], 0), expected["z"], equal_nan=True, dtype_exact=False)
    assert found["run"].tolist() == events.run.tolist()
    assert found["part_px"].tolist() == events.part_px.tolist()
    called = model.score(events)[1]
    assert summary.report.entries == called.entries
    assert (
        (summary.report.events, summary.report.unscored)
        == (called.events, called.unscored)
        == (len(events), called.empty)
    )
    assert summary.rate > 0


def test_many_files_in_order(model: Model, root_file: Write, tmp_path: Path) -> None:
    parts = [make_events(n, seed=n) for n in (30, 0, 50)]
    for i, part in enumerate(parts):
        root_file(part, f"in{i}.root")
    summary = model.predict(str(tmp_path / "in*.root"), tmp_path / "out.root", progress=False, keep=["jet_x"])
    assert summary.files == 3
    assert read(summary.out)["jet_x"].tolist() == ak.concatenate(parts).jet_x.tolist()


def test_classes_of() -> None:
    hot = {"a": [1, 0, 0, 1], "b": [0, 1, 0, 1]}
    assert labels.classes_of(hot, ["a", "b"], 2).tolist() == [0, 1, -1, -1]
    assert labels.classes_of({"y": [0, 2, 3, -1, 1.5]}, ["y"], 3).tolist() == [0, 2, -1, -1, -1]
    assert labels.classes_of({"y": [True, False]}, ["y"], 1).tolist() == [0, -1]


def test_no_labels_no_auc(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    data = events[["part_e", "part_px", "jet_x"]]
    assert model.predict(root_file(data), tmp_path / "out.root", progress=False).auc == {}


# --- bad files -----------------------------------------------------------------------------


def refused(model: Model, files: Any, out: Path, **options: Any) -> DataError:
    before = set(out.parent.iterdir())
    with pytest.raises(DataError) as caught:
        model.predict(files, out, progress=False, **options)
    assert set(out.parent.iterdir()) == before
    return caught.value


@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_a_truncated_root_file(model: Model, events: ak.Array, root_file: Write, tmp_path: Path, share: float) -> None:
    path = root_file(events)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    error = refused(model, path, tmp_path / "out.root")
    assert error.code == "HQ0803"
    assert str(path) in error.title


def test_damage_in_the_middle(model: Model, root_file: Write, tmp_path: Path) -> None:
    path = root_file(make_events(20000))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)
    assert refused(model, path, tmp_path / "out.root").code in ("HQ0803", "HQ0808")


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "HQ0802"), (b"PK\x03\x04" * 100, "HQ0802"), (b"root" * 50, "HQ0803")]
)
def test_not_a_root_file(model: Model, tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "bad.root"
    path.write_bytes(content)
    assert refused(model, path, tmp_path / "out.root").code == code


@pytest.mark.parametrize("name", ["none.root", "none*.root", "."])
def test_no_such_file(model: Model, tmp_path: Path, name: str) -> None:
    error = refused(model, str(tmp_path / name), tmp_path / "out.root")
    assert error.code == "HQ0801"


def test_missing_tree_lists_the_trees(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    error = refused(model, root_file(events, tree="trees"), tmp_path / "out.root")
    assert error.code == "HQ0804"
    assert 'did you mean "trees"' in error.why
    assert refused(model, root_file(events), tmp_path / "out.root", tree="other").code == "HQ0804"


def test_missing_branch_is_found_before_any_work(
    model: Model, events: ak.Array, root_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root_file(events, "a.root")
    lacking = events[[f for f in events.fields if f != "part_px"]]
    last = root_file(ak.with_field(lacking, lacking.part_e, "part_pz"), "b.root")
    monkeypatch.setattr(event_files, "iterate", None)
    error = refused(model, str(tmp_path / "[ab].root"), tmp_path / "out.root")
    assert error.code == "HQ0805"
    assert '"part_px"' in error.title
    assert str(last) in error.title
    assert 'did you mean "part_pz"' in error.why


def test_wrong_branch_type(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    flat = ak.with_field(events, events.jet_x, "part_e")
    error = refused(model, root_file(flat), tmp_path / "out.root")
    assert error.code == "HQ0806"
    assert '"part_e"' in error.title
    text = ak.with_field(events, ["a"] * 500, "jet_x")
    with uproot.recreate(tmp_path / "text.root") as file:
        file.mktree("tree", {f: "string" if f == "jet_x" else str(text[f].type.content) for f in text.fields})
        file["tree"].extend({f: text[f] for f in text.fields})
    error = refused(model, tmp_path / "text.root", tmp_path / "out.root")
    assert error.code == "HQ0807"
    assert '"jet_x"' in error.title


def test_a_nan_names_file_branch_and_event(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    bad = ak.with_field(events, np.where(np.arange(500) == 321, np.nan, 0.0), "jet_x")
    error = refused(model, root_file(bad), tmp_path / "out.root", step=50)
    assert error.code == "HQ0808"
    assert "jet_x" in error.title
    assert "a.root" in error.title
    assert "event 321" in error.why


def test_no_events_at_all(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    whole = model.predict(root_file(events), tmp_path / "some.root", progress=False)
    none = model.predict(root_file(events[:0]), tmp_path / "none.root", progress=False)
    assert none.report.events == 0
    assert none.columns == whole.columns
    found = [uproot.open(s.out)["tree"] for s in (none, whole)]
    assert found[0].num_entries == 0
    assert found[0].typenames() == found[1].typenames()


def test_one_of_several_trees(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "two.root") as file:
        for name, part in (("tree", events[:100]), ("other", events[100:130])):
            file.mktree(name, {f: str(part[f].type.content) for f in part.fields})
            file[name].extend({f: part[f] for f in part.fields})
    assert len(model(tmp_path / "two.root")["scale"]) == 100
    assert len(model(tmp_path / "two.root", tree="other")["scale"]) == 30
    assert len(model(f"{tmp_path / 'two.root'}:other")["scale"]) == 30
    with pytest.raises(DataError, match="has 2 trees") as caught:
        event_files.find(tmp_path / "two.root")
    assert caught.value.code == "HQ0804"


def test_rntuples_are_read(model: Model, events: ak.Array, tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "rn.root") as file:
        file.mkrntuple("tree", {f: events[f] for f in events.fields})
    out = model.predict(tmp_path / "rn.root", tmp_path / "out.root", step=90, progress=False).out
    np.testing.assert_array_equal(read(out)["tot_A"].to_numpy(), model(events)["tot"].A.to_numpy())


JETS = Path(__file__).resolve().parents[2] / "../shared/data/jets"


@pytest.mark.skipif(not JETS.is_dir(), reason="../shared/data/jets is not here")
def test_real_jets(tmp_path: Path) -> None:
    """Branches as a jet ntuple has them; answers by awkward alone."""
    data = tiny_artifact.dataset(
        branches=(
            Branch(name="energy", branch="part_energy", dims=("part",)),
            Branch(name="jet", branch="jet_mass"),
            Branch(name="px", branch="part_px", dims=("part",)),
        ),
        label=Label(name="y", dim="cls", branches=("label_QCD", "label_Tbqq")),
    )
    model = Model(Artifact.open(tiny_artifact.make(tmp_path / "jets.hepqx", data)))
    summary = model.predict(str(JETS / "Hbb_1k.root"), tmp_path / "out.root", step=300, progress=False)
    with uproot.open(JETS / "Hbb_1k.root") as file:
        jets = file["tree"].arrays(["part_energy", "part_px", "jet_mass"])
    order = ak.argsort(abs(jets.part_px), ascending=False, stable=True)
    expected = 2 * ak.sum(jets.part_energy[order][:, :4], axis=1) + jets.jet_mass
    np.testing.assert_allclose(read(summary.out)["tot_A"].to_numpy(), expected.to_numpy(), rtol=1e-5)
    assert summary.report.truncated == ak.sum(ak.num(jets.part_px) > 4)
    assert summary.auc == {}


# --- output --------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".root", ".parquet"])
@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError])
def test_interrupted_it_leaves_the_old_file(
    model: Model,
    events: ak.Array,
    root_file: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    reason: type[BaseException],
) -> None:
    path, out = root_file(events), tmp_path / f"out{ending}"
    out.write_bytes(b"old")
    score, calls = model.score_raw, []

    def failing(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise reason
        return score(*args)

    monkeypatch.setattr(model, "score_raw", failing)
    with pytest.raises(reason):
        model.predict(path, out, step=100, progress=False)
    assert out.read_bytes() == b"old"
    assert {p.name for p in tmp_path.iterdir()} == {"a.root", out.name}


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("out.csv", "out.root or "),
        ("out", "out.root or "),
        ("no/such/folder.root", "mkdir -p "),
        (".", "name a file in"),
    ],
)
def test_an_output_that_cannot_be(
    model: Model, events: ak.Array, root_file: Write, tmp_path: Path, name: str, help: str
) -> None:
    with pytest.raises(DataError) as caught:
        model.predict(root_file(events), tmp_path / name, progress=False)
    assert caught.value.code == "HQ0817"
    assert help in caught.value.help


def test_the_output_may_not_be_an_input(model: Model, events: ak.Array, root_file: Write) -> None:
    path = root_file(events)
    before = path.read_bytes()
    assert refused(model, path, path).code == "HQ0817"
    assert path.read_bytes() == before


def test_keeping(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    named = ak.with_field(events, events.jet_x, "scale")
    assert refused(model, root_file(named), tmp_path / "out.root", keep=["scale"]).code == "HQ0818"
    assert refused(model, root_file(events), tmp_path / "out.root", keep=["label_C"]).help.startswith("what is kept")


def test_fixed_size_columns(tmp_path: Path) -> None:
    square = np.arange(12, dtype="f4").reshape(2, 2, 3)
    for ending in (".root", ".parquet"):
        with open_writer(tmp_path / f"o{ending}", {"m": ak.type(square).content}) as writer:
            writer.write({"m": square[:1]})
            writer.write({"m": square[1:]})
        assert np.asarray(read(tmp_path / f"o{ending}")["m"].tolist()).tolist() == square.tolist()


def test_several_numbers_for_each_particle(tmp_path: Path) -> None:
    jagged = ak.unflatten(np.arange(24, dtype="f4").reshape(4, 2, 3), [0, 3, 1])
    for ending in (".root", ".parquet"):
        with open_writer(tmp_path / f"o{ending}", {"m": jagged.type.content}) as writer:
            writer.write({"m": jagged[:1]})
            writer.write({"m": jagged[1:]})
    assert read(tmp_path / "o.parquet")["m"].tolist() == jagged.tolist()
    parts = read(tmp_path / "o.root")
    for i in range(2):
        for j in range(3):
            assert parts[f"m_{i}_{j}"].tolist() == jagged[:, :, i, j].tolist()


def test_parquet_columns_are_plain_arrow(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    out = model.predict(root_file(events), tmp_path / "o.parquet", progress=False).out
    kinds = {f.name: str(f.type) for f in pq.read_schema(out)}
    assert kinds["tot_A"] == "float"
    assert kinds["z"].startswith("list<")


def test_parquet_files_score_as_root_files(model: Model, events: ak.Array, root_file: Write, tmp_path: Path) -> None:
    from_root = model(root_file(events))
    ak.to_parquet(events, tmp_path / "events.parquet", row_group_size=150)
    from_parquet = model(tmp_path / "events.parquet")
    assert str(ak.to_list(from_parquet)) == str(ak.to_list(from_root))  # NaN as well
    summary = model.predict(tmp_path / "*.parquet", tmp_path / "out.root", step=99, progress=False)
    assert summary.report.events == len(events)
    model.predict(tmp_path / "events.parquet", tmp_path / "again.parquet", step="10 kB", progress=False)
    assert list(summary.columns) == pq.read_table(tmp_path / "again.parquet").column_names


def test_bad_parquet_files(model: Model, events: ak.Array, tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    ak.to_parquet(events[[f for f in events.fields if f != "part_px"]], path)
    assert refused(model, path, tmp_path / "out.root").code == "HQ0805"
    path.write_bytes(path.read_bytes()[:-100])
    assert refused(model, path, tmp_path / "out.root").code == "HQ0803"
