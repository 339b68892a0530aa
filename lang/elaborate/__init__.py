# SPDX-License-Identifier: Apache-2.0
"""Executing a program on types: expressions, calls, statements, and what they are made of."""
