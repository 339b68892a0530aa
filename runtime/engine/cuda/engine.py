# SPDX-License-Identifier: Apache-2.0
"""Runs an artifact's GPU code over batches."""

from __future__ import annotations

from typing import Any
from weakref import finalize

from numpy.typing import NDArray
from pydantic import ValidationError

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.manifest import EventSchema, Gpu, Output, Value
from hepq.runtime.engine import layout
from hepq.runtime.engine.cuda.driver import Driver, no_gpu
from hepq.runtime.engine.cuda.launcher import Launcher
from hepq.runtime.engine.cuda.table import TABLE, Buffer, Table
from hepq.runtime.engine.outputs import without_places
from hepq.runtime.events.batch import Batch


class Engine:
    """One loaded artifact; ``outputs``: what its code gives, if not the model's outputs. ``threads``: of CPUs; unused.

    Raises ArtifactError HQ0846 where no GPU here can run it, HQ0847 where the driver refuses, HQ0848 where it has no
    code for GPUs, HQ0890 if its code is not what the manifest says.
    """

    def __init__(
        self, artifact: Artifact, threads: int | None = None, outputs: tuple[Output, ...] | None = None
    ) -> None:
        self.manifest = artifact.manifest
        self.outputs = artifact.manifest.outputs if outputs is None else outputs
        gpu, driver = code_of(artifact), Driver()
        table, packed = read_table(artifact, gpu), artifact.flat(gpu.packed)
        check(artifact, table, packed.size, self.outputs)
        driver.enter()
        module = driver.module(artifact.members[chosen(gpu, driver.capability)])
        if driver.said(module, TABLE, len(table.digest)) != table.digest:
            raise layout.unfit(artifact.path.name, "its launch table is not the one that its code was made with")
        self._launcher = Launcher(driver, module, table, packed)
        # memory of the GPU goes with the engine; with the process, the driver sees to it
        finalize(self, self._launcher.close).atexit = False

    def run(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """As the engine for CPUs."""
        found = self._launcher.run(batch.events, batch.offsets, batch.contents)
        made = {o.name: found[o.name].reshape(-1, *self.manifest.room(o.dims)) for o in self.outputs}
        return without_places(self.manifest, self.outputs, batch, made)


def code_of(artifact: Artifact) -> Gpu:
    """Raises ArtifactError HQ0848 where there is none."""
    if artifact.manifest.gpu is None:
        help = "hepqc compile --target cuda makes one that has; --device cpu uses the CPU"
        raise ArtifactError(
            "HQ0848", f"{artifact.path.name} has no code for GPUs", "it was compiled for CPUs alone", help
        )
    return artifact.manifest.gpu


def chosen(gpu: Gpu, capability: int) -> str:
    """The member that a GPU of this compute capability runs: a cubin of its generation that is no newer, else PTX.

    Raises ArtifactError HQ0846 where there is none.
    """
    made = {(kind, int(number)): image.member for image in gpu.images
            for kind, _, number in [image.architecture.partition("_")]}  # fmt: skip
    ours = [n for kind, n in made if kind == "sm" and n // 10 == capability // 10 and n <= capability]
    older = [n for kind, n in made if kind == "compute" and n <= capability]
    if not ours and not older:
        has = ", ".join(image.architecture for image in gpu.images)
        raise no_gpu(f"the GPU here is sm_{capability}; the artifact has code for {has}")
    return made["sm", max(ours)] if ours else made["compute", max(older)]


def read_table(artifact: Artifact, gpu: Gpu) -> Table:
    """Raises ArtifactError HQ0896 for what is none."""
    try:
        return Table.model_validate_json(artifact.members[gpu.table])
    except ValidationError as error:
        raise artifact.malformed(gpu.table, error.errors()[0]["msg"]) from error


def check(artifact: Artifact, table: Table, packed: int, outputs: tuple[Output, ...]) -> None:
    """Raises ArtifactError HQ0890 unless the table is of the manifest's inputs and outputs, and of these weights."""
    schema = artifact.manifest
    wanted = {
        "packed weights": (table.packed, packed),
        "ragged dims": (table.dims, tuple((d.name, d.bound or 0) for d in schema.offset_dims)),
        "inputs": (table.inputs, tuple(_buffer(schema, v) for v in schema.inputs)),
        "outputs": (table.outputs, tuple(_buffer(schema, o) for o in outputs)),
    }
    for what, (theirs, ours) in wanted.items():
        if theirs != ours:
            raise layout.unfit(artifact.path.name, f"{what}: the launch table has others than the manifest")


def _buffer(schema: EventSchema, value: Value | Output) -> Buffer:
    dim = schema.ragged_dim(value.dims)
    return Buffer(
        name=value.name, ragged=None if dim is None else dim.name, width=schema.width(value.dims), whole=value.whole
    )
