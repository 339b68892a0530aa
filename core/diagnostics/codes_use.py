# SPDX-License-Identifier: Apache-2.0
"""HQ06xx and HQ07xx: datasets and models as a whole, weights and compiling.

HQ08xx (data and artifacts at run time) stand in ``core/errors.py``, which must not import the compiler.
"""

from __future__ import annotations

from hepq.core.diagnostics.catalogue import Entry

DATASETS = {
    "HQ0601": Entry(
        "dataset `{name}` has no branch `{branch}`",
        "Branches are declared before they are used.",
        "declare it: `branch {branch}: real[…]`",
    ),
    "HQ0602": Entry(
        "dataset `{name}` has no source",
        "A dataset says which files it reads.",
        'add `source events = root("files/*.root", tree = "…")`',
    ),
    "HQ0603": Entry(
        "`{name}` appears twice in the dataset",
        "Branches, inputs, labels and bound names share one name space.",
        'remove one, or read it under another name: `branch other = "{name}": …`',
    ),
    "HQ0604": Entry(
        'expected `root("files", tree = "name")`, found {found}',
        "ROOT files are the sources that are read.",
        'write `root("files/*.root", tree = "…")`',
    ),
    "HQ0605": Entry(
        "label pattern `{pattern}` needs one `*`",
        '`*` stands for the entry: `"label_*"` reads one branch per entry of the dim.',
        "write `*` where the entry's name stands",
    ),
    "HQ0606": Entry(
        "dim `{dim}` of label `{name}` has no named entries",
        "A label has one branch per entry of its dim.",
        "write `dim {dim} = [first, second, …]`",
    ),
    "HQ0607": Entry("unknown policy `{name}`", "Policies say what happens to unusual data.", "policies are: {known}"),
    "HQ0608": Entry("policy `{name}` cannot be `{value}`", "Each policy has fixed choices.", "choices are: {known}"),
    "HQ0609": Entry(
        "`order` needs a ragged dim, found `{dim}`",
        "Ordering decides which particles are kept when an event has more than the bound.",
        "declare it `dim {dim} <= bound`",
    ),
    "HQ0610": Entry(
        "the key of `order` must be one number for each `{dim}`, found `{found}`",
        "Particles are sorted by the key.",
        "sort by a branch over `{dim}`, or by an expression of such branches",
    ),
    "HQ0611": Entry(
        "`{found}` cannot be read from a file",
        "A branch or input holds numbers, with at most one ragged dim, which comes first.",
        "write `real`, `int`, `bool` or a unit, and at most one ragged dim",
    ),
    "HQ0612": Entry(
        "a dataset is pure: {what} cannot be used here", "Preprocessing has no weights.", "move it into the model"
    ),
    "HQ0613": Entry(
        "two inputs called `{name}`",
        "Each parameter of the model is fed by one input.",
        "name each after the parameter it feeds",
    ),
    "HQ0620": Entry(
        "no model in `{path}`", "Compiling needs a `model`.", "declare `model Name(x: real[…]) -> real[…] = …`"
    ),
    "HQ0621": Entry("several models: {names}", "One model is compiled at a time.", "choose one with `--model NAME`"),
    "HQ0622": Entry("no model `{name}`", "The name given is not a model of the program."),
    "HQ0623": Entry("several datasets: {names}", "One dataset feeds the model.", "choose one with `--dataset NAME`"),
    "HQ0624": Entry("no dataset `{name}`", "The name given is not a dataset of the program."),
    "HQ0625": Entry(
        "dataset `{dataset}` gives no input `{name}`, which model `{model}` needs",
        "Inputs feed the model's parameters by name.",
        "add `input {name} = …` to the dataset",
    ),
    "HQ0626": Entry(
        "input `{name}` is `{found}`, but model `{model}` expects `{wanted}`",
        "An input's type is that of the parameter it feeds.",
        "change the input, or the parameter's type",
    ),
    "HQ0627": Entry(
        "model `{model}` has no parameter `{name}`",
        "Inputs feed the model's parameters by name; this one feeds nothing.",
        "remove it, or write `{name} = …` without `input`",
        severity="warning",
    ),
    "HQ0628": Entry(
        "static argument `{name}` of model `{model}` has no value",
        "A compiled model has a value for every static argument.",
        "give it a default, or set it with `--set {name}=…`",
    ),
    "HQ0629": Entry(
        "model `{model}` cannot return {found}",
        "Results are written to files: numbers or truth values, with at most one ragged dim.",
        "return tensors with at most one ragged dim: reduce over the others",
    ),
    "HQ0630": Entry(
        "parameter `{name}` of model `{model}` needs a type",
        "The types of a model's inputs are its interface.",
        "write `{name}: real[…]`",
    ),
    "HQ0631": Entry(
        "the result `{found}` has dim `{dim}`, so it cannot be invariant under permuting it",
        "Permuting particles permutes a result that has one entry per particle.",
        "write `@equivariant(permute({dim}))`, or reduce over `{dim}`",
    ),
    "HQ0632": Entry(
        "no labels to train model `{model}` on",
        "Training compares a model's result with the truth that its dataset reads.",
        'add a dataset with `label truth: cls = "label_*"`',
    ),
    "HQ0640": Entry(
        "`{name}` is not a block or model",
        "A checkpoint table belongs to a block or model of the program.",
        "name a block or model that owns weights",
    ),
    "HQ0641": Entry(
        "checkpoint `{name}` maps to `{weight}`, which `{block}` does not have",
        "The right side names weights of the block. Static arguments decide which weights there are, so this is a "
        "warning.",
        "list them with `hepqc inspect`, or remove the line",
        severity="warning",
    ),
    "HQ0642": Entry(
        "`{{{placeholder}}}` stands for nothing: the left side lacks it",
        "A placeholder on the left stands for any text without a point; the right side may repeat it.",
        "write `{{{placeholder}}}` on the left side too",
    ),
    "HQ0643": Entry(
        "weight `{weight}` of `{block}` is mapped by nothing in checkpoint `{name}`",
        "A checkpoint that is imported through this table must give every weight.",
        "add a line for it",
        severity="warning",
    ),
}

WEIGHTS = {
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
}

USE = DATASETS | WEIGHTS
