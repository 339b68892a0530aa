# SPDX-License-Identifier: Apache-2.0
"""The grammar: ``hepq.lark``, and nothing else that decides syntax."""
