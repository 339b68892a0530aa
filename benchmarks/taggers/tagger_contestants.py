# SPDX-License-Identifier: Apache-2.0
"""Taggers of published sizes, with one set of weights for all who run them: ours, ONNX Runtime and torch.

ONNX Runtime gets our graph after all passes, which are of use there too; torch the published module (weaver-core's
where it has one, else the network written anew in `tagger_networks`). All on one thread, their inputs at hand.
"""

from __future__ import annotations

import ctypes
import os
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.shared import data
from benchmarks.taggers import tagger_programs as programs
from benchmarks.taggers import weaver
from benchmarks.taggers.tagger_networks import PCNN, PFN, LorentzNet
from benchmarks.taggers.tagger_parity import LORENTZ, PX, SLOTS, X, transformer
from hepq.compiler.ir.flops import total
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cpu.prepare import prepare
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from tests.support.tvm_call import Compiled, aligned

FEATURES, CLASSES = 7, len(data.CLASSES)
GRAPH = "pos: real[part, xy], x: real[part, feat]"
Array = NDArray[Any]
Event = Mapping[str, Array]


@dataclass(frozen=True)
class Bar:
    """At least: of the best peer's time over ours from batch 16 on, of real jets and of full ones, and of our share of
    sgemm. None: measured, without a bar."""

    real: float | None = None
    full: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Tagger:
    """``call`` in the library's ``module``. ``peer``: the published network; ``arguments``: what its forward takes of
    [event, channel, slot] arrays. ``cut``: whether padding may be cut to the longest jet of a batch."""

    module: str
    parameters: str
    call: str
    peer: Callable[[], nn.Module]
    arguments: Callable[[Mapping[str, Tensor]], tuple[Tensor, ...]]
    bar: Bar
    prefix: str = ""
    cut: bool = True
    classes: int = CLASSES


def _particlenet(k: int, widths: Sequence[int], hidden: int) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from weaver.nn.model.ParticleNet import ParticleNet

        made: nn.Module = ParticleNet(
            input_dims=FEATURES, num_classes=CLASSES, conv_params=[(k, (w, w, w)) for w in widths],
            fc_params=[(hidden, 0.1)], use_fusion=False, use_fts_bn=True, use_counts=True, trim=False,
        )  # fmt: skip
        return made

    return make


class _Transformer(nn.Module):
    """weaver-core's, whose forward takes momenta by name."""

    def __init__(self) -> None:
        super().__init__()
        self.net = transformer()(FEATURES, CLASSES)

    def forward(self, x: Tensor, p: Tensor, mask: Tensor) -> Tensor:
        found: Tensor = self.net(x, v=p, mask=mask)
        return found


TAGGERS = {
    "ParticleNet": Tagger(
        "particlenet", GRAPH, "ParticleNet[cls](pos, x)", _particlenet(16, (64, 128, 256), 256),
        lambda a: (a["pos"], a["x"], a["mask"]), Bar(4.5, 2.0, 0.95), "mod.",
    ),
    "ParticleNet-Lite": Tagger(
        "particlenet", GRAPH, "ParticleNet[cls, k=7, convs=[[32, 32, 32], [64, 64, 64]], hidden=[128]](pos, x)",
        _particlenet(7, (32, 64), 128), lambda a: (a["pos"], a["x"], a["mask"]), Bar(6.0, 1.8, 0.60), "mod.",
    ),
    "ParT": Tagger(
        "part", PX, "ParT[cls](p, x)", _Transformer, lambda a: (a["x"], a["p"], a["mask"]), Bar(4.0, 1.5, 0.70),
    ),
    "LorentzNet": Tagger(
        "lorentznet", "p: p4[part]", LORENTZ, lambda: LorentzNet(2), lambda a: (a["p"], a["mask"]),
        Bar(11.0, None, 0.70), classes=2,
    ),
    "PFN": Tagger(
        "pfn", X, "PFN[cls](x)", lambda: PFN(FEATURES, CLASSES), lambda a: (a["x"], a["mask"]), Bar(2.2, None, 0.90),
    ),
    "P-CNN": Tagger(
        "pcnn", X, "PCNN[cls](x)", lambda: PCNN(FEATURES, CLASSES), lambda a: (a["x"], a["mask"]),
        Bar(1.0, None, 0.78), cut=False,
    ),
}  # fmt: skip


