# SPDX-License-Identifier: Apache-2.0
"""The standard library, in hepq."""
