# SPDX-License-Identifier: Apache-2.0
"""The canonical form of programs, comments kept."""
