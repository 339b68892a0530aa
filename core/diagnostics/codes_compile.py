# SPDX-License-Identifier: Apache-2.0
"""HQ07xx: weights, compiling, quantum devices, training, ONNX models."""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import Entry

COMPILE = {
    "HQ0701": Entry("weights file not found: `{path}`", "The path given does not exist."),
    "HQ0702": Entry(
        "`{path}` cannot be read as weights: {reason}",
        "Weights are safetensors, or a PyTorch state_dict, which is read without running code.",
    ),
    "HQ0703": Entry("weight `{name}` is missing in `{path}`", "Every weight of the model must be in the file."),
    "HQ0704": Entry(
        "`{path}` has `{name}`, which the model does not",
        "The file belongs to another model, or to another version of it.",
    ),
    "HQ0705": Entry(
        "weight `{name}` has shape {found}, the model needs {wanted}", "The file belongs to a model of other sizes."
    ),
    "HQ0706": Entry("weight `{name}` holds NaN or infinity", "Such a model would give no usable score."),
    "HQ0707": Entry(
        "no checkpoint table `{name}`",
        "Foreign state_dicts are mapped by a `checkpoint` declaration.",
        "tables are: {known}",
    ),
    "HQ0708": Entry("unknown target `{name}`", "Targets are where the compiled code runs.", "targets are: {known}"),
    "HQ0709": Entry("`{op}` cannot be compiled for `{target}`", "The target lacks this operation."),
    "HQ0711": Entry(
        "model `{name}` has no weights",
        "Compiling needs trained weights, or an explicit wish for random ones.",
        "pass `--weights FILE.safetensors`, or `--init SEED` for random weights",
    ),
    "HQ0720": Entry(
        "unknown device `{name}`",
        "A target is a device that comes with hepq, a topology, or a file that describes one.",
        "`hepqc targets` lists them all",
    ),
    "HQ0721": Entry(
        "`{path}` does not describe a device: {found}",
        "A device's file states its qubits, couplings, native gates and where its figures are from.",
        "docs/devices.md shows one",
    ),
    "HQ0722": Entry(
        "device `{name}` cannot be asked for its calibration: {found}",
        "A live device is described by its vendor's service.",
        "`ibm:torino` and others come with a calibration",
    ),
    "HQ0723": Entry(
        "`{path}` is not a calibration as {vendor} publishes it: {found}",
        "Each vendor has a format of its own; docs/devices.md lists what is read of each.",
        "is `--vendor` right?",
    ),
    "HQ0724": Entry(
        "no device `{name}`: {found}",
        "Abstract devices have at most a thousand qubits.",
        "a lattice little larger than the circuit is enough",
    ),
    "HQ0725": Entry(
        "the calibration of `{name}` is of {day}, {age} days old",
        "Devices are calibrated anew every day: couplers fail, others are mended, and what was the best region drifts.",
        "for a job on the device, compile for it as it is now",
        severity="warning",
    ),
    "HQ0730": Entry(
        "a circuit on {wanted} wires does not fit `{name}`",
        "Wires that gates join need qubits that work and hang together; groups of wires may be on several pieces.",
        "choose a larger device: `hepqc targets` lists them",
    ),
    "HQ0731": Entry(
        "no circuit can be written in the gates of `{name}`: {found}",
        "A device needs turns about two axes and one of cz, cx, ecr, rzz, iswap and ms.",
        "choose another device; or, if a file of yours describes it, name all of its native gates there",
    ),
    "HQ0732": Entry(
        "no recipe gave a circuit for `{name}`: {found}",
        "Every one failed, or gave a circuit that is not the source and was discarded.",
    ),
    "HQ0733": Entry(
        "no format `{name}` of circuits", "Circuits are written in formats that others read.", "formats are: {known}"
    ),
    "HQ0734": Entry(
        "`{name}` has no open angles",
        "Only qasm3, qpy and tket can leave rotations open.",
        "name a file of events to fill it with, or choose qasm3, qpy or tket",
    ),
    "HQ0735": Entry(
        "`{name}` has no gate `{gate}` of `{device}`",
        "A circuit is written in the gates of its device, or not at all.",
        "choose another format: qasm3 has all gates",
    ),
    "HQ0736": Entry(
        "the circuit written as `{name}` does not read back as the same: {found}",
        "All that is written is read again by another program and compared.",
    ),
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
        "`{name}` has nothing to train: {reason}",
        "Training changes the `param`s of a model that are not frozen.",
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
    "HQ0750": Entry(
        "the classical and the quantum part of `{name}` cannot be told apart: {found}",
        "Particles are dealt with by compiled code before the circuits; what follows the circuits cannot use it.",
        "reduce over particles before the circuit, or let the circuit give one value per event or particle",
    ),
    "HQ0751": Entry(
        "`{name}` is no kernel: of two events it gives {found}", "A kernel gives one number for each pair of events."
    ),
    "HQ0752": Entry(
        "model `{name}` has no circuit to run on `{target}`",
        "Quantum devices run circuits; all else is compiled for a CPU.",
        "compile it with `--target cpu`",
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
    "HQ0756": Entry(
        "fold {fold} of {folds} has no events to train on",
        "A fold is the event's number modulo the number of folds, or drawn by chance.",
        "give more events, or fewer `--folds`",
    ),
    "HQ0757": Entry(
        "`{train}` gives nothing to predict with: {found}",
        "Predictions have one row for each event: results that are numbers of an event, not of its particles.",
        "leave out `--predictions`; compile the weights of each fold and use `hepqc predict`",
    ),
    "HQ0758": Entry(
        "no training event of {name} can be reweighted {how}",
        "All are outside the bins of `reweight`, in bins whose weights do not sum to more than 0, or where the "
        "reference has none: they would count nothing.",
        "choose bins that hold events of every class",
    ),
    "HQ0759": Entry(
        "{options} would change nothing: {reason}",
        "A support vector machine and gradient descent have options of their own, which the other does not heed.",
        "leave it out",
    ),
    "HQ0760": Entry(
        "model `{name}` cannot be an ONNX file: it has {found}",
        "An ONNX graph holds classical operations; circuits need a simulator or a device.",
        "compile it with `--target cpu`, or for a quantum device",
    ),
    "HQ0761": Entry(
        "the ONNX graph of `{name}` does not give what the reference gives: {found}",
        "Before it is written, an ONNX file is run by onnxruntime on the golden vectors.",
        "this is a fault in hepq or onnxruntime: please report it",
    ),
    "HQ0762": Entry(
        "`{path}` cannot be read as an ONNX model: {reason}",
        "The file is damaged, is something else, or keeps its weights in files beside it.",
    ),
    "HQ0763": Entry(
        "`{path}` has operators that cannot be imported: {found}",
        "Feed-forward networks are imported, operator by operator.",
        "imported are: {known}",
    ),
    "HQ0764": Entry(
        "`{path}` is not a feed-forward network on vectors: {found}",
        "Each event is one vector of numbers for each input; the first axis is the batch.",
    ),
    "HQ0765": Entry(
        "the compiled code of `{name}` does not give what the reference gives: {found}",
        "Before an artifact is written, its code is run on the golden vectors, where it is for this machine.",
        "this is a fault in hepq: please report it, with the program and the events",
    ),
    "HQ0766": Entry(
        "rounding decides {count} of {tried} golden events of `{name}`",
        "The reference, on inputs off by {errors} float32 rounding errors of 2^-24, moves by more than the tolerance, "
        "{tolerance}, in more than half: near-ties between neighbours, or small differences of large numbers.",
        "give other events, `--golden FILE`; or read coordinates of neighbours from branches, not computed ones",
    ),
    "HQ0767": Entry(
        "{count} golden events of `{name}` would take about {time}, and {memory} at once",
        "The reference interpreter simulates every circuit, gate by gate, in each of its runs: "
        "about {each} for each event.",
        "give `--golden-events {most}`; or give circuits fewer wires or gates",
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
    "HQ0780": Entry(
        "no `{name}` to vary",
        "What varies is a const, a static argument or the size of a dim of the program, or an option of its training.",
    ),
    "HQ0781": Entry(
        "`{name}` cannot vary over `{text}`: {reason}",
        "It varies over the numbers of a range, both ends included, or over the values of a list.",
        "`--vary 'width=16..128 log'`, `--vary 'dropout=0..0.5 step 0.1'`, `--vary 'train.batch=64, 128'`",
    ),
    "HQ0782": Entry(
        "the study in `{path}` is another one: {reason}",
        "Trials are compared with each other: all are of one program, its events, and one recipe.",
        "give the same arguments, or another folder: `--study FOLDER`",
    ),
    "HQ0783": Entry(
        "training gives no `{metric}` to tune by: {found}",
        "Trials are compared by a number that each training gives of the events held out.",
        "name another with `--metric`",
    ),
    "HQ0784": Entry(
        "no trial of the study in `{path}` came to an end: {reason}",
        "Trials were pruned, or their values are not allowed.",
        "allow other values, or prune less: `--prune none`",
    ),
    "HQ0773": Entry(
        "the graph begins at the inputs that `{name}` makes of an event",
        "Objects, selections and what is computed of them are a program of their own, in double precision, which is "
        "not in an ONNX file; the graph takes {inputs}.",
        "compute them where the graph is used, as the dataset says; or load an artifact: `--target cpu`",
        severity="warning",
    ),
}
