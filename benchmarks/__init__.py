# SPDX-License-Identifier: Apache-2.0
"""Measurements beside our peers: `python -m benchmarks` lists them."""
