# SPDX-License-Identifier: Apache-2.0
"""Running compiled code and programs over batches."""
