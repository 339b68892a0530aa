# SPDX-License-Identifier: Apache-2.0
"""Forms posted over HTTP, JSON back: what a REST client needs, with every failure told apart."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hepq.runtime.quantum.clients.base import Denied, Refused, Transient, Unreadable, redacted

#: most bytes of an answer
LARGEST = 1 << 28


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: credentials go nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Transport:
    """Posts to paths below ``url`` with ``headers``, whose values are kept out of every error."""

    url: str
    headers: Mapping[str, str]
    timeout: float = 60.0

    def post(self, path: str, fields: Mapping[str, str | int], *, sending: bool = False) -> dict[str, Any]:
        """The answer's JSON object. ``sending``: an answer that is lost leaves it open whether a job was taken.

        Raises Denied, Refused, Transient, Unreadable.
        """
        body = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(urllib.parse.urljoin(self.url, path), body, dict(self.headers))
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                data = answer.read(LARGEST)
        except urllib.error.HTTPError as error:
            raise self._refusal(error, sending) from None
        except urllib.error.URLError as error:  # no connection: nothing was sent, unless it only took too long
            raise Transient(self.safe(error.reason), sent=sending and isinstance(error.reason, TimeoutError)) from None
        except (http.client.HTTPException, OSError) as error:
            raise Transient(self.safe(repr(error)), sent=sending) from None
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            text = f"an answer that is no JSON object ({len(data)} bytes)"
            raise Transient(text, sent=True) if sending else Unreadable(text)
        return found

    def _refusal(self, error: urllib.error.HTTPError, sending: bool) -> Exception:
        text = self.safe(f"HTTP {error.code} {error.reason}")
        if error.code in (401, 403):
            return Denied(text)
        if error.code in (408, 425, 429, 503):
            wait = error.headers.get("Retry-After", "")
            return Transient(text, float(wait) if wait.isdecimal() else None)
        if error.code >= 500:
            return Transient(text, sent=sending)
        return Refused(text)

    def safe(self, text: object) -> str:
        """Without the headers' values."""
        return redacted(str(text), self.headers.values())
