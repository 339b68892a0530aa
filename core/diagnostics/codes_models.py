# SPDX-License-Identifier: Apache-2.0
"""HQ06xx: datasets, models, checkpoints and trainings as declared."""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import Entry

MODELS = {
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
        "A source is files of one kind: `root`, `parquet`, `csv` or `npz`.",
        'write `root("files/*.root", tree = "…")`',
    ),
    "HQ0605": Entry(
        "{what} pattern `{pattern}` needs one `*`",
        '`*` stands for the entry of a label\'s dim, or for the field of a collection: `"label_*"`, `"Jet_*"`.',
        "write `*` where the entry's name stands",
    ),
    "HQ0606": Entry(
        "dim `{dim}` of label `{name}` has no named entries",
        "A label's classes are the entries of its dim, by names or by numbers.",
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
        "A branch or input holds numbers, with at most one ragged dim, which comes first. Numbers of entries say of "
        "which dim: `index[edge] of hit`; something else is read of each entry of that.",
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
    "HQ0614": Entry(
        "source of `{format}` files: {what}",
        "Each kind of file has settings of its own.",
        'write `{format}("files", …)`, settings by name',
    ),
    "HQ0615": Entry(
        "a branch of `{wanted}` cannot be {found} where a file lacks it",
        "The default is a number of the branch's own type and unit, known when the program is compiled.",
        "write a number, with the unit if the branch has one: `else 0 GeV`",
    ),
    "HQ0616": Entry(
        "dim `{dim}` has no entry `{name}`",
        "The classes of a label are the entries of its dim.",
        "write one of its entries, or add this one",
    ),
    "HQ0617": Entry(
        "`{what}` twice in a label",
        "Each class has one rule or one list of numbers, and each number one class.",
        "join them: `a or b` of rules, `[4, 5]` of numbers",
    ),
    "HQ0618": Entry(
        "`otherwise` is not the last rule",
        "It stands for all events that meet no other rule.",
        "write it at the end",
    ),
    "HQ0619": Entry(
        "label `{name}` is by source: {what}",
        "Sources then have the names of the classes.",
        "give every entry of dim `{dim}` a source of its name, and no other",
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
        "Results are written to files: numbers or truth values, with at most two ragged dims, both of them of inputs.",
        "return tensors with at most two ragged dims, of inputs if there are two: reduce over the others",
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
    "HQ0633": Entry(
        "two results of model `{model}` are called `{name}`",
        "A result is written to files under its name, one whose entries have names as `NAME_ENTRY`.",
        "give one of them another name",
    ),
    "HQ0634": Entry(
        "a result of model `{model}` is called `{name}`",
        "Results have their names in files and in other programs, where primes are not part of a name.",
        "leave the prime out",
    ),
    "HQ0635": Entry(
        "expected {wanted}, found {found}",
        "A label says of which class an event is.",
        "reduce over the dims that are too many: `any(flav == 5, over=part)`, `sum(pt, over=part) > 100 GeV`",
    ),
    "HQ0636": Entry(
        "the label of dataset `{dataset}` is the source of an event",
        "Files that are named are of none of the dataset's sources.",
        "leave them out: training reads the sources",
    ),
    "HQ0637": Entry(
        "a label's rule cannot be computed outside compiled code: {what}",
        "Labels are computed as files are read, by arithmetic, comparisons and sums, not by neighbours or windows.",
        "write the rule without it, or read the class from a branch",
    ),
    "HQ0638": Entry(
        "`{name}` cannot be set: it is neither a const nor a static argument of `{model}`",
        "`--set NAME=VALUE` gives another value to a const of the program, or one to a static argument of the model.",
    ),
    "HQ0639": Entry(
        "`{name}` cannot be given a size: {reason}",
        "`--dim NAME=SIZE` gives a size to a dim that the program leaves open, or another one in place of a number.",
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
    "HQ0649": Entry(
        "`{name}` would change nothing: `{train}` fits a support vector machine",
        "A support vector machine is fitted on its kernel matrix: it takes no steps, and makes no loss small.",
        "remove it; `weight`, `split`, `validation`, `signal` and `class_weight` are of every training",
    ),
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
    "HQ0659": Entry(
        "the split `{split}` beside `validation`",
        "With a split, the events whose number it divides are held out, and no others.",
        "leave one of them out",
    ),
    "HQ0660": Entry(
        "`{name}` is only there in a dataset",
        "Collections are what a file's events have; a model is given values, and knows nothing of files.",
        "make an `input` of it in the dataset, and give that to the model",
    ),
    "HQ0661": Entry(
        "expected a collection or objects, found {found}",
        "Objects are what an event has several of: a `collection`, an `object`, or a ragged dim of branches.",
        'name a collection, such as `Jet` of `std.nanoaod`, or declare one: `collection Jet = "Jet_*" {{ … }}`',
    ),
    "HQ0662": Entry(
        "values of `{parent}` and of `{sub}`, which is some of the same, do not align",
        "Each entry of one would meet each of the other, itself among them: a distance of 0, a pair of one thing.",
        "read the value at the same entries, `x[{sub}]`; or take all pairs, `a, b = pairs({parent}, {sub})`",
    ),
    "HQ0663": Entry(
        "`{name}` has no four-vector",
        "One is made of pt, eta, phi and mass or energy, or of px, py, pz and energy; it has: {names}.",
        "declare the values that are missing, or use `p4(…)`",
    ),
    "HQ0664": Entry(
        "{what} may be absent: {why}",
        "A value is needed each time; there is none where nothing was found, and no number stands for that.",
        "guard it with `exists(…) and …`, or say a value: `default(…, …)`",
    ),
    "HQ0665": Entry(
        "expected {wanted}, found {found}",
        "A combination is of 2 to 8 entries of one collection, each with a name; a union is of 2 to 64 collections.",
        "write `combinations(Jet, 3) as a, b, c`, or `union(Muon, Electron)`",
    ),
    "HQ0666": Entry(
        "{found} is not of what `{name}` was made of",
        "A value is read at the entries of a sub-dim, through the map to what that was made of.",
        "use values of its parent, or of what it is a part of",
    ),
    "HQ0667": Entry(
        "{found} is always there",
        "`default` and `exists` are of values that some events lack.",
        "use the value as it is",
    ),
    "HQ0668": Entry(
        "`empty` of `{name}` is never used: `{dims}` always has entries",
        "`empty` is the result over no entry.",
        "leave it out",
    ),
    "HQ0669": Entry(
        "an index of what?",
        "A cross-reference numbers the entries of one collection.",
        "write `index of Muon`",
    ),
    "HQ0670": Entry(
        "`{what}` needs {wanted}, found `{found}`",
        "It decides for each entry, or each event, by itself.",
        "reduce over the other dims, as by `any(…, over=…)` or `sum(…, over=…)`",
    ),
    "HQ0671": Entry(
        "`{dim}` is not of a list in each `{each}`",
        "With `each {each}` the model sees one entry of it, and what is listed there.",
        "declare a collection of lists: `collection Constituent of {each} = … {{ … }}`",
    ),
    "HQ0672": Entry(
        "`each {name}` stands once, before the inputs",
        "A model is applied to each event, or to each entry of one collection; its inputs are made accordingly.",
        "put it before the first `input`, and leave out another",
    ),
    "HQ0673": Entry(
        "input `{name}` is over `{dim}`, of which there may be any number",
        "A model is compiled for up to so many entries.",
        "say how many there are at most: `object NAME <= 64 = …`",
    ),
    "HQ0674": Entry(
        "`{name}` has no fields",
        "Entries are counted by what is read of them.",
        "declare what the file has: `pt: GeV`",
    ),
    "HQ0675": Entry(
        "`{name}` must say which `{name}` each entry belongs to, found `{found}`",
        "In a collection of lists, the field that is called as what has the lists says whose each entry is.",
        "write `index of {name}`, a number for each entry; or `ends of {name}`, where the list of each ends",
    ),
}
