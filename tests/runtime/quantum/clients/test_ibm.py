# SPDX-License-Identifier: Apache-2.0
"""IBM's client on SamplerV2's local mode: circuits accepted as ISA, bits in order, kernels within shot noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.exceptions import IBMNotAuthorizedError, IBMRuntimeError
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke, FakeTorino

from benchmarks.quantum.quantum_circuits import kernel, qaoa, qft, vqc
from hepq.compiler.circuits.portfolio.recipes import LeftOut, tries
from hepq.compiler.circuits.synthesis.structure import structure_aware
from hepq.compiler.targets.quantum import device as named_device
from hepq.core.circuits import Circuit, Gate
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Task
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.backends.named import backend
from hepq.runtime.quantum.backends.noise import Noisy
from hepq.runtime.quantum.backends.remote import Remote
from hepq.runtime.quantum.clients.base import Denied, Lost, Refused, Request, Transient
from hepq.runtime.quantum.clients.ibm import IBM
from hepq.runtime.quantum.clients.local import Local
from hepq.runtime.quantum.native import Native
from tests.support.qiskit_native import compiled, device_of, line, zz_kernel

FAKES = {"ibm:torino": FakeTorino, "ibm:sherbrooke": FakeSherbrooke}
#: the secret of these tests
TOKEN = "not-a-real-token-0123456789abcdef"


def close_pairs(circuit: Circuit, rows: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 6, (rows, circuit.slots // 2))
    return np.hstack([x, x + rng.normal(0, 0.2, x.shape)])


@pytest.mark.parametrize("name", FAKES)
def test_compiled_kernels_are_accepted_and_the_same_within_shot_noise(name: str) -> None:
    """IBM's own snapshot takes each circuit as it is; without noise the kernel is that of the source."""
    source, chip, shots = zz_kernel(4, reps=2), named_device(name), 4000
    native = structure_aware(source, chip, seed=0, effort=0)
    assert native is not None
    values = close_pairs(source, 4)
    noiseless = backend("fake", device=chip, noise=False, tell=lambda text: None)
    found = noiseless.run(Task(source, native), values, shots, 1).zero()
    exact = Exact().run(Task(source), values, 1).zero()
    assert np.abs(found - exact).max() < 4 * np.sqrt(0.25 / shots)
    noisy = backend("fake", device=chip, tell=lambda text: None).run(Task(source, native), values, shots, 1).zero()
    channel = Noisy(chip, channel=True).run(Task(source, native), values, 1).zero()
    assert np.abs(noisy - channel).max() < 4 * np.sqrt(0.25 / shots)
    assert (noisy < found).all()


class Directly(Local):
    """A fake backend as IBM ships it; its noise, which takes half a minute to simulate, left out."""

    def __init__(self, fake: Any) -> None:
        super().__init__(device_of(fake, "ibm:fake"), noise=False)
        fake.sim = AerSimulator()
        object.__setattr__(self, "fake", fake)

    def backend(self, chip: str) -> Any:
        return self.fake  # type: ignore[attr-defined]


SOURCES = {"kernel": kernel(3, 2, "full"), "qaoa": qaoa(4, 0.7, 0), "vqc": vqc(3), "qft": qft(3)}


