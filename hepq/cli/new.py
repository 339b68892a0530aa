# SPDX-License-Identifier: Apache-2.0
"""`hepqc new`: a project to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepq.cli.shared.console import example

PROGRAM = """\
# {name}: tells two kinds of jets apart. Check it with `hepqc check {name}.hepq`.

from std.nn import Dense, relu, softmax
from std.hep import standardise

dim part <= 128  # an event is one jet of up to 128 particles
dim feat
dim cls = [background, signal]  # classes have names: the scores are score.background, score.signal

# How branches of a ROOT tree become the model's inputs. Change the names to those of your files.
dataset Jets {{
  source jets = root("data/*.root", tree="tree")
  branch part_px, part_py, part_pz, part_energy: GeV[part]
  branch part_deta, part_dphi: rad[part]
  branch jet_pt: GeV
  order part by hypot(part_px, part_py) desc  # the hardest 128 are kept

  p = p4(px=part_px, py=part_py, pz=part_pz, energy=part_energy)
  input x = stack(
    standardise(log(p.pt / 1 GeV), 1.7, 0.7),  # a logarithm wants a pure number, so divide by a unit
    standardise(log(p.pt / jet_pt), -4.7, 0.7),
    standardise(hypot(part_deta, part_dphi), 0.2, 4.0),
    part_deta,
    part_dphi,
  )
  label truth: cls = "label_*"  # branches label_background, label_signal
}}

# A deep set (arXiv:1810.05165): every particle through a small network, summed, then another.
@invariant(permute(part))
model {model}(x: real[part, feat]) -> real[cls] {{
  h = x |> Dense[64] |> relu |> Dense[64] |> relu
  return sum(h, over=part) |> Dense[64] |> relu |> Dense[cls] |> softmax
}}
"""

README = """\
# {name}

```console
hepqc check {name}.hepq                                  # is it right?
hepqc weights list {name}.hepq                           # what would be trained
hepqc compile {name}.hepq --init 1                       # random weights, to try it out
hepqc compile {name}.hepq --weights {name}.safetensors    # trained ones
hepqc predict {name}.hepqx 'data/*.root' -o scores.root
```

In Python: `scores = hepq.load("{name}.hepqx")("data/jets.root")`.
"""


@example("hepqc new top", "hepqc new top --folder analysis")
def new(
    name: Annotated[str, typer.Argument(help="Name of the tagger: letters, digits, underscores.")],
    folder: Annotated[Path | None, typer.Option(help="Where to put it; by default a folder of that name.")] = None,
) -> None:
    """Write a tagger to start from: a program that checks, and a README with the next steps."""
    if not name.isidentifier():
        raise typer.BadParameter(f"{name!r} is not a name: use letters, digits and underscores")
    target = folder or Path(name)
    for path in _written(name, target):
        print(f"wrote {path}")
    print(f"next: hepqc check {target / name}.hepq")


def _written(name: str, folder: Path) -> list[Path]:
    """Write the project; returns its files. Raises DataError if one of them is already there."""
    from hepq.core.errors import DataError
    from hepq.runtime.files import replacing

    model = "".join(word.capitalize() for word in name.split("_")) or "Tagger"
    texts = {
        f"{name}.hepq": PROGRAM.format(name=name, model=model if model[0].isalpha() else "Tagger"),
        "README.md": README.format(name=name),
    }
    for file in texts:
        if (folder / file).exists():
            why = "nothing was written"
            raise DataError("HQ0817", f"{folder / file} is already there", why, "choose another name or --folder")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        with replacing(folder / file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [folder / file for file in texts]
