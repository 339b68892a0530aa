# SPDX-License-Identifier: Apache-2.0
"""Events to train on: read once, split, weighted, batched."""
