# SPDX-License-Identifier: Apache-2.0
"""Other people's files as programs and weights of ours."""
