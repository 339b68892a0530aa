# SPDX-License-Identifier: Apache-2.0
"""What an artifact says of its inputs and outputs."""
