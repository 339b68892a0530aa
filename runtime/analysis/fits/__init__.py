# SPDX-License-Identifier: Apache-2.0
"""Binned likelihood fits of results: templates, the workspace of pyhf, the fit itself and what it says."""
