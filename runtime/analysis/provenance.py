# SPDX-License-Identifier: Apache-2.0
"""What a result was made of and by what, as it stands in every file that is written of it. Nothing of when or where:
equal events give equal files."""

from __future__ import annotations

from importlib.metadata import version

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ReadFile(_Frozen):
    """``uuid``: of ROOT files, which have one. ``size`` in bytes. ``events``: as many as were read of it."""

    source: str
    path: str
    size: int
    events: int
    uuid: str = ""


class Provenance(_Frozen):
    """``program``: the name of its file; ``digest``: SHA-256 of the text, its imports and the files it names.

    ``variations``: those that were computed, if not all. ``missing``: what was left out since it failed, in words: a
    result with any is not complete.
    """

    program: str = ""
    digest: str = ""
    hepq: str = ""
    files: tuple[ReadFile, ...] = ()
    variations: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, program: str, digest: str, files: tuple[ReadFile, ...],
        *, variations: tuple[str, ...] | None = None, missing: tuple[str, ...] = (),
    ) -> Provenance:  # fmt: skip
        """By this version of hepq."""
        return cls(
            program=program, digest=digest, hepq=version("hepq"), files=files, variations=variations, missing=missing
        )

    def lines(self) -> list[str]:
        """In words, a line each."""
        found = [f"hepq {self.hepq}", f"program {self.program}, SHA-256 {self.digest}"]
        for file in self.files:
            identity = f", UUID {file.uuid}" if file.uuid else ""
            found.append(f"{file.source}: {file.path}, {file.size} bytes{identity}, {file.events} events")
        return [*found, *(f"NOT COMPLETE: {what}" for what in self.missing)]
