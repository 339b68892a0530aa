# SPDX-License-Identifier: Apache-2.0
"""The catalogue of diagnostics is well formed, and ``diag`` fills it in."""

from __future__ import annotations

import re

import pytest

from hepq.core.diagnostics import catalogue
from hepq.core.diagnostics.catalogue import diag, entries, near


@pytest.mark.parametrize("code", entries())
def test_every_entry_can_be_filled_in(code: str) -> None:
    entry = entries()[code]
    diagnostic = diag(code, **{field: f"<{field}>" for field in entry.fields})
    text = f"{diagnostic.title} {diagnostic.help}"
    assert all(f"<{field}>" in text for field in entry.fields)
    assert re.fullmatch(r"HQ0\d{3}", code)
    assert entry.why.endswith(".")
    assert not entry.title.endswith(".")


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(KeyError):
        diag("HQ0102")


def test_help_can_be_replaced() -> None:
    assert diag("HQ0102", name="x").help == "rename or remove one of them"
    assert diag("HQ0102", name="x", help="other").help == "other"
    assert diag("HQ0102", name="x", near=["y", "z"]).help == "did you mean `y` or `z`?"


@pytest.mark.parametrize(
    ("name", "found"), [("Dens", ["Dense"]), ("dense", ["Dense"]), ("zzz", []), ("Dense", []), ("bach", ["batch"])]
)
def test_near(name: str, found: list[str]) -> None:
    assert near(name, ["Dense", "batch", "relu"]) == found


def test_near_looks_at_so_many_and_at_names_so_long() -> None:
    """Of more, only those that begin or end alike; longer names are like nothing."""
    name, close, others = "abcdefgh", "xbcdefgy", [f"{i:08}" for i in range(catalogue._MANY)]
    assert near(name, [close, *others[1:]]) == [close]
    assert near(name, [close, *others]) == []
    assert near(name, ["abcdefgx", *others]) == ["abcdefgx"]
    assert near(name, ["xbcdefgh", *others]) == ["xbcdefgh"]
    assert near(name, ["Abcdefgx", *others]) == ["Abcdefgx"]
    long = "n" * catalogue._LONG
    assert near(long, [long[1:]]) == [long[1:]]
    assert near(f"{long}n", [long]) == []
    assert near("abcd", ["abcd" + "e" * 3, "abcdeee"]) == ["abcdeee"]
    assert near("abcd", ["abcdeeee"]) == []
    assert near("abcd", ["ABCD", "abce"]) == ["ABCD"]


def test_long_words_are_cut_in_the_middle() -> None:
    fits = "a" * catalogue._SHOWN
    assert catalogue._short(fits) == fits
    half = catalogue._SHOWN // 2
    assert catalogue._short(f"{fits}b") == f"{'a' * half} … {'a' * (half - 1)}b"
