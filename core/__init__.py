# SPDX-License-Identifier: Apache-2.0
"""What language, compiler and runtime share: pure Python, without NumPy, imported by every command."""
