# SPDX-License-Identifier: Apache-2.0
"""Whole systems, each beside its reference or a classical twin: a file a family, `row.py` what a row is."""
