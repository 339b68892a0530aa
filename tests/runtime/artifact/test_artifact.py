# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import hepq
from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.stage import EventStage, StageBranch
from hepq.runtime.engine import instructions
from tests.support import tiny_artifact

MEMBERS = [
    "manifest.json",
    "weights.safetensors",
    "code/tiny.so",
    "code/packed.safetensors",
    "source.hepq",
    "golden.safetensors",
]


def rewrite(source: Path, out: Path, changes: dict[str, bytes | None], keep_comment: bool = True) -> Path:
    """Copy a zip with some members replaced (or left out: None), or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        contents: dict[str, bytes | None] = {n: old.read(n) for n in old.namelist()}
        for name, data in (contents | changes).items():
            if data is not None:
                new.writestr(name, data)
        new.comment = old.comment if keep_comment else b""
    return out


def code_of(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        Artifact.open(path)
    assert str(path) in caught.value.title
    return caught.value.code


def test_round_trip(tiny: Path) -> None:
    artifact = Artifact.open(tiny)
    assert artifact.manifest.name == "Tiny"
    assert set(artifact.manifest.members) == set(MEMBERS) - {"manifest.json"}
    np.testing.assert_array_equal(artifact.weights["w"], tiny_artifact.WEIGHTS)
    np.testing.assert_array_equal(artifact.packed, tiny_artifact.WEIGHTS)
    assert artifact.source.startswith("model Tiny")
    assert artifact.manifest.columns[0].factor == 1e-3


def test_same_contents_same_bytes(tmp_path: Path) -> None:
    one, two = (tiny_artifact.make(tmp_path / f"{i}.hepqx") for i in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_writing_replaces_and_leaves_no_temporary(tmp_path: Path) -> None:
    (tmp_path / "a.hepqx").write_bytes(b"old")
    tiny_artifact.make(tmp_path / "a.hepqx")
    assert [p.name for p in tmp_path.iterdir()] == ["a.hepqx"]
    assert Artifact.open(tmp_path / "a.hepqx").manifest.name == "Tiny"


@pytest.mark.parametrize("member", MEMBERS)
def test_a_changed_member_is_named(tiny: Path, tmp_path: Path, member: str) -> None:
    with zipfile.ZipFile(tiny) as archive:
        data = archive.read(member)
    changed = data.replace(b'"Tiny"', b'"Evil"') if member == "manifest.json" else data[:-1] + bytes([data[-1] ^ 1])
    assert changed != data
    path = rewrite(tiny, tmp_path / "x.hepqx", {member: changed})
    with pytest.raises(ArtifactError, match=member) as caught:
        Artifact.open(path)
    assert caught.value.code == "HQ0822"


@pytest.mark.parametrize("member", MEMBERS[1:])
def test_a_missing_member_is_named(tiny: Path, tmp_path: Path, member: str) -> None:
    path = rewrite(tiny, tmp_path / "x.hepqx", {member: None})
    with pytest.raises(ArtifactError, match=f"{member} is missing") as caught:
        Artifact.open(path)
    assert caught.value.code == "HQ0823"


def test_an_added_member_is_refused(tiny: Path, tmp_path: Path) -> None:
    assert code_of(rewrite(tiny, tmp_path / "x.hepqx", {"evil.pkl": b"cos\nsystem\n"})) == "HQ0823"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
def test_an_unsafe_name_is_refused(tiny: Path, tmp_path: Path, name: str) -> None:
    assert code_of(rewrite(tiny, tmp_path / "x.hepqx", {name: b""})) == "HQ0823"


def test_a_zip_bomb_is_refused_unread(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hepq.runtime.artifact.archive.MAX_BYTES", 1 << 20)
    assert code_of(rewrite(tiny, tmp_path / "x.hepqx", {"weights.safetensors": bytes(2 << 20)})) == "HQ0823"


def test_a_flipped_byte_anywhere_in_the_data_is_noticed(tiny: Path, tmp_path: Path) -> None:
    data = tiny.read_bytes()
    with zipfile.ZipFile(tiny) as archive:
        info = archive.getinfo("code/tiny.so")
    middle = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    (tmp_path / "x.hepqx").write_bytes(data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :])
    assert code_of(tmp_path / "x.hepqx") == "HQ0822"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated(tiny: Path, tmp_path: Path, share: float) -> None:
    data = tiny.read_bytes()
    (tmp_path / "x.hepqx").write_bytes(data[: int(len(data) * share)])
    assert code_of(tmp_path / "x.hepqx") == ("HQ0820" if share == 0 else "HQ0821")


def test_a_name_in_the_directory_that_is_no_text(tiny: Path, tmp_path: Path) -> None:
    data = bytearray(tiny.read_bytes())
    entry = data.find(b"PK\x01\x02")
    data[entry + 9] |= 0x08  # the name is UTF-8, it says
    data[entry + 46] = 0x83
    (tmp_path / "x.hepqx").write_bytes(data)
    assert code_of(tmp_path / "x.hepqx") == "HQ0821"


def test_not_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "x.hepqx").write_bytes(bytes(range(256)) * 10)
    assert code_of(tmp_path / "x.hepqx") == "HQ0820"
    with zipfile.ZipFile(tmp_path / "y.hepqx", "w") as archive:
        archive.writestr("a.txt", "a")
    assert code_of(tmp_path / "y.hepqx") == "HQ0820"
    assert code_of(tmp_path / "none.hepqx") == "HQ0801"


def test_a_newer_format_is_said_to_be_newer(tiny: Path, tmp_path: Path) -> None:
    text = json.dumps({"format_version": 99, "what": "we cannot know"}).encode()
    assert code_of(rewrite(tiny, tmp_path / "x.hepqx", {"manifest.json": text})) == "HQ0824"


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b'{"format_version": "one"}', b"[" * 100_000])
def test_a_malformed_manifest(tiny: Path, tmp_path: Path, text: bytes) -> None:
    assert code_of(rewrite(tiny, tmp_path / "x.hepqx", {"manifest.json": text})) == "HQ0825"


def test_an_unknown_field_is_refused(tiny: Path, tmp_path: Path) -> None:
    artifact = Artifact.open(tiny)
    fields = artifact.manifest.model_dump(mode="json") | {"surprise": 1}
    text = json.dumps(fields).encode()
    out = rewrite(tiny, tmp_path / "x.hepqx", {"manifest.json": text})
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = b"hepq manifest sha256 " + hashlib.sha256(text).hexdigest().encode()
    with pytest.raises(ArtifactError, match="surprise") as caught:
        Artifact.open(out)
    assert caught.value.code == "HQ0825"


def test_code_for_another_cpu(tmp_path: Path) -> None:
    path = tiny_artifact.make(tmp_path / "x.hepqx", code={"features": ("sse2", "avx9000"), "mcpu": "dreamlake"})
    with pytest.raises(ArtifactError, match="avx9000") as caught:
        hepq.load(path)
    assert caught.value.code == "HQ0826"
    assert "dreamlake" in caught.value.why


def test_cpu_features_by_llvm_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "features", lambda: frozenset({"avx512vnni", "bmi1", "pni", "abm", "sse41"}))
    assert instructions.missing(["avx512_vnni", "+bmi", "sse3", "lzcnt", "sse4.1"]) == []
    assert instructions.missing(["avx512vnni", "amx-tile"]) == ["amx-tile"]


def test_import_hepq_is_light() -> None:
    code = "import sys, hepq; print([m for m in ('numpy', 'awkward', 'pydantic', 'tvm_ffi') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_loading_imports_no_compiler(tiny: Path) -> None:
    code = (
        "import sys, hepq; hepq.load(sys.argv[1]);"
        "print([m for m in sys.modules if m.split('.')[0] == 'tvm' or m.startswith(('hepq.lang', 'hepq.compiler'))])"
    )
    out = subprocess.run([sys.executable, "-c", code, str(tiny)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_what_an_event_program_reads_of_files() -> None:
    """The branch of numbers that an index looks up, too; what files may lack only where they have it."""
    stage = EventStage(
        branches=(
            StageBranch(name="muon", branch="Cell_muonId", elem="index", dim="cell", into="muon", by="Muon_id"),
            StageBranch(name="id", branch="Muon_id", elem="int", dim="muon"),
            StageBranch(name="iso", branch="Muon_iso", dim="muon", default=0.0),
        ),
        inputs=(), lists={},
    )  # fmt: skip
    assert stage.files() == ["Cell_muonId", "Muon_id"]
    assert stage.files(["Muon_iso", "MET_pt"]) == ["Cell_muonId", "Muon_id", "Muon_iso"]
    assert EventStage(branches=stage.branches[:1], inputs=(), lists={}).files() == ["Cell_muonId", "Muon_id"]
