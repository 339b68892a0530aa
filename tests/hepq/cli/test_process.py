# SPDX-License-Identifier: Apache-2.0
"""Whatever the standard streams are, there is no traceback and the exit status is right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEPQC = f"exec {sys.executable} -m hepq"


def shell(line: str, folder: Path, **env: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("hepqc", HEPQC)], cwd=folder, capture_output=True, check=False,
        env={**os.environ, **env},
    )  # fmt: skip
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.case("closed_stdout")
@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("hepqc explain HQ0885 >&-", 1, "Bad file descriptor"),
        ("hepqc explain HQ0885 >/dev/full", 1, "No space left on device"),
        ("hepqc --help >/dev/full", 1, "No space left on device"),
        ("(sleep 0.1; hepqc explain HQ0885) | sleep 0", 0, ""),
        ("hepqc explain HQ0885 >&- 2>&-", 1, ""),
        ("hepqc explain HQ0885 <&- >/dev/null 2>&-", 0, ""),
        ("hepqc check none.hepq 2>/dev/full", 1, ""),
        ("hepqc check none.hepq >&-", 1, "HQ0002"),
        ("hepqc chekc 2>/dev/full", 2, ""),
    ],
)
def test_streams_that_take_nothing(tmp_path: Path, line: str, status: int, said: str) -> None:
    found, _, err = shell(line, tmp_path)
    assert found == status
    assert said in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err


@pytest.mark.case("closed_stdout")
@pytest.mark.parametrize("locale", ["C", "en_US.ISO-8859-1", "POSIX"])
def test_programs_are_printed_as_they_are(tmp_path: Path, locale: str) -> None:
    (tmp_path / "m.hepq").write_text("# Δη of a jet\nmodel M(x:real) -> real = x\n", encoding="utf-8")
    status, out, err = shell("hepqc fmt - < m.hepq", tmp_path, LC_ALL=locale, PYTHONIOENCODING="latin-1")
    assert status == 0, err
    assert "# Δη of a jet\n" in out
