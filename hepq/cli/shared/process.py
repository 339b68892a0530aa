# SPDX-License-Identifier: Apache-2.0
"""What surrounds a command: signals that end it, and standard streams that may be closed, full, or without a reader."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from types import FrameType
from typing import Any, TextIO

ENDING = (signal.SIGTERM, signal.SIGHUP)


class Ended(SystemExit):
    """A signal asks this process to end: what it has begun is undone on the way out."""

    def __init__(self, number: int) -> None:
        self.status, self.name = 128 + number, signal.Signals(number).name
        super().__init__(self.status)


def begin() -> None:
    """End in order on TERM and HUP (unless ignored, as by nohup); note what standard output does not take.

    Standard output is UTF-8 wherever no terminal asks for something else: programs and manifests stay as they are.
    """
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    _occupy(0, os.O_RDONLY)
    _occupy(1, os.O_RDONLY)  # so that writing fails, and is noted, but no file takes its number
    _occupy(2, os.O_WRONLY)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    sys.stdout = _stream(1, sys.stdout, "replace")
    sys.stderr = _stream(2, sys.stderr, "backslashreplace")


def finish(status: int) -> int:
    """Write what is left to write; the exit status, which is not 0 if standard output could not take all."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failure = raw.failure if isinstance(raw, _Noting) else None
    if failure is None or failure.errno == errno.EPIPE:  # who reads has seen enough: `| head`
        return status
    print(f"error: cannot write to standard output: {failure.strerror}", file=sys.stderr)
    return status or 1


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # asked again, it ends at once
    raise Ended(number)


def _occupy(descriptor: int, flags: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, flags)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)


def _stream(descriptor: int, given: TextIO | None, errors: str) -> TextIO:
    if given is not None:
        given.flush()
    raw = _Noting(descriptor, "w", closefd=False)
    terminal = raw.isatty()
    encoding = given.encoding if terminal and given is not None else "utf-8"
    lines = terminal or descriptor == 2
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=lines)


class _Noting(io.FileIO):
    """A stream that stops no work: it notes the first error and drops what cannot be written."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            self.failure = self.failure or error
            return memoryview(data).nbytes
