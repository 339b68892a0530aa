# SPDX-License-Identifier: Apache-2.0
"""Circuits written anew: networks of cx for layers of phases, blocks on two wires."""
