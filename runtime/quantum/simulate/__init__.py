# SPDX-License-Identifier: Apache-2.0
"""Exact simulation of one circuit for many events at once."""
