# SPDX-License-Identifier: Apache-2.0
"""Canonical forms of circuits: phases gathered, what undoes itself gone."""
