# SPDX-License-Identifier: Apache-2.0
"""The schema of an artifact's ``manifest.json``: what goes in, what comes out, how it was made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from hepq.runtime.artifact.stage import EventStage, StageBranch
from hepq.runtime.events.ordering import Instruction, check
from hepq.runtime.program import Program

#: bounds of what is read: entries of a dim, numbers of a value for an event, length of a name
MOST_ENTRIES, MOST_NUMBERS, LONGEST = 2**31 - 1, 1 << 28, 500
FORMAT_VERSION = 5


def _is_name(text: str) -> str:
    if not text or len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"no name: {text[:50]!r}")
    return text


#: of a dim, a value or an entry
Name = Annotated[str, AfterValidator(_is_name)]


class Frozen(BaseModel):
    """Refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Dim(Frozen):
    """``size`` of a static dim, or ``bound`` of a ragged one (an event has 0..bound entries)."""

    name: Name
    size: int | None = Field(default=None, ge=0, le=MOST_ENTRIES)
    bound: int | None = Field(default=None, ge=1, le=MOST_ENTRIES)
    entries: tuple[Name, ...] = ()

    @property
    def ragged(self) -> bool:
        return self.bound is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Of its entries, as classes; their numbers, where they have none."""
        return self.entries or tuple(map(str, range(self.size or 0)))

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.size is None) == (self.bound is None):
            raise ValueError(f"dim {self.name} needs either a size or a bound")
        if self.entries and len(self.entries) != self.size:
            raise ValueError(f"dim {self.name} of size {self.size} names {len(self.entries)} entries")
        if len(set(self.entries)) != len(self.entries):
            raise ValueError(f"dim {self.name} names an entry twice")
        return self


def held_as(elem: str) -> type[np.int64 | np.float32]:
    """How numbers go into compiled code and come out."""
    return np.int64 if elem == "int" else np.float32


class Value(Frozen):
    """An input of the compiled function, row-major in ``dims``; only the first dim may be ragged.

    int64 of whole numbers, else float32. ``into``: of an ``index``, the dim whose entries it numbers, -1 for none.
    """

    name: Name
    elem: Literal["real", "int", "bool", "index"] = "real"
    dims: tuple[str, ...] = ()
    unit: str = "1"
    into: str = ""

    @property
    def kind(self) -> type[np.int64 | np.float32]:
        """How its numbers are held."""
        return np.int64 if self.elem == "index" else held_as(self.elem)

    @property
    def whole(self) -> bool:
        """Does it hold whole numbers?"""
        return self.kind is np.int64

    @property
    def written(self) -> str:
        """Its type without the unit, as programs write it."""
        dims = f"[{', '.join(self.dims)}]" if self.dims else ""
        return f"{self.elem}{dims}" + (f" of {self.into}" if self.into else "")


class Output(Frozen):
    """An output of the compiled function; ``entries`` name the last dim's entries, if it names them.

    Its first dim may be ragged, and then the second: in compiled code, that one has places up to its bound.

    ``counts``: of a list with room for as many as its first dim has, the output that says how many there are.
    """

    name: Name
    elem: Literal["real", "int", "bool", "index"] = "real"
    dims: tuple[str, ...] = ()
    unit: str = "1"
    entries: tuple[Name, ...] = ()
    counts: str = ""

    @property
    def kind(self) -> type[np.int64 | np.float32]:
        """How its numbers are held."""
        return held_as(self.elem)

    @property
    def whole(self) -> bool:
        """Does it hold whole numbers?"""
        return self.kind is np.int64


class Branch(Value):
    """Where a value comes from: ``branch`` in the file, times ``factor``, is ``name`` in ``unit``.

    ``default``: what a file without the branch holds.
    """

    branch: str
    factor: float = 1.0
    default: float | None = None


class Order(Frozen):
    """Sort a ragged dim's entries by ``key`` (ties keep their order), before cutting at the bound."""

    dim: str
    descending: bool = True
    key: tuple[Instruction, ...] = Field(min_length=1)


