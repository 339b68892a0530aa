# SPDX-License-Identifier: Apache-2.0
"""Corrections of correctionlib and lists of good runs: files that are read when a program is compiled."""
