# SPDX-License-Identifier: Apache-2.0
"""Any text is checked within seconds: small texts that ask for much, and files that are no files."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from hepq.compiler.driver.check import check_path, check_text
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.diagnostics.render import render_text
from hepq.lang.checker import check
from hepq.lang.elaborate.work import MAX_STEPS, Work
from hepq.lang.modules import load
from hepq.lang.syntax.reading import MAX_BYTES, MAX_MODULES
from tests.lang.hostile import PROGRAMS, lines

#: CPU time; the longest take two or three seconds on a machine of 2020
SECONDS = 10
#: calls of functions a step, of so many steps
CALLS_A_STEP, STEPS = 40, 10_000


def diagnosed(text: str, steps: int = MAX_STEPS) -> tuple[str, ...]:
    start, sink = time.process_time(), Sink()
    check(load(None, text, sink), sink, Work(steps))
    found = sink.items
    assert len(render_text(found)) < 1 << 20
    assert time.process_time() - start < SECONDS
    return tuple(d.code for d in found)


@pytest.mark.parametrize("name", PROGRAMS)
def test_ends(name: str) -> None:
    text, codes = PROGRAMS[name]
    assert len(text) <= MAX_BYTES
    steps = MAX_STEPS if "HQ0042" in codes else MAX_STEPS // 10  # so that tests are quick
    assert diagnosed(text, steps) == codes


@pytest.mark.parametrize("name", [name for name, (_, codes) in PROGRAMS.items() if "HQ0412" in codes])
def test_steps_are_short(name: str) -> None:
    """Whatever takes long is counted: a step is some calls of Python's functions, however large its values."""
    sink, work, calls = Sink(), Work(STEPS), 0
    program = load(None, PROGRAMS[name][0], sink)
    check(program, Sink(), Work(100))  # what is made once

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        check(program, sink, work)
    finally:
        sys.setprofile(None)
    assert calls < CALLS_A_STEP * (STEPS - work.left) + 10_000


@pytest.mark.case("check_exponential")
def test_a_limit_is_said_where_the_work_is_asked_for() -> None:
    text = PROGRAMS["functions applied twice at each level"][0]
    assert diagnosed(text) == ("HQ0412",)
    (found,) = check_text(text)
    assert found.labels[0].span.text.startswith("g")
    assert "bind a value that is used twice" in str(found.help)


@pytest.mark.case("check_exponential")
def test_what_is_applied_often_within_the_limits_is_fine() -> None:
    text, _ = PROGRAMS["functions applied twice at each level"]
    small = "\n".join([*text.splitlines()[:9], "model M(x: real) -> real = g8(x)"])
    assert diagnosed(small) == ()


@pytest.mark.case("check_qubit_slice")
def test_the_register_is_what_a_slice_is_compared_with() -> None:
    (found,) = check_text(PROGRAMS["a slice beyond the register"][0])
    assert found.title == "index 999999999999 is outside a length of 2"


def test_how_many_more_is_said() -> None:
    found = check_text(lines(130, lambda i: f"fn f{i}() -> real = nothing{i}"))
    assert len(found) == 101
    assert (found[-1].code, found[-1].title) == ("HQ0043", "30 more messages, not shown")
    assert [d.labels[0].span.start for d in found[:-1]] == sorted(d.labels[0].span.start for d in found[:-1])
    assert check_text(lines(101, lambda i: f"fn f{i}() -> real = nothing{i}"))[-1].title == "1 more message, not shown"


@pytest.mark.case("check_fifo")
def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.hepq")
    for path in (tmp_path / "pipe.hepq", Path("/dev/zero"), Path("/dev/null")):
        (found,) = check_path(path)
        assert found.code == "HQ0044"
        assert str(path) in found.title
    (tmp_path / "main.hepq").write_text("import pipe\n")
    assert [d.code for d in check_path(tmp_path / "main.hepq")] == ["HQ0105"]


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.hepq").open("wb") as file:
        file.truncate(1 << 33)
    assert [d.code for d in check_path(tmp_path / "huge.hepq")] == ["HQ0005"]


@pytest.mark.parametrize(
    ("data", "codes"), [(b"\xef\xbb\xbfdim a = 1\n", []), (b"dim a = 1\0\n", ["HQ0007"]), (b"\xff\xfe", ["HQ0004"])]
)
def test_bytes(data: bytes, codes: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.hepq").write_bytes(data)
    assert [d.code for d in check_path(tmp_path / "a.hepq")] == codes


def test_a_long_chain_of_modules(tmp_path: Path) -> None:
    for i in range(MAX_MODULES + 20):
        (tmp_path / f"m{i}.hepq").write_text(f"import m{i + 1}\n")
    (tmp_path / f"m{MAX_MODULES + 20}.hepq").write_text("dim a = 1\n")
    assert "HQ0045" in {d.code for d in check_path(tmp_path / "m0.hepq")}


def test_a_sink_counts_what_it_does_not_keep() -> None:
    sink = Sink(limit=2)
    assert not sink.full
    for _ in range(8):
        sink.skip()
    assert sink.overflowed
    assert sink.items[-1].title == "8 more messages, not shown"
