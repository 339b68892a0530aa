# SPDX-License-Identifier: Apache-2.0
"""Circuits to native gates of one device: recipes, scored by calibration, checked, the best kept."""
