# SPDX-License-Identifier: Apache-2.0
"""A network as the text of a program and its weights."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hepq.compiler.importers.network import Array, Network, Operation, Unfit
from hepq.core.ops.table import OPS
from hepq.lang.syntax.messages import RESERVED

#: names that programs made here use, and so give to nothing else
_USED = {op.name for op in OPS.values() if op.static} | set(
    "BatchNorm Dense LayerNorm Linear param buffer relu leaky_relu elu gelu softplus clip softmax log_softmax concat "
    "inf pi real zeros".split()
)


@dataclass(frozen=True)
class Term:
    """A vector as an expression; ``axes``: what the file has behind the batch, the vector's numbers along one axis and
    1 along the others. ``loose``: in need of parentheses beside an operator other than ``|>``, which binds loosest.
    """

    text: str
    axes: tuple[int, ...]
    loose: bool = False

    @property
    def size(self) -> int:
        """How many numbers the vector has."""
        return math.prod(self.axes)

    @property
    def tight(self) -> str:
        return f"({self.text})" if self.loose else self.text

    def into(self, stage: str) -> Term:
        """``x |> stage``, which keeps the size."""
        return replace(self, text=f"{self.text} |> {stage}", loose=True)


class Writer:
    """What rules write to: statements, layers with their weights, constants."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.weights: dict[str, Array] = {}
        self.layers: set[str] = set()
        self._statements: list[str] = []
        self._taken: set[str] = {*RESERVED, *_USED}
        self.inputs = {name: self.fresh(name, "x") for name in network.inputs}
        self.terms = {name: Term(self.inputs[name], axes) for name, axes in network.inputs.items()}

    def fresh(self, wanted: str, otherwise: str) -> str:
        """An identifier like ``wanted`` that nothing else has."""
        name = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_")
        name = name if re.match(r"[A-Za-z]", name) else otherwise
        number, free = 0, name
        while free in self._taken:
            number += 1
            free = f"{name}{number}"
        self._taken.add(free)
        return free

    def constant(self, name: str) -> Array | None:
        """A constant as a vector or a number, without axes of size 1 in front."""
        if name not in self.network.constants:
            return None
        value = np.asarray(self.network.constants[name])
        while value.ndim > 1 and value.shape[0] == 1:
            value = value[0]
        return value

    def term(self, name: str) -> Term:
        """A value, or a constant: a number, or a buffer."""
        value = self.constant(name)
        if value is None:
            if name not in self.terms:
                raise Unfit(f"`{name}` comes from nowhere")
            return self.terms[name]
        if value.size == 1:
            number = literal(value.item())
            return Term(number, (1,), number.startswith("-"))
        if value.size != max(value.shape):
            raise Unfit(f"constant `{name}` has shape {list(value.shape)}")
        buffer = self.fresh(name.rpartition("/")[2], "constant")
        self._statements.append(f"buffer {buffer}: real[{value.size}] ~ zeros()")
        self.weights[buffer] = value.reshape(-1)
        return Term(buffer, (value.size,))

    def bound(self, term: Term) -> Term:
        """Under a name, so that it may be written twice."""
        if re.fullmatch(r"\w+", term.text):
            return term
        name = self.fresh("h", "h")
        self._statements.append(f"{name} = {term.text}")
        return Term(name, term.axes)

    def layer(
        self, x: Term, kind: str, axes: tuple[int, ...], hint: str, weights: Mapping[str, Array], options: str = ""
    ) -> Term:  # fmt: skip
        """A layer of std.nn with its weights; ``axes``: of its result; ``hint``: what the file calls one weight."""
        self.layers.add(kind)
        name = self.fresh(re.sub(r"[._/](weight|kernel|gamma|scale|W)(_?\d+)?$", "", hint), kind.lower())
        self.weights |= {f"{name}.{key}": value for key, value in weights.items()}
        out = "" if kind in ("BatchNorm", "LayerNorm") else f"{math.prod(axes)}, "
        return replace(x.into(f'{kind}[{out}{options}name="{name}"]'), axes=axes)

    def done(self, operation: Operation, term: Term) -> None:
        once = self.network.uses(operation.output) == 1
        self.terms[operation.output] = term if once else self.bound(term)

    def text(self, source: str) -> str:
        """The program, not yet in canonical layout."""
        results = [self.term(o) for o in self.network.outputs]
        model = self.fresh(self.network.name.title().replace("_", ""), "Network")
        takes = ", ".join(f"{self.inputs[n]}: real[{math.prod(axes)}]" for n, axes in self.network.inputs.items())
        several = len(results) > 1
        returned = f"({', '.join(t.text for t in results)})" if several else results[0].text
        imports = f"from std.nn import {', '.join(sorted(self.layers))}\n\n" if self.layers else ""
        names = f"# output0, output1, …: {', '.join(self.network.outputs)}\n" if several else ""
        gives = "" if several else f" -> real[{results[0].size}]"
        body = "\n".join([*self._statements, f"return {returned}"])
        body = f"{{\n{body}\n}}" if self._statements else f"= {returned}"
        return f"# Imported from {source} by hepqc.\n\n{imports}{names}model {model}({takes}){gives} {body}\n"


def literal(value: float) -> str:
    """A number as the language writes it, to float32's precision."""
    if np.isnan(value):
        raise Unfit("a constant is NaN")
    text = str(np.float32(value))
    return re.sub(r"\.(?=e|$)", ".0", text)
