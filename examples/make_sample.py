# SPDX-License-Identifier: Apache-2.0
"""Cut examples/data/{train,test}.root out of larger files made by make_jets.py.

    python examples/make_sample.py examples/data QCD.root Tbqq.root

From each file the first --train jets go to train.root and the last --test to test.root, so no jet and no
collision is in both. Jets are mixed (fixed seed). Particle branches keep 13 bits of mantissa (1e-4), far finer
than any detector, which halves the size.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

PARTICLE = ["px", "py", "pz", "energy", "deta", "dphi"]
JET = ["pt", "eta", "phi", "energy", "mass", "sdmass", "tau1", "tau2", "tau3"]


def rounded(x: ak.Array, bits: int = 13) -> ak.Array:
    """``x`` (float32, ragged) with its mantissa rounded to ``bits`` bits."""
    mantissa, exponent = np.frexp(ak.to_numpy(ak.flatten(x)))
    values = np.ldexp(np.round(mantissa * 2**bits) / 2**bits, exponent).astype(np.float32)
    return ak.unflatten(values, ak.num(x))


def write(path: Path, jets: ak.Array, labels: list[str]) -> None:
    particles = ak.zip({name: rounded(jets["part_" + name]) for name in PARTICLE})
    data = {"part": particles} | {f"jet_{name}": ak.to_numpy(jets[f"jet_{name}"]) for name in JET}
    data |= {label: ak.to_numpy(jets[label]) for label in labels}
    types = {name: x.type.content if name == "part" else x.dtype for name, x in data.items()}
    with uproot.recreate(path, compression=uproot.LZMA(9)) as file:
        file.mktree("tree", types, counter_name=lambda name: "n" + name)
        file["tree"].extend(data)
    print(f"{path}: {len(jets)} jets, {path.stat().st_size / 2**20:.2f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of train.root and test.root")
    parser.add_argument("files", type=Path, nargs="+", help="files made by make_jets.py, one per class")
    parser.add_argument("--train", type=int, default=1200, help="training jets per file")
    parser.add_argument("--test", type=int, default=400, help="test jets per file")
    args = parser.parse_args()
    wanted = [f"part_{name}" for name in PARTICLE] + [f"jet_{name}" for name in JET]
    trees = [uproot.open(path)["tree"] for path in args.files]
    labels = [branch.name for branch in trees[0].branches if branch.name.startswith("label_")]
    files = [tree.arrays(wanted + labels) for tree in trees]
    rng = np.random.default_rng(1)
    for name, jets in (
        ("train", ak.concatenate([file[: args.train] for file in files])),
        ("test", ak.concatenate([file[-args.test :] for file in files])),
    ):
        used = [label for label in labels if ak.any(jets[label])]
        write(args.out / f"{name}.root", jets[rng.permutation(len(jets))], used)


if __name__ == "__main__":
    main()