class FourVector(Frozen):
    """A four-vector that the program makes of branches of one shape.

    ``columns``: px, py, pz; or pt, eta, phi if ``polar``. ``energy``: its branch; None if it is computed, as from
    a mass.
    ``components``: px, py, pz and energy as the program computes them.
    """

    columns: tuple[str, str, str]
    polar: bool = False
    energy: str | None = None
    components: tuple[tuple[Instruction, ...], ...] = Field(min_length=4, max_length=4)

    @property
    def moving(self) -> tuple[str, ...]:
        """Branches whose values a Lorentz transformation changes."""
        return (*self.columns, *([self.energy] if self.energy is not None else []))

    @property
    def read(self) -> set[str]:
        """Every branch it is made of."""
        return {a for key in self.components for step in key for a in step.args if isinstance(a, str)}


class Policy(Frozen):
    """What to do about trouble.

    nan: ``error``, ``drop`` (the particle; or, for a per-event branch, score NaN) or ``zero``.
    overflow, more entries than the bound: ``truncate`` (after ordering) or ``error``.
    empty, no entry in any ragged dim: score ``nan``, ``error``, or ``score`` it like any other.
    """

    nan: Literal["error", "drop", "zero"] = "error"
    overflow: Literal["truncate", "error"] = "truncate"
    empty: Literal["nan", "error", "score"] = "nan"


class Made(Frozen):
    """A class that the event stage decides: as ``Rules`` has it, but for the program."""

    by_number: bool = False
    classes: tuple[Annotated[int, Field(ge=0, le=MOST_ENTRIES)], ...] = ()
    rest: int | None = Field(default=None, ge=0, le=MOST_ENTRIES)
    values: tuple[int, ...] = ()


class Label(Frozen):
    """The truth: one branch per entry of ``dim``, or one that numbers the entry from 0; or ``rules``; or what the event
    stage has ``made``; or ``by_source``, the source of the dataset that an event comes from.
    """

    name: str
    dim: str
    branches: tuple[str, ...] = ()
    rules: Rules | None = None
    made: Made | None = None
    by_source: bool = False

    def read(self, held: Collection[str] = ()) -> list[str]:
        """Branches to read for it from files that hold ``held``; what a stage computes it of is read for that."""
        return list(self.branches) if self.rules is None else self.rules.branches(held)

    @property
    def by(self) -> tuple[str, ...]:
        """Names of what decides."""
        if self.made is not None:
            return (f"the dataset's {self.name}",)
        if self.rules is None:
            return self.branches or ("source",)
        named = {c.name: c.branch for c in self.rules.columns}
        return tuple(named[v.name] for v in self.rules.inputs)


class Files(Frozen):
    """Files of events. ``root``: or what else their names or first bytes say; ``columns``: names for CSV files without.

    ``friend``: entries beside these, one file for each, or another tree of the same files if it names none.
    """

    name: Name = "files"
    format: Literal["root", "parquet", "csv", "npz"] = "root"
    files: tuple[str, ...] = ()
    tree: str | None = None
    columns: tuple[str, ...] = ()
    friend: Files | None = None


