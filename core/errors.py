# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a user's data or artifact: one closed list of codes, one exception family."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: code -> what it means; ``docs/diagnostics`` has a page for each
CATALOGUE: dict[str, str] = {
    "HQ0801": "no such file",
    "HQ0802": "not a ROOT file",
    "HQ0803": "truncated or damaged ROOT file",
    "HQ0804": "no such tree",
    "HQ0805": "missing branch",
    "HQ0806": "wrong shape of a branch (jagged, flat, or another fixed length)",
    "HQ0807": "wrong type of a branch (not numbers)",
    "HQ0808": "NaN or infinity in the data",
    "HQ0809": "no events",
    "HQ0810": "an event without particles",
    "HQ0811": "an event with more particles than the bound",
    "HQ0812": "branches of one dimension disagree on how many particles an event has",
    "HQ0813": "branches of different length",
    "HQ0814": "an integer too large for float32",
    "HQ0815": "missing values (None) in a branch",
    "HQ0816": "events of an unsupported kind",
    "HQ0817": "the output file cannot be written",
    "HQ0818": "two output columns of one name",
    "HQ0819": "a branch that cannot be kept",
    "HQ0820": "not an artifact",
    "HQ0821": "truncated or damaged artifact",
    "HQ0822": "an artifact member was changed",
    "HQ0823": "an artifact member is missing, unexpected or unsafe",
    "HQ0824": "artifact of a newer format",
    "HQ0825": "malformed manifest",
    "HQ0826": "code for another CPU",
    "HQ0827": "compiled code cannot be loaded",
    "HQ0828": "compiled code refused its arguments",
    "HQ0829": "labels unfit for a metric",
    "HQ0830": "golden vectors unfit for a check",
    "HQ0831": "no such output or class",
    "HQ0832": "a score without gradients",
    "HQ0833": "no such input variable",
    "HQ0834": "a weight or target that nothing can be compared with",
    "HQ0840": "circuits missing or malformed in an artifact",
    "HQ0841": "an artifact without a kernel",
    "HQ0842": "events that a kernel does not take",
    "HQ0843": "an artifact without native circuits",
    "HQ0850": "a circuit too large for exact simulation",
    "HQ0851": "angles that are NaN or infinite",
    "HQ0852": "states of too many events at once",
    "HQ0855": "NaN or infinity in events of a kernel",
    "HQ0856": "events of a kernel in the wrong shape",
    "HQ0857": "values of a kernel in the wrong shape, or NaN",
    "HQ0858": "not a kernel store",
    "HQ0859": "a kernel store cannot be written",
    "HQ0860": "a worker died",
    "HQ0861": "a kernel matrix cannot be repaired",
    "HQ0862": "a kernel cannot be sent to workers",
    "HQ0863": "no dask cluster",
    "HQ0870": "no such backend",
    "HQ0871": "a package that comes with an extra is not installed",
    "HQ0872": "no access to a quantum service",
    "HQ0873": "more than the budget allows",
    "HQ0874": "a quantum service refused a job",
    "HQ0875": "a quantum service does not answer",
    "HQ0876": "a stale calibration",
    "HQ0877": "no native circuit for a backend",
    "HQ0878": "a job ledger that cannot be used",
    "HQ0879": "a job that may have been sent",
    "HQ0880": "a circuit too large to simulate with noise",
    "HQ0881": "angles that are not numbers",
    "HQ0882": "a job failed",
    "HQ0883": "no such job in the ledger",
    "HQ0884": "no room to pack circuits",
    "HQ0885": "files that differ in the type of a kept branch",
    "HQ0886": "several branches of one name in a file",
    "HQ0887": "a step that is no number of events nor a size",
    "HQ0888": "scores of a model as its input",
    "HQ0889": "an argument that is out of range or not known",
    "HQ0890": "compiled code that does not fit its artifact",
    "HQ0891": "not a SHA-256",
    "HQ0892": "an artifact that is not trusted",
    "HQ0893": "a key or keyring that cannot be read",
    "HQ0894": "not a signature",
    "HQ0895": "an unknown policy of trust",
    "HQ0896": "a malformed member of an artifact",
    "HQ0897": "a damaged file of ours",
}


class DataError(Exception):
    """Something is wrong with the data: ``code``, ``title`` (names the thing), ``why``, ``help``."""

    def __init__(self, code: str, title: str, why: str = "", help: str = "") -> None:
        if code not in CATALOGUE:
            raise KeyError(code)
        super().__init__(code, title, why, help)
        self.code, self.title, self.why, self.help = code, title, why, help

    def __str__(self) -> str:
        lines = [f"error[{self.code}]: {self.title}"]
        lines += [f"  {self.why}"] if self.why else []
        lines += [f"  help: {self.help}"] if self.help else []
        return "\n".join(lines)


class ArtifactError(DataError):
    """Something is wrong with a ``.hepqx`` file."""


def did_you_mean(name: str, known: Iterable[str], limit: int = 12) -> str:
    """``did you mean "x"? (it has: a, b, c …)``, for a name that ``known`` lacks."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    first = f'did you mean "{close[0]}"? ' if close else ""
    listed = ", ".join(names[:limit]) + (f", … {len(names)} in all" if len(names) > limit else "")
    return f"{first}It has: {listed}" if names else "It has nothing at all"