class Entrant:
    """A tagger with its weights, as everybody who runs it has it; seconds and bytes of what was made.

    The last layer is scaled such that logits of ``jets`` differ by about 1: else probabilities are all 0 or 1, and
    agree whatever the rest does.
    """

    def __init__(self, name: str, jets: Sequence[Event], seed: int) -> None:
        import onnxruntime

        from hepq.compiler.lower.onnx import lower as to_onnx

        self.name, self.tagger = name, TAGGERS[name]
        torch.manual_seed(seed)
        t = self.tagger
        built = programs.built(t.module, t.parameters, t.call, features=FEATURES, classes=t.classes)
        self.net = _scaled(programs.moved(t.peer(), seed), t, jets).float()
        net = self.net.net if isinstance(self.net, _Transformer) else self.net
        assert isinstance(net, nn.Module)
        with tempfile.TemporaryDirectory() as folder:
            weights = programs.imported(built, net, Path(folder), t.prefix or ("mod." if net is not self.net else ""))
        self.seconds: dict[str, float] = {}
        start = time.process_time()
        self.module, self.weights = run_pipeline(INFERENCE, built.module, weights.weights)
        self.ours = Compiled(self.module, self.weights)
        self.seconds["hepq"] = time.process_time() - start
        start = time.process_time()
        graph = to_onnx(self.module, self.weights)
        self.counts, text = graph.counts, graph.model.SerializeToString()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(text, options)
        self.seconds["ONNX Runtime"] = time.process_time() - start
        self.bytes = {"hepq": len(self.ours.code.library) + self.ours.code.packed.nbytes, "ONNX Runtime": len(text)}
        self.executed: Module = prepare(self.module, self.weights)[0]

    @cached_property
    def fast(self) -> Callable[..., Tensor]:
        """torch.compile's, for each shape of inputs anew."""
        made: Callable[..., Tensor] = torch.compile(self.net, dynamic=False)
        return made

    def flops(self, events: Sequence[Event]) -> int:
        """FLOPs that our code executes for all events."""
        sizes = [len(next(iter(event.values()))) for event in events]
        each = {n: total(self.executed, {"part": n}) for n in set(sizes)}
        return sum(each[n] for n in sizes)

    def contestants(self, events: Sequence[Event], compiled: bool = True) -> dict[str, Callable[[], Array]]:
        """By name, what scores ``events``: logits softmaxed, [event, class]. Ours comes first."""
        longest = max(max(len(event["x"]) for event in events), weaver.K + 1) if self.tagger.cut else SLOTS
        found = {"hepq": self._ours(events), "ONNX Runtime": self._onnx(events, SLOTS)}
        if self.tagger.cut and longest < SLOTS:
            found["ONNX Runtime, trimmed"] = self._onnx(events, longest)
        found["torch"] = self._torch(self.net, events, longest)
        if compiled:
            found["torch.compile"] = self._torch(self.fast, events, longest)
        return found

    def _ours(self, events: Sequence[Event]) -> Callable[[], Array]:
        code = self.ours.code
        offsets = aligned(np.cumsum([0, *(len(event["x"]) for event in events)]), "int64")
        inputs = [aligned(np.concatenate([e[n["name"]].ravel() for e in events])) for n in self.module.inputs]
        scratch = (
            aligned(np.zeros(code.scratch_floats)), aligned(np.zeros(code.iscratch_ints), "int32"),
            aligned(np.zeros(code.lscratch_ints), "int64"),
        )  # fmt: skip
        out = aligned(np.zeros(len(events) * self.tagger.classes))

        def run() -> Array:
            self.ours.function(0, len(events), offsets, *inputs, self.ours.packed, *scratch, out)
            return out[: len(events) * self.tagger.classes].reshape(len(events), -1)

        return run

    def _onnx(self, events: Sequence[Event], slots: int) -> Callable[[], Array]:
        names = {n["name"] for n in self.module.inputs}
        feed = {n: np.ascontiguousarray(v.numpy().transpose(0, 2, 1)) for n, v in padded(events, slots).items()}
        feed = {n: v for n, v in feed.items() if n in names}
        feed |= {n: np.array([len(e["x"]) for e in events], np.float32) for n in self.counts.values()}

        def run() -> Array:
            found: Array = self.session.run(["output"], feed)[0]
            return found

        return run

    def _torch(self, net: Callable[..., Tensor], events: Sequence[Event], slots: int) -> Callable[[], Array]:
        arguments = self.tagger.arguments(padded(events, slots))

        def run() -> Array:
            with torch.inference_mode():
                return net(*arguments).softmax(-1).numpy()

        return run


