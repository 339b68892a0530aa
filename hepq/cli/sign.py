# SPDX-License-Identifier: Apache-2.0
"""`hepqc sign`: keys, and signatures of artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepq.cli.shared.console import example, out


@example(
    "hepqc sign --generate me.key                     # once: me.key, to be kept secret, and me.key.pub",
    "hepqc sign top.hepqx --key me.key                # top.hepqx.sig, to go with it",
    "hepqc predict top.hepqx jets.root -o scores.root --trusted me.key.pub",
    "HEPQ_TRUST=signed hepqc verify top.hepqx         # by a key of ~/.config/hepq/keys",
)
def sign(
    artifact: Annotated[Path | None, typer.Argument(help="What to sign: [.hepqx] or [.onnx].")] = None,
    key: Annotated[Path | None, typer.Option(help="Your private key.")] = None,
    generate: Annotated[
        Path | None, typer.Option(metavar="KEY", help="Make a pair of keys: KEY, private, and KEY.pub.")
    ] = None,
    name: Annotated[str, typer.Option(help="Whose key that is, for those who trust it.")] = "",
) -> None:
    """Sign an artifact, so that others can see that it is yours and as you made it.

    Ed25519, in a file beside the artifact. docs/artifact.md says what it protects against.
    """
    from hepq.runtime.artifact import trust

    if generate is not None:
        if artifact is not None or key is not None:
            raise typer.BadParameter("--generate makes keys: leave out the artifact and --key")
        public = trust.generate(generate, name or generate.stem)
        out().print(f"{generate}, to be kept secret, and {generate}.pub: {public}", markup=False)
        return
    if artifact is None or key is None:
        raise typer.BadParameter("give an artifact and --key KEY, or --generate KEY")
    if name:
        raise typer.BadParameter("--name goes with --generate")
    beside, public = trust.sign(artifact, key)
    out().print(f"{beside}: signed by {public}", markup=False)
