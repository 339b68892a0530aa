# SPDX-License-Identifier: Apache-2.0
"""From a checked program to what runs: IR, passes, lowerings, circuits, training."""
