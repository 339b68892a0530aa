# SPDX-License-Identifier: Apache-2.0
"""Artifacts whose circuits were written wrongly, hashes and all: an error in words, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.artifact.artifact import Artifact, write
from hepq.runtime.quantum.native_check import native_differences

PROGRAM = """
dim wire = 2

circuit Map(x: real[wire]) on q: qubit[wire] {
  ry(x[0], q[0])
  rx(x[1] * 2, q[1])
  cz(q[0], q[1])
}

fn K(a: real[wire], b: real[wire]) -> real = fidelity(Map(a), Map(b))

model M(x: real[wire]) -> real[2] = expect([X[0] + 0.5, Z[0] * Y[1]], Map(x))

model P(x: real[wire]) -> real[4] = probs(Map(x), of=[1, 0])
"""
X = np.random.default_rng(0).normal(size=(3, 2))
NATIVES, DEVICE = "circuits/natives.json", "circuits/device.json"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return compiled(tmp_path_factory.mktemp("malformed"), "K")


def compiled(folder: Path, model: str) -> Artifact:
    (folder / "m.hepq").write_text(PROGRAM)
    options = Options(model=model, target="line:3", effort="quick", processes=1, cache=folder / "cache")
    compile_file(folder / "m.hepq", folder / "m.hepqx", options)
    return Artifact.open(folder / "m.hepqx")


def changed(made: Artifact, folder: Path, member: str, data: Any) -> Path:
    out = folder / "changed.hepqx"
    write(out, made.manifest, {**made.members, member: json.dumps(data).encode()})
    return out


def used(path: Path) -> None:
    """Everything that reads an artifact's circuits."""
    hepq.load(path)({"a": X.astype(np.float32), "b": X.astype(np.float32)})
    hepq.load(path).kernel().block(X, X)
    native_differences(Artifact.open(path))


def first(data: dict[str, Any]) -> Any:
    return next(iter(data.values()))


CHANGES: list[tuple[str, Callable[[Any], Any]]] = [
    (DEVICE, lambda d: d | {"qubits": []}),
    (DEVICE, lambda d: None),
    (NATIVES, lambda d: []),
    (NATIVES, lambda d: dict.fromkeys(d)),
    (NATIVES, lambda d: first(d)["circuit"].update(slots=9) or d),
    (NATIVES, lambda d: first(d)["circuit"].update(qubits=9) or d),
    (NATIVES, lambda d: first(d)["measured"].pop() and d),
    (NATIVES, lambda d: [first(d)[k].pop() for k in ("measured", "layout")] and d),
    (NATIVES, lambda d: first(d)["circuit"]["ops"].append(["rz", [0], float("nan")]) or d),
    (NATIVES, lambda d: first(d)["circuit"]["ops"].append(["diagonal", [[0, 1], 0.3]]) or d),
    ("kernel.json", lambda d: d | {"outputs": {}}),
    ("kernel.json", lambda d: d["steps"][-1].update(args=d["steps"][-1]["args"][:1]) or d),
    ("kernel.json", lambda d: d["steps"][-1]["attrs"].pop("left") is None or d),
    ("program.json", lambda d: d | {"outputs": {}}),
    ("program.json", lambda d: d["inputs"]["a"][0].__setitem__(1, None) or d),
    ("program.json", lambda d: d["circuits"][0].update(slots=1) or d),
]


@pytest.mark.parametrize(("member", "change"), CHANGES)
def test_a_malformed_member_is_an_error(
    member: str, change: Callable[[Any], Any], kernel: Artifact, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match="HQ0840"):
        used(changed(kernel, tmp_path, member, change(json.loads(kernel.members[member]))))


@pytest.mark.parametrize(
    "change",
    [
        {"observables": [[[1.0, [[2, "Z"]]]], [[1.0, []]]]},
        {"observables": [[[1.0, [[0, "W"]]]], [[1.0, []]]]},
        {"single": True},
        {"single": None},
        {"circuit": None},
    ],
)
def test_an_observable_that_does_not_fit_is_an_error(change: dict[str, Any], tmp_path: Path) -> None:
    made = compiled(tmp_path, "M")
    data = json.loads(made.members["program.json"])
    (step,) = [s for s in data["steps"] if s["op"] == "expect"]
    step["attrs"] |= change
    with pytest.raises(ArtifactError, match="HQ0840"):
        hepq.load(changed(made, tmp_path, "program.json", data))


def test_wires_that_an_artifact_does_not_have_or_name(tmp_path: Path) -> None:
    made = compiled(tmp_path, "P")
    data = json.loads(made.members["program.json"])
    (step,) = [s for s in data["steps"] if s["op"] == "probs"]
    assert step["attrs"]["wires"] == [1, 0]
    for wires in ([0, 2], [0, -1], [1, 1], [0], [0, 1.0], "01", None, [[0], [1]]):
        forged = {**data, "steps": [s if s is not step else {**s, "attrs": {**s["attrs"], "wires": wires}}
                                    for s in data["steps"]]}  # fmt: skip
        with pytest.raises(ArtifactError, match="HQ0840"):
            hepq.load(changed(made, tmp_path, "program.json", forged))
    of_all = hepq.load(tmp_path / "m.hepqx")({"x": X.astype(np.float32)})
    del step["attrs"]["wires"]  # as artifacts before had it: all, in their order
    old = hepq.load(changed(made, tmp_path, "program.json", data))({"x": X.astype(np.float32)})
    np.testing.assert_allclose(np.asarray(of_all)[:, [0, 2, 1, 3]], np.asarray(old), atol=1e-6)


@pytest.mark.parametrize("seed", range(40))
def test_a_random_change_is_harmless_or_an_error(seed: int, kernel: Artifact, tmp_path: Path) -> None:
    rng = Random(seed)
    member = rng.choice([NATIVES, DEVICE, "kernel.json", "program.json"])
    data = deepcopy(json.loads(kernel.members[member]))
    where = data
    while True:
        keys: list[Any] = list(where) if isinstance(where, dict) else list(range(len(where)))
        key = rng.choice(keys)
        if not (isinstance(where[key], (dict, list)) and where[key] and rng.random() < 0.8):
            break
        where = where[key]
    where[key] = rng.choice([None, [], {}, "x", -1, 99, 1.5, True, [None], float("nan")])
    with suppress(ArtifactError, DataError):
        used(changed(kernel, tmp_path, member, data))
