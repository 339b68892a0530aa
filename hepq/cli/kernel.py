# SPDX-License-Identifier: Apache-2.0
"""`hepqc kernel`: kernel matrices that go on where they were killed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepq.cli.shared.artifact_options import Sha256, Threads, Trusted, check_tree
from hepq.cli.shared.backend_options import NAMES, Budgets, Copies, Ledger, Mitigate, Strict, chosen
from hepq.cli.shared.console import err, example, out
from hepq.cli.shared.numbers import LAST_SEED, MOST, MOST_AT_ONCE, MOST_SHOTS
from hepq.cli.shared.reported import ReportFile, check_report, show_report, write_report
from hepq.runtime.quantum.backends.named import is_local

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hepq.runtime.events.report import Report
    from hepq.runtime.model import Model
    from hepq.runtime.quantum.kernel.export import Side

#: the largest matrix whose smallest eigenvalue is computed unasked
SPECTRUM = 4000


class Repair(StrEnum):
    clip = "clip"
    shift = "shift"
    nearest = "nearest"


@example(
    "hepqc kernel zh.hepqx train.root -o train.npz --store tiles              # killed? the same again goes on",
    "hepqc kernel zh.hepqx test.root --against train.root -o test.npz --store tiles",
    "hepqc kernel zh.hepqx train.root -o noisy.npz --backend noisy --shots 4096 --psd clip --picture noisy.png",
    "hepqc kernel --store tiles --status                                      # what is there",
)
def kernel(
    artifact: Annotated[Path | None, typer.Argument(help="A compiled kernel or svm, [.hepqx].")] = None,
    files: Annotated[
        list[str] | None,
        typer.Argument(help="ROOT, Parquet, CSV or .npz files, or patterns; or features, [.npy].", metavar="FILE..."),
    ] = None,
    out_path: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write: [.npz].")] = None,
    against: Annotated[
        list[str], typer.Option(help="Events of the columns; by default those of the rows. Repeatable.")
    ] = [],
    events: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Only the first so many events of either side.")
    ] = None,
    tree: Annotated[str | None, typer.Option(help="The tree to read; by default the program's.")] = None,
    backend: Annotated[str, typer.Option(help=f"What runs the circuits: {NAMES}.")] = "exact",
    shots: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_SHOTS, help="Of each circuit; by default the program's, or none if exact."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=LAST_SEED, help="Of shots, by default 0: the same seed gives the same matrix."),
    ] = None,
    store: Annotated[Path | None, typer.Option(help="A folder that keeps tiles as they are computed.")] = None,
    tile: Annotated[
        int | None,
        typer.Option(min=1, max=MOST, help="Events on a side of a tile; by default 512, or 16 of shots."),
    ] = None,
    psd: Annotated[Repair | None, typer.Option(help="Make the matrix positive semidefinite.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=MOST_AT_ONCE, help="Processes that compute tiles.")] = None,
    threads: Threads = None,
    dask: Annotated[str | None, typer.Option(help="Compute on a dask cluster: its scheduler's address.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the matrix: [.png], [.svg] or [.pdf].")] = None,
    status: Annotated[bool, typer.Option("--status", help="Only list what the store holds.")] = False,
    budget: Budgets = [],
    ledger: Ledger = None,
    strict: Strict = False,
    copies: Copies = None,
    mitigate: Mitigate = None,
    sha256: Sha256 = None,
    trusted: Trusted = None,
    report: ReportFile = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
) -> None:
    """Compute the kernel matrix of events, each pair once.

    With --store every tile is kept as soon as it is computed. Killed at any moment, the same command goes on from
    there; several at once share the work. The matrix is written as .npz, with labels and where it is from.
    """
    if status:
        from hepq.draw.kernel_status import show

        if store is None:
            raise typer.BadParameter("--status needs --store FOLDER")
        if artifact is not None or out_path is not None:
            raise typer.BadParameter("--status only lists the store: leave out the artifact, files and --out")
        show(store, out())
        return
    if artifact is None or not files or out_path is None:
        raise typer.BadParameter("give an artifact, files, and --out FILE.npz")
    if backend.partition(":")[0] == "exact" and seed is not None and shots is None:
        raise typer.BadParameter("--seed is of shots: give --shots, or another --backend")
    check_tree(tree, [*files, *against])
    if dask is not None and workers is not None:
        raise typer.BadParameter("--workers are of this machine, --dask of a cluster: leave one out")
    if not is_local(backend) and (dask is not None or (workers or 1) > 1):
        raise typer.BadParameter(f"jobs on {backend} are sent by one process: leave out --workers and --dask")
    import numpy as np

    from hepq.api import load
    from hepq.draw.progress import watched
    from hepq.runtime.engine.threads import limited
    from hepq.runtime.executors import executor
    from hepq.runtime.quantum.kernel import export
    from hepq.runtime.quantum.kernel import matrix as matrices
    from hepq.runtime.quantum.kernel.gram import gram

    export.check(out_path)
    check_report(report)
    model = load(artifact, threads, sha256=sha256, trusted=trusted)
    runs = chosen(model.artifact, backend, budget, ledger, strict, copies, mitigate, seed or 0)
    function = model.kernel(runs, shots, seed or 0)
    rows, rows_report = _side(model, files, events, tree)
    columns, columns_report = _side(model, against, events, tree) if against else (None, None)
    reports = {"rows": rows_report} | ({} if columns_report is None else {"columns": columns_report})
    if psd is not None:
        matrices.check(psd.value, columns is None)
    with (
        _plain_warnings(),
        limited(threads),
        closing(executor(workers, dask, threads)) as used,
        nullcontext() if store is None else _interruptible(store),
        watched(err(), quiet) as progress,
    ):
        empty = np.empty((len(rows.x), len((columns or rows).x)))
        matrix = empty if not empty.size else gram(
            function, rows.x, None if columns is None else columns.x, store=store, executor=used, tile=tile,
            progress=progress,
        )  # fmt: skip
    made = matrix if psd is None or not matrix.size else matrices.repaired(matrix, psd.value)
    origin = {"artifact": str(artifact), "files": list(files), "against": list(against), "tile": tile}
    export.save(out_path, made, function, rows, columns, {**origin, "psd": psd.value if psd else None})
    if picture is not None and made.size:
        from hepq.draw.kernel import draw

        draw(made, rows.labels, (rows if columns is None else columns).labels, model.manifest, picture)
    write_report(report, reports, "kernel")
    if not quiet:
        for side, one in reports.items():
            show_report(one, f"{side}: ")
        _summary(out_path, made, matrix, rows, columns)


def _side(model: Model, files: list[str], events: int | None, tree: str | None) -> tuple[Side, Report]:
    """Features, without events whose features could not be computed; what became of all events."""
    import numpy as np

    from hepq.core.errors import DataError
    from hepq.runtime.quantum.kernel.export import Side

    given: Any = files
    if len(files) == 1 and files[0].endswith(".npy"):
        given = _array(files[0])
    found = model.kernel_events(given, events, tree=tree)
    x, labels = found.x, found.labels
    usable = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
    if len(x) and not usable.any():
        raise DataError("HQ0809", f"no events in {', '.join(files)}", f"none of {len(x):,} has features")
    # those that a `select` leaves out are counted by it
    left = found.report.unscored + found.report.nan_scores
    report = replace(found.report, parts={"in the matrix": int(usable.sum()), "left out": left})
    return Side(x[usable], np.flatnonzero(usable), None if labels is None else labels[usable]), report


def _array(path: str) -> Any:
    """The array of a file. Raises DataError HQ0801, HQ0842."""
    import numpy as np

    from hepq.core.errors import DataError
    from hepq.runtime.files import unopened, why_not

    if why := why_not(path):
        raise DataError("HQ0801", unopened(path, why), f"looked from {Path.cwd()}")
    try:
        with Path(path).open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, TokenError) as error:  # of headers that are no Python
        help = "numpy.save writes one"
        raise DataError("HQ0842", f"{path} is not an array of numbers", str(error).split(". ")[0], help) from error


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings of damaged tiles as one line each."""

    def show(message: Any, *rest: Any) -> None:
        err().print(f"warning: {message}", markup=False)

    from hepq.runtime.quantum.kernel.store import StoreWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", StoreWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


