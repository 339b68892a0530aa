# SPDX-License-Identifier: Apache-2.0
"""The closed catalogue of diagnostics: every message a user can get has a code, and an entry in ``codes_*.py``.

Entries of data and artifacts (HQ08xx, ``codes_data.py``) are titles alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache

from hepq.core.diagnostics.diagnostic import Diagnostic, Entry, Label
from hepq.core.source import Span

#: names of more characters are not compared, and of more names than that, only some
_LONG, _MANY = 80, 400
#: characters of a field that are shown
_SHOWN = 600


@cache
def entries() -> dict[str, Entry]:
    """Every code of a program's diagnostics with its entry, in order of code."""
    from hepq.core.diagnostics.codes_analyses import ANALYSES
    from hepq.core.diagnostics.codes_check import CHECK
    from hepq.core.diagnostics.codes_compile import COMPILE
    from hepq.core.diagnostics.codes_corrections import CORRECTIONS
    from hepq.core.diagnostics.codes_models import MODELS
    from hepq.core.diagnostics.codes_quantum import QUANTUM
    from hepq.core.diagnostics.codes_syntax import SYNTAX

    return SYNTAX | CHECK | QUANTUM | MODELS | COMPILE | ANALYSES | CORRECTIONS


def diag(
    code: str,
    *labels: Label | Span,
    notes: Sequence[str] = (),
    help: str | None = None,
    near: Sequence[str] = (),
    **fields: object,
) -> Diagnostic:
    """The diagnostic of ``code`` with its templates filled in.

    ``help`` replaces the entry's own help; ``near`` (names close to the one that was written)
    replaces it by "did you mean". Raises KeyError for an unknown code or a missing template field.
    """
    entry = entries()[code]
    fields = {key: _short(value) if isinstance(value, str) else value for key, value in fields.items()}
    if help is None and near:
        help = "did you mean " + " or ".join(f"`{name}`" for name in near) + "?"
    return entry.filled(
        code, [Label(label) if isinstance(label, Span) else label for label in labels], notes, help, **fields
    )


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 :]}"


def near(name: str, candidates: Iterable[str]) -> list[str]:
    """The candidate closest to ``name``, if one is close; of many, the first that begin and end alike are compared."""
    return [] if len(name) > _LONG else list(_near(name, frozenset(candidates)))


@lru_cache
def _near(name: str, candidates: frozenset[str]) -> Sequence[str]:
    pool = sorted(c for c in candidates - {name} if abs(len(c) - len(name)) <= len(name) // 2 + 1)
    if len(pool) > _MANY:
        pool = [c for c in pool if c[:1].lower() == name[:1].lower() or c[-1:] == name[-1:]][:_MANY]
    return [c for c in pool if c.lower() == name.lower()][:1] or get_close_matches(name, pool, n=1, cutoff=0.7)
