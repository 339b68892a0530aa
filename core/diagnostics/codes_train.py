# SPDX-License-Identifier: Apache-2.0
"""HQ0650 to HQ0658: what a `train` declaration says. HQ0740 to HQ0772: training. HQ0790: comparing
files."""

from __future__ import annotations

from hepq.core.diagnostics.catalogue import Entry

DECLARED = {
    "HQ0650": Entry(
        "`{name}` is used nowhere, and nearly a setting",
        "Settings of a training are bound like any name; one that is misspelt would change nothing.",
        "correct it, or remove it",
    ),
    "HQ0651": Entry(
        "expected {wanted}, found {found}",
        "Each setting of a training takes one kind of value, known when the program is compiled.",
        "see the settings of `train` in the language reference",
    ),
    "HQ0652": Entry("no {what} `{name}`", "Optimisers, schedules and their arguments have fixed names."),
    "HQ0653": Entry(
        "a loss or weight is one pure number for each event, not `{found}`",
        "The training averages the losses of a batch's events; over what an event is made of, the program says how.",
        "sum or average it: `mean(loss, over=dim)`; divide a quantity by its unit",
    ),
    "HQ0654": Entry(
        "step `{name}` moves no weights",
        "A step has the name of a block that is bound above it, whose weights it moves.",
        "bind a block: `{name} = …`, or name several: `weights = [a, b]`",
    ),
    "HQ0655": Entry(
        "nothing to train in `{train}`: {what}",
        "A training needs a dataset, and a loss: its own, or the one that suits a model's result and a label.",
        "choose with `data = …` and `model = …`, or write a `loss`",
    ),
    "HQ0656": Entry(
        "step `{name}` needs a loss, and has no other setting than `optimiser`",
        "A step says what its weights are moved by; all else holds for the whole training.",
        "write `loss = …` in it, and other settings outside",
    ),
    "HQ0657": Entry(
        "a loss beside steps",
        "With steps, each says its own loss.",
        "put it into a step",
    ),
    "HQ0658": Entry(
        "{found}",
        "One training is run at a time.",
        "choose one with `--train NAME`",
    ),
}

RUN = {
    "HQ0738": Entry(
        "no event to train on among {found}",
        "Events that are not scored, or that the label puts into no class, are left out.",
        "check the files, the label's branches and the dataset's policies",
    ),
    "HQ0739": Entry(
        "`{pattern}` names no weight of `{model}`",
        "Weights are named by their path or that of the block that they are in; `*` stands for anything.",
        "`hepqc weights list` shows all paths",
    ),
    "HQ0740": Entry(
        "one class is not enough to train `{model}`: {found}",
        "Training tells classes apart, so events of two or more are needed.",
        "give files of every class, and check the label's branches",
    ),
    "HQ0741": Entry("no class `{name}`", "The signal is one of the entries of the label's dim."),
    "HQ0742": Entry(
        "the result of `{model}`, {found}, cannot be compared with the {count} classes of `{dim}`",
        "Training compares one number per class with the truth, or, of two classes, a single number.",
        "return `real[{dim}]`, or for two classes `real`",
    ),
    "HQ0743": Entry(
        "cannot resume from `{path}`: {reason}",
        "A training goes on only as it began: same program, events and options.",
        "give another folder to `--checkpoint`, or remove the file",
    ),
    "HQ0744": Entry(
        "`{path}` is of a training that was begun",
        "A training is never overwritten by accident.",
        "continue it with `--resume`, or give another folder to `--checkpoint`",
    ),
    "HQ0745": Entry(
        "model `{model}` has no weights to train",
        "Training changes the `param`s of a model; this one has none.",
        "declare one with `param name: type ~ init`, or apply a block such as `Dense`",
    ),
    "HQ0746": Entry(
        "{what} is not a finite number",
        "Nothing can be learnt from NaN or infinity.",
        "lower `--lr`, or look for a division by zero or the logarithm of one in the program",
    ),
    "HQ0747": Entry(
        "the `svm` of model `{model}` tells two classes apart, the label has {count}",
        "A support vector machine separates one class from another.",
        "label two classes",
    ),
    "HQ0748": Entry(
        "the kernel matrix of {events} events takes {size}",
        "A support vector machine needs the kernel of every pair of training events.",
        "train on fewer: `--events 5000`",
    ),
    "HQ0749": Entry(
        "model `{model}` has an `svm` and other weights: {others}",
        "A support vector machine is fitted to its kernel; it cannot train what else there is.",
        "leave the other blocks out, or replace `svm` by a `Dense` and train by gradient descent",
    ),
    "HQ0753": Entry(
        "the weights of {what} sum to {found}",
        "A mean over events of both signs of weight, and an equal share for every class, need a sum above 0.",
        "give more events, or weights of which fewer are negative",
    ),
    "HQ0754": Entry(
        "{what} is not a finite number in {count} of {total} events, the first {place}",
        "What is made of NaN or infinity is NaN: no learning rate would help.",
        "keep arguments of logarithms, roots and quotients away from 0, or leave such events out of the file",
    ),
    "HQ0755": Entry(
        "the weight of {count} of {total} events is {what}, the first {place}",
        "An event counts as much as its weight says; a support vector machine takes none below 0.",
        "look for a division by zero in `weight`, or for such numbers in the file",
    ),
    "HQ0772": Entry(
        "no device `{name}` to train on: {reason}",
        "Devices are those that torch knows and this machine has.",
    ),
    "HQ0790": Entry(
        "nothing to compare: {found}",
        "Two files are compared by a model that a dataset feeds from them, trained on half of their events.",
        "give files with more events, or a program with a dataset",
    ),
}

TRAINING = DECLARED | RUN
