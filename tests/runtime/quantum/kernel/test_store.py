# SPDX-License-Identifier: Apache-2.0
"""The store of tiles: damage is noticed, full disks lose nothing, processes share work, dead ones leave no trace."""

from __future__ import annotations

import errno
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.quantum.jobs import leases
from hepq.runtime.quantum.kernel.gram import gram
from hepq.runtime.quantum.kernel.store import MARK, Damaged, Header, Store, StoreWarning, decode, encode, tile_key
from tests.runtime.quantum.kernel.kernels import Rbf, rbf

X = np.random.default_rng(0).normal(size=(20, 3))
VALUES = np.arange(6.0).reshape(2, 3)
KEY = tile_key("kernel", "rows", "columns")
HEADER = Header(KEY, "kernel", "rows", "columns", (2, 3), "2026-04-01T00:00:00Z", {"backend": "exact"})


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "tiles")


def test_put_and_get(store: Store) -> None:
    assert store.get(KEY) is None
    store.put(HEADER, VALUES)
    found = Store(store.path).get(KEY)
    assert found is not None
    np.testing.assert_array_equal(found, VALUES)
    assert list(store.headers()) == [HEADER]
    assert files(store.path / "claims") == []


def test_every_byte_of_a_tile_is_checked() -> None:
    data = encode(HEADER, VALUES)
    for i in range(len(data)):
        with pytest.raises(Damaged):
            decode(data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :], KEY)
        with pytest.raises(Damaged):
            decode(data[:i], KEY)
    with pytest.raises(Damaged, match="another"):
        decode(data, "0" * 64)
    np.testing.assert_array_equal(decode(data, KEY)[1], VALUES)


