# SPDX-License-Identifier: Apache-2.0
"""`python -m hepq.cli`: the command line."""

from hepq.cli import main

main()