class Derived(BaseModel):
    """A dataset's variables and inputs as a program over the model's inputs.

    ``roles``: of each output of ``program``, in the order of the dataset, what it is. ``entries``: the ragged dim of
    each that is made of every entry of it alone. ``unchecked``: variables that such a program cannot compute.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: dict[str, Literal["variable", "input"]]
    program: Program
    entries: dict[str, str] = {}
    unchecked: tuple[str, ...] = ()

    def axis(self, name: str) -> tuple[int, str] | None:
        """Where a value has the ragged dim of whose entries it is, and that dim."""
        dims = [dim for dim, _ in self.program.steps[self.program.outputs[name]].dims]
        return (dims.index(self.entries[name]), self.entries[name]) if name in self.entries else None

    def fault(self, inputs: Collection[str]) -> str:
        """Why it is not one over ``inputs``; empty if it is."""
        program = self.program
        odd = [n for n in program.inputs if n not in inputs]
        read = [s.attrs.get("name") for s in program.steps if s.op == "input"]
        odd += [str(name) for name in read if not isinstance(name, str) or name not in program.inputs]
        if odd:
            return f"no input {odd[0]}"
        if program.quantum or {*self.roles} != {*program.outputs} or not {*self.entries} <= {*self.roles}:
            return "it does not say what its values are"
        dims = {name: program.steps[program.outputs[name]].dims for name in self.entries}
        wrong = [name for name, dim in self.entries.items() if [d for d, size in dims[name] if size is None] != [dim]]
        return f"{wrong[0]} is not of entries of {self.entries[wrong[0]]}" if wrong else ""


class Dataset(Frozen):
    """How a tree's branches become inputs. Branches that no input bears the name of serve ``order``.

    ``vectors``: the four-vectors made of branches. ``unmoved``: why a Lorentz transformation of the branches would not
    be one of all four-vectors; empty if it would. ``derived``: what ``policy.nan`` holds for beside the branches, if
    the program writes it.
    """

    name: str
    sources: tuple[Files, ...] = ()
    branches: tuple[Branch, ...]
    order: tuple[Order, ...] = ()
    policy: Policy = Policy()
    label: Label | None = None
    vectors: tuple[FourVector, ...] = ()
    unmoved: str = ""
    derived: Derived | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_format_3(cls, given: Any) -> Any:
        """There, all files were of one source."""
        if not isinstance(given, dict) or not given.keys() & {"files", "tree"}:
            return given
        files = {what: given[what] for what in ("files", "tree") if what in given}
        return {k: v for k, v in given.items() if k not in files} | {"sources": [files]}

    @property
    def files(self) -> tuple[str, ...]:
        """Of all sources."""
        return tuple(f for s in self.sources for one in (s, s.friend) if one is not None for f in one.files)

    @property
    def reading(self) -> Files:
        """How other files are read, as far as all sources agree."""
        trees, columns, friends = ({getattr(s, what) for s in self.sources} for what in ("tree", "columns", "friend"))
        friend = friends.pop() if len(friends) == 1 else None
        return Files(
            tree=trees.pop() if len(trees) == 1 else None, columns=columns.pop() if len(columns) == 1 else (),
            friend=None if friend is None or friend.files else friend,
        )  # fmt: skip


class EventSchema(Frozen):
    """What is needed to turn events into inputs. ``inputs`` are in the order the compiled function takes them."""

    dims: tuple[Dim, ...]
    inputs: tuple[Value, ...]
    dataset: Dataset | None = None

    @property
    def columns(self) -> tuple[Branch, ...]:
        """Everything to read: the dataset's branches, or the inputs themselves."""
        if self.dataset is not None:
            return self.dataset.branches
        return tuple(Branch(branch=v.name, **v.model_dump()) for v in self.inputs)

    def branches(self, held: Collection[str] = ()) -> list[str]:
        """What to read from files that hold ``held``: every branch, except absent ones that have a default."""
        wanted = (c.branch for c in self.columns if c.default is None or c.branch in held)
        return list(dict.fromkeys(wanted))

    @property
    def policy(self) -> Policy:
        """The dataset's; without one there is no order to truncate by, so overflow is an error."""
        return self.dataset.policy if self.dataset is not None else Policy(overflow="error")

    @property
    def ragged(self) -> tuple[Dim, ...]:
        """Every ragged dim."""
        return tuple(d for d in self.dims if d.ragged)

    @property
    def offset_dims(self) -> tuple[Dim, ...]:
        """Ragged dims in the order the compiled function takes their offsets: as they first appear in its inputs."""
        found = [self.ragged_dim(v.dims) for v in self.inputs]
        return tuple({d.name: d for d in found if d is not None}.values())

    def dim(self, name: str) -> Dim:
        """A dim by name; primes are ignored, and an anonymous dim is named by its size."""
        base = name.rstrip("'")
        for d in self.dims:
            if d.name == base:
                return d
        if base.isdecimal() and base.isascii() and len(base) <= 10:
            return Dim(name=base, size=int(base))
        raise ValueError(f"no dim {name}")

    def ragged_dim(self, dims: Sequence[str]) -> Dim | None:
        """The leading ragged dim of a value, if it has one."""
        return self.dim(dims[0]) if dims and self.dim(dims[0]).ragged else None

    def static_shape(self, dims: Sequence[str]) -> tuple[int, ...]:
        """Sizes of a value's static dims."""
        return tuple(d.size for d in map(self.dim, dims) if d.size is not None)

    def inner_dim(self, dims: Sequence[str]) -> Dim | None:
        """The second ragged dim of a result over pairs, right behind the leading one."""
        return self.ragged_dim(dims[1:]) if self.ragged_dim(dims) is not None else None

    def room(self, dims: Sequence[str]) -> tuple[int, ...]:
        """Sizes in compiled code of all behind the events, or behind the leading ragged dim: a second one up to its
        bound.
        """
        inner = self.inner_dim(dims)
        return (*(() if inner is None else (inner.bound or 0,)), *self.static_shape(dims))

    def width(self, dims: Sequence[str]) -> int:
        """Numbers in compiled code per event, or per entry of the leading ragged dim."""
        return prod(self.room(dims))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [d.name for d in self.dims]
        if len(set(names)) != len(names):
            raise ValueError("a dim is declared twice")
        columns = {c.name: c for c in self.columns}
        if len(columns) != len(self.columns) or len({v.name for v in self.inputs}) != len(self.inputs):
            raise ValueError("two inputs or branches have the same name")
        for value in (*self.inputs, *self.columns):
            self._check_dims(value.name, value.dims)
            if (value.elem == "index") != bool(value.into):
                raise ValueError(f"{value.name}: an index of nothing, or a number of something")
            if value.into:
                self.dim(value.into)
        for value in self.inputs:
            if value.name not in columns or columns[value.name].dims != value.dims:
                raise ValueError(f"input {value.name} has no branch of the same dims")
            if columns[value.name].into != value.into:
                raise ValueError(f"input {value.name} and its branch number entries of different dims")
        led = {c.dims[0] for c in self.columns if c.dims}
        for d in self.ragged:
            if d.name not in led:
                raise ValueError(f"no input or branch is led by the ragged dim {d.name}")
        for order in self.dataset.order if self.dataset else ():
            if not self.dim(order.dim).ragged:
                raise ValueError(f"order by a dim that is not ragged: {order.dim}")
            allowed = {n for n, c in columns.items() if c.dims in ((), (order.dim,))}
            check(order.key, allowed)
        for vector in self.dataset.vectors if self.dataset else ():
            if missing := (vector.read | {*vector.moving}) - columns.keys():
                raise ValueError(f"a four-vector of {min(missing)}, which is no branch")
            shapes = {columns[n].dims for n in vector.read | {*vector.moving}}
            if len(shapes) != 1:
                raise ValueError("a four-vector of branches of several shapes")
            for key in vector.components:
                check(key, columns)
        if self.dataset and self.dataset.derived and (why := self.dataset.derived.fault({v.name for v in self.inputs})):
            raise ValueError(f"derived values: {why}")
        if self.dataset and len({o.dim for o in self.dataset.order}) != len(self.dataset.order):
            raise ValueError("a dim is ordered twice")
        if self.dataset and (label := self.dataset.label) is not None:
            size = self.dim(label.dim).size
            ways = bool(label.branches), label.rules is not None, label.made is not None, label.by_source
            if size is None or sum(ways) != 1 or (label.branches and len(label.branches) not in (1, size)):
                raise ValueError(f"label {label.name}: {len(label.branches)} branches for {label.dim}")
            if label.rules is not None and max((*label.rules.classes, label.rules.rest or 0), default=0) >= size:
                raise ValueError(f"label {label.name}: a class that {label.dim} does not have")
        return self

    def _check_dims(self, name: str, dims: Sequence[str], ragged: int = 1) -> None:
        """``ragged``: how many dims may be, the first ones."""
        found = [self.dim(d).ragged for d in dims]
        if sum(found) > ragged or not all(found[: sum(found)]):
            raise ValueError(f"{name}: only the first dim may be ragged, of an output the first two")
        if (numbers := prod(max(1, size) for size in self.room(dims))) > MOST_NUMBERS:
            raise ValueError(f"{name}: {numbers:,} numbers; at most {MOST_NUMBERS:,} are read")


