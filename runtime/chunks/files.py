# SPDX-License-Identifier: Apache-2.0
"""Files of events as workers are told of them, parts of them, and what is made of a part.

All of it is sent to other processes: it holds numbers, names and bytes, no open files.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from hepq.core.errors import DataError
from hepq.runtime.events.source import Source


@dataclass(frozen=True)
class Identity:
    """What tells a file from another of the same name. ``time``: of its last change, in ns; of a file elsewhere only
    ``uuid`` is known. ``name``: of a file without one. ``friend``: the same of the file beside it."""

    uuid: str
    size: int = 0
    time: int = 0
    name: str = ""
    friend: Identity | None = None

    @staticmethod
    def of(source: Source) -> Identity:
        """Raises OSError."""
        if source.parts:
            mine, friend = map(Identity.of, source.parts)
            return replace(mine, friend=friend)
        path, uuid = source.path, source.uuid
        if "://" in path:
            return Identity(uuid, name="" if uuid else path)
        found = os.stat(path)
        return Identity(uuid, found.st_size, found.st_mtime_ns, "" if uuid else os.path.basename(path))


@dataclass(frozen=True)
class File:
    """``source``: what it is called that its events are of. ``kind``: which program they go through. ``opened``: knows
    the branches that are read, and no others. ``bytes``: of what is read of it, about. ``edges``: entries, but the
    first, that begin baskets of all that is read."""

    source: str
    kind: str
    opened: Source
    identity: Identity
    bytes: int = 0
    edges: tuple[int, ...] = ()

    @property
    def events(self) -> int:
        return self.opened.events

    @property
    def divisible(self) -> bool:
        """Can a part of it be read?"""
        return self.opened.format == "root" and not self.opened.parts


class Account(Protocol):
    """Of some events, to be added to those of others."""

    def to_bytes(self) -> bytes:
        """Bytes that say all of it."""


F = TypeVar("F", bound=File)
A = TypeVar("A", bound=Account)


@dataclass(frozen=True)
class Task(Generic[F]):
    """Events of a file, from ``first`` to before ``end``."""

    file: F
    first: int
    end: int

    @property
    def entries(self) -> tuple[int, int] | None:
        """As ``event_files.iterate`` takes them."""
        return (self.first, self.end) if self.file.divisible else None

    def __str__(self) -> str:
        return f"{self.file.opened}, events {self.first:,} to {self.end - 1:,}"


@dataclass(frozen=True)
class Done(Generic[A]):
    """What a task gave: ``account`` is added to those of others, ``rows`` (none: empty) are sealed, and stay."""

    account: A
    rows: bytes = b""


def read_safely(task: Task[F], make: Callable[[Task[F]], Done[A]]) -> Done[A] | DataError:
    """What ``make`` gives, or what is wrong: of a file that cannot be read, or that changed meanwhile (HQ0952)."""
    try:
        _check_unchanged(task.file)
        done = make(task)
        _check_unchanged(task.file)
    except DataError as error:
        return error
    except OSError as error:
        return DataError("HQ0803", f"cannot read {task.file.opened.path}", error.strerror or str(error))
    return done


def kept_branches(source: Source, branches: set[str]) -> Source:
    """Without what is said of other branches."""
    kept = tuple(b for b in source.branches if b in branches)
    # of a friend's branches, which come last, `kinds` has none
    kinds = tuple(kind for b, kind in zip(source.branches, source.kinds, strict=False) if b in branches)
    parts = tuple(kept_branches(p, branches) for p in source.parts)
    return replace(source, branches=kept, kinds=kinds, parts=parts)


def _check_unchanged(file: File) -> None:
    """Raises DataError HQ0952; OSError where it is gone."""
    if Identity.of(file.opened) != file.identity:
        why = "its size or time is not what it was when the run began"
        raise DataError("HQ0952", f"{file.opened.path} was changed while it was read", why, "run again")
