# SPDX-License-Identifier: Apache-2.0
"""Whole systems, each beside its reference or a classical twin: families of rows in folders by what they are of."""
