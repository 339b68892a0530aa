# SPDX-License-Identifier: Apache-2.0
"""`hepqc new`: a project to start from."""

from __future__ import annotations

import re
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
model {title}(x: real[part, feat]) -> real[cls] {{
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


KINDS = ("tagger", "analysis")


@example("hepqc new top", "hepqc new top --folder analysis", "hepqc new analysis zmumu")
def new(
    what: Annotated[
        list[str],
        typer.Argument(
            help="Its name: letters, digits, underscores; before it may stand `tagger` or `analysis`.",
            metavar="[KIND] NAME",
        ),
    ],
    folder: Annotated[Path | None, typer.Option(help="Where to put it; by default a folder of that name.")] = None,
) -> None:
    """Write a tagger or an analysis to start from: a program that checks, and a README with the next steps."""
    kind, name = _kind_and_name(what)
    target = folder or Path(name)
    for path in _written(kind, name, target):
        print(f"wrote {path}")
    print(f"next: hepqc check {target / name}.hepq")


def _kind_and_name(what: list[str]) -> tuple[str, str]:
    if len(what) > 2 or (len(what) == 2 and what[0] not in KINDS):
        raise typer.BadParameter(f"{' '.join(what)!r}: expected a name, or `tagger` or `analysis` and a name")
    kind, name = ("tagger", *what)[-2:]
    if what == ["analysis"]:
        raise typer.BadParameter("an analysis needs a name: `hepqc new analysis zmumu`")
    if not name.isidentifier():
        raise typer.BadParameter(f"{name!r} is not a name: use letters, digits and underscores")
    return kind, name


def _written(kind: str, name: str, folder: Path) -> list[Path]:
    """Write the project; returns its files. Raises DataError if one of them is already there."""
    from hepq.cli.analyses import start
    from hepq.core.errors import DataError
    from hepq.runtime.files import replacing

    program, readme = (start.PROGRAM, start.README) if kind == "analysis" else (PROGRAM, README)
    title = _title(name, kind, program)
    texts = {
        f"{name}.hepq": program.format(name=name, title=title),
        "README.md": readme.format(name=name, title=title),
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


def _title(name: str, kind: str, program: str) -> str:
    """What the model or the analysis is called: as the file is, unless the program has that name for something else."""
    title = "".join(word.capitalize() for word in name.split("_"))
    taken = re.findall(r"^(?:dataset|from \S+ import) (.*)", program, re.MULTILINE)
    if not title or not title[0].isalpha():
        return kind.capitalize()
    return f"{title}{kind.capitalize()}" if title in re.findall(r"\w+", " ".join(taken)) else title
