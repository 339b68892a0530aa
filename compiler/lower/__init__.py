# SPDX-License-Identifier: Apache-2.0
"""Lowerings, one folder per kind of code."""
