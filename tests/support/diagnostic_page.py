# SPDX-License-Identifier: Apache-2.0
"""The pages of ``docs/diagnostics`` as data: their examples, and what they say is printed.

``HEPQ_UPDATE_GOLDEN=1`` rewrites what is printed; read the difference before keeping it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/diagnostics"
UPDATE = os.environ.get("HEPQ_UPDATE_GOLDEN") == "1"

_PROGRAM = re.compile(r"(?:^In `(?P<name>\S+)`:\n\n)?^```hepq\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PRINTED = re.compile(r"^```text\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(?P<command>[^\n]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    code: str

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.code}.md"

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def programs(self, heading: str) -> dict[str, str]:
        """File name -> program, of a section; the last is the main file."""
        section = self.text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
        return {m["name"] or "example.hepq": m["text"] for m in _PROGRAM.finditer(section)}

    @property
    def program(self) -> str | None:
        """The program of a page about a command."""
        found = _PROGRAM.search(self.text)
        return found["text"] if found else None

    @property
    def command(self) -> list[str]:
        """The arguments after ``$ hepqc``."""
        found = _CONSOLE.search(self.text)
        assert found is not None, self.path
        prompt, program, *arguments = found["command"].split()
        assert (prompt, program) == ("$", "hepqc")
        return arguments

    def printed(self) -> str:
        found = _PRINTED.search(self.text) or _CONSOLE.search(self.text)
        assert found is not None, self.path
        return found["text"]

    def expect(self, output: str) -> None:
        """Assert that the page shows ``output``, or make it so when updating."""
        if UPDATE:
            found = _PRINTED.search(self.text) or _CONSOLE.search(self.text)
            assert found is not None, self.path
            start, end = found.span("text")
            self.path.write_text(self.text[:start] + output + self.text[end:], encoding="utf-8")
        assert self.printed() == output


def is_about_programs(code: str) -> bool:
    return "\n## Wrong\n" in Page(code).text
