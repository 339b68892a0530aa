# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hepq
from hepq.cli import app
from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.artifact import archive, trust
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.trust import Trust


@pytest.fixture(autouse=True)
def _no_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(trust.POLICY, raising=False)
    monkeypatch.setenv(trust.KEYS, str(tmp_path / "ring"))


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny, tmp_path / "a.hepqx"))


def refused(path: Path, asked: Trust, monkeypatch: pytest.MonkeyPatch) -> ArtifactError:
    """The refusal, which comes before anything of the file is looked at."""

    def opened(*_: object) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(archive, "opened", opened)
    with pytest.raises(ArtifactError) as caught:
        Artifact.open(path, asked)
    return caught.value


def test_the_right_hash(copy: Path) -> None:
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    assert Artifact.open(copy, Trust.of(digest.upper())).sha256 == digest
    assert hepq.load(copy, sha256=digest).manifest.name == "Tiny"


def test_another_hash_is_refused_unopened(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(copy, Trust.of("0" * 64), monkeypatch)
    assert (error.code, str(copy) in error.title) == ("HQ0892", True)


@pytest.mark.parametrize("text", ["", "12", "g" * 64, "0" * 63, "0" * 65])
def test_not_a_hash(text: str) -> None:
    with pytest.raises(DataError, match="HQ0891"):
        Trust.of(text)


def test_a_signature_by_a_trusted_key(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust.generate(tmp_path / "me", "me at work")
    assert (tmp_path / "me").stat().st_mode & 0o077 == 0
    trust.sign(copy, tmp_path / "me")
    for ring in (tmp_path / "me.pub", tmp_path):
        assert Artifact.open(copy, Trust.of(trusted=ring)).manifest.name == "Tiny"
    copy.write_bytes(copy.read_bytes()[:-1] + b"!")
    error = refused(copy, Trust.of(trusted=tmp_path / "me.pub"), monkeypatch)
    assert (error.code, "me at work" in error.why) == ("HQ0892", True)


def test_signatures_of_several(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [trust.generate(tmp_path / n, n) for n in "ab"]
    for n in "aba":
        beside, _ = trust.sign(copy, tmp_path / n)
    assert [key for key, _ in trust.read_signatures(beside)] == [keys[1], keys[0]]
    for n in "ab":
        Artifact.open(copy, Trust.of(trusted=tmp_path / f"{n}.pub"))
    trust.generate(tmp_path / "stranger", "c")
    error = refused(copy, Trust.of(trusted=tmp_path / "stranger.pub"), monkeypatch)
    assert error.code == "HQ0892"
    assert keys[0] in error.why


def test_signing_a_changed_file_drops_old_signatures(copy: Path, tmp_path: Path) -> None:
    keys = [trust.generate(tmp_path / n, n) for n in "ab"]
    trust.sign(copy, tmp_path / "a")
    copy.write_bytes(copy.read_bytes() + b" ")
    beside, _ = trust.sign(copy, tmp_path / "b")
    assert [key for key, _ in trust.read_signatures(beside)] == [keys[1]]


def test_the_policy_demands_a_signature(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trust.POLICY, "signed")
    with pytest.raises(DataError, match="HQ0893"):
        hepq.load(copy)
    trust.generate(tmp_path / "me", "me")
    shutil.copy(tmp_path / "me.pub", tmp_path / "ring")
    with pytest.raises(ArtifactError, match="HQ0892"):
        hepq.load(copy, sha256=hashlib.sha256(copy.read_bytes()).hexdigest())
    trust.sign(copy, tmp_path / "me")
    assert hepq.load(copy).manifest.name == "Tiny"
    monkeypatch.setenv(trust.POLICY, "yes")
    with pytest.raises(DataError, match="HQ0895"):
        hepq.load(copy)


def test_an_empty_keyring_trusts_nobody(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "none").mkdir()
    assert refused(copy, Trust.of(trusted=tmp_path / "none"), monkeypatch).code == "HQ0892"


@pytest.mark.parametrize("text", ["hepq-ed25519", "hepq-ed25519 AAAA me", "ssh-ed25519 AAAA", "\x00", "é é é"])
def test_a_malformed_keyring(tmp_path: Path, text: str) -> None:
    (tmp_path / "ring").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match="HQ0893"):
        Trust.of(trusted=tmp_path / "ring")


@pytest.mark.parametrize("text", ["", "hepq signature 2\n", "hepq signature 1\nAAAA BBBB\n", "hepq signature 1\nx\n"])
def test_a_malformed_signature(copy: Path, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trust.generate(tmp_path / "me", "me")
    Path(f"{copy}.sig").write_text(text)
    assert refused(copy, Trust.of(trusted=tmp_path / "me.pub"), monkeypatch).code == "HQ0894"


def test_keys_are_not_overwritten_nor_read_where_others_may(copy: Path, tmp_path: Path) -> None:
    trust.generate(tmp_path / "me", "me")
    with pytest.raises(DataError, match="HQ0817"):
        trust.generate(tmp_path / "me", "me")
    (tmp_path / "me").chmod(0o644)
    with pytest.raises(DataError, match="others may read it"):
        trust.sign(copy, tmp_path / "me")
    (tmp_path / "me").write_text("no key")
    with pytest.raises(DataError, match="HQ0893"):
        trust.sign(copy, tmp_path / "me")


def test_keys_that_are_mixed_up(copy: Path, tmp_path: Path) -> None:
    trust.generate(tmp_path / "me.key", "me")
    with pytest.raises(DataError, match=r"HQ0893.*\n.*it is a public key.*\n.*the private one is .*me\.key$"):
        trust.sign(copy, tmp_path / "me.key.pub")
    with pytest.raises(DataError, match=r"HQ0893.*\n.*it is a private key.*\n.*the public one is .*me\.key\.pub$"):
        Trust.of(None, tmp_path / "me.key")


def test_a_file_that_changes_in_use_is_noticed(copy: Path) -> None:
    pinned = Trust(pinned=Artifact.open(copy).sha256)
    Artifact.open(copy, pinned)
    copy.write_bytes(copy.read_bytes() + b" ")
    with pytest.raises(ArtifactError, match="changed while"):
        Artifact.open(copy, pinned)


def test_the_command_signs(copy: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(app, ["sign", "--generate", str(tmp_path / "me")]).exit_code == 0
    assert run(app, ["sign", str(copy), "--key", str(tmp_path / "me")]).exit_code == 0
    assert run(app, ["verify", str(copy), "--trusted", f"{tmp_path}/me.pub"]).exit_code == 0
    assert run(app, ["sign", str(copy)]).exit_code == 2
    assert run(app, ["sign", str(copy), "--generate", "x"]).exit_code == 2


@pytest.mark.parametrize(
    "command",
    [["predict", "-o", "o.root", "A", "x.root"], ["verify", "A"], ["inspect", "A"],
     ["inspect", "A", "--picture", "p.svg"], ["attribute", "A", "x.root"],
     ["kernel", "A", "x.root", "-o", "k.npz"], ["export", "A"]],
)  # fmt: skip
def test_every_command_that_opens_an_artifact_asks(command: list[str], copy: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    given = [str(copy) if word == "A" else word for word in command]
    for asked in (["--sha256", "0" * 64], ["--trusted", str(tmp_path / "empty")]):
        done = CliRunner().invoke(app, [*given, *asked])
        assert (done.exit_code, "HQ0892" in done.output) == (1, True), done.output
