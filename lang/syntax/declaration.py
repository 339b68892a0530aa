# SPDX-License-Identifier: Apache-2.0
"""What a declaration brings: its words, how it is read, named, checked and written.

Each kind has a file in ``lang/declarations`` that registers it here. The parser, messages about syntax errors, the
module system, the checker and the formatter take from here what they need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hepq.lang.syntax import ast

#: given the tree's builder, the place and the children of a rule of the grammar, the node that they make
Rule = Callable[..., Any]


@dataclass(frozen=True)
class Declaration:
    """``words`` begin it; ``rules`` are those of the grammar that it adds; ``written``: how each of its nodes is
    written, given the formatter; ``check``, given a context, the node and its module, reports what is wrong with it.

    ``names``: those it brings into its module; ``items``: words that begin what stands in its braces; ``tall``:
    whether it takes several lines; ``kind``: what it is called, by default its first word.
    """

    node: type[ast.Decl]
    words: tuple[str, ...]
    rules: Mapping[str, Rule]
    written: Mapping[type[ast.Node], Callable[[Any, Any], Any]]
    check: Callable[[Any, Any, str], object] = lambda ctx, decl, module: None
    names: Callable[[Any], tuple[str, ...]] = lambda decl: (decl.name,)
    items: tuple[str, ...] = ()
    tall: Callable[[Any], bool] = lambda decl: False
    kind: str = ""


DECLARATIONS: dict[type[ast.Decl], Declaration] = {}
#: rules of the whole grammar
RULES: dict[str, Rule] = {}
#: how the nodes of declarations are written
WRITTEN: dict[type[ast.Node], Callable[[Any, Any], Any]] = {}


def register(declaration: Declaration) -> None:
    DECLARATIONS[declaration.node] = declaration
    RULES.update(declaration.rules)
    WRITTEN.update(declaration.written)


def declaration_of(decl: ast.Decl) -> Declaration:
    return DECLARATIONS[type(decl)]


def declaration_words() -> tuple[str, ...]:
    """Words that begin a declaration."""
    return tuple(word for declaration in DECLARATIONS.values() for word in declaration.words)
