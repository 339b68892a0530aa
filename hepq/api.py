# SPDX-License-Identifier: Apache-2.0
"""The Python face: load an artifact, call it with events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from hepq.compiler.train import Recipe
    from hepq.compiler.train.two_sample import TwoSample
    from hepq.runtime.analysis.results import Result
    from hepq.runtime.model import Model
    from hepq.runtime.quantum.backends.backend import Backend
    from hepq.runtime.report.attributions import Attributions, Progress


def load(
    path: str | Path, threads: int | None = None, *, backend: str | Backend = "exact", shots: int | None = None,
    seed: int | None = 0, sha256: str | None = None, trusted: str | Path | None = None, rebuild: bool = False,
    device: Literal["cpu", "cuda", "auto"] = "cpu",
) -> Model:  # fmt: skip
    """Load a ``.hepqx`` artifact; ``threads`` defaults to every core this process may use.

    ``backend`` runs its circuits, if it has any: ``exact`` simulates them; ``noisy`` with the errors of the
    device it was compiled for; ``ibm``, ``origin``, ``quafu`` send them there, ``shots`` each.
    ``device="cuda"`` scores on an NVIDIA GPU, of an artifact compiled for ``cuda``; ``"auto"`` on the CPU where that
    cannot be, and ``model.device`` says where and why.

    >>> tagger = hepq.load("tagger.hepqx")            # doctest: +SKIP
    >>> tagger("jets.root").Hbb                       # doctest: +SKIP

    An artifact holds machine code, which runs: load only those you would run a program from. ``sha256`` and
    ``trusted``, a keyring, are checked before anything of the file is opened: it must have that hash, and a signature
    by one of those keys. ``rebuild`` leaves the machine code alone and compiles the program and weights in it anew,
    which takes seconds. docs/artifact.md says what each protects against.

    Raises ArtifactError if the file is missing, damaged, changed, too new, not trusted, or for another CPU; HepqError
    if it cannot be rebuilt.
    """
    from hepq.draw.progress import events_bar
    from hepq.runtime.arguments import one_of, whole
    from hepq.runtime.artifact.artifact import Artifact
    from hepq.runtime.artifact.trust import Trust
    from hepq.runtime.engine.engine import DEVICES
    from hepq.runtime.model import Model

    whole("threads", threads, 1, optional=True)
    one_of("device", device, DEVICES)
    artifact = Artifact.open(path, Trust.of(sha256, trusted))
    if rebuild:
        from hepq.compiler.driver.rebuilt import recompiled

        artifact = recompiled(artifact, device)
    model = Model(artifact, threads, backend, shots, seed, device)
    model._bar = events_bar
    return model


def attributions(
    model: Model | str | Path, events: Any, truth: ArrayLike | None = None, *,
    by: Literal["permutation", "gradient", "integrated"] = "permutation", output: str | None = None,
    class_: str | None = None, metric: Literal["auc", "accuracy"] = "auc", repeats: int = 5, seed: int = 0,
    limit: int | None = 20_000, tree: str | None = None, ragged: Literal["lists", "ranks"] = "lists",
    together: Sequence[Sequence[str]] = (), baseline: Literal["zero", "mean"] = "mean", steps: int = 32,
    progress: Progress | None = None,
) -> Attributions:  # fmt: skip
    """Which inputs the score of a compiled model hangs on. See docs/attributions.md.

    ``events``: as for calling the model; at most ``limit`` of them are used, drawn by chance. ``truth``: of each, the
    number of its class or whether it is signal; by default what the dataset's labels say. ``output`` and ``class_``:
    the score; by default the last class. ``permutation`` gives the loss of ``metric`` (``repeats``, ``ragged``,
    ``together``); ``gradient`` and ``integrated`` (``baseline``, ``steps``) need no truth, but what compiles.

    Raises DataError for the events, HQ0829 without labels, HQ0831 for an unknown output or class, HQ0832 for a score
    without gradients, HQ0833 for an unknown variable, HQ0889 for other arguments;
    HepqError if the artifact's program cannot be built again.
    """
    from hepq.runtime.arguments import one_of, whole
    from hepq.runtime.report import attributions as found
    from hepq.runtime.report.scored import choose, drawn

    one_of("by", by, ("permutation", "gradient", "integrated"))
    one_of("metric", metric, ("auc", "accuracy"))
    one_of("ragged", ragged, ("lists", "ranks"))
    one_of("baseline", baseline, ("zero", "mean"))
    for name, value, low in (("repeats", repeats, 1), ("seed", seed, 0), ("steps", steps, 1)):
        whole(name, value, low)
    whole("limit", limit, 1, optional=True)
    if isinstance(model, str | Path):
        model = load(model)
    score = choose(model.manifest, output, class_)
    permuted = by == "permutation"
    batch, classes = drawn(model, events, tree=tree, limit=limit, seed=seed, truth=truth, labelled=permuted)
    if classes is not None:
        return found.permutation(model, batch, classes, score, metric=metric, repeats=repeats, seed=seed,
                                 ragged=ragged, together=together, progress=progress)  # fmt: skip
    from hepq.compiler.driver.attributions import gradients

    return gradients(model.artifact, batch, score, integrated=by == "integrated", baseline=baseline, steps=steps,
                     progress=progress)  # fmt: skip


def run(
    program: str | Path, name: str | None = None, *, out: str | Path | None = None,
    sources: Mapping[str, str | Path | Sequence[str | Path]] | None = None, workers: int | None = None,
    scheduler: Any = None, chunk_size: int | None = None, fresh: bool = False, skip_bad_files: bool = False,
    n_minus_one: bool = True, target: str = "cpu", progress: bool = False,
) -> Result:  # fmt: skip
    """Run the analysis ``name`` of a ``.hepq`` program, or its only one, over its files. See docs/running.md.

    >>> result = hepq.run("ttbar.hepq", out="TTbar", workers=8)     # doctest: +SKIP
    >>> result["r4j1b.ht"]                                         # doctest: +SKIP

    ``out``: a folder for the result, ROOT histograms, skims, and the chunks that a run which was killed goes on from;
    without one nothing is written. ``sources``: other files of sources, by name. ``workers``: processes of this
    machine; ``scheduler``: the address of a dask cluster's, or a ``distributed.Client``. ``chunk_size``: events of a
    chunk. ``fresh``: compute all again. ``skip_bad_files``: leave out files that fail, as ``result.provenance.missing``
    says. ``n_minus_one``: count what each cut alone takes away.

    Raises HepqError for the program, DataError for the files: HQ0950 lists all that failed.
    """
    from contextlib import closing

    from hepq.compiler.driver.running import compiled_program
    from hepq.draw.progress import events_bar
    from hepq.runtime.analysis.engine import Options
    from hepq.runtime.analysis.engine import run as computed
    from hepq.runtime.analysis.outputs import CHUNKS, prepared, write
    from hepq.runtime.arguments import whole
    from hepq.runtime.executors import executor

    whole("chunk_size", chunk_size, 1, optional=True)
    whole("workers", workers, 1, optional=True)
    given = {n: [str(f) for f in ([of] if isinstance(of, str | Path) else of)] for n, of in (sources or {}).items()}
    compiled = compiled_program(Path(program), name, given, target)
    folder = None if out is None else prepared(Path(out))
    options = Options(
        folder=Path(program).parent, store=None if folder is None else folder / CHUNKS, chunk=chunk_size, fresh=fresh,
        skip_bad=skip_bad_files, n_minus_one=n_minus_one, skims=folder,
    )  # fmt: skip
    with closing(executor(workers, scheduler)) as where, events_bar(quiet=not progress) as tell:
        done = computed(compiled, options, where, tell)
    if folder is not None:
        write(done.result, folder)
    return done.result


def two_sample_test(
    program: str | Path, first: str | Path | Sequence[str | Path], second: str | Path | Sequence[str | Path], *,
    statistic: str = "auc", permutations: int = 1000, model: str | None = None, recipe: Recipe | None = None,
) -> TwoSample:  # fmt: skip
    """Test whether the ROOT files ``first`` and ``second`` are of one distribution, by a classifier.

    A model of ``program`` is trained to tell them apart on half of the events, by ``recipe``; its AUC or ``accuracy``
    on the other half is compared with what ``permutations`` of the labels give.

    >>> hepq.two_sample_test("jets.hepq", "data.root", "simulation.root").p_value       # doctest: +SKIP
    0.31

    Events must be independent, with weight 1. Raises HepqError for the program, DataError for the files.
    """
    from hepq.compiler.driver.options import Options
    from hepq.compiler.train.two_sample import compare_files
    from hepq.runtime.arguments import one_of, whole

    one_of("statistic", statistic, ("auc", "accuracy"))
    whole("permutations", permutations, 1)
    files = [[f] if isinstance(f, (str, Path)) else list(f) for f in (first, second)]
    return compare_files(
        Path(program), *files, statistic=statistic, permutations=permutations, recipe=recipe,
        options=Options(model=model),
    )  # fmt: skip
