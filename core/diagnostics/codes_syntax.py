# SPDX-License-Identifier: Apache-2.0
"""HQ00xx: reading and parsing source text."""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import MORE, NOT_SHOWN, Entry

SYNTAX = {
    "HQ0001": Entry("unexpected {found}", "The text does not follow the grammar at this point.", "expected {expected}"),
    "HQ0002": Entry("file not found: `{path}`", "The path given to the compiler does not exist."),
    "HQ0003": Entry("`{path}` is a directory", "The compiler reads one file.", "name a .hepq file"),
    "HQ0004": Entry(
        "`{path}` is not UTF-8 text (byte {offset})",
        "Programs are UTF-8 text. A ROOT file, a weights file or another binary was probably given by mistake.",
    ),
    "HQ0005": Entry(
        "`{path}` is too large (more than {limit} bytes)",
        "Programs are small; a file this large is data given by mistake.",
    ),
    "HQ0006": Entry(
        "nesting is too deep (more than {limit} levels)",
        "Brackets and expressions may nest only so far, so that every program compiles in bounded memory.",
        "name parts of the expression with `=` and use the names",
    ),
    "HQ0007": Entry(
        "character {char} has no meaning here",
        "Outside strings and comments, only ASCII letters, digits and the operators of the language may appear.",
    ),
    "HQ0008": Entry(
        "string is never closed", 'A string begins and ends with `"` on one line.', 'write the closing `"`'
    ),
    "HQ0009": Entry("`{open}` is never closed", "Every bracket must be closed.", "write the matching `{close}`"),
    "HQ0010": Entry("`{close}` closes nothing", "A closing bracket must match an open one.", "remove it"),
    "HQ0011": Entry("`{open}` is closed by `{close}`", "Brackets must match.", "write `{wanted}`"),
    "HQ0012": Entry(
        "`{bracket}` at the beginning of a line continues the line above",
        "Newlines mean nothing in hepq: a bracket after an expression calls or indexes it, even on the next line.",
        "move `{bracket}` to the line it continues",
        severity="warning",
    ),
    "HQ0013": Entry("`{found}` is not a word of hepq", "Another language's keyword was used.", "write `{instead}`"),
    "HQ0014": Entry("missing `=`", "A binding, constant or one-expression function needs `=` before its value."),
    "HQ0015": Entry(
        "`==` compares; a binding is written `=`", "`==` is a question, `=` gives a name a value.", "write `=`"
    ),
    "HQ0016": Entry(
        "`=` inside an expression",
        "`=` binds a name at the beginning of a statement, or names an argument.",
        "to compare, write `==`",
    ),
    "HQ0017": Entry("powers are written `^`", "There is one way to write a power.", "write `^` instead of `**`"),
    "HQ0018": Entry(
        "`{unit}` is not a unit",
        "A number may be followed by a unit; units are spelled exactly as in the list.",
        "units are {units}; to multiply, write `*`",
    ),
    "HQ0019": Entry(
        "this form of import does not exist",
        "A module is imported whole, or names are imported from it one by one.",
        "write `import a.b`, `import a.b as c` or `from a.b import x, y`",
    ),
    "HQ0020": Entry(
        "{what} outside a body",
        "At the top of a file stand declarations only: import, dim, const, fn, block, model, circuit, "
        "dataset, checkpoint.",
        "{instead}",
    ),
    "HQ0021": Entry("number out of range", "Integers have 64 bits; real numbers must be finite in 64 bits."),
    "HQ0022": Entry("missing name after `{keyword}`", "A declaration needs a name."),
    "HQ0023": Entry(
        "`{word}` is reserved and cannot be a name",
        "These words cannot be names: if, then, else, for, return, and, or, not, true, false.",
        "choose another name, for example `{word}_`",
    ),
    "HQ0024": Entry("comments begin with `#`", "There is one way to write a comment.", "write `#`"),
    "HQ0025": Entry("strings are written in double quotes", "There is one way to write a string.", 'write `"…"`'),
    "HQ0026": Entry("`;` is not needed", "Statements end by themselves.", "remove it, and begin a new line"),
    "HQ0027": Entry(
        "`{op}` does not exist",
        "A name is given a new value by binding it again.",
        "write the operation out: `x = x {sign} …`",
    ),
    "HQ0028": Entry(
        "this declaration is not finished",
        "The file ends, or the next declaration begins, before this one is complete.",
        "expected {expected}",
    ),
    "HQ0029": Entry("`{found}` is not an operator", "Operators are spelled one way.", "write `{instead}`"),
    "HQ0030": Entry("cannot read `{path}`: {reason}", "The operating system refused to open the file."),
    "HQ0031": Entry(
        "`{name}` needs a type",
        "A param or buffer states its type, so that weights have a known shape.",
        "write `{keyword} {name}: real[…]`",
    ),
    "HQ0032": Entry("missing `,` between {what}", "Items of a list, arguments and parameters are separated by commas."),
    "HQ0033": Entry(
        "a body stands in braces, not after `:`",
        "Indentation means nothing in hepq; bodies are written `{{ … }}`.",
        "write `{{` here and `}}` at the end",
    ),
    "HQ0034": Entry(
        "`if` is an expression, not a statement",
        "Both branches give a value: there is no `if` statement, since a network has no control flow per event.",
        "write `x = if condition then a else b`",
    ),
    "HQ0035": Entry(
        "comparisons do not chain",
        "`a < b < c` would compare a truth value with `c`.",
        "write `a < b and b < c`",
    ),
    "HQ0036": Entry(
        "`{op}` after a pipe",
        "`|>` binds looser than arithmetic, so `x |> f {op} y` has no reading.",
        "put the pipe in parentheses: `(x |> f) {op} …`",
    ),
    "HQ0037": Entry(
        "missing body of `{name}`",
        "A function, block or model has a body in braces, or `=` and one expression.",
        "write `= expression` or `{{ … return … }}`",
    ),
    "HQ0038": Entry(
        "`{text}` is not a number",
        "A number begins and ends with a digit, and no letter touches it, except a unit.",
        "write `0.5`, `1.0`, `1e-3` or `20 GeV`; to multiply, write `*`",
    ),
    "HQ0039": Entry(
        "a value by itself does nothing",
        "A statement binds a name, declares a weight, repeats, returns, or applies a gate.",
        "bind it (`name = …`) or return it (`return …`)",
    ),
    "HQ0040": Entry(
        "only a name can be bound",
        "Tensors have no places to assign to: every operation gives a new value.",
        "build the whole value and bind it to a name",
    ),
    "HQ0041": Entry(
        "`{word}` belongs in {place}",
        "`source`, `branch`, `order`, `policy`, `input` and `label` are items of a dataset, `cut`, `hist` and "
        "`region` of an analysis; `param`, `buffer`, `for` and `return` are statements of a body.",
    ),
    "HQ0042": Entry(
        "expressions nest too deeply in calls",
        "Brackets inside the arguments of calls, again and again through many functions, are all open at one time.",
        "bind parts of the expressions to names",
    ),
    MORE: NOT_SHOWN,
    "HQ0044": Entry(
        "`{path}` is not a regular file",
        "A device, a pipe or a socket may have no end.",
        "copy what it gives to a file, or give it to standard input: `hepqc check -`",
    ),
    "HQ0045": Entry(
        "more than {limit} modules are imported",
        "A program and what it imports are read as a whole.",
        "join modules into larger ones",
    ),
}
