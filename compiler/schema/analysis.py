# SPDX-License-Identifier: Apache-2.0
"""An analysis, for the runtime: what it reads, fills and saves, and what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hepq.compiler.ir.analyses import Filling, argument, index, owner
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.schema.stage import stage_branch, stage_output
from hepq.core.analyses import NOMINAL, Kind
from hepq.core.types import ONE
from hepq.lang.declarations.analysis.fits import FitPlan
from hepq.lang.declarations.analysis.noise import KEY
from hepq.lang.declarations.analysis.plan import AnalysisPlan, AxisPlan, Evaluated, KindPlan
from hepq.lang.elaborate.analyses.models import CallPlan
from hepq.runtime.analysis import description as d
from hepq.runtime.artifact.stage import StageBranch, StageOutput


def described(
    plan: AnalysisPlan, made: Mapping[Kind, Filling], fits: Sequence[FitPlan], digest: str, target: str
) -> d.Analysis:
    """``target``: what models are compiled for that are not yet."""
    evaluated = [kind.evaluated[NOMINAL] for kind in plan.kinds.values()]
    return d.Analysis(
        name=plan.name,
        sources=tuple(
            d.SourceFiles(
                name=s.name, kind=s.kind, files=s.files, format=s.format, tree=s.tree, xsec=s.xsec, sumw=s.sumw
            )
            for s in plan.sources.values()
        ),
        regions=_regions(evaluated),
        histograms=_histograms(evaluated),
        variations=tuple(plan.variations),
        programs={kind: _program(plan.kinds[kind], filling, target) for kind, filling in made.items()},
        fits=tuple(_fit(fit) for fit in fits),
        digest=digest,
    )


def _regions(evaluated: Sequence[Evaluated]) -> tuple[d.Region, ...]:
    found: dict[str, d.Region] = {}
    for one in evaluated:
        for name, region in one.regions.items():
            cuts = tuple(d.Cut(name=cut.name, text=cut.text) for cut in region.cuts)
            found.setdefault(name, d.Region(name=name, cuts=cuts))
    return tuple(found.values())


def _histograms(evaluated: Sequence[Evaluated]) -> tuple[d.Histogram, ...]:
    found: dict[str, d.Histogram] = {}
    for one in evaluated:
        for name, h in one.histograms.items():
            found.setdefault(name, d.Histogram(name=name, region=h.region, axes=tuple(map(_axis, h.axes))))
    return tuple(found.values())


def _axis(axis: AxisPlan) -> d.Axis:
    unit = "" if axis.unit == ONE else str(axis.unit)
    if axis.bins is None:
        return d.Axis(name=axis.name, kind=axis.kind, bins=axis.extent, entries=axis.entries)
    edges = tuple(map(float, axis.bins.edges))
    return d.Axis(name=axis.name, kind=axis.kind, bins=axis.bins.bins, edges=edges, unit=unit)


def _program(plan: KindPlan, filling: Filling, target: str) -> d.Program:
    module = filling.module
    models = tuple(
        _stage(plan, stage, calls, target) for stage, calls in zip(module.before, filling.calls, strict=True)
    )
    modules = (*module.before, module)
    saves = {
        variation: {
            name: d.Saved(
                passed=saved.passed,
                columns={c: stage_output(out, module.outputs[out]) for c, out in saved.columns.items()},
            )
            for name, saved in results.saves.items()
        }
        for variation, results in filling.results.items()
        if results.saves
    }
    return d.Program(
        branches=_branches(plan, module),
        lists={d: p for d, p in plan.lists.items() if any(b.dim == d for m in modules for b in _branches(plan, m))},
        histograms={v: r.histograms for v, r in filling.results.items()},
        flows={v: r.flows for v, r in filling.results.items()},
        saves=saves,
        sums={fill.name: (fill.cells, fill.weight is not None) for fill in module.fills},
        checks=dict(filling.checks),
        outside=dict(filling.outside),
        key=KEY if any(n["name"] == KEY for m in modules for n in m.inputs) else None,
        models=models,
        idle=filling.idle,
    )


def _branches(plan: KindPlan, module: Module) -> tuple[StageBranch, ...]:
    """Of the inputs, those that files have."""
    return tuple(stage_branch(plan.branches, n) for n in module.inputs if n["name"] in plan.branches)


def _stage(plan: KindPlan, module: Module, calls: Sequence[str], target: str) -> d.ModelStage:
    made = tuple(_call(name, plan.calls[name], target) for name in calls)
    return d.ModelStage(branches=_branches(plan, module), calls=made)


def _call(name: str, call: CallPlan, target: str) -> d.ModelCall:
    root = "" if call.root is None else call.root.name
    inputs = {
        branch: d.Argument(output=argument(name, branch), dim=_ragged(x.handle), factor=factor)
        for branch, (x, factor) in call.inputs.items()
    }
    outputs = {}
    for output in call.interface.outputs:
        result = next(r for r, of in call.outputs.items() if of == output.name)
        shape = tuple(dim.size or 0 for dim in output.dims)
        outputs[output.name] = StageOutput(name=result, elem=output.held, dim=root, shape=shape)
    path, sha256 = call.interface.compiled(target)
    return d.ModelCall(
        path=path, sha256=sha256, each="" if call.each is None else call.each.name,
        root=root, index="" if call.index is None else index(name), inputs=inputs,
        owners={dim: owner(name, dim) for dim in call.owners}, outputs=outputs,
    )  # fmt: skip


def _ragged(node: Node) -> str:
    return next((dim.name for dim in node.type.dims if dim.ragged), "")


def _fit(fit: FitPlan) -> d.Fit:
    rates = tuple(d.Rate(name=rate.name, size=rate.size, sources=rate.sources) for rate in fit.rates)
    return d.Fit(
        name=fit.name, channels=fit.channels, data=fit.data or "asimov", free=fit.free, poi=fit.poi, rates=rates,
        rebin=fit.rebin, range=fit.range,
    )  # fmt: skip