@pytest.mark.parametrize("name", FAKES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_ibms_fake_backend_itself_accepts_what_each_recipe_makes(name: str, source: Circuit) -> None:
    """As ISA, and with the chances of the source within shot noise."""
    chip, shots = named_device(name), 4000
    client = IBM("ibm_" + name.partition(":")[2], Directly(FAKES[name]()))
    values = np.random.default_rng(0).uniform(0, 6, (2, source.slots))
    expected = Exact().run(Task(source), values, 1).probabilities()
    accepted = set()
    for recipe in {str(t): t for t in tries(source, chip, "quick", 0)}.values():
        try:
            native = recipe(source, chip)
        except (ValueError, LeftOut):  # as in the portfolio: a recipe that does not apply
            continue
        if native is not None:
            job = client.submit(Request(native, values, shots, 1, "tag"))
            found = client.result(job, source.qubits).probabilities()
            assert np.abs(found - expected).max() < 5 * np.sqrt(0.25 / shots), recipe
            accepted.add(recipe.name)
    assert accepted >= {"qiskit O3"}
    assert len(accepted) >= 2


def test_a_fake_backend_knows_its_calibration() -> None:
    assert IBM("ibm_torino", Directly(FakeTorino())).calibrated() is not None


def test_the_oracle_refuses_what_is_not_isa() -> None:
    """So that acceptance means something: a gate on a pair without coupling."""
    chip = named_device("ibm:torino")
    pair = Circuit(chip.size, 0, (Gate("cz", (0, 132)),))
    wrong = Native(chip.name, chip.calibration, pair, (0,), (0,))
    made = backend("fake", device=chip, tell=lambda text: None)
    with pytest.raises(DataError, match=r"HQ0874.*refused 1 of 1 jobs"):
        made.run(Task(Circuit(1, 0), wrong), np.zeros((1, 0)), 10)
    with pytest.raises(Refused, match="not supported"):
        IBM("ibm_torino", Directly(FakeTorino())).submit(Request(wrong, np.zeros((1, 0)), 10, 1, "tag"))


@pytest.mark.parametrize("flipped", [0, 1, 2])
def test_bit_i_is_wire_i(flipped: int) -> None:
    chip = line(4)
    measured = (3, 1, 0)
    ops = (Gate("x", (measured[flipped],)),)
    native = Native(chip.name, chip.calibration, Circuit(4, 0, ops), measured, measured)
    made = backend("fake", device=chip, noise=False, tell=lambda text: None)
    found = made.run(Task(Circuit(3, 0), native), np.zeros((2, 0)), 100)
    np.testing.assert_array_equal(found.probabilities(), np.eye(8)[[1 << flipped] * 2])


@pytest.mark.parametrize("gate", ["cz", "ecr", "cx"])
def test_devices_without_a_snapshot_are_simulated_from_their_figures(gate: str) -> None:
    source, chip = zz_kernel(2), line(3, gate)
    values = close_pairs(source, 2)
    task = Task(source, compiled(source, chip, [0, 1]))
    found = backend("fake", device=chip, tell=lambda text: None).run(task, values, 4000, 1).zero()
    expected = Noisy(chip, channel=True).run(task, values, 1).zero()
    assert np.abs(found - expected).max() < 4 * np.sqrt(0.25 / 4000)


def test_a_seed_gives_the_same_shots(tmp_path: Path) -> None:
    source, chip = zz_kernel(2), line(3)
    task, values = Task(source, compiled(source, chip, [0, 1])), close_pairs(source, 2)
    runs = [
        backend("fake", device=chip, ledger=tmp_path / str(i), tell=lambda text: None).run(task, values, 300, seed)
        for i, seed in enumerate((0, 0, 1))
    ]
    first, again, other = (r.probabilities() for r in runs)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


class Account:
    """As ``QiskitRuntimeService``, for what our client asks of it; every failure names the token."""

    kind, lasting = "ibm", True

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, list[Any]()

    def active_account(self) -> dict[str, str]:
        return {"token": TOKEN}

    def backend(self, name: str, **options: Any) -> Any:
        if self.error:
            raise self.error
        self.asked.append(options)
        return FakeTorino()

    def jobs(self, job_tags: list[str], limit: int) -> list[Any]:
        self.asked.append((job_tags, limit))
        return [type("Job", (), {"job_id": lambda self: "d1abc"})()]

    def job(self, job: str) -> Any:
        raise RuntimeJobNotFound(f"Job not found: {job}")


class RuntimeJobNotFound(IBMRuntimeError):  # type: ignore[misc]
    """As qiskit_ibm_runtime raises it."""


def http(status: int) -> Exception:
    """As the service's errors arrive: our part of the story wraps what the request raised."""
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError

    try:
        try:
            raise RequestsApiError(f"{status} for token {TOKEN}", status)
        except RequestsApiError as error:
            raise IBMRuntimeError(f"Failed to run program: {error}") from None
    except IBMRuntimeError as error:
        found: Exception = error
    return found


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (IBMNotAuthorizedError(f"{TOKEN} is not authorized"), Denied), (http(401), Denied), (http(429), Transient),
        (http(503), Transient), (http(-1), Transient), (http(400), Refused), (ConnectionResetError(TOKEN), Transient),
    ],
)  # fmt: skip
def test_errors_are_told_apart_and_hold_no_token(error: Exception, kind: type, tmp_path: Path) -> None:
    client = IBM("ibm_torino", Account(error))
    with pytest.raises(kind) as caught:
        client.calibrated()
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    made = Remote(client, line(2), _ledger(tmp_path))
    assert TOKEN not in repr(made)


def _ledger(path: Path) -> Any:
    from hepq.runtime.quantum.jobs.ledger import Ledger

    return Ledger(path / "jobs")


def test_jobs_are_found_by_tag_or_not_at_all() -> None:
    service = Account()
    client = IBM("ibm_torino", service)
    assert client.find("hepq-77") == "d1abc"
    assert service.asked == [(["hepq-77"], 1)]
    with pytest.raises(Lost):
        client.report("gone")


def test_fractional_gates_are_asked_for_where_circuits_have_them(tmp_path: Path) -> None:
    for gate, asked in (("rzz", [{"use_fractional_gates": True}]), ("cz", [{}])):
        made, service = backend("ibm", device=line(3, gate), ledger=tmp_path / "jobs"), Account()
        assert isinstance(made, Remote)
        assert isinstance(made.client, IBM)
        IBM("ibm_torino", service, made.client.fractional).calibrated()
        assert service.asked == asked


def test_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The vendor's own store is looked in, here an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("QISKIT_IBM_TOKEN", "QISKIT_IBM_CHANNEL"):
        monkeypatch.delenv(name, raising=False)
    from qiskit_ibm_runtime.accounts import management

    monkeypatch.setattr(management, "_DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(tmp_path / "none.json"))
    with pytest.raises(Denied):
        IBM("ibm_torino").calibrated()
