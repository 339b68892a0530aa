# SPDX-License-Identifier: Apache-2.0
"""Systems that say what events mean for a theory: a family of rows each."""
