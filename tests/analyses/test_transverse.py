# SPDX-License-Identifier: Apache-2.0
"""Transverse masses and angles to missing momentum, as an analysis has them, against NumPy."""

from __future__ import annotations

import numpy as np

from tests.analyses.made import made
from tests.analyses.test_meaning import EVENTS, HEAD, SOURCES, events

TEXT = """
  object lead = Jet by Jet.pt desc take 1
  cut some = exists(lead)
  hist mt = transverse_mass(lead.pt, lead.phi, MET.pt, MET.phi) in bins(25, 0 GeV, 200 GeV)
  hist dphi = abs(wrap_phi(lead.phi - MET.phi)) in bins(16, 0 rad, 3.2 rad)
"""


def test_transverse_mass_and_angle_to_missing_momentum() -> None:
    program = f"from std.hep import transverse_mass, wrap_phi\n{HEAD}\nanalysis A {{\n{SOURCES}\n{TEXT}\n}}\n"
    given = events(300, seed=9)
    found = made(program).run({"run": given, "top": EVENTS["top"]})
    mt, angle = [], []
    for event in given:
        if len(event["Jet_pt"]):
            i = int(np.argmax(event["Jet_pt"]))
            between = float(event["Jet_phi"][i]) - float(event["MET_phi"])
            mt.append(np.sqrt(2 * event["Jet_pt"][i] * event["MET_pt"] * (1 - np.cos(between))))
            angle.append(abs((between + np.pi) % (2 * np.pi) - np.pi))
    assert len(mt) > 100
    assert (found.cells("mt", "run").values[1:-1] == np.histogram(mt, 25, (0, 200))[0]).all()
    assert (found.cells("dphi", "run").values[1:-1] == np.histogram(angle, 16, (0, 3.2))[0]).all()
