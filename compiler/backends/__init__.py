# SPDX-License-Identifier: Apache-2.0
"""The compile side of each target: from optimised IR to a file."""
