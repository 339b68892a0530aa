# SPDX-License-Identifier: Apache-2.0
"""How often, and with what pauses, a service that does not answer is asked again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from hepq.core.errors import DataError
from hepq.runtime.quantum.clients.base import Denied, Transient, Unreadable

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """``tries`` of each request, ``pause`` seconds after the first, doubled each time up to ``longest``, less up to
    half by chance so that clients do not come back in step. ``poll``: between looks at waiting jobs, growing alike.
    """

    tries: int = 6
    pause: float = 1.0
    longest: float = 60.0
    poll: float = 0.05
    sleep: Callable[[float], None] = time.sleep

    def call(self, name: str, request: Callable[[], T]) -> T:
        """``request()``, again while it fails in passing. Raises DataError HQ0875 when patience ends, HQ0872 for
        want of access; other errors pass, as does ``Transient`` of a request that may have been acted upon.
        """
        for turn, pause in enumerate(self._pauses(self.pause), 1):
            try:
                return request()
            except Denied as error:
                help = "`hepqc explain HQ0872` says where credentials are read"
                raise DataError("HQ0872", f"no access to {name}", str(error), help) from None
            except (Transient, Unreadable) as error:
                if getattr(error, "sent", False):
                    raise
                if turn == self.tries:
                    why = f"{turn} tries, the last: {error}"
                    raise DataError("HQ0875", f"{name} does not answer", why, "run the same command later") from None
                asked = getattr(error, "wait", None)
                self.sleep(asked if asked is not None else pause * random.uniform(0.5, 1.0))
        raise AssertionError("pauses do not end")

    def polls(self) -> Iterator[None]:
        """One at a time, with a pause before every one but the first."""
        for pause in self._pauses(self.poll):
            yield
            self.sleep(pause)

    def _pauses(self, first: float) -> Iterator[float]:
        pause = first
        while True:
            yield min(pause, self.longest)
            pause *= 2
