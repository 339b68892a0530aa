# SPDX-License-Identifier: Apache-2.0
"""Passes over the IR, one per file; ``pipelines.py`` has them in order."""
