# SPDX-License-Identifier: Apache-2.0
"""Results of analyses as files of others: histograms, cut flows and skims, with their provenance."""