def _scaled(net: nn.Module, tagger: Tagger, jets: Sequence[Event]) -> nn.Module:
    """``net``, in double precision, with logits of mean 0 and deviation 1 over ``jets``."""
    last = [m for m in net.modules() if isinstance(m, nn.Linear) and m.out_features == tagger.classes][-1]
    inputs = {name: x if name == "mask" else x.double() for name, x in padded(jets, SLOTS).items()}
    with torch.no_grad():
        logits = net(*tagger.arguments(inputs))
        deviation, mean = logits.std(0), logits.mean(0)
        last.weight.copy_(last.weight / deviation[:, None])
        last.bias.copy_((last.bias - mean) / deviation)
    return net


def padded(events: Sequence[Event], slots: int) -> dict[str, Tensor]:
    """[event, channel, slot] in float32, and which slots hold a particle."""
    made = {name: programs.padded(events, name, slots).float() for name in events[0]}
    return {**made, "mask": programs.mask(events, slots)}


def real_jets(count: int, seed: int) -> list[dict[str, Array]]:
    """Jets of two classes, mixed: momenta, weaver-core's seven kinematic inputs, and where each particle is.

    Those in which two particles have the same place are left out: which of them is nearer, peers do not agree on.
    """
    jets = ak.concatenate([data.jets(label, count) for label in ("QCD", "Tbqq")])
    inputs = weaver.prepare(jets, np.float32)
    order = ak.argsort(-np.hypot(jets["part_px"], jets["part_py"]), axis=1, stable=True)
    momenta = [jets[f"part_{name}"][order] for name in ("px", "py", "pz", "energy")]
    alone = np.flatnonzero(~weaver.coincident(inputs) & (inputs.counts > 1))
    chosen = np.random.default_rng(seed).permutation(alone)[:count]
    found = []
    for i in chosen:
        n = int(inputs.counts[i])
        p = np.stack([ak.to_numpy(x[i])[:n] for x in momenta], -1).astype(np.float32)
        found.append({"p": p, "x": inputs.features[i, :, :n].T.copy(), "pos": inputs.points[i, :, :n].T.copy()})
    return found


def made_up_jets(counts: Sequence[int], seed: int) -> list[dict[str, Array]]:
    """Jets of so many particles, of masses and places that float32 tells apart."""
    return [{**jet, "pos": jet["x"][:, :2].copy()} for jet in programs.jets(counts, FEATURES, seed)]


def memory(run: Callable[[], object]) -> float:
    """Bytes by which ``run`` raises the most that a process holds; in a child, so that the next one's is not hidden."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # what the process has freed and kept, and the most that it held so far, would hide what is added
            ctypes.CDLL(None).malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            run()
            os.write(write, str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    return 1024.0 * int(found) if found else float("nan")
