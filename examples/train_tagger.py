#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Train examples/tagger.hepq on examples/data/train.root; write its weights as safetensors.

    python examples/train_tagger.py --epochs 20 --out examples/tagger.safetensors

The model, the preprocessing and the labels all come from the .hepq file: what is trained is what is compiled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from hepq.compiler.lower.torch import TorchModule, pad_events, to_torch
from hepq.compiler.training import training_set
from hepq.compiler.weights import save_weights

HERE = Path(__file__).parent
Events = list[dict[str, np.ndarray]]


def epoch(
    net: TorchModule,
    events: Events,
    truth: torch.Tensor,
    order: np.ndarray,
    size: int,
    step: Callable[[torch.Tensor], None],
    title: str,
) -> float:
    """Run over the jets in ``order``; ``step`` takes each batch's loss. Returns the mean loss."""
    total = 0.0
    for start in track(range(0, len(order), size), title, transient=True, disable=not sys.stdout.isatty()):
        pick = order[start : start + size]
        inputs, counts = pad_events([events[i] for i in pick], net.ir)
        scores = net(inputs, counts)["output"]
        loss = torch.nn.functional.nll_loss(torch.log(scores.clamp_min(1e-12)), truth[pick], ignore_index=-1)
        step(loss)
        total += float(loss.detach()) * len(pick)
    return total / len(order)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=HERE / "tagger.hepq")
    parser.add_argument("--data", type=Path, nargs="+", default=[HERE / "data" / "train.root"])
    parser.add_argument("--out", type=Path, default=HERE / "tagger.safetensors")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3, help="largest learning rate of the one-cycle schedule")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    data = training_set(args.model, args.data)
    events, truth = data.events, torch.from_numpy(data.truth)
    held = rng.permutation(len(events))
    validation, training = held[: len(held) // 10], held[len(held) // 10 :]
    net = to_torch(data.module, seed=args.seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=1e-2)
    steps = args.epochs * -(-len(training) // args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.rate, total_steps=steps)

    def descend(loss: torch.Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()

    best = float("inf")
    for n in range(1, args.epochs + 1):
        net.train()
        fitted = epoch(net, events, truth, rng.permutation(training), args.batch, descend, f"epoch {n}")
        net.eval()
        with torch.no_grad():
            checked = epoch(net, events, truth, validation, 256, lambda loss: None, "validation")
        print(f"epoch {n:3d}  loss {fitted:.4f}  validation {checked:.4f}")
        if checked < best:
            best = checked
            save_weights(args.out, {k: v.detach().numpy() for k, v in net.state_dict().items()})
    print(f"best validation loss {best:.4f}; weights in {args.out}")


if __name__ == "__main__":
    main()
