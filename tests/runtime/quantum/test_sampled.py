# SPDX-License-Identifier: Apache-2.0
"""Shots of the exact simulator: what cannot happen never does, what is likely does as often as it should."""

from __future__ import annotations

from math import pi

import numpy as np

from hepq.runtime.quantum.circuit import Angle, Circuit, Gate
from hepq.runtime.quantum.exact import Exact
from hepq.runtime.quantum.executor import Task
from hepq.runtime.quantum.sampled import Sampled

CIRCUIT = Circuit(2, 1, (Gate("ry", (0,), (Angle.slot(0),)), Gate("x", (1,))))
