# SPDX-License-Identifier: Apache-2.0
"""What the documentation's pages hold: fenced blocks, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hepq.compiler.driver.check import check_text
from hepq.core.diagnostics.render import render_text

_FENCE = re.compile(r"^```(\w*)[ \t]*([^\n]*)\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block; ``words`` follow the language on its first line, ``line`` is where its text begins."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the block is to be written to, if it names one."""
        return next((w for w in self.words if "." in w), None)


@dataclass(frozen=True)
class Command:
    """A command of a ``console`` block and the output shown below it."""

    line: str
    output: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, m.start()) + 2, m[1], tuple(m[2].split()), m[3]) for m in _FENCE.finditer(text)
    ]


def commands(block: Block) -> Iterator[Command]:
    """Lines that begin with ``$``, each with the lines up to the next one; ``\\`` continues a command."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.split("\n")
        n = next(i for i, line in enumerate(lines) if not line.endswith("\\"))
        yield Command("\n".join(lines[: n + 1]).split("  #")[0].rstrip(), "\n".join(lines[n + 1 :]).strip("\n"))


def shows(expected: str, actual: str) -> bool:
    """Whether ``actual`` is ``expected``, in which ``…`` in a line is any text and alone is any lines."""
    parts = []
    for line in expected.split("\n"):
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append("[^\n]*?".join(re.escape(piece.rstrip()) for piece in line.split("…")) + r"[ \t]*\n")
    return re.fullmatch("".join(parts), actual.strip("\n") + "\n") is not None


def said(block: Block) -> str:
    """What ``hepqc check`` says of a ``hepq`` block's program."""
    return render_text(check_text(block.text, block.file or "example.hepq"))


def links(page: Path) -> list[str]:
    """Targets of the page's links, those outside the repository left out."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [target for target in _LINK.findall(_CODE.sub("code", prose)) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Anchors that the page's headings make on GitHub and GitLab."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(prose)}
