# SPDX-License-Identifier: Apache-2.0
"""Units of measurement: each against its definition, and what powers and products of them are."""

from __future__ import annotations

from fractions import Fraction
from math import pi

import pytest

from hepq.core.types import ENERGY, LENGTH, ONE, TIME, UNITS, Unit

#: a barn is 1e-28 m², a metre 1e3 mm
BARN = 1e-28 * 1e3**2
KNOWN: dict[str, tuple[Unit, float]] = {
    "eV": (ENERGY, 1e-9), "keV": (ENERGY, 1e3 * 1e-9), "MeV": (ENERGY, 1e6 * 1e-9), "GeV": (ENERGY, 1),
    "TeV": (ENERGY, 1e3), "um": (LENGTH, 1e-6 * 1e3), "mm": (LENGTH, 1), "cm": (LENGTH, 1e-2 * 1e3),
    "m": (LENGTH, 1e3), "ps": (TIME, 1e-12 * 1e9), "ns": (TIME, 1), "us": (TIME, 1e-6 * 1e9), "rad": (ONE, 1),
    "deg": (ONE, pi / 180), "mrad": (ONE, 1e-3),
    "ab": (LENGTH**2, 1e-18 * BARN), "fb": (LENGTH**2, 1e-15 * BARN), "pb": (LENGTH**2, 1e-12 * BARN),
    # eV over the elementary charge is V = T m²/s, so that T times the charge and c is so many eV a metre
    "T": (ENERGY / LENGTH, 1e-9 * 299_792_458 / 1e3),
}  # fmt: skip


def test_every_unit_is_what_it_is_defined_as() -> None:
    assert UNITS.keys() == KNOWN.keys()
    for name, (unit, factor) in KNOWN.items():
        assert UNITS[name][0] == unit, name
        assert UNITS[name][1] == pytest.approx(factor, rel=1e-12), name


def test_units_multiply_and_divide_as_powers_add() -> None:
    assert Unit(energy=Fraction(2)) == ENERGY * ENERGY
    assert Unit(Fraction(1), Fraction(1), Fraction(-1)) == ENERGY * LENGTH / TIME
    assert (ENERGY * LENGTH**3 * TIME) ** Fraction(1, 2) == Unit(Fraction(1, 2), Fraction(3, 2), Fraction(1, 2))
    assert (ENERGY / ENERGY).dimensionless
    assert not (ENERGY / LENGTH).dimensionless


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (ONE, "1"),
        (ENERGY, "GeV"),
        (LENGTH / TIME, "mm ns^-1"),
        (ENERGY**2 * TIME, "GeV^2 ns"),
        (LENGTH ** Fraction(1, 2), "mm^1/2"),
    ],
)
def test_units_are_written_in_base_units(unit: Unit, text: str) -> None:
    assert str(unit) == text
