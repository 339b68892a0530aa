# SPDX-License-Identifier: Apache-2.0
"""Published jet taggers and their weights: the same numbers from ours."""
