# SPDX-License-Identifier: Apache-2.0
"""HQ0740 to HQ0749: training."""

from __future__ import annotations

from hepq.lang.catalogue import Entry

TRAINING = {
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
}
