# SPDX-License-Identifier: Apache-2.0
"""Hypothesis objects to a recursion limit that changes while a test runs, so it is raised beforehand."""

from __future__ import annotations

from hepq.lang.syntax.reading import allow_deep_recursion

allow_deep_recursion()
