# SPDX-License-Identifier: Apache-2.0
"""What an artifact is of: a model; with a support vector machine, its kernel too; untrained, the kernel alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hepq.compiler.driver.build import Built
from hepq.compiler.driver.generate import FEATURES, Job, KernelModule
from hepq.compiler.driver.options import Options
from hepq.compiler.hybrid.code import Search
from hepq.compiler.hybrid.kernel import KernelPlan, build_kernel, find_kernel
from hepq.compiler.ir.node import Module
from hepq.compiler.passes.base import Weights
from hepq.lang.declarations.model import sized


@dataclass(frozen=True)
class Subject:
    """``module``: what the artifact computes of an event: the model's outputs; untrained, what its kernel takes."""

    built: Built
    module: Module
    kernel: KernelPlan | None
    trained: bool = True

    def with_features(self, module: Module) -> Module:
        """``module`` carrying what the kernel takes of an event as one more output."""
        if self.kernel is None or self.kernel.features is None:
            return module
        return Module(module.name, module.inputs, {**module.outputs, FEATURES: self.kernel.features})

    def kernel_module(
        self, optimise: Callable[[Module], tuple[Module, Weights]], options: Options
    ) -> KernelModule | None:
        """The kernel over rows and columns of events, optimised."""
        if self.kernel is None:
            return None
        module, weights = optimise(build_kernel(self.built, self.kernel, sized(options.dims)))
        return KernelModule(module, weights, tuple(d.size or 0 for d in self.kernel.type.dims))


def subject_of(built: Built, trained: bool) -> Subject:
    """Without weights, a model with a support vector machine stands for its kernel."""
    kernel = find_kernel(built)
    if kernel is None or kernel.features is None or trained:
        return Subject(built, built.module, kernel)
    return Subject(built, Module(built.module.name, built.module.inputs, {FEATURES: kernel.features}), kernel, False)


def job(built: Built, options: Options, kernel: KernelModule | None, tell: Callable[[str], None]) -> Job:
    """What the options and the program's attributes ask code generation to do."""
    search = Search(options.effort, options.seed, options.processes, options.cache)
    return Job(options.target, search, kernel, built.plan.shots, built.plan.budget, tell)
