# SPDX-License-Identifier: Apache-2.0
"""Objects: what an event has several of, or one, with named values; and those that a program makes of them.

Each is a dim with an index map: a sub-dim numbers entries of its parent, a cross-reference those of another collection,
parts of a combination those of what is combined. Their values are looked up through the map.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from hepq.core.source import Span
from hepq.core.types import LORENTZ, Dim, Type
from hepq.lang.elaborate import presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.calls import call_function
from hepq.lang.elaborate.context import Context
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


class Known(Objects):
    """Objects whose values are found once."""

    def __init__(self, name: str, dim: Dim | None) -> None:
        self.name, self.dim = name, dim
        self._found: dict[str, Value | None] = {}

    def field(self, ctx: Context, name: str, span: Span) -> Value | None:
        if name not in self._found:
            self._found[name] = self._field(ctx, name, span)
        return self._found[name]

    def momentum(self, ctx: Context, span: Span) -> Tensor | None:
        if "" not in self._found:
            self._found[""] = self._momentum(ctx, span)
        found: Tensor | None = self._found[""]
        return found

    def owner(self, ctx: Context, span: Span) -> View | None:
        """Of a nested collection: which entry of its parent each entry is in the list of."""
        return None

    @abstractmethod
    def _field(self, ctx: Context, name: str, span: Span) -> Value | None: ...

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
    """A collection or a record of the file; ``fields``: how each of its values is read."""

    def __init__(self, name: str, dim: Dim | None, fields: Mapping[str, Callable[[Context, Span], Value]]) -> None:
        super().__init__(name, dim)
        self.fields = fields
        #: the collection in each of whose entries this one has a list
        self.parent = ""
        #: the value that is read where only its entries are counted
        self.first = ""
        #: of each value, the branch of the file
        self.branches: dict[str, str] = {}

    def owner(self, ctx: Context, span: Span) -> View | None:
        found = self.field(ctx, self.parent, span) if self.parent else None
        return found if isinstance(found, View) else None

    def names(self) -> tuple[str, ...]:
        return tuple(self.fields)

    def _field(self, ctx: Context, name: str, span: Span) -> Value | None:
        read = self.fields.get(name)
        return None if read is None else read(ctx, span)


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

    def names(self) -> tuple[str, ...]:
        return self.base.names()

    def owner(self, ctx: Context, span: Span) -> View | None:
        theirs = self.base.owner(ctx, span) if self.dim is not None else None
        found = None if theirs is None else looked_up(ctx, theirs, self, span)
        return found if isinstance(found, View) else None

    def _field(self, ctx: Context, name: str, span: Span) -> Value | None:
        value = self.base.field(ctx, name, span)
        return None if value is None else looked_up(ctx, value, self, span)

    def _momentum(self, ctx: Context, span: Span) -> Tensor | None:
        found = self.base.momentum(ctx, span)
        return None if found is None else ctx.tensor(looked_up(ctx, found, self, span), span)


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
        first, *others = [p.momentum(ctx, span) for p in self.parts.values()]
        for other in others:
            if first is None or other is None:
                return None
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
        values = [p.field(ctx, name, span) for p in self.parts]
        return self._joined(ctx, values, span) if all(isinstance(v, Tensor) for v in values) else None

    def _momentum(self, ctx: Context, span: Span) -> Tensor | None:
        found = [p.momentum(ctx, span) for p in self.parts]
        known = [f for f in found if f is not None]
        return self._joined(ctx, known, span) if len(known) == len(found) else None

    def _joined(self, ctx: Context, values: Sequence[Value], span: Span) -> Tensor:
        *firsts, joined = values
        for part, value in zip(reversed(self.parts[:-1]), reversed(firsts), strict=True):
            mine = numbered(ctx, part.index, span)
            dims = value.type.dims if self.dim in value.type.dims else (self.dim, *value.type.dims)
            joined = ctx.emit("where", [mine, value, joined], replace(value.type, dims=dims), span)
        return joined  # type: ignore[no-any-return]


def numbered(ctx: Context, index: Tensor, span: Span) -> Tensor:
    """Whether an index is of an entry, and not of none."""
    number = ctx.cast(index, "int", span)
    return ctx.emit("ge", [number, ctx.tensor(0, span)], Type("bool", index.type.dims), span)


def looked_up(ctx: Context, value: Value, view: View, span: Span) -> Value:
    """A value of the view's base, at the entries of the view."""
    if isinstance(value, View):
        index = ctx.tensor(looked_up(ctx, value.index, view, span), span)
        return View(f"{view.name}.{value.name}", view.dim, value.base, index, optional=value.optional or view.optional)
    if isinstance(value, Combination):
        return Combination(value.name, view.dim, {n: looked_up(ctx, p, view, span) for n, p in value.parts.items()})
    x, into = ctx.tensor(value, span), view.index.type.into
    assert into is not None
    if x.type.dim(into) is None:
        return x
    dims = view.index.type.dims
    keys = {into.key, *(d.key for d in dims)}
    t = x.type.with_dims((*dims, *(d for d in x.type.dims if d.key not in keys)))
    found = ctx.emit("gather", [x, view.index], t, span)
    if not view.optional or x.type.elem == "index":
        return found
    return presence.needing(found, presence.of_index(view.index, view.name), numbered(ctx, view.index, span))
