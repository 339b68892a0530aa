# SPDX-License-Identifier: Apache-2.0
"""Runs one input in a fork of this process, which has everything imported, under limits of memory and time."""

from __future__ import annotations

import faulthandler
import json
import os
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: of one input: seconds, on the wall (less those for which others had the cores) and of a CPU, and bytes beyond what
#: the parent has mapped
WALL, CPU, MEMORY = 10, 10, 2 << 30
_FILES = 1 << 30
_SHOWN = 4000
_CODE = re.compile(r"\[(HQ\d{4})\]")
#: what an exception that nobody foresaw looks like
_BAD = ("Traceback (most recent call last)", "internal error:")

#: gives the exit status of a command line, or what is wrong with how an input was handled
Action = Callable[[], "int | str"]


@dataclass(frozen=True)
class Result:
    """What became of an input: ``accepted``, ``refused`` (``code``: of the diagnostic, or ``usage``), ``traceback``,
    ``internal error``, ``crash`` (a signal), ``hang``, or ``wrong``. ``text``: what was printed, of a failure.
    """

    number: int
    kind: str
    outcome: str
    code: str = ""
    seconds: float = 0.0
    text: str = ""

    @property
    def failed(self) -> bool:
        return self.outcome not in ("accepted", "refused")


@dataclass
class Child:
    """A running fork."""

    number: int
    kind: str
    pid: int
    folder: Path
    begun: float

    def poll(self) -> Result | None:
        """What became of it; None while it runs in time. Ends one that does not."""
        done, status, used = os.wait4(self.pid, os.WNOHANG)
        seconds = time.monotonic() - self.begun
        if not done:
            if seconds - self._waited() <= WALL:
                return None
            os.kill(self.pid, signal.SIGUSR1)  # it prints where it is
            time.sleep(0.2)
            os.killpg(self.pid, signal.SIGKILL)
            os.wait4(self.pid, 0)
            return self._result("hang", f"after {seconds:.0f} s", seconds)
        result = self._ended(status, seconds)
        return result if result.outcome != "crash" or used.ru_utime < CPU - 1 else self._result("hang", "CPU", seconds)

    def _waited(self) -> float:
        """Seconds that it was ready to run, but other processes of this machine had the cores."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0

    def _ended(self, status: int, seconds: float) -> Result:
        text = self._printed()
        if os.WIFSIGNALED(status):
            return self._result("crash", signal.Signals(os.WTERMSIG(status)).name, seconds)
        try:
            said = json.loads((self.folder / "said").read_text())
        except (OSError, ValueError):
            return self._result("crash", f"exit status {os.WEXITSTATUS(status)}, unsaid", seconds)
        if isinstance(said, str):
            return self._result("traceback" if _BAD[0] in said else "wrong", said, seconds)
        if said == 70 or _BAD[1] in text:
            return self._result("internal error", "", seconds)
        if _BAD[0] in text:
            return self._result("traceback", "", seconds)
        codes = _CODE.findall(text)
        if said == 0:
            return self._result("accepted", codes[0] if codes else "", seconds)
        return self._result("refused", codes[0] if codes else "usage" if said == 2 else f"exit {said}", seconds)

    def _result(self, outcome: str, what: str, seconds: float) -> Result:
        good = outcome in ("accepted", "refused")
        text = "" if good else f"{what}\n{self._printed()}".strip()[-_SHOWN:]
        self._clean()
        return Result(self.number, self.kind, outcome, what if good else "", round(seconds, 2), text)

    def _printed(self) -> str:
        with (self.folder / "printed").open("rb") as file:
            return file.read(1 << 20).decode(errors="replace")

    def _clean(self) -> None:
        for folder, _, _ in os.walk(self.folder):
            os.chmod(folder, 0o700)
        shutil.rmtree(self.folder, ignore_errors=True)


def start(number: int, kind: str, make: Callable[[Path], Action], show: bool = False) -> Child:
    """Fork; the child works in a folder of its own, where ``make`` puts the input. ``show``: let its output through."""
    folder = Path(tempfile.mkdtemp(prefix="hepq-hostile-"))
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Child(number, kind, pid, folder, time.monotonic())
    try:
        os.setsid()
        _work(folder, make, show)
    finally:
        os._exit(99)


def _work(folder: Path, make: Callable[[Path], Action], show: bool) -> None:
    work = folder / "work"
    work.mkdir()
    os.chdir(work)
    printed = os.open(folder / "printed", os.O_WRONLY | os.O_CREAT)
    if not show:
        os.dup2(printed, 1)
        os.dup2(printed, 2)
    sys.stdout, sys.stderr = (os.fdopen(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))
    faulthandler.enable(sys.stderr)
    faulthandler.register(signal.SIGUSR1, sys.stderr)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    said: int | str
    try:
        action = make(work)
        _limit()
        said = action()
    except SystemExit as error:
        said = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        said = traceback.format_exc(limit=-6)
    sys.stdout.flush()
    sys.stderr.flush()
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    (folder / "said").write_text(json.dumps(said))
    os._exit(0)


def _limit() -> None:
    """Limits count from what is mapped already: libraries that the parent has loaded cost nothing."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILES, _FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def pause(children: list[Child]) -> None:
    """Wait a moment for any of them."""
    select.select([], [], [], 0.002 if children else 0)
