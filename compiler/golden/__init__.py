# SPDX-License-Identifier: Apache-2.0
"""Golden vectors: events, the answers of the reference, and their replay."""