@pytest.mark.parametrize("how", ["truncate", "empty", "flip", "swap"])
def test_damaged_tiles_are_set_aside_and_computed_again(how: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    whole = gram(Rbf(log), X, tile=5, store=tmp_path / "tiles")
    first, second, *_ = files(tmp_path / "tiles/tiles")
    data = first.read_bytes()
    first.write_bytes(
        {"truncate": data[:-8], "empty": b"", "flip": data[:-1] + b"\xff", "swap": second.read_bytes()}[how]
    )
    with pytest.warns(StoreWarning, match="damaged"):
        again = gram(Rbf(log), X, tile=5, store=tmp_path / "tiles")
    np.testing.assert_array_equal(again, whole)
    counts = Counter(log.read_text().split())
    assert {k for k, n in counts.items() if n == 2} == {first.name}
    with Store(tmp_path / "tiles") as store:
        assert store.damaged() == 1
        assert len(list(store.headers())) == 10
    assert gram(Rbf(log), X, tile=5, store=tmp_path / "tiles") is not None
    assert Counter(log.read_text().split()) == counts


def test_deleted_tiles_are_computed_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    whole = gram(Rbf(log), X, tile=5, store=tmp_path / "tiles")
    lost = files(tmp_path / "tiles/tiles")[3]
    lost.unlink()
    np.testing.assert_array_equal(gram(Rbf(log), X, tile=5, store=tmp_path / "tiles"), whole)
    assert {k for k, n in Counter(log.read_text().split()).items() if n == 2} == {lost.name}


def fails(monkeypatch: pytest.MonkeyPatch, name: str, after: int, number: int) -> None:
    """``os.name`` raises OSError from its ``after``-th call on."""
    real, calls = getattr(os, name), iter(range(10**9))

    def fake(*args: Any) -> Any:
        if next(calls) >= after:
            raise OSError(number, os.strerror(number))
        return real(*args)

    monkeypatch.setattr(os, name, fake)


@pytest.mark.parametrize("name", ["posix_fallocate", "fsync"])
def test_a_full_disk_loses_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, path = tmp_path / "log", tmp_path / "tiles"
    Store(path).close()
    with monkeypatch.context() as patch:
        fails(patch, name, 7, errno.ENOSPC)
        with pytest.raises(DataError) as refused:
            gram(Rbf(log), X, tile=5, store=path)
    assert refused.value.code == "HQ0859"
    assert "full" in refused.value.title
    kept = {p.name for p in files(path / "tiles")}
    assert kept
    assert files(path / "claims") == []
    computed = Counter(log.read_text().split())
    if name == "posix_fallocate":  # room is taken before a tile is computed
        assert set(computed) == kept
    made = gram(Rbf(log), X, tile=5, store=path)
    np.testing.assert_allclose(made, rbf(X, X), rtol=1e-14)
    after = Counter(log.read_text().split())
    assert all(after[key] == 1 for key in kept)


def test_room_is_taken_before_a_tile_is_computed(store: Store) -> None:
    assert store.claim(KEY, 6, 100)
    (claim,) = files(store.path / "claims")
    assert claim.stat().st_size >= len(encode(HEADER, VALUES))
    store.put(HEADER, VALUES)
    (tile,) = files(store.path / "tiles")
    assert tile.read_bytes() == encode(HEADER, VALUES)
    assert files(store.path / "claims") == []


def test_a_store_that_cannot_be_written_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gram(Rbf(), X, tile=5, store=tmp_path / "tiles")
    fails(monkeypatch, "posix_fallocate", 0, errno.EROFS)
    fails(monkeypatch, "mkdir", 0, errno.EROFS)
    np.testing.assert_array_equal(gram(Rbf(), X, tile=5, store=tmp_path / "tiles"), whole)
    for path in (tmp_path / "tiles", tmp_path / "new"):
        with pytest.raises(DataError) as refused:
            gram(Rbf(), X, tile=4, store=path)
        assert refused.value.code == "HQ0859"
        assert "cannot write" in refused.value.title


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(DataError, match="HQ0859"):
        Store(tmp_path / "tiles")


def test_what_is_no_store_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").touch()
    (tmp_path / "file").touch()
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / MARK).write_text("hepq kernel store 2\n")
    for name in ("full", "file", "newer"):
        with pytest.raises(DataError) as refused:
            Store(tmp_path / name)
        assert refused.value.code == "HQ0858"
    assert [p.name for p in files(tmp_path / "full")] == ["thesis.tex"]
    with pytest.raises(DataError, match="no such directory"):
        Store(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_store_begun_and_killed_is_a_store(tmp_path: Path) -> None:
    (tmp_path / "tiles").mkdir()
    (tmp_path / f"{MARK}.dead").touch()
    Store(tmp_path).put(HEADER, VALUES)
    assert Store(tmp_path, create=False).get(KEY) is not None


def test_claims_exclude_each_other(store: Store) -> None:
    other = Store(store.path)
    assert store.claim(KEY, 6)
    assert not store.claim(KEY, 6)
    assert not other.claim(KEY, 6)
    assert other.working() == 1
    store.release(KEY)
    assert other.claim(KEY, 6)
    other.close()
    assert store.working() == 0
    assert store.claim(KEY, 6)


def test_claims_of_dead_processes_do_not_count(store: Store) -> None:
    code = (
        "import sys, time; from hepq.runtime.quantum.kernel.store import Store\n"
        f"print(Store({str(store.path)!r}).claim({KEY!r}, 6), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "True\n"
        assert not store.claim(KEY, 6)
        assert store.working() == 1
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert store.working() == 0
    assert store.claim(KEY, 6)
    assert len(files(store.path / "claims")) == 1


def test_a_process_number_used_again_is_another_process(store: Store) -> None:
    where, pid, start, _ = leases.new_owner().split("-")
    assert leases.lives(f"{where}-{pid}-{start}-0") is True
    assert leases.lives(f"{where}-{pid}-{int(start) - 1}-0") is False
    (store.path / "claims" / f"{KEY}.{where}-{pid}-{int(start) - 1}-0").touch()
    assert store.claim(KEY, 6)


def test_claims_from_another_machine_count_while_they_give_signs(store: Store) -> None:
    theirs = store.path / "claims" / f"{KEY}.0123456789ab-1-1-0"
    theirs.touch()
    assert leases.lives(theirs.name.partition(".")[2]) is None
    assert not store.claim(KEY, 6)
    then = time.time() - leases.SILENCE - 1
    os.utime(theirs, (then, then))
    assert store.claim(KEY, 6)
    assert not theirs.exists()


def test_claims_give_signs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SIGN", 0.01)
    assert store.claim(KEY, 6)
    (claim,) = files(store.path / "claims")
    os.utime(claim, (0, 0))
    end = time.monotonic() + 10
    while claim.stat().st_mtime == 0 and time.monotonic() < end:
        time.sleep(0.01)
    assert claim.stat().st_mtime > 0


def test_a_result_is_kept_even_if_its_claim_was_taken_for_dead(store: Store) -> None:
    assert store.claim(KEY, 6)
    files(store.path / "claims")[0].unlink()
    store.put(HEADER, VALUES)
    assert store.get(KEY) is not None


JOB = """
import sys
from pathlib import Path
import numpy as np
from hepq.runtime.quantum.kernel.gram import gram
from tests.runtime.quantum.kernel.kernels import Rbf
out, store, log = map(Path, sys.argv[1:])
x = np.random.default_rng(0).normal(size=(20, 3))
np.save(out, gram(Rbf(log, pause=0.002), x, tile=2, store=store))
"""


def test_processes_share_the_work(tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-c", JOB]
    children = [
        subprocess.Popen([*command, tmp_path / f"{i}.npy", tmp_path / "tiles", tmp_path / f"log{i}"], cwd=root)
        for i in range(3)
    ]
    assert [c.wait(60) for c in children] == [0, 0, 0]
    logs = [(tmp_path / f"log{i}") for i in range(3)]
    computed = [log.read_text().split() if log.exists() else [] for log in logs]
    assert len(set().union(*computed)) == sum(map(len, computed)) == 55
    for i in range(3):
        np.testing.assert_array_equal(np.load(tmp_path / f"{i}.npy"), gram(Rbf(), X, tile=2))


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (6, 1), (7, 1)])
def test_a_tile_holds_as_many_numbers_as_it_says(shape: tuple[int, ...]) -> None:
    data = encode(replace(HEADER, shape=shape), VALUES)  # type: ignore[arg-type]
    if math.prod(shape) == VALUES.size:
        assert decode(data, KEY)[1].shape == shape
        return
    with pytest.raises(Damaged, match="as many numbers"):
        decode(data, KEY)


@pytest.mark.parametrize("begun", [(), ("tiles",), ("claims",), ("tiles", "claims")])
def test_a_store_that_was_just_begun_is_fit(begun: tuple[str, ...], tmp_path: Path) -> None:
    for name in begun:
        (tmp_path / "s" / name).mkdir(parents=True)
    with Store(tmp_path / "s") as store:
        store.put(HEADER, VALUES)
        assert {p.name for p in store.path.iterdir()} == {MARK, "tiles", "claims"}
    (tmp_path / "t" / "tilesets").mkdir(parents=True)
    with pytest.raises(DataError, match="HQ0858"):
        Store(tmp_path / "t")


@pytest.mark.parametrize(
    "damage",
    [
        (b'"kernel":"kernel"', b'"kernel":[1]'),
        (b"[2,3]", b"[2,-3]"),
        (b"[2,3]", b"[2,9]"),
        (b'"about":{', b'"when":1,"about":{'),
    ],
)
def test_headers_that_make_no_sense_are_left_out(store: Store, damage: tuple[bytes, bytes]) -> None:
    store.put(HEADER, VALUES)
    (tile,) = (store.path / "tiles").glob("??/*")
    whole = tile.read_bytes()
    tile.write_bytes(whole.replace(*damage))
    assert whole != tile.read_bytes()
    assert list(store.headers()) == []
    tile.write_bytes(whole[:-8])
    assert list(store.headers()) == []
