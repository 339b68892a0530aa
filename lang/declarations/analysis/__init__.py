# SPDX-License-Identifier: Apache-2.0
"""``analysis`` and ``fit``: objects, cuts, weights, variations and histograms of the events of files."""

from hepq.lang.declarations.analysis import syntax

__all__ = ["syntax"]
