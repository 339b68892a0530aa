# SPDX-License-Identifier: Apache-2.0
"""HQ09xx: analyses."""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import Entry

ANALYSES: dict[str, Entry] = {
    "HQ0900": Entry(
        "analysis `{name}` has no source",
        "an analysis says which files it reads.",
        'add `source run = data("run.root", tree="Events")`, or `mc(…)` for simulated events',
    ),
    "HQ0901": Entry(
        "not a source: `{found}`",
        "a source is data or simulated events, with the names of its files in quotes.",
        'write `data("run*.root", tree="Events")` or `mc("ttbar.root", xsec=830 pb)`',
    ),
    "HQ0902": Entry(
        "setting `{name}` of a source: {problem}",
        "`data` has the settings tree and format, `mc` also xsec, its cross-section, and sumw, where its files keep "
        "their sum of weights.",
    ),
    "HQ0903": Entry(
        "two {what} are called `{name}`",
        "results are found by their names.",
        "give one of them another name",
    ),
    "HQ0904": Entry(
        "{what} cannot stand {where}",
        "sources, branches, noise and fields said anew are those of the analysis; regions do not stand in regions.",
        "move it to the top of the analysis",
    ),
    "HQ0905": Entry(
        "no region `{name}` above",
        "a region extends, and is compared with, regions of this analysis; it extends those that stand above it.",
    ),
    "HQ0906": Entry(
        "`{name}` means one thing in `{first}` and another in `{second}`",
        "a region that extends several has the names of all of them.",
        "give one of them another name, or bind it once, in a region that both extend",
    ),
    "HQ0907": Entry(
        "a cut is one truth value of the event, and not {found}",
        "events for which it is false are left out of what follows.",
        "compare, or reduce over objects: `cut found = any(jet.pt > 100 GeV, over=jet)`",
    ),
    "HQ0908": Entry(
        "a weight is one number of the event, and not {found}",
        "it multiplies everything that the event adds to results below it.",
        "reduce over objects, as `sum(…, over=muon)` does; weights of entries: `hist h[weight=w] = …`",
    ),
    "HQ0909": Entry(
        "`{name}` is made more than once in this loop",
        "in a loop, names of results, cuts and variations say which turn they are of.",
        "number it by the loop's variable: `{name}[i]`",
    ),
    "HQ0910": Entry(
        "nothing that `{name}` could replace",
        "a variation replaces names, weights, and fields of objects that are bound above it.",
        "bind it above, by `{name} = …` or `weight {name} = …`",
    ),
    "HQ0911": Entry(
        "{found} in place of {wanted}",
        "what a variation puts in the place of a value, and a field said anew, is of the same type and unit.",
    ),
    "HQ0912": Entry(
        "{what}",
        "a variation says once what each name is instead; directions and variations of equal names are one.",
        "remove one of them, or give it another name",
    ),
    "HQ0913": Entry(
        "{found}: numbers of a source are factors of weights",
        "its cross-section, number of events and sum of weights are known when all files have been read: weights may "
        "be multiplied and divided by them, and nothing else can be made of them.",
        "write `weight norm = lumi * source.xsec / source.events`",
    ),
    "HQ0914": Entry(
        "`{name}` is not known here: {why}",
        "weights, variations and noise are of simulated events, `@mc` and `@data` mark what is of one kind alone; data "
        "have no cross-section.",
        "mark what uses it: `@mc` before it; or say both: `if source.mc then … else …`",
    ),
    "HQ0915": Entry(
        "{found} cannot be {what} of a histogram",
        "an axis is one number of the event, or of each entry of one object.",
    ),
    "HQ0916": Entry(
        "axes over `{first}` and over `{second}`",
        "a histogram is filled once for each entry of one object, and these have entries of their own.",
        "reduce over one of them; or make pairs first: `object pair = combinations(…)`",
    ),
    "HQ0917": Entry(
        "not bins of an axis: {found}",
        "behind `in` stand bins.",
        "write `bins(50, 0 GeV, 500 GeV)`, `bins([0, 1, 5])` or `integers(0, 10)`",
    ),
    "HQ0919": Entry(
        "no category: {found}",
        "a category is a truth value, the number of an entry of a dim, or named conditions, of which the first that is "
        "true counts.",
        "write `channel = (ee=count(electron) == 2, mumu=count(muon) == 2)`, then `per channel`",
    ),
    "HQ0920": Entry(
        "a histogram has no setting `{name}`",
        "in brackets stand numbers of loops, and once a weight of its entries.",
        "write `hist h[weight=w] = …`",
    ),
    "HQ0921": Entry(
        "not a column of a skim: {problem}",
        "a skim has columns with names.",
    ),
    "HQ0922": Entry(
        "these regions cannot be disjoint: {problem}",
        "`@disjoint(A, B)` says that no event is in two of them; it is checked on every event that is read.",
        "write `@disjoint(signal, control)`, and cuts that tell them apart",
    ),
    "HQ0923": Entry(
        "histogram `{name}` has {cells} cells, more than {limit}",
        "cells are counted with underflow, overflow and categories, for each source and variation.",
        "take fewer bins, or fill two histograms",
    ),
    "HQ0924": Entry(
        "`@{name}` is no mark of an item",
        "`@mc` and `@data` mark items that are of simulated events alone, or of data alone; an item has one of them.",
    ),
    "HQ0925": Entry(
        "`{name}` is said anew after other objects were made of `{objects}`",
        "these have the values that stood there before, and would keep them.",
        "move it above what is made of `{objects}`",
    ),
    "HQ0926": Entry(
        "`{name}` is said anew twice",
        "each field has one nominal value.",
        "write one expression: `Jet.pt = a * b * Jet.pt`",
    ),
    "HQ0927": Entry(
        "no noise of type `{found}`",
        "noise is real numbers without unit: one of the event, or one of each entry of a collection.",
        "write `noise smear: real[Jet] ~ normal(1, 0.05)`",
    ),
    "HQ0928": Entry(
        "`propagate` needs {wanted}, and not {found}",
        "missing momentum follows what was said anew of the objects of a collection.",
        "write `met = propagate(MET, Jet)`",
    ),
    "HQ0930": Entry(
        "a fit has no setting `{name}`",
        "its settings are channels, data, free, poi, rebin, range, and any number of rates.",
    ),
    "HQ0931": Entry(
        "fit `{name}` has no channels",
        "a fit says which histograms it is of.",
        "add `channels = [signal.mass]`",
    ),
    "HQ0932": Entry(
        "no {what} `{name}`",
        "a fit names histograms and sources of the file's analysis.",
    ),
    "HQ0933": Entry(
        "`{name}` cannot be fitted: {problem}",
        "channels have one axis of bins, in the units of the range; one or more simulated sources are free, and what "
        "is of interest is one of these.",
    ),
    "HQ0934": Entry(
        "fit `{name}` needs one analysis in its file: {what}",
        "a fit is of the histograms of the file's analysis.",
        "write `analysis NAME {{ … }}` in this file, and one only",
    ),
    "HQ0936": Entry(
        "not a correction: `{found}`",
        "a correction is one of correctionlib's, in a file.",
        'write `correctionlib("file.json", "name")`',
    ),
    "HQ0937": Entry(
        "input `{name}` of a correction has no type that files know",
        "inputs of corrections are texts, whole numbers and real numbers, which may have a unit here.",
        "write `{name}: string`, `{name}: int`, `{name}: real` or a unit, `{name}: GeV`",
    ),
    "HQ0938": Entry(
        "`{file}` cannot be called: {problem}",
        "an analysis calls artifacts that `hepqc compile` wrote, networks in ONNX, and models of programs with their "
        "weights; files are looked for beside the program.",
        'write `artifact("tagger.hepqx")`, `artifact("net.onnx")` or `artifact(Tagger, weights="tagger.safetensors")`',
    ),
    "HQ0939": Entry(
        "model `{name}`: {problem}",
        "a compiled model is called by the names of its inputs, with values of their types and units: of the event, or "
        "of each entry of one collection.",
    ),
    "HQ0935": Entry(
        "{what} in this file",
        "what is run is one analysis.",
        "name one: `hepqc run FILE NAME`",
    ),
}
