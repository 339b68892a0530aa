# SPDX-License-Identifier: Apache-2.0
"""The rules of a back end, one for each operation that may reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

R = TypeVar("R")
F = TypeVar("F")


class Rules(dict[str, R]):
    """op -> rule, written beside the code that it is for: ``@rules("add", "sub")``.

    ``illegal``: operations that are gone, or refused, before this back end begins. ``elsewhere``: those that it does
    without a rule.
    """

    def __init__(self, backend: str, *, illegal: Iterable[str] = (), elsewhere: Iterable[str] = ()) -> None:
        super().__init__()
        self.backend, self.illegal, self.elsewhere = backend, frozenset(illegal), frozenset(elsewhere)

    def __call__(self, *ops: str) -> Callable[[F], F]:
        """Registers a rule for each of ``ops``, in place of a default."""

        def register(rule: F) -> F:
            self.update(dict.fromkeys(ops, rule))  # type: ignore[arg-type]
            return rule

        return register

    def problems(self, table: Iterable[str]) -> list[str]:
        """What keeps rules and illegal operations from being, apart from each other, all operations of ``table``."""
        table, mine = set(table), {*self, *self.elsewhere}
        return [
            *(f"{self.backend}: no rule for `{op}`" for op in sorted(table - mine - self.illegal)),
            *(f"{self.backend}: a rule for `{op}`, which is illegal there" for op in sorted(mine & self.illegal)),
            *(f"{self.backend}: `{op}` is no operation" for op in sorted((mine | self.illegal) - table)),
        ]
