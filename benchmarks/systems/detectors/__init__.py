# SPDX-License-Identifier: Apache-2.0
"""Systems that read what detectors, or magnets, give: a family of rows each."""
