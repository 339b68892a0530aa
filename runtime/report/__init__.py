# SPDX-License-Identifier: Apache-2.0
"""What became of the events, and how well they were told apart."""
