# SPDX-License-Identifier: Apache-2.0
"""What is temporary goes with the process that made it, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from hepq.runtime import files
from hepq.runtime.files import Scratch, replacing

#: makes a temporary file and folder, says so, and waits; heeds hang-ups even where whoever started the tests does not
HOLD = """
import signal, sys, time
from pathlib import Path
from typing import Any
from hepq.cli.shared import process
from hepq.runtime.files import Scratch, replacing
signal.signal(signal.SIGHUP, signal.SIG_DFL)
process.begin()
folder = Scratch("hepq-train")
(folder.path / "large").write_bytes(bytes(1000))
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


Holder = Callable[[Path], subprocess.Popen[bytes]]


@pytest.fixture
def holder() -> Iterator[Holder]:
    """Starts a process that writes a file, and has begun."""
    with ExitStack() as stack:

        def start(out: Path) -> subprocess.Popen[bytes]:
            found = stack.enter_context(subprocess.Popen([sys.executable, "-c", HOLD, out], stdout=subprocess.PIPE))
            stack.callback(found.kill)
            assert found.stdout is not None
            assert found.stdout.readline() == b"ready\n"
            return found

        yield start


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for files and for temporary folders, in which this process has not looked for leftovers."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(files, "_swept", set())
    return tmp_path


def names(place: Path) -> list[str]:
    return sorted(p.name.partition(files._MARK)[0] for p in place.iterdir())


@pytest.mark.case("sigterm_leaves_temp")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing(place: Path, holder: Holder, number: signal.Signals) -> None:
    process = holder(place / "o.root")
    assert names(place) == [".o.root.", "hepq-train."]
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert names(place) == []


@pytest.mark.case("sigterm_leaves_temp")
def test_leftovers_of_the_killed_go_and_those_of_the_living_stay(place: Path, holder: Holder) -> None:
    killed, living = holder(place / "o.root"), holder(place / "p.root")
    killed.kill()
    killed.wait(20)
    assert len(names(place)) == 4
    (place / ".o.root.1234.tmp").write_text("not ours")
    with replacing(place / "q.root") as temporary:
        temporary.write_text("whole")
        assert names(place) == [".o.root.1234.tmp", ".p.root.", ".q.root.", "hepq-train."]
    living.terminate()
    living.wait(20)
    assert names(place) == [".o.root.1234.tmp", "q.root"]


@pytest.mark.case("sigterm_leaves_temp")
def test_a_scratch_folder_goes_with_its_last_user(place: Path) -> None:
    scratch = Scratch("hepq-code")
    path = scratch.path
    (path / "a").write_text("a")
    with Scratch("hepq-code") as other:
        assert other.is_dir()
        assert other != path
    assert not other.exists()
    del scratch
    assert not path.exists()


def test_a_folder_that_is_swept_before_it_is_locked_is_made_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may take it for a leftover, between its making and its opening."""
    open_, taken = os.open, list[Path]()

    def late(path: str | Path, *args: Any, **kwargs: Any) -> int:
        if not taken and "hepq-late" in str(path):
            taken.append(Path(path))
            Path(path).rmdir()
        return open_(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", late)
    scratch = Scratch("hepq-late")
    assert taken
    assert scratch.path.is_dir()
    assert scratch.path != taken[0]


def test_many_at_once_in_one_folder(place: Path) -> None:
    with replacing(place / "a") as first, replacing(place / "a") as second:
        first.write_text("1")
        second.write_text("2")
    assert (place / "a").read_text() == "1"
    assert names(place) == ["a"]


def open_in(place: Path) -> list[str]:
    """What this process holds open in a folder."""
    held = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            held.append(os.readlink(descriptor))
    return [name for name in held if name.startswith(str(place))]


def test_locks_are_let_go_with_what_they_hold(place: Path) -> None:
    scratch = Scratch("hepq-code")
    assert open_in(place) == [str(scratch.path)]
    with replacing(place / "a") as temporary:
        assert open_in(place) == [str(scratch.path), str(temporary)]
        temporary.write_text("a")
    assert open_in(place) == [str(scratch.path)]
    (scratch.path / "b").write_text("b")
    scratch.close()
    assert open_in(place) == []
    files._sweep(place)
    assert names(place) == ["a"]


def test_a_scratch_folder_that_someone_else_removed(place: Path) -> None:
    scratch = Scratch("hepq-code")
    scratch.path.rmdir()
    scratch.close()
    scratch.close()
    assert open_in(place) == []


def test_what_fails_leaves_what_was_there(place: Path) -> None:
    (place / "a").write_text("before")
    with suppress(ZeroDivisionError), replacing(place / "a") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert (place / "a").read_text() == "before"
    assert names(place) == ["a"]
    assert open_in(place) == []


def test_leftovers_are_looked_for_once_in_a_process(place: Path) -> None:
    left = place / f"x.{files._MARK}1{files._SUFFIX}"
    left.write_text("left by a process that was killed")
    files._sweep(place)
    assert not left.exists()
    left.write_text("again")
    files._sweep(place)
    assert left.exists()
