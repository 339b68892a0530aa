# SPDX-License-Identifier: Apache-2.0
"""Models with circuits: cut in two, and their kernels."""
