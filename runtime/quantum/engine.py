# SPDX-License-Identifier: Apache-2.0
"""Runs an artifact with circuits over batches: compiled code first, where there is any, then its program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.manifest import Circuits, Manifest, Output
from hepq.runtime.engine.engine import engine
from hepq.runtime.engine.outputs import kept_pairs
from hepq.runtime.events.batch import Batch, aligned
from hepq.runtime.program import Dim, Program, evaluate
from hepq.runtime.quantum.backends.backend import Backend
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.measurer import Measurer, to_run
from hepq.runtime.quantum.native import Native

Arrays = Mapping[str, NDArray[Any]]


class HybridEngine:
    """As ``Engine``; what its circuits give comes from ``measurer``. Raises ArtifactError HQ0840 if malformed."""

    def __init__(self, artifact: Artifact, measurer: Measurer, threads: int | None = None) -> None:
        self.artifact, self.measurer = artifact, measurer
        self.manifest: Manifest = artifact.manifest
        circuits = circuits_of(artifact)
        self.compiled = engine(artifact, threads, circuits.stage) if self.manifest.code is not None else None
        self.program = read_program(artifact, circuits.program or "")
        if missing := {o.name for o in self.manifest.outputs} - self.program.outputs.keys():
            raise ArtifactError(
                "HQ0840", f"malformed program in {artifact.path.name}", f"no {min(missing)} comes of it"
            )
        self._check_outputs()
        self.weights = artifact.tensors(circuits.weights) if circuits.weights else {}

    def _check_outputs(self) -> None:
        """Each output of the program has the sizes that the manifest says."""
        for output in self.manifest.outputs:
            dims = self.program.steps[self.program.outputs[output.name]].dims
            found = [size for _, size in dims]
            wanted = [self.manifest.dim(d).size for d in output.dims]
            if found != wanted:
                why = f"{output.name} has sizes {found}, not {wanted}"
                raise ArtifactError("HQ0840", f"malformed program in {self.artifact.path.name}", why)

    def run(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """Output name -> float32 (int64 of whole numbers) [events or kept rows, static dims]."""
        staged = self.compiled.run(batch) if self.compiled is not None else {}
        if self.program.ragged:
            parts = [self._evaluate(batch, staged, i, i + 1) for i in range(batch.events)]
            found = {o.name: [p[o.name] for p in parts] for o in self.manifest.outputs}
        else:
            found = {k: [v] for k, v in self._evaluate(batch, staged, 0, batch.events).items()}
        return {o.name: self._joined(found[o.name], o, batch) for o in self.manifest.outputs}

    def _evaluate(self, batch: Batch, staged: Arrays, lo: int, hi: int) -> dict[str, NDArray[Any]]:
        if hi == lo:
            return {o.name: np.zeros((0, *self.manifest.static_shape(o.dims))) for o in self.manifest.outputs}
        try:
            inputs = {
                name: self._input(name, dims, batch, staged, lo, hi) for name, dims in self.program.inputs.items()
            }
        except (KeyError, ValueError) as error:
            title = f"malformed program in {self.artifact.path.name}"
            raise ArtifactError("HQ0840", title, f"its inputs are not those of the model: {error}") from error
        found = evaluate(self.program, inputs, self.weights, self.measurer)
        return {k: np.broadcast_to(v, (hi - lo, *v.shape[1:])) for k, v in found.items()}

    @staticmethod
    def _input(name: str, dims: Sequence[Dim], batch: Batch, staged: Arrays, lo: int, hi: int) -> NDArray[Any]:
        """[events, *dims] of the events from ``lo`` to ``hi``: one, where the first dim is ragged."""
        source = staged[name] if name in staged else batch.contents[name]
        ragged = bool(dims) and dims[0][1] is None
        first, last = (int(batch.offsets[dims[0][0]][i]) for i in (lo, hi)) if ragged else (lo, hi)
        rows = source.reshape(-1, *(size for _, size in dims if size is not None))[first:last]
        return rows[None] if ragged else rows

    def _joined(self, parts: list[NDArray[Any]], output: Output, batch: Batch) -> NDArray[Any]:
        """``parts``: [events, *dims]; a ragged dim takes the place of its event's axis."""
        dim = self.manifest.ragged_dim(output.dims)
        shape = self.manifest.static_shape(output.dims)
        rows = int(batch.offsets[dim.name][-1]) if dim else batch.events
        if dim is not None and (inner := self.manifest.inner_dim(output.dims)) is not None:
            rows = int(kept_pairs(batch, dim.name, inner.name).each.sum())
        out = aligned(max(1, int(np.prod((rows, *shape)))), output.kind)[: int(np.prod((rows, *shape)))]
        filled = out.reshape(rows, *shape)
        if parts:
            np.concatenate([p.reshape(-1, *shape) for p in parts], out=filled, casting="unsafe")
        return filled


