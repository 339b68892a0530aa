# SPDX-License-Identifier: Apache-2.0
"""HQ094x: axes, random numbers, and the files that analyses read when they are compiled."""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import Entry

CORRECTIONS = {
    "HQ0940": Entry(
        "no axis of a histogram: {problem}",
        "`bins(n, low, high)` has n bins of one width, `bins(edges)` a bin between any two edges, which ascend; "
        "`integers(first, end)` one for each whole number.",
        "write `bins(40, 0 GeV, 200 GeV)`, `bins([0, 1, 5])` or `integers(0, 10)`",
    ),
    "HQ0941": Entry(
        "`{file}` cannot be read: {problem}",
        "A file that a program names is read when it is compiled; it is looked for from the program's folder on.",
        "write its path from the folder in which the program lies",
    ),
    "HQ0942": Entry(
        "`{file}` is no file of corrections: {problem}",
        "Corrections are read from JSON of schema 2 of correctionlib, compressed by gzip or not.",
        "check it by `correction validate` of the package correctionlib",
    ),
    "HQ0943": Entry(
        "`{file}` has no correction `{name}`",
        "A correction is called by its name in the file; compound corrections have names, too.",
        "`correction summary` of the package correctionlib lists them",
    ),
    "HQ0944": Entry(
        "these are not the inputs of `{name}`: {problem}",
        "Inputs are declared by the names that the file has, in its order; a real number may have a unit.",
        "write them as the file has them",
    ),
    "HQ0945": Entry(
        "the correction `{name}` {problem}",
        "A correction is given what its declaration says: a text that is known when the program is compiled, a whole "
        "number, or a number of the declared unit.",
        "look at the declaration of the correction",
    ),
    "HQ0946": Entry(
        'the correction `{name}` has no `{input}` called "{text}"',
        "A text that is handed to a correction is one of the categories in its file.",
        "`correction summary` of the package correctionlib lists them",
    ),
    "HQ0947": Entry(
        "`{name}` has {what}, which is not computed: {why}",
        "All other nodes of correctionlib are compiled.",
        "draw random numbers by `noise`, and apply networks as models",
    ),
    "HQ0948": Entry(
        "`{file}` is no list of good runs: {problem}",
        "It is JSON: by run, ranges of luminosity blocks, with both their ends.",
        'write `{{"193093": [[1, 33], [35, 40]]}}`',
    ),
    "HQ0949": Entry(
        "{distribution} has no width",
        "`normal(mean, std)` needs a standard deviation above 0, `uniform(low, high)` ends that ascend.",
        "write `normal(1, 0.05)` or `uniform(0, 1)`",
    ),
}
