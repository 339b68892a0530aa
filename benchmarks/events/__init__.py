# SPDX-License-Identifier: Apache-2.0
"""What is done to events before a model, or without one."""