class Rules(EventSchema):
    """What decides which class an event is of, computed of its ``inputs``.

    ``program`` gives a truth value for each of ``classes``, under its place among them, and ``rest`` is the class of
    events that meet none. Or it gives one ``number``, whose ``values`` mean ``classes``: each the one at its place;
    without values it numbers the class.
    """

    program: Program
    classes: tuple[Annotated[int, Field(ge=0, le=MOST_ENTRIES)], ...] = ()
    rest: int | None = Field(default=None, ge=0, le=MOST_ENTRIES)
    values: tuple[int, ...] = ()

    @property
    def by_number(self) -> bool:
        return "number" in self.program.outputs

    @model_validator(mode="after")
    def _computable(self) -> Self:
        made = set(self.program.outputs)
        wanted = {"number"} if self.by_number else {str(i) for i in range(len(self.classes))}
        read = {str(s.attrs.get("name")) for s in self.program.steps if s.op == "input"}
        odd = any(self.program.steps[i].dims for i in self.program.outputs.values())
        if made != wanted or odd or self.program.quantum or not read <= self.program.inputs.keys():
            raise ValueError("rules of a label that give something else")
        if not self.program.inputs.keys() <= {v.name for v in self.inputs}:
            raise ValueError("rules of a label that read what is no branch")
        if not made or len(self.values) != (len(self.classes) if self.by_number else 0):
            raise ValueError("rules of a label whose values are not of its classes")
        return self


