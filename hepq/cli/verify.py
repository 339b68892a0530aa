# SPDX-License-Identifier: Apache-2.0
"""`hepqc verify`: does this machine give the scores it should?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.artifact_options import Artifact, Device, RunsOn, Sha256, Threads, Trusted, opened, say_where
from hepq.cli.shared.console import err, example, out

if TYPE_CHECKING:
    from hepq.runtime.engine.onnx_model import OnnxModel
    from hepq.runtime.model import Model


@example(
    "hepqc verify top.hepqx",
    "hepqc verify top.onnx            # in onnxruntime",
    "hepqc verify top.hepqx --bisect  # if it does not agree: which pass or operation is wrong",
)
def verify(
    artifact: Artifact, threads: Threads = None,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="Compile it anew, and name the pass or operation that is wrong.")
    ] = False,
    device: Device = RunsOn.cpu, sha256: Sha256 = None, trusted: Trusted = None,
) -> None:  # fmt: skip
    """Replay an artifact's golden vectors here: does this machine give the scores it should?"""
    if bisect:
        from hepq.cli.shared.bisected import show
        from hepq.compiler.driver.bisect import bisect_artifact
        from hepq.core.targets import ARTIFACT
        from hepq.runtime.engine.threads import limited

        if artifact.suffix != ARTIFACT:
            raise typer.BadParameter("it holds no program's weights: hepqc compile --bisect finds the operation")
        with limited(threads), err().status(f"bisecting {artifact.name}") as status:
            found = bisect_artifact(opened(artifact, sha256, trusted), status.update)
        raise show(found)
    from rich.markup import escape
    from rich.table import Table

    from hepq.cli.shared.golden_words import phrasing
    from hepq.core import targets
    from hepq.runtime.artifact.trust import Trust
    from hepq.runtime.engine.threads import limited
    from hepq.runtime.scorer import Scorer

    with limited(threads), err().status(f"verifying {artifact.name}"):
        load, more = targets.resolve(targets.of_file(artifact).loads), {}
        if artifact.suffix == targets.ARTIFACT:
            more = {"device": device.value}
        elif device != RunsOn.cpu:
            raise typer.BadParameter(f"--device is of {targets.ARTIFACT} files")
        model: OnnxModel | Model = load(artifact, threads, Trust.of(sha256, trusted), **more)
        result = model.verify()
    if isinstance(model, Scorer):
        say_where(model.device.why)
    table = Table("check", "output", "largest difference", "", box=None)
    for check in result.checks:
        mark = "[green]ok[/]" if check.ok else "[bold red]too large[/]"
        table.add_row(escape(check.check), escape(check.output), f"{check.largest:.2e}", mark)
    console = out()
    console.print(table)
    for promise in result.untested:
        console.print(f"not testable: {promise}", markup=False, soft_wrap=True)
    console.print(
        f"{artifact}: {'agrees' if result.ok else 'does NOT agree'} with the reference on {result.events} events, "
        f"tolerance {result.tolerance:g} x max(1, |reference|)",
        markup=False,
    )
    golden = model.manifest.golden
    if golden.rounding or golden.unfit or golden.made_up:
        console.print(f"when compiled: {phrasing(golden)}", markup=False)
    raise typer.Exit(0 if result.ok else 1)
