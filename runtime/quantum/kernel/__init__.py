# SPDX-License-Identifier: Apache-2.0
"""Kernel matrices: tiled, stored, resumed."""
