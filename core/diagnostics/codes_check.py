# SPDX-License-Identifier: Apache-2.0
"""HQ01xx to HQ04xx: names and imports, dims, types and units, calls."""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import Entry

CHECK = {
    "HQ0101": Entry(
        "unknown name `{name}`",
        "A name must be bound above its use, declared in the file, imported, or built in.",
        "declare it, or import it from the module that has it",
    ),
    "HQ0102": Entry(
        "`{name}` is declared twice",
        "Within a file a name means one thing: declarations, dims and imported names share one name space.",
        "rename or remove one of them",
    ),
    "HQ0104": Entry(
        "`{name}` is a {kind}, not a value",
        "Datasets, checkpoints and modules cannot be used in expressions.",
        "use a function, a dim, a const or a block here",
    ),
    "HQ0105": Entry(
        "module `{module}` is not found",
        "`std.…` modules come with hepq; `a.b` is the file a/b.hepq beside the importing file.",
        "looked for {looked}",
    ),
    "HQ0106": Entry(
        "module `{module}` has no `{name}`", "Only names that a module declares or imports can be imported."
    ),
    "HQ0107": Entry(
        "modules import each other in a circle: {cycle}",
        "A module is checked after those it imports, so imports cannot form a circle.",
        "move what they share into a third module",
    ),
    "HQ0108": Entry(
        "parameter `{name}` is declared twice", "Static and run-time parameters of one declaration have distinct names."
    ),
    "HQ0109": Entry(
        "unknown attribute `@{name}`",
        "Attributes state properties that the compiler knows how to check: "
        "`@invariant`, `@equivariant`, `@shots`, `@budget`.",
        "remove it, or check its spelling",
    ),
    "HQ0111": Entry(
        "`@{name}` expects {wanted}",
        "The arguments of an attribute have a fixed form.",
        "write `@{name}(permute(part))`",
    ),
    "HQ0201": Entry(
        "expected a dim, found {found}",
        "Types and reductions are written over dims: names declared by `dim`, or whole numbers for anonymous dims.",
        "declare it: `dim name = size`, `dim name <= bound`, or `dim name` for any size",
    ),
    "HQ0202": Entry(
        "`{left}` and `{right}` do not align: `{dim}` against `{other}`",
        "Dims align by name. Where each side has a fixed dim that the other lacks, the result would be every pair of "
        "their entries, which is nearly always a mistake in a size or a name. Copies such as `node` and `node'` do "
        "make pairs.",
        "bring both to one dim, for example with `Dense[{dim}]` or `rename(x, {other}, {dim})`",
    ),
    "HQ0203": Entry(
        "dim `{dim}` is {left} here and {right} there",
        "One name stands for one size in one program.",
        "use two names for two sizes",
    ),
    "HQ0204": Entry(
        "dim `{dim}` appears twice in one value",
        "Dims are told apart by name, so each may appear once. A second copy is written with a prime.",
        "use a primed copy, such as `part'`, or rename one",
    ),
    "HQ0205": Entry(
        "`...` cannot stand in this type",
        "`...` means any further dims, in a parameter or result of a function or "
        "block. Here the type must be complete.",
        "write out the dims",
    ),
    "HQ0206": Entry(
        "{size} is not a possible size",
        "Sizes, bounds, strides and counts are whole numbers from 1 to 2^24; of neighbours there are 1024 at most.",
        "use a whole number from 1 to 16777216",
    ),
    "HQ0207": Entry(
        "{what} needs dim `{dim}`, which `{found}` lacks",
        "Dims align by name, never by position.",
        "pass a value of type `{wanted}`, or rename a dim: rename(x, from, to)",
    ),
    "HQ0208": Entry(
        "{what} must be `{wanted}`, but the value is `{found}`",
        "The value has more dims than the type allows, or fewer.",
        "reduce, select or add the dims that differ",
    ),
    "HQ0209": Entry(
        "the entries of dim `{name}` must be distinct names",
        "`dim cls = [QCD, Hbb]` names the entries of a dim of fixed size, so that `score.Hbb` reads.",
        "write `dim {name} = [first, second]`",
    ),
    "HQ0210": Entry(
        "weight `{name}` varies with the event: dim `{dim}` is ragged",
        "Weights exist before any event is seen, so their dims have fixed sizes.",
        "give the weight fixed dims only",
    ),
    "HQ0211": Entry(
        "dim `{dim}` has no fixed size",
        "A ragged dim has another length in each event; here a size known at compile time is needed.",
        "reduce over it, or use `count({dim})` for its length in this event",
    ),
    "HQ0212": Entry(
        "`{found}` has no dim `{dim}`",
        "A dim named in an operation must be a dim of the value.",
        "name one of the value's own dims",
    ),
    "HQ0213": Entry(
        "`{name}` cannot be applied to `{found}`",
        "The operation needs a value with other dims: see the language reference.",
        "check which dims the value has",
    ),
    "HQ0214": Entry(
        "dim `{dim}` has {size} entries, but {found} values are given",
        "The values must fill the dim exactly.",
        "declare the dim with size {found}",
    ),
    "HQ0215": Entry(
        "dim `{dim}` of size {size} cannot be taken apart as {found}",
        "The parts must make up the whole dim.",
        "choose sizes that fit",
    ),
    "HQ0216": Entry(
        "dim `{dim}` of `{name}` has no size",
        "Every dim of a compiled model's inputs and weights must be known: from its "
        "declaration, a static argument, or the dataset.",
        "write `dim {dim} = size`, or compile with `--dim {dim}=SIZE`",
    ),
    "HQ0217": Entry(
        "weight `{name}` of `{model}` has no size: dim `{dim}`",
        "The size of such a dim is known after training: of support vectors, there are as many as training finds.",
        "the size of `{dim}` is known after training: compile with `--weights FILE`, or `--dim {dim}=SIZE`",
    ),
    "HQ0218": Entry(
        "a value with {count} dims, more than {limit}",
        "No computer holds a table of that many dims.",
        "sum over some of them, or flatten two into one",
    ),
    "HQ0219": Entry(
        "a value of type `{type}` has {count} numbers in one event, more than {limit}",
        "Sizes of fixed dims multiply.",
        "use smaller dims, or sum over one of them first",
    ),
    "HQ0220": Entry(
        "dim `{name}` names {count} entries, more than {limit}",
        "Entries have names so that people can write them.",
        "give the dim a size: `dim {name} = {count}`",
    ),
    "HQ0221": Entry(
        "calls inside calls reach `{name}`, deeper than {limit}",
        "Calls and definitions are followed when a program is checked; a deep chain of them is seldom meant.",
        "join some of the declarations on the way, or loop over a list of blocks",
    ),
    "HQ0222": Entry(
        "a unit to a power above {limit}",
        "Units multiply with the values that have them.",
        "divide by a quantity of the same unit first: logarithms and powers are of pure numbers",
    ),
    "HQ0223": Entry(
        "collection `{src}` cannot be called `{dst}`",
        "Each event has its own number of each collection: entries of one are not those of another, even with equal "
        "bounds.",
        "make a copy of it, `{base}'`, or read both collections over one dim",
    ),
    "HQ0224": Entry(
        "no input of the model has collection `{dim}`",
        "How many an event has is known from what is read of it.",
        "give the model an input over `{dim}`, or use a dim of fixed size",
    ),
    "HQ0225": Entry(
        "`{made}` is made for number {number} here, and for {theirs} in `{other}`",
        "Blocks that a loop makes are numbered in the order they are made, whatever the loop's value: a block and its "
        "inverse would exchange their weights.",
        "make the blocks in one order, into a list, and loop over `reverse(list)` where the other order is needed",
    ),
    "HQ0301": Entry(
        "expected a number or a tensor, found {found}",
        "Arithmetic and layers work on numbers.",
        "pass a number or a tensor",
    ),
    "HQ0302": Entry(
        "`{op}` needs one unit, found {left} and {right}",
        "Quantities are added, compared and joined only in one unit. A pure number (unit 1) is not a quantity.",
        "multiply or divide by a quantity, such as `1 GeV`, so that both have one unit",
    ),
    "HQ0303": Entry(
        "`{function}` needs a pure number, found a value in {unit}",
        "Functions such as log and exp have no meaning for a "
        "quantity with a unit: log(20 GeV) depends on the unit chosen.",
        "divide by a quantity of that unit first, for example `log(p.pt / 1 GeV)`",
    ),
    "HQ0304": Entry(
        "no arithmetic on `{found}`",
        "Indices number particles; they are used with `gather`, not computed with.",
        "use `position(dim)` for numbers that count entries",
    ),
    "HQ0305": Entry(
        "`{op}` is not defined for a four-vector",
        "Four-vectors are added, subtracted, and scaled by numbers. Everything else "
        "acts on what is computed from them: `p.pt`, `p.mass`, `deltaR(p, q)`, `minkowski(p, q)`.",
        "take a component or a function of it first, such as `p.pt`",
    ),
    "HQ0306": Entry(
        "expected a truth value, found `{found}`",
        "Conditions, `and`, `or` and `not` work on `bool`.",
        "compare it, as in `x > 0`",
    ),
    "HQ0307": Entry(
        "unknown type `{name}`",
        "Types are real, int, bool, complex, index, p4, qubit and the units (GeV, mm, ns, rad, ...).",
        "use `real` for a pure number",
    ),
    "HQ0308": Entry(
        "{what} must be {wanted}, but the value is {found}",
        "A unit is part of a type (`1` is a pure number). Values are converted only by arithmetic with quantities.",
        "multiply or divide by a quantity, such as `/ 1 GeV`",
    ),
    "HQ0309": Entry(
        "{what} must be `{wanted}`, but the value is `{found}`",
        "The element types differ.",
        "pass a value of that type",
    ),
    "HQ0310": Entry(
        "{found} has no field `{name}`",
        "A field is an entry of a dim (`score.Hbb`), a component of a four-vector (`p.px`) or a function of one "
        "(`p.pt`), or one of several named values (`result.mass`).",
        "check the spelling, or name the entries: `dim cls = [QCD, Hbb]`",
    ),
    "HQ0401": Entry(
        "{found} cannot be called",
        "Only functions, blocks, models and built-ins are called.",
        "check the name before the `(`",
    ),
    "HQ0402": Entry(
        "argument `{name}` of `{what}` is given twice", "Each parameter takes one argument.", "remove one of them"
    ),
    "HQ0403": Entry(
        "`{what}` has no parameter `{name}` here",
        "Static arguments stand in `[ ]`, values in `( )`.",
        "it takes: {wanted}",
    ),
    "HQ0404": Entry(
        "expected {wanted}, found {found}",
        "Sizes, options and loops are fixed when the program is compiled.",
        "pass a value of that kind",
    ),
    "HQ0405": Entry(
        "`{expression}` has no finite value",
        "Static arithmetic must have a result.",
        "check for a division by zero or a huge power",
    ),
    "HQ0406": Entry(
        "index {index} is outside a length of {length}",
        "Indices run from 0 to the length less one; negative ones count from the end.",
        "use an index below {length}",
    ),
    "HQ0407": Entry(
        "`{what}` needs the static argument `{name}`",
        "Static arguments without a default must be given in brackets.",
        "write `{what}[{name}=...]`",
    ),
    "HQ0408": Entry(
        "{found} cannot be indexed",
        "`[ ]` gives static arguments to a function, or picks an item of a list or of a fixed dim.",
        "use `x.entry`, or gather(x, index)",
    ),
    "HQ0409": Entry(
        "{kind} `{name}` cannot be used here",
        "A block owns weights, so it is applied inside a block or model, never inside a function or a dataset.",
        "make the enclosing `fn` a `block`",
    ),
    "HQ0410": Entry(
        "weight `{path}` has two types: `{first}` and `{second}`",
        "A block bound to a name shares its weights wherever it is applied, so its inputs must fit.",
        "bind two blocks, or make the channels equal",
    ),
    "HQ0411": Entry(
        "`{name}` is defined in terms of itself",
        "There is no recursion: every program unrolls to a finite graph.",
        "write a loop over a static range",
    ),
    "HQ0412": Entry(
        "the program unrolls to more than {limit} steps",
        "Loops and calls are unrolled at compile time.",
        "use a smaller range, or bind a value that is used twice to a name instead of computing it again",
    ),
    "HQ0413": Entry(
        "`{what}` takes {wanted}, {found} given",
        "There are more arguments than parameters.",
        "remove one, or check the brackets: static arguments go in `[ ]`",
    ),
    "HQ0414": Entry(
        "`{name}` is a static argument of `{what}`",
        "Static arguments stand in brackets, before the `( )`.",
        "write `{what}[{name}=...](...)`",
    ),
    "HQ0415": Entry(
        "`{what}` needs the argument `{name}`", "Parameters without a default must be given.", "pass `{name}`"
    ),
    "HQ0416": Entry(
        "this body returns nothing", "A body in braces ends by returning its value.", "end it with `return ...`"
    ),
    "HQ0417": Entry("this is never reached", "Nothing may follow `return`.", "remove it, or move the `return`"),
    "HQ0418": Entry(
        "the value of this call is not used",
        "Only in a circuit does a call by itself have an effect: it applies a gate.",
        "bind its value: `y = ...`",
    ),
    "HQ0419": Entry(
        "{wanted} names on the left, found {found}",
        "A list is taken apart into exactly as many names as it has items.",
        "use as many names as there are values",
    ),
    "HQ0420": Entry(
        "weight `{name}` outside a block",
        "Functions are pure; only blocks and models own weights.",
        "make the enclosing `fn` a `block`",
    ),
    "HQ0421": Entry(
        "expected an initialiser, found {found}",
        "`~` is followed by how the weight starts.",
        "use zeros(), ones(), constant(v), normal(mean, std), uniform(low, high), xavier_uniform() "
        "or kaiming_uniform()",
    ),
    "HQ0422": Entry(
        "weight `{name}` is declared in a loop",
        "Each weight has one name; blocks applied in a loop are numbered.",
        "put it in a block and apply the block in the loop",
    ),
    "HQ0423": Entry(
        "`{name}` needs `over=`: the value is `{found}`",
        "A reduction names the dim it reduces, so that its meaning does not depend on an order.",
        "write `{name}(x, over=part)`",
    ),
    "HQ0424": Entry(
        "`{name}` names two values",
        "Values in parentheses are read by their names: `result.{name}` must be one.",
        "give one of them another name",
    ),
    "HQ0425": Entry(
        "a value without a name beside named ones",
        "Either all values in parentheses have names, `(cls=a, mass=b)`, or none has.",
        "name it, or leave the other names out",
    ),
}
