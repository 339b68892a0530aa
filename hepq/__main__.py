# SPDX-License-Identifier: Apache-2.0
"""`python -m hepq`: the command line, as `torchrun -m hepq train …` needs it."""

from hepq.cli import main

main()
