# SPDX-License-Identifier: Apache-2.0
"""Circuits in the terms and files of others, both ways."""
