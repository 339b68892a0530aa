# SPDX-License-Identifier: Apache-2.0
"""Random programs that parse, laid out at random, with comments anywhere between tokens."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_NAMES = ("x", "y", "pos", "part", "part'", "feat", "h", "q", "label", "input", "order", "by", "desc", "weight", "fn2",
          "model", "block", "source", "a_b", "D0", "in", "on", "dim", "param", "object", "select", "each", "take", "of",
          "collection", "record")  # fmt: skip
_FUNCTIONS = ("f", "relu", "Dense", "knn", "stack", "hypot", "std")
_TYPES = ("real", "int", "bool", "GeV", "p4", "index", "string")
_LITERALS = ("1", "0", "128", "0.5", "1e-3", "2.5E+2", "20 GeV", "1.2mm^2", "3 GeV^-1", '"text"', '"jets/*.root # no"',
             "true", "false")  # fmt: skip
_OPERATORS = ("+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "|>", "..")

Tokens = list[str]


class Programs:
    """Programs as lists of tokens; a token that ends in a space keeps the next one on its line."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def program(self, declarations: int = 4) -> str:
        tokens: Tokens = []
        for _ in range(self.random.randint(0, declarations)):
            tokens += self.declaration()
        return self.laid_out(tokens)

    def laid_out(self, tokens: Tokens) -> str:
        """The tokens with random white space and comments between them."""
        out: Tokens = [self._gap()]
        for token in tokens:
            out += [token, "" if token.endswith(" ") else self._gap()]
        return "".join(out)

    def _gap(self) -> str:
        roll = self.random.random()
        if roll < 0.8:
            return " "
        note = f"# note {self.random.randint(0, 999)}"
        return self.random.choice(("\n", "\n\n", "\n\n\n  ", "\t", f" {note}\n", f"\n{note}\n", f"\n\n  {note} \n\n"))

    # --- pieces

    def _name(self) -> str:
        return self.random.choice(_NAMES)

    def _plain(self) -> str:
        return self._name().rstrip("'")

    def _maybe(self, tokens: Callable[[], Tokens], chance: float = 0.5) -> Tokens:
        return tokens() if self.random.random() < chance else []

    def _listed(self, item: Callable[[], Tokens], least: int, most: int, *, trailing: bool = False) -> Tokens:
        items = [item() for _ in range(self.random.randint(least, most))]
        out = [token for i, tokens in enumerate(items) for token in ([","] if i else []) + tokens]
        return out + (self._maybe(lambda: [","], 0.2) if trailing and items else [])

    def expr(self, depth: int = 3) -> Tokens:
        if depth <= 0:
            return [self.random.choice((*_LITERALS, *_NAMES))]
        less = depth - 1
        match self.random.randint(0, 11):
            case 0 | 1:
                return self.expr(0)
            case 2:
                return ["(", *self.expr(less), ")"]
            case 3:
                return ["if", *self.expr(less), "then", *self.expr(less), "else", *self._wrap(less)]
            case 4:
                return [self.random.choice(("-", "not")), *self._wrap(less)]
            case 5:
                return [*self._wrap(less), ".", self._plain()]
            case 6:
                return [*self._wrap(less), "[", *self._listed(lambda: self._arg(less), 1, 3, trailing=True), "]"]
            case 7 | 8:
                f = [self.random.choice(_FUNCTIONS)]
                return [*f, "(", *self._listed(lambda: self._arg(less), 0, 4, trailing=True), ")"]
            case 9:
                return ["[", *self._listed(lambda: self.expr(less), 0, 4, trailing=True), "]"]
            case 10:
                return ["(", *self.expr(less), ",", *self._listed(lambda: self.expr(less), 1, 2, trailing=True), ")"]
        operator = self.random.choice(_OPERATORS)
        return [*self._wrap(less), operator, *self._wrap(less)]

    def _wrap(self, depth: int) -> Tokens:
        """An operand: an atom, or anything in parentheses."""
        return self.expr(0) if self.random.random() < 0.3 else ["(", *self.expr(depth), ")"]

    def _arg(self, depth: int) -> Tokens:
        return self._maybe(lambda: [self._plain(), "="], 0.3) + self.expr(depth)

    def _type(self) -> Tokens:
        power = self._maybe(lambda: ["^", *self._maybe(lambda: ["-"], 0.3), "2"], 0.2)
        rest = self._maybe(lambda: ["...", ","], 0.3)
        dims = self._maybe(lambda: ["[", *rest, *self._listed(lambda: self.expr(1), 1, 3), "]"])
        return [self.random.choice(_TYPES), *power, *dims]

    def _param(self) -> Tokens:
        default = self._maybe(lambda: ["=", *self.expr(1)], 0.3)
        return [self._plain(), *self._maybe(lambda: [":", *self._type()]), *default]

    def _statics(self) -> Tokens:
        return self._maybe(lambda: ["[", *self._listed(self._param, 1, 3, trailing=True), "]"], 0.4)

    def _params(self) -> Tokens:
        return ["(", *self._listed(self._param, 0, 4, trailing=True), ")"]

    def _targets(self) -> Tokens:
        return self._listed(lambda: [self._plain()], 1, 2)

    def _bind(self) -> Tokens:
        return [*self._targets(), *self._maybe(lambda: [":", *self._type()], 0.2), "=", *self.expr()]

    def _body(self, depth: int = 2) -> Tokens:
        return ["{", *(t for _ in range(self.random.randint(0, 4)) for t in self._statement(depth)), "}"]

    def _statement(self, depth: int) -> Tokens:
        match self.random.randint(0, 6):
            case 0:
                init = self._maybe(lambda: ["~", *self.expr(1)])
                return [self.random.choice(("param ", "buffer ")), self._plain(), ":", *self._type(), *init]
            case 1:
                return ["dim ", self._plain(), "=", *self.expr(1)]
            case 2 if depth > 0:
                return ["for", *self._targets(), "in", *self.expr(1), *self._body(depth - 1)]
            case 3:
                return ["return", *self.expr()]
            case 4:
                statics = self._maybe(lambda: ["[", *self._listed(lambda: self._arg(1), 1, 2), "]"], 0.3)
                path = [self.random.choice(_FUNCTIONS), *self._maybe(lambda: [".", "cx"], 0.2)]
                return [*path, *statics, "(", *self._listed(lambda: self._arg(2), 0, 3, trailing=True), ")"]
        return self._bind()

    def _dataset_item(self) -> Tokens:
        match self.random.randint(0, 9):
            case 0:
                return ["source ", "jets", "=", *self.expr(2)]
            case 1:
                branch = self._listed(lambda: [self._plain(), *self._maybe(lambda: ["=", '"b.c"'], 0.3)], 1, 3)
                return ["branch ", *branch, ":", *self._type()]
            case 2:
                way = self._maybe(lambda: [self.random.choice(("asc", "desc"))])
                return ["order ", self._plain(), "by", *self.expr(1), *way]
            case 3:
                return ["policy ", "nan", "=", "drop"]
            case 4:
                return ["input ", self._plain(), *self._maybe(lambda: [":", *self._type()]), "=", *self.expr()]
            case 5:
                return ["label ", self._plain(), ":", "cls", "=", '"label_*"']
            case 6:
                return self._object()
            case 7:
                return ["select ", self._plain(), "=", *self.expr()]
            case 8:
                return ["each ", self._plain()]
        return self._bind()

    def _object(self) -> Tokens:
        parts = self._maybe(lambda: ["as ", *self._listed(lambda: [self._plain()], 1, 3)], 0.3)
        where = self._maybe(lambda: ["where", "(", *self.expr(2), ")"])
        key = self._maybe(lambda: ["by", *self._listed(self._key, 1, 2)])
        take = self._maybe(lambda: ["take ", self.random.choice(("1", "12", "n"))], 0.3)
        bound = self._maybe(lambda: ["<=", self.random.choice(("4", "n"))], 0.3)
        return ["object ", self._plain(), *bound, "=", *self._wrap(2), *parts, *where, *key, *take]

    def _key(self) -> Tokens:
        return ["(", *self.expr(1), ")", *self._maybe(lambda: [self.random.choice(("asc", "desc"))])]

    def _field(self) -> Tokens:
        if self.random.random() < 0.2:
            return [self._plain(), "=", *self.expr(1)]
        names = self._listed(lambda: [self._plain(), *self._maybe(lambda: ["=", '"b.c"'], 0.3)], 1, 3)
        identity = self._maybe(lambda: ["by ", self._plain()], 0.3)
        reference = self._maybe(lambda: ["of ", self._plain(), *identity], 0.3)
        return [*names, ":", *self._type(), *reference]

    def _collection(self) -> Tokens:
        pattern = self._maybe(lambda: ["=", '"Jet_*"'])
        fields = ["{", *(t for _ in range(self.random.randint(0, 4)) for t in self._field()), "}"]
        if self.random.random() < 0.3:
            return ["record ", self._plain(), *pattern, *fields]
        return ["collection ", self._plain(), *self._maybe(lambda: ["of ", self._plain()], 0.3), *pattern, *fields]

    def declaration(self) -> Tokens:
        attrs = self._maybe(lambda: ["@", "invariant", *self._maybe(lambda: ["(", *self._arg(2), ")"])], 0.2)
        match self.random.randint(0, 9):
            case 0:
                return ["import ", "a", ".", "b", *self._maybe(lambda: ["as", "c"])]
            case 1:
                return ["from ", "std", ".", "nn", "import ", *self._listed(lambda: [self._plain()], 1, 3)]
            case 2:
                size = self._maybe(lambda: [self.random.choice(("=", "<=")), *self.expr(1)])
                return ["dim ", *self._targets(), *size]
            case 3:
                return ["const ", self._plain(), *self._maybe(lambda: [":", *self._type()]), "=", *self.expr()]
            case 4:
                head = ["circuit ", self._plain(), *self._statics(), *self._params(), "on", *self._param()]
                return [*attrs, *head, *self._body()]
            case 5:
                items = [t for _ in range(self.random.randint(0, 5)) for t in self._dataset_item()]
                return [*attrs, "dataset ", self._plain(), "{", *items, "}"]
            case 6:
                entries = ['"a.{i}"', "->", '"b.{i}"'] * self.random.randint(0, 2)
                return [*attrs, "checkpoint ", "weaver", "for", "M", "{", *entries, "}"]
            case 7:
                return [*attrs, *self._collection()]
        head = [self.random.choice(("fn ", "block ", "model ")), self._plain(), *self._statics(), *self._params()]
        body = self._body() if self.random.random() < 0.6 else ["=", *self.expr()]
        return [*attrs, *head, *self._maybe(lambda: ["->", *self._type()]), *body]
