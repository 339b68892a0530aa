# SPDX-License-Identifier: Apache-2.0
"""A support vector machine: the kernel matrix of the training events, then scikit-learn's solver (libsvm)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hepq.compiler.hybrid.kernel import KernelPlan, build_kernel
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.program import NotStraight, to_program
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.compiler.schema.events import read_inputs
from hepq.compiler.train.blame import input_error
from hepq.compiler.train.data.events import Labelled, event_weights, refuse, weight_words
from hepq.compiler.train.data.reweight import factors
from hepq.compiler.train.fit.gradient import SCORED, Fitted, Scores
from hepq.compiler.train.recipe import Resolved
from hepq.compiler.train.report import Watch
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.runtime.artifact.artifact import Artifact
from hepq.runtime.artifact.trust import Trust
from hepq.runtime.events.report import Metrics
from hepq.runtime.program import Program, evaluate
from hepq.runtime.quantum.backends.exact import Exact, Sampled
from hepq.runtime.quantum.backends.named import backend
from hepq.runtime.quantum.kernel.artifact_kernel import ArtifactKernel
from hepq.runtime.quantum.kernel.gram import gram
from hepq.runtime.quantum.kernel.kernel import KernelFunction, block_seed
from hepq.runtime.quantum.kernel.matrix import Repair
from hepq.runtime.quantum.measurer import DEFAULT_SHOTS, Measurer
from hepq.runtime.report.metrics import auc

#: what the value of a support vector machine is called
DECISION = "decision"
#: largest kernel matrix, bytes
LARGEST = 8 << 30


class ProgramKernel:
    """K(x, y) of a program that is not compiled yet, exactly or by shots; what ``gram`` computes matrices of."""

    symmetric = True

    def __init__(self, program: Program, measurer: Measurer) -> None:
        self.program, self.measurer = program, measurer

    @property
    def exact(self) -> bool:
        return self.measurer.backend.exact

    @cached_property
    def digest(self) -> str:
        """Identifies all that a value depends on."""
        run = self.measurer
        parts = [self.program.model_dump_json(), run.backend.name]
        parts += [] if run.backend.exact else [str(run.shots), str(run.seed)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def block(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """K of every pair: [N, *shape], [M, *shape] -> [N, M]."""
        inputs = {"a": np.asarray(x, np.float64)[None], "b": np.asarray(y, np.float64)[None]}
        measurer = replace(self.measurer, seed=block_seed(self.measurer.seed, x, y))
        found = evaluate(self.program, inputs, {}, measurer)["k"]
        out: NDArray[np.float64] = np.broadcast_to(found, (1, len(x), len(y)))[0]
        return out


def fit_svm(data: Labelled, plan: KernelPlan, recipe: Resolved, watch: Watch) -> Fitted:
    """Find the support vectors of the model's ``svm``, signal on the positive side.

    Raises HepqError: HQ0746 or HQ0754 where a kernel or what it takes is not a number, HQ0753 or HQ0755 for weights of
    events, HQ0747 unless there are two classes,
    HQ0748 if the kernel matrix would be too large, HQ0749 if the model has other weights, HQ0750 for a kernel that
    must be compiled (neighbours, windows). Raises DataError HQ0842 if ``recipe.kernel`` is of another program, and
    for what goes wrong on a backend.
    """
    assert plan.instance is not None
    path = plan.instance.path
    own = {f"{path}.{name}" for name in ("support", "dual", "bias")}
    if more := sorted(set(data.module.params) - own):
        raise HepqError([diag("HQ0749", model=data.module.name, others=", ".join(f"`{m}`" for m in more))])
    if len(data.classes) != 2:
        raise HepqError([diag("HQ0747", model=data.module.name, count=len(data.classes))])
    n, held = len(data.training), data.validation
    if (size := 8 * n * len(data.events)) > LARGEST:
        raise HepqError([diag("HQ0748", events=f"{len(data.events):,}", size=f"{size / 2**30:.0f} GiB")])
    features = _features(data, plan)
    kernel = _kernel(data, plan, recipe)
    mine, others = features[data.training], features[held]
    K = _matrix(kernel, mine, None, recipe, watch)
    weighed = event_weights(data, {}, recipe.seed)
    refuse(data, weighed < 0, "negative, which a support vector machine cannot take")
    factor, reweighted = factors(data, recipe, weighed, {})
    shares = weighed * factor
    shares = shares * data.class_weights(recipe.class_weight, shares)[data.truth]
    without = "reweighting" if reweighted else ""
    svc = _solved(K, data.is_signal(data.training), shares[data.training], plan, recipe)
    scores = svc.decision_function(_matrix(kernel, others, mine, recipe, watch) if len(held) else K)
    found = _scores(data, data.held, data.held_words, scores, weighed, without)
    weights = {
        f"{path}.support": mine[svc.support_].astype(np.float32),
        f"{path}.dual": svc.dual_coef_[0].astype(np.float32),
        f"{path}.bias": np.float32(svc.intercept_[0]),
    }
    tested = None
    if len(data.tested):
        values = svc.decision_function(_matrix(kernel, features[data.tested], mine, recipe, watch))
        tested = _scores(data, data.tested, f"{data.what} of fold {recipe.fold}", values, weighed, without)
    predictions = {}
    if len(data.rows):
        rows = _features(replace(data, known=data.rows), plan)
        values = svc.decision_function(_matrix(kernel, rows, mine, recipe, watch))
        predictions = {DECISION: values.astype(np.float32)}
    return Fitted(
        weights={name: np.asarray(value) for name, value in weights.items()}, dims={"sv": len(svc.support_)},
        tested=tested, predictions=predictions, reweighted=reweighted, **vars(found),
    )  # fmt: skip


def _scores(
    data: Labelled, which: NDArray[np.int64], words: str, scores: NDArray[np.float64], weighed: NDArray[np.float64],
    without: str,
) -> Scores:  # fmt: skip
    is_signal, weight = data.is_signal(which), weighed[which]
    try:
        area, lacking = {"auc": auc(scores, is_signal, weight)}, ""
    except DataError as error:
        if which is not data.tested:
            raise
        area, lacking = {}, ": ".join(filter(None, (error.title, error.why)))
    account = Metrics(
        words, len(which), area, weight_words(data.built), float(weight.sum()), lacking=lacking, without=without
    )
    return Scores(scores=scores, is_signal=is_signal, event_weights=weight, account=account)


def _matrix(
    kernel: KernelFunction, x: NDArray[np.float64], y: NDArray[np.float64] | None, recipe: Resolved, watch: Watch
) -> NDArray[np.float64]:
    store = None if recipe.checkpoint is None else recipe.checkpoint / "kernel"
    psd: Repair | None = "clip" if y is None and not kernel.exact else None  # shots and noise make it indefinite
    found = gram(kernel, x, y, store=store, psd=psd, progress=lambda p: watch.step(p.values_done, p.values))
    if not np.isfinite(found).all():
        raise HepqError([diag("HQ0746", what="a value of the kernel")])
    return found


def _solved(
    K: NDArray[np.float64], signal: NDArray[np.bool_], weight: NDArray[np.float64], plan: KernelPlan, recipe: Resolved
) -> Any:
    """``weight`` [events]: factors on C."""
    from sklearn.svm import SVC

    assert plan.instance is not None
    C = recipe.C if recipe.C is not None else float(plan.instance.statics["C"])
    return SVC(kernel="precomputed", C=C).fit(K, np.where(signal, 1, -1), sample_weight=weight)


def _features(data: Labelled, plan: KernelPlan) -> NDArray[np.float64]:
    """What the kernel takes of each event [events, *shape], as the compiled model will: rounded to float32."""
    assert plan.features is not None
    net = to_torch(read_inputs(Module(data.module.name, data.module.inputs, {"features": plan.features})), {})
    found = []
    for start in range(0, len(data.events), SCORED):
        inputs, counts = pad_events(data.events[start : start + SCORED], net.ir, torch.float64)
        found.append(net(inputs, counts)["features"].numpy())
    features = np.concatenate(found).astype(np.float32).astype(np.float64)
    if not np.isfinite(features).all():
        bad = data.known[~np.isfinite(features.reshape(len(features), -1)).all(axis=1)]
        raise input_error(data, bad, "what the kernel takes of an event")
    return features


def _kernel(data: Labelled, plan: KernelPlan, recipe: Resolved) -> KernelFunction:
    module, _ = run_pipeline(INFERENCE, build_kernel(data.built, plan, {}), {})
    try:
        program = to_program(module)
    except NotStraight as error:
        raise HepqError([diag("HQ0750", name=module.name, found=f"`{error}` in a kernel")]) from error
    if recipe.kernel is None:
        runs = backend(recipe.backend) if isinstance(recipe.backend, str) else recipe.backend
        if recipe.shots is not None and isinstance(runs, Exact):
            runs = Sampled(runs)
        run = Measurer(runs, shots=recipe.shots or DEFAULT_SHOTS, seed=recipe.seed)
        return ProgramKernel(program, run)
    trust = Trust(pinned=recipe.kernel_sha256) if recipe.kernel_sha256 else None
    compiled = ArtifactKernel(Artifact.open(recipe.kernel, trust), recipe.backend, recipe.shots, recipe.seed)
    if compiled.program != program:
        raise DataError(
            "HQ0842", f"{recipe.kernel.name} holds another kernel than the program", help="compile it again"
        )
    return compiled
