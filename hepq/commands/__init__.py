# SPDX-License-Identifier: Apache-2.0
"""The `hepqc` commands, one group per module."""
