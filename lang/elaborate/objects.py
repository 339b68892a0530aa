# SPDX-License-Identifier: Apache-2.0
"""Objects: what an event has several of, or one, with named values; and those that a program makes of them.

Each is a dim with an index map: a sub-dim numbers entries of its parent, a cross-reference those of another collection,
parts of a combination those of what is combined. Their values are looked up through the map.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace

from hepq.core.source import Span
from hepq.core.types import LORENTZ, Dim, Type
from hepq.lang.elaborate import arithmetic, presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.calls import call_function
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.event import Fact
from hepq.lang.elaborate.names import declared
from hepq.lang.elaborate.values import Function, Objects, Value

#: entries of a dim of which nobody says a bound
NO_BOUND = 2**31 - 1
#: values that make a four-vector, and the function that does; the first of which there are all is taken
_MOMENTA = (
    (("px", "py", "pz", "energy"), None),
    (("pt", "eta", "phi", "mass"), "from_pt_eta_phi_mass"),
    (("pt", "eta", "phi", "energy"), "from_pt_eta_phi_energy"),
)


#: components that a four-vector may have been made of
POLAR = ("pt", "eta", "phi", "mass")


class Known(Objects):
    """Objects whose values are found once."""

    def __init__(self, name: str, dim: Dim | None) -> None:
        self.name, self.dim = name, dim
        self._found: dict[str, Value | None] = {}
        #: entries by their number
        self.items: dict[int, Objects] = {}
        #: values that a program says instead of those that they have by themselves
        self._altered: dict[str, Value] = {}
        #: what they were before the program said any
        self.original: Known = self
        #: whether others were made of these
        self.viewed = False

    def with_field(self, name: str, value: Value) -> Known:
        """The same entries, with another value of that name."""
        made = copy(self)
        made._altered = {**self._altered, name: value}
        made._found, made.items, made.viewed = {}, {}, False
        return made

    def field(self, ctx: Context, name: str, span: Span) -> Value | None:
        if name not in self._found:
            own = self._altered.get(name)
            self._found[name] = self._field(ctx, name, span) if own is None else own
        return self._found[name]

    def momentum(self, ctx: Context, span: Span) -> Tensor | None:
        if "" not in self._found:
            self._found[""] = self._momentum(ctx, span)
        found: Tensor | None = self._found[""]
        if found is not None and ctx.data is not None and found.handle not in ctx.data.polar:
            ctx.data.polar[found.handle] = self._polar(ctx, span)
        return found

    def _polar(self, ctx: Context, span: Span) -> dict[str, Tensor]:
        """Components of the four-vector that the objects have as values, if these are what it is made of."""
        names = set(self.names())
        if not {"pt", "eta", "phi"} <= names or {"px", "py", "pz", "energy"} <= names:
            return {}
        own = [n for n in POLAR if n in names]
        return {n: x for n in own if isinstance(x := self.field(ctx, n, span), Tensor)}

    def owner(self, ctx: Context, span: Span) -> View | None:
        """Of a nested collection: which entry of its parent each entry is in the list of."""
        return None

    @abstractmethod
    def _field(self, ctx: Context, name: str, span: Span) -> Value | None: ...

    def follows(self, name: str) -> bool:
        """Whether a value is said by the program, or computed of one that is."""
        return name in self._altered

    def _moved(self) -> bool:
        """Whether the program says a component of their four-vector."""
        needed = next((n for n, _ in _MOMENTA if set(n) <= set(self.names())), ("pt", "eta", "phi", "mass", "energy"))
        return any(self.follows(name) for name in needed)

    def _momentum(self, ctx: Context, span: Span) -> Tensor | None:
        names = self.names()
        for needed, function in _MOMENTA:
            if set(needed) <= set(names):
                parts = [ctx.tensor(self.field(ctx, n, span), span) for n in needed]
                if function is None:
                    t = Type("real", (*parts[0].type.dims, LORENTZ), parts[0].type.unit)
                    return ctx.emit("stack", parts, t, span, dim=LORENTZ)
                made = declared(ctx, "std.hep", function, span)
                assert isinstance(made, Function), function
                return ctx.tensor(call_function(ctx, made, [(None, p, span) for p in parts], span), span)
        return None


class Stored(Known):
    """A collection or a record of the file; ``fields``: how each of its values is read, or computed of the others."""

    def __init__(
        self, name: str, dim: Dim | None, fields: Mapping[str, Callable[[Context, Span, Known], Value]], span: Span
    ) -> None:
        super().__init__(name, dim)
        self.fields, self.span = fields, span
        #: the collection in each of whose entries this one has a list
        self.parent = ""
        #: the value that is read where only its entries are counted
        self.first = ""
        #: of each value, the branch of the file
        self.branches: dict[str, str] = {}
        #: of each value that is computed of others, their names
        self.uses: dict[str, tuple[str, ...]] = {}

    def owner(self, ctx: Context, span: Span) -> View | None:
        found = self.field(ctx, self.parent, span) if self.parent else None
        return found if isinstance(found, View) else None

    def names(self) -> tuple[str, ...]:
        return tuple(self.fields)

    def _field(self, ctx: Context, name: str, span: Span) -> Value | None:
        read = self.fields.get(name)
        return None if read is None else read(ctx, span, self)


class Rows(Known):
    """A dim without names of its own, such as one of branches."""

    def names(self) -> tuple[str, ...]:
        return ()

    def _field(self, ctx: Context, name: str, span: Span) -> Value | None:
        return None


class View(Known):
    """Entries of ``base``, those that ``index`` numbers. ``optional``: the index may be of none."""

    def __init__(self, name: str, dim: Dim | None, base: Objects, index: Tensor, *, optional: bool = False) -> None:
        super().__init__(name, dim)
        self.base, self.index, self.optional = base, index, optional
        if isinstance(base, Known):
            base.viewed = True
        #: what holds of all of these entries, in terms of the base
        self.known: frozenset[Fact] = frozenset()

    def names(self) -> tuple[str, ...]:
        return self.base.names()

    def owner(self, ctx: Context, span: Span) -> View | None:
        theirs = self.base.owner(ctx, span) if self.dim is not None else None
        found = None if theirs is None else looked_up(ctx, theirs, self, span)
        return found if isinstance(found, View) else None

    @property
    def root(self) -> Objects:
        """What all of the entries are of, at last."""
        return self.base.root if isinstance(self.base, View) else self.base

    def follows(self, name: str) -> bool:
        uses = self.root.uses if self._altered and isinstance(self.root, Stored) else {}
        found = [name]
        for one in found:
            found += [used for used in uses.get(one, ()) if used not in found]
        return any(one in self._altered for one in found)

    def _field(self, ctx: Context, name: str, span: Span) -> Value | None:
        root = self.root
        if self.follows(name) and isinstance(root, Stored):
            return root.fields[name](ctx, span, self)
        if self._altered and isinstance(root, Union):
            return self._united(ctx, span).field(ctx, name, span)
        value = self.base.field(ctx, name, span)
        return None if value is None else looked_up(ctx, value, self, span, f"{self.name}.{name}")

    def _momentum(self, ctx: Context, span: Span) -> Tensor | None:
        if self._altered and isinstance(self.root, Union):
            return self._united(ctx, span).momentum(ctx, span)
        if self._moved():
            return super()._momentum(ctx, span)
        found = self.base.momentum(ctx, span)
        return None if found is None else ctx.tensor(looked_up(ctx, found, self, span), span)

    def _united(self, ctx: Context, span: Span) -> Union:
        """Of a union: the same entries as a union of those of its collections."""
        base = self.base._united(ctx, span) if isinstance(self.base, View) else self.base
        assert isinstance(base, Union)
        assert self.dim is not None
        parts = [looked_up(ctx, part, self, span) for part in base.parts]
        made = Union(self.name, self.dim, [part for part in parts if isinstance(part, View)])
        known = {name: looked_up(ctx, value, self, span) for name, value in base._altered.items()}
        made._altered = {**known, **self._altered}
        return made


class Combination(Known):
    """Every choice of several entries; ``parts``: each of them by name."""

    def __init__(self, name: str, dim: Dim | None, parts: Mapping[str, Objects]) -> None:
        super().__init__(name, dim)
        self.parts = parts

    def names(self) -> tuple[str, ...]:
        return tuple(self.parts)

    def _field(self, ctx: Context, name: str, span: Span) -> Value | None:
        return self.parts.get(name)

    def _momentum(self, ctx: Context, span: Span) -> Tensor | None:
        first, *others = [ctx.tensor(p, span) for p in self.parts.values()]
        for other in others:
            first = ctx.emit("add", [first, other], first.type, span)
        return first


class Union(Known):
    """The entries of several collections, one after the other; ``kind`` numbers the collection."""

    def __init__(self, name: str, dim: Dim, parts: Sequence[View]) -> None:
        super().__init__(name, dim)
        self.parts = tuple(parts)

    def names(self) -> tuple[str, ...]:
        first, *others = (p.names() for p in self.parts)
        return (*(n for n in first if all(n in o for o in others)), "kind")

    def _field(self, ctx: Context, name: str, span: Span) -> Value | None:
        if name == "kind":
            return self._joined(ctx, [ctx.tensor(i, span) for i in range(len(self.parts))], span)
        values = [p.field(ctx, name, span) for p in self._said()]
        if all(isinstance(v, Tensor) for v in values):
            return self._joined(ctx, values, span)
        views = [v for v in values if isinstance(v, View) and v.base.dim is not None]
        into = {v.base.dim for v in views}
        return self._references(ctx, views, name, span) if len(views) == len(values) and len(into) == 1 else None

    def _references(self, ctx: Context, views: Sequence[View], name: str, span: Span) -> View:
        """Cross-references of all parts to one collection."""
        base = views[0].base
        assert base.dim is not None
        numbers = self._joined(ctx, [ctx.cast(v.index, "int", span) for v in views], span)
        of = presence.any_value(ctx, base.dim, span)
        t = Type("index", numbers.type.dims, into=base.dim)
        index = ctx.emit("number", [numbers, of], t, span, dim=base.dim)
        return View(f"{self.name}.{name}", self.dim, base, index, optional=True)

    def _momentum(self, ctx: Context, span: Span) -> Tensor | None:
        found = [p.momentum(ctx, span) for p in self._said()]
        known = [f for f in found if f is not None]
        return self._joined(ctx, known, span) if len(known) == len(found) else None

    def _said(self) -> list[Known]:
        """The parts, with the values that a program says of the union."""
        said: list[Known] = [*self.parts]
        for name, value in self._altered.items():
            said = [part.with_field(name, value) for part in said]
        return said

    def _joined(self, ctx: Context, values: Sequence[Value], span: Span) -> Tensor:
        *firsts, joined = values
        for part, value in zip(reversed(self.parts[:-1]), reversed(firsts), strict=True):
            joined = arithmetic.where(ctx, numbered(ctx, part.index, span), value, joined, *[span] * 4)
        return joined  # type: ignore[no-any-return]


def numbered(ctx: Context, index: Tensor, span: Span) -> Tensor:
    """Whether an index is of an entry, and not of none."""
    number = ctx.cast(index, "int", span)
    return ctx.emit("ge", [number, ctx.tensor(0, span)], Type("bool", index.type.dims), span)


def _found(ctx: Context, x: Tensor, index: Tensor, into: Dim, t: Type, span: Span) -> Tensor:
    """``x`` at an index, absent where the entry's is."""
    needs: dict[Fact, Tensor] = {}
    for fact, holds in x.needs.items():
        if holds.type.dim(into) is None:
            needs[fact] = holds
            continue
        dims = (*index.type.dims, *(d for d in holds.type.dims if d.key != into.key and index.type.dim(d) is None))
        there = ctx.emit("gather", [holds, index], Type("bool", dims), span)
        needs[Fact(fact.name, handle=there.handle)] = there
    return replace(ctx.emit("gather", [replace(x, needs={}), index], t, span), needs=needs)


def looked_up(ctx: Context, value: Value, view: View, span: Span, name: str = "") -> Value:
    """A value of the view's base, at the entries of the view. ``name``: of objects, what they are called."""
    if isinstance(value, View):
        index = ctx.tensor(looked_up(ctx, value.index, view, span), span)
        sure = presence.of_index(value.index, value.name).follows(view.known)
        optional = (value.optional and not sure) or view.optional
        return View(name or f"{view.name}.{value.name}", view.dim, value.base, index, optional=optional)
    x, into = ctx.tensor(value, span), view.index.type.into
    assert into is not None
    if x.type.dim(into) is None:
        return x
    dims = view.index.type.dims
    keys = {into.key, *(d.key for d in dims)}
    t = x.type.with_dims((*dims, *(d for d in x.type.dims if d.key not in keys)))
    found = _found(ctx, presence.given(x, view.known), view.index, into, t, span)
    if not view.optional or x.type.elem == "index":
        return found
    return presence.needing(found, presence.of_index(view.index, view.name), numbered(ctx, view.index, span))
