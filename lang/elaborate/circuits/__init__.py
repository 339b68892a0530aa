# SPDX-License-Identifier: Apache-2.0
"""Circuits: unrolled to gates on numbered wires."""
