# SPDX-License-Identifier: Apache-2.0
"""Commands that train: one training, many of them to find the best, and one that tells two files apart."""
