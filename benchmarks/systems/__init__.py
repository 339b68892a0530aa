# SPDX-License-Identifier: Apache-2.0
"""Whole systems, each beside its reference or a classical twin: a folder for circuits and one for networks."""
