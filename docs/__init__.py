# SPDX-License-Identifier: Apache-2.0
"""The user documentation; `hepqc explain` reads its diagnostics pages."""
