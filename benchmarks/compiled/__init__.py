# SPDX-License-Identifier: Apache-2.0
"""Compiled code beside the reference, the other back ends and BLAS."""
