# SPDX-License-Identifier: Apache-2.0
"""Chunks on disk: nothing is lost, taken for another's, or used damaged; many become one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.analysis.skimmed import Skimmed
from hepq.runtime.analysis.sums import Counts, Summing, Sums, merged
from hepq.runtime.chunks.files import Done, File, Identity
from hepq.runtime.chunks.store import MARK, Store
from hepq.runtime.events.source import Source
from tests.runtime.analysis.hand_made import same

FILE = File("top", "mc", Source("a.root", "Events", 100, ()), Identity("u", 1000, 5))


def done(first: int, end: int) -> Done[Sums]:
    skims = Skimmed()
    skims.add(("saved", "nominal"), {"x": (np.arange(first, end), None)})
    return Done(Sums({"n": Counts.of(np.arange(first, end) % 7)}), skims.to_bytes())


def opened(path: Path, program: str = "p") -> Store[Sums]:
    return Store(path, {"mc": program, "data": program}, Summing())


def kept(store: Store[Sums], file: File = FILE) -> tuple[list[tuple[int, int]], list[int]]:
    """Ranges, and the entries that skims have, in order; sums are those of the entries."""
    entries = [int(x) for s in store.rows(file) for _, c in Skimmed.from_bytes(s).written() for x in c["x"]]
    same(merged(store.accounts(file)), Sums({"n": Counts.of(np.array(entries, int) % 7)} if entries else {}))
    return store.covered(file), entries


def fill(store: Store[Sums], *edges: int) -> None:
    for first, end in pairwise(edges):
        store.put(FILE, (first, end), done(first, end))


def test_kept_and_compacted(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert kept(store) == ([], [])
        fill(store, 0, 30, 60)
        store.put(FILE, (70, 100), done(70, 100))
        store.compact(FILE)
        assert store.covered(FILE) == [(0, 30), (30, 60), (70, 100)]
    with opened(tmp_path) as store:
        assert kept(store) == ([(0, 30), (30, 60), (70, 100)], [*range(60), *range(70, 100)])
        fill(store, 60, 70)
        store.compact(FILE)
        assert kept(store) == ([(0, 100)], list(range(100)))
    with opened(tmp_path) as store:
        assert kept(store) == ([(0, 100)], list(range(100)))
        assert len(list((tmp_path / "accounts").iterdir())) == 1
    with Store(tmp_path, {"mc": "p"}, Summing(), fresh=True) as store:
        assert kept(store) == ([], [])
        assert not [*(tmp_path / "accounts").iterdir(), *(tmp_path / "rows").iterdir()]


def test_killed_while_it_compacts(tmp_path: Path) -> None:
    """The whole is there, the parts still are, or some of them."""
    with opened(tmp_path) as store:
        fill(store, 0, 40, 70, 100)
        parts = {p: p.read_bytes() for p in (tmp_path / "accounts").iterdir()}
        store.compact(FILE)
    for place, content in list(parts.items())[1:]:
        place.write_bytes(content)
    with opened(tmp_path) as store:
        assert kept(store) == ([(0, 100)], list(range(100)))
        assert store.damaged == 0


def test_of_other_files_and_programs(tmp_path: Path) -> None:
    others = (
        replace(FILE, source="w"), replace(FILE, identity=Identity("v", 1000, 5)),
        replace(FILE, identity=Identity("u", 1001, 5)), replace(FILE, identity=Identity("u", 1000, 6)),
    )  # fmt: skip
    with opened(tmp_path) as store:
        fill(store, 0, 100)
        moved = replace(FILE, opened=replace(FILE.opened, path="elsewhere/a.root"))
        assert kept(store, moved)[0] == [(0, 100)]
        assert all(store.covered(other) == [] for other in others)
        assert store.replaced([FILE]) == store.replaced([moved]) == store.replaced([others[0]]) == []
    with opened(tmp_path, "q") as store:
        assert store.covered(FILE) == []
        assert store.replaced([others[1]]) == []
    with opened(tmp_path) as store:
        assert store.replaced([others[1]]) == ["a.root"]
        assert kept(store) == ([], [])
        assert not [*(tmp_path / "accounts").iterdir(), *(tmp_path / "rows").iterdir()]


@pytest.mark.parametrize("folder", ["accounts", "rows"])
@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_damage(folder: str, how: str, tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill(store, 0, 50, 100)
    (place,) = (tmp_path / folder).glob("*.0-50")
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(data if how == "changed" else data[:-9])
    if how == "gone":
        place.unlink()
    with opened(tmp_path) as store:
        assert kept(store) == ([(50, 100)], list(range(50, 100)))
        assert store.damaged == (0 if (folder, how) == ("accounts", "gone") else 1)
        fill(store, 0, 50)
        assert kept(store)[1] == list(range(100))


def test_one_run_at_a_time(tmp_path: Path) -> None:
    code = "import sys; from hepq.runtime.chunks.store import Store; Store(sys.argv[1], {}, None)"
    with opened(tmp_path):
        with pytest.raises(DataError, match="another run uses"):
            opened(tmp_path)
        busy = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True)
        assert "HQ0953" in busy.stderr
    opened(tmp_path).close()


def test_what_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DataError, match="it holds no file") as refused:
        opened(tmp_path)
    assert refused.value.code == "HQ0953"
    (tmp_path / MARK).write_text("hepq chunks 99\n")
    with pytest.raises(DataError, match="another version"):
        opened(tmp_path)
    with pytest.raises(DataError) as refused:
        opened(tmp_path / "thesis.tex")
    assert refused.value.code == "HQ0817"


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with opened(tmp_path) as store:
        fill(store, 0, 10)
        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(DataError, match="all chunks stored so far are safe") as refused:
            fill(store, 10, 20)
        assert refused.value.code == "HQ0954"
    with opened(tmp_path) as store:
        assert kept(store) == ([(0, 10)], list(range(10)))
