# SPDX-License-Identifier: Apache-2.0
"""Running analyses: events of files to sums, sums to histograms and cut flows, those to files and pictures."""
