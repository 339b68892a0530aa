# SPDX-License-Identifier: Apache-2.0
"""What every program can call, one file per family."""