def circuits_of(artifact: Artifact) -> Circuits:
    """What the manifest says of circuits. Raises ArtifactError HQ0840 if it says nothing."""
    if artifact.manifest.circuits is None:
        raise ArtifactError(
            "HQ0840", f"{artifact.path.name} holds no circuit", help="hepqc inspect shows what it holds"
        )
    return artifact.manifest.circuits


def read_program(artifact: Artifact, member: str) -> Program:
    """A program of the artifact. Raises ArtifactError HQ0840 if it is malformed."""
    try:
        program = Program.model_validate_json(artifact.members[member])
        to_run(program)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise _malformed(artifact, member, error) from error
    return program


def _malformed(artifact: Artifact, member: str | None, error: Exception) -> ArtifactError:
    why = str(error)
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
    return ArtifactError("HQ0840", f"malformed {member} in {artifact.path.name}", why)


class Compiled:
    """Native circuits of an artifact, and the device they were compiled for."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact, self._circuits = artifact, circuits_of(artifact)

    @cached_property
    def natives(self) -> dict[str, Native]:
        """By the digest of the circuit that each runs. Raises ArtifactError HQ0840 if malformed."""
        member = self._circuits.natives
        try:
            data = json.loads(self._artifact.members[member]) if member else {}
            found = {digest: Native.from_json(native) for digest, native in data.items()}
            self._check(found)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError) as error:
            raise _malformed(self._artifact, member, error) from error
        return found

    def _check(self, natives: Mapping[str, Native]) -> None:
        """Raise ValueError unless natives have their sources' slots and wires, on the device's qubits."""
        members = [self._circuits.program, self._circuits.kernel.program if self._circuits.kernel else None]
        for member in dict.fromkeys(m for m in members if m is not None) if natives else ():
            for digest, source in to_run(read_program(self._artifact, member)).items():
                native = natives.get(digest)
                if native is None:
                    continue
                if (native.circuit.slots, len(native.measured)) != (source.slots, source.qubits):
                    raise ValueError(
                        f"{digest[:8]} is not the circuit of {source.slots} slots on {source.qubits} wires"
                    )
                if self.device is not None and native.circuit.qubits != self.device.size:
                    raise ValueError(f"{digest[:8]} is for {native.circuit.qubits} qubits, not {self.device.size}")

    @cached_property
    def slots(self) -> dict[str, tuple[str, ...]]:
        """By the digest of a circuit, what its slots are of the model's inputs (``slot_formulas``)."""
        from hepq.runtime.quantum.slot_formulas import slot_formulas

        manifest, kernel = self._artifact.manifest, self._circuits.kernel
        units = {v.name: v.unit for v in manifest.inputs} | {v.name: v.unit for v in self._circuits.stage}
        members = [self._circuits.program, kernel.program if kernel else None]
        found: dict[str, tuple[str, ...]] = {}
        for member in (m for m in members if m is not None):
            weights = member.replace(".json", ".safetensors")
            tensors = self._artifact.tensors(weights) if weights in self._artifact.members else {}
            found |= slot_formulas(read_program(self._artifact, member), tensors, units)
        return found

    @cached_property
    def device(self) -> Device | None:
        """The device as it was when the circuits were compiled; None for exact simulation. Raises HQ0840."""
        member = self._circuits.device
        try:
            return Device.model_validate_json(self._artifact.members[member]) if member else None
        except ValueError as error:
            raise _malformed(self._artifact, member, error) from error

    def measurer(self, backend: str | Backend, shots: int | None, seed: int | None) -> Measurer:
        """Runs this artifact's circuits on ``backend``; shots as given, else as the program says, as is its budget.

        Shots that are given turn the exact simulator into one that draws so many from its probabilities.
        """
        from hepq.runtime.quantum.backends.exact import Exact, Sampled
        from hepq.runtime.quantum.backends.named import backend as named
        from hepq.runtime.quantum.backends.named import sends_jobs
        from hepq.runtime.quantum.measurer import DEFAULT_SHOTS

        if isinstance(backend, str):
            limits: dict[str, Any] = {"budget": self._circuits.budget} if sends_jobs(backend) else {}
            backend = named(backend, device=self.device, **limits)
        if shots is not None and isinstance(backend, Exact):
            backend = Sampled(backend)
        return Measurer(backend, self.natives, shots or self._circuits.shots or DEFAULT_SHOTS, seed)