@contextmanager
def _interruptible(store: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        err().print(f"\ninterrupted; every tile computed is in {store}, and the same command goes on from there")
        raise typer.Exit(130) from None


def _summary(
    path: Path, made: NDArray[Any], matrix: NDArray[Any], rows: Side, columns: Side | None
) -> None:  # fmt: skip
    from hepq.runtime.quantum.kernel.matrix import smallest

    console = out()
    n, m = made.shape
    if not made.size:
        console.print(f"[bold]{path}[/]: {n:,} × {m:,} values: there are no events, and no picture is drawn")
        return
    console.print(f"[bold]{path}[/]: {n:,} × {m:,} values between {made.min():.4g} and {made.max():.4g}")
    if columns is not None:
        return
    if n <= SPECTRUM and (matrix == matrix.T).all():
        least = smallest(matrix)
        verdict = "positive semidefinite" if least >= -1e-9 * n else "not positive semidefinite"
        text = f"{verdict}: smallest eigenvalue {least:.3g}"
        if made is not matrix:
            text += f"; repaired: {smallest(made):.3g}, largest change {abs(made - matrix).max():.3g}"
        elif least < -1e-9 * n:
            text += "; --psd clip, shift or nearest repairs it"
        console.print(text)
    if rows.labels is None:
        return
    import numpy as np

    known = rows.labels >= 0
    if len(np.unique(rows.labels[known])) > 1:
        from hepq.runtime.quantum.kernel.matrix import kernel_alignment

        part, labels = made[np.ix_(known, known)], rows.labels[known]
        plain, centred = kernel_alignment(part, labels), kernel_alignment(part, labels, centred=True)
        console.print(f"alignment with the labels {plain:.3f}, centred {centred:.3f}")