class Code(Frozen):
    """The compiled function ``hepq_main`` and what it needs. ``features`` are CPU features in LLVM's names."""

    target: str
    mcpu: str
    features: tuple[str, ...] = ()
    library: str
    packed: str
    scratch_floats: int = Field(ge=0, le=MOST_ENTRIES)
    iscratch_ints: int = Field(default=0, ge=0, le=MOST_ENTRIES)
    lscratch_ints: int = Field(default=0, ge=0, le=MOST_ENTRIES)


class Image(Frozen):
    """Code for one architecture of GPUs: ``sm_90``, a cubin; ``compute_80``, PTX for those of that one and newer."""

    architecture: Annotated[str, Field(pattern=r"^(sm|compute)_[0-9]{2,3}$")]
    member: str


class Gpu(Frozen):
    """Code for NVIDIA's GPUs: how it is launched (``table``), the weights as it reads them, images."""

    table: str
    packed: str
    images: tuple[Image, ...] = Field(min_length=1)


class Recipe(Frozen):
    """One way a circuit was compiled. ``esp``: estimated success probability under the calibration."""

    recipe: str
    two_qubit: int
    depth: int
    duration: float | None = None
    esp: float
    seconds: float
    check: str = ""
    chosen: bool = False
    note: str = ""


class CompiledCircuit(Frozen):
    """A circuit to be run, by its digest: what became of it on the target, and why that one."""

    digest: str
    qubits: int
    slots: int
    recipes: tuple[Recipe, ...] = ()
    why: str = ""
    qasm3: str | None = None


class Kernel(Frozen):
    """A kernel function, as a program over rows ``a`` and columns ``b``.

    ``features``: which value of an event it takes: an input or what the compiled code gives; None: arrays only.
    """

    name: str
    program: str = "kernel.json"
    shape: tuple[Annotated[int, Field(ge=0, le=MOST_ENTRIES)], ...]
    features: str | None = None
    weights: str | None = None


class Circuits(Frozen):
    """What an artifact with circuits holds beside, or instead of, compiled code.

    ``program`` takes the inputs and the values of ``stage``, which compiled code gives, and gives the outputs.
    ``natives``: each circuit compiled for ``device``. ``shots`` and ``budget``: as the program declares them.
    """

    target: str
    program: str | None = None
    weights: str | None = None
    stage: tuple[Output, ...] = ()
    kernel: Kernel | None = None
    natives: str | None = None
    device: str | None = None
    calibration: str | None = None
    compiled: tuple[CompiledCircuit, ...] = ()
    shots: int | None = Field(default=None, ge=1, le=10_000_000)
    budget: dict[str, float] = Field(default={})

    @property
    def members(self) -> tuple[str, ...]:
        """Files of the artifact that these name."""
        kernel = (self.kernel.program, self.kernel.weights) if self.kernel else ()
        named = [self.program, self.weights, self.natives, self.device, *kernel]
        return tuple(m for m in [*named, *(c.qasm3 for c in self.compiled)] if m is not None)


