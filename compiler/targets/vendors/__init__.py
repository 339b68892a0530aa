# SPDX-License-Identifier: Apache-2.0
"""Calibrations as vendors publish them, one file per vendor."""
