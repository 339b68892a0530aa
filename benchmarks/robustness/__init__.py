# SPDX-License-Identifier: Apache-2.0
"""Random, hostile and once failing inputs; faults that the tests must notice."""