class GoldenInfo(Frozen):
    """Golden vectors: how many events; |difference| may reach ``tolerance * max(1, |reference|)``.

    Events left out: ``rounding``, whose reference moves by more when the inputs are off by a few float32 rounding
    errors; ``unfit``, which the program refuses or which leave float32's range. ``made_up``: not of any file.
    ``exceeded``: a finer tolerance that was tried, beyond which rounding moved more than half of the events.
    """

    events: int = Field(ge=0)
    tolerance: float = Field(ge=0)
    rounding: int = Field(default=0, ge=0)
    unfit: int = Field(default=0, ge=0)
    made_up: bool = False
    exceeded: float | None = Field(default=None, ge=0)


class Provenance(Frozen):
    """``dims``, ``statics``: sizes of open dims; static arguments of the model and consts, as given when compiling."""

    source_sha256: str
    source: Literal["source.hepq"] = "source.hepq"
    hepq: str
    tvm: str = ""
    llvm: str = ""
    nvrtc: str = ""
    passes: tuple[str, ...] = ()
    created: str
    command: str = ""
    dims: dict[str, Annotated[int, Field(ge=1, le=MOST_ENTRIES)]] = Field(default={})
    statics: dict[str, JsonValue] = Field(default={})


class Described(EventSchema):
    """A compiled model: what goes in and comes out, what it promises, how it was made.

    ``stage``: what is made of an event before the model's inputs, which then are the branches of the dataset.
    """

    format_version: int = FORMAT_VERSION
    stage: EventStage | None = None
    name: Name
    outputs: tuple[Output, ...]
    invariances: tuple[Name, ...] = ()
    weights: dict[str, tuple[Annotated[int, Field(ge=0, le=MOST_ENTRIES)], ...]] = Field(default={})
    golden: GoldenInfo
    provenance: Provenance

    @property
    def read(self) -> tuple[Branch | StageBranch, ...]:
        """Branches of the files: those that a stage reads, if there is one."""
        return self.columns if self.stage is None else self.stage.branches

    def single(self, output: Output) -> bool:
        """Is it a number of each event, or as many numbers of every event?"""
        return len(output.dims) <= 1 and not output.counts and self.ragged_dim(output.dims) is None

    @model_validator(mode="after")
    def _outputs_consistent(self) -> Self:
        scalars = {o.name for o in self.outputs if not o.dims and o.elem == "int"}
        for output in self.outputs:
            self._check_dims(output.name, output.dims, ragged=2)
            if output.counts and (output.counts not in scalars or not self.static_shape(output.dims[:1])):
                raise ValueError(f"output {output.name}: `{output.counts}` does not count a first dim of fixed size")
            if output.entries and (not output.dims or self.dim(output.dims[-1]).size != len(output.entries)):
                raise ValueError(f"output {output.name}: entries do not fit its last dim")
        if len({o.name for o in self.outputs}) != len(self.outputs):
            raise ValueError("two outputs have the same name")
        return self


class Manifest(Described):
    """``members`` maps every other file in the artifact to its SHA-256; the writer fills it in."""

    code: Code | None = None
    gpu: Gpu | None = None
    circuits: Circuits | None = None
    members: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _runs(self) -> Self:
        if self.code is None and (self.circuits is None or self.circuits.program is None):
            raise ValueError("neither compiled code nor a program")
        for output in self.circuits.stage if self.circuits else ():
            self._check_dims(output.name, output.dims)
        return self

    @property
    def own_members(self) -> tuple[str, ...]:
        """Files of the artifact that code and circuits name."""
        code = () if self.code is None else (self.code.library, self.code.packed)
        gpu = () if self.gpu is None else (self.gpu.table, self.gpu.packed, *(i.member for i in self.gpu.images))
        stage = () if self.stage is None else (self.stage.library, self.stage.description, self.stage.golden)
        return (*code, *gpu, *stage, *(self.circuits.members if self.circuits else ()))


class OnnxManifest(Described):
    """What a ``.onnx`` file says of itself. ``counts``: ragged dim -> the input with each event's number of entries."""

    opset: int
    counts: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _counts_of_every_ragged_dim(self) -> Self:
        if self.counts.keys() != {d.name for d in self.ragged}:
            raise ValueError("counts: one for each ragged dim")
        return self


for _recursive in (Label, Dataset, EventSchema, Rules, Described, Manifest, OnnxManifest):
    _recursive.model_rebuild()
