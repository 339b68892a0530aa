# SPDX-License-Identifier: Apache-2.0
"""What a killed training goes on from: no bit of it is wrong unnoticed, and it belongs to one training alone."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.numpy import load_file

from hepq.compiler.driver.options import Options
from hepq.compiler.train import train_file
from hepq.compiler.train.data.events import labelled, read_events
from hepq.compiler.train.fit import checkpoint
from hepq.compiler.train.fit.checkpoint import FREE, NAME, State
from hepq.compiler.train.fit.gradient import Run
from hepq.compiler.train.fit.machine import Group
from hepq.compiler.train.recipe import Recipe
from hepq.compiler.train.report import Live
from hepq.compiler.weights.files import read_tensors, save_weights
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.lang.declarations.train_events import Reweight, Split
from hepq.lang.declarations.train_settings import OPTIMISERS, SCHEDULES, Spec
from tests.compiler.train.fit.test_gradient import EVENTS, LINEAR, PROGRAM

STATE = State(3, {"w": torch.arange(4.0)}, {"0": {}}, {"w": torch.zeros(4)}, 1, 0.5, [{"loss": 1.0}])


def test_a_state_comes_back(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, STATE, "mark")
    found = checkpoint.load(tmp_path, "mark")
    assert found is not None
    assert (found.epoch, found.loss, found.history) == (3, 0.5, [{"loss": 1.0}])
    torch.testing.assert_close(found.weights["w"], torch.arange(4.0))


@pytest.mark.case("checkpoint_bitflip")
def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, STATE, "mark")
    path = tmp_path / NAME
    data = path.read_bytes()
    for place in [*range(90), *range(90, len(data), 37), len(data) - 1]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :])
        with pytest.raises(HepqError, match="HQ0743"):
            checkpoint.load(tmp_path, "mark")


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: b"", lambda d: d[78:]])
def test_a_file_cut_or_without_a_checksum_is_refused(tmp_path: Path, change: Any) -> None:
    checkpoint.save(tmp_path, STATE, "mark")
    path = tmp_path / NAME
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(HepqError, match="HQ0743"):
        checkpoint.load(tmp_path, "mark")


#: setting -> another value than its default
OTHERS: dict[str, Any] = {
    "batch": 32, "optimiser": Spec.default("adamw", OPTIMISERS), "rate": 0.5,
    "schedule": Spec.default("cosine", SCHEDULES), "seed": 1, "validation": 0.4, "clip": 1.0,
    "class_weight": "balanced", "precision": "mixed", "signal": "qqyy", "events": 50, "replace": ("dense0.bias",),
    "freeze": ("dense0.bias",), "scale": (("dense0.bias", 0.5),),
}  # fmt: skip
#: settings that may change what a resumed training gives, or that do not change the weights of an epoch
STAY: dict[str, Any] = {"epochs": 9, "patience": 3, "checkpoint": Path("x"), "resume": True, "C": 2.0, "shots": 5}


#: settings that only a program with more than this one can have
MORE: dict[str, Any] = {"folds": 4, "fold": 1, "split": Split("event", 5), "reweight": Reweight((), most=5.0)}


def marked(program: Path, **changes: Any) -> str:
    recipe = Recipe(**({"events": 40} | changes)).resolved({})
    return Run(labelled(read_events(program, [EVENTS], Options()), recipe), recipe, Group()).mark


def test_every_setting_that_changes_a_result_is_in_the_mark(tmp_path: Path) -> None:
    """Every field of a recipe is tried or says why not: a new one fails here until it is decided."""
    program = tmp_path / "tag.hepq"
    program.write_text(PROGRAM + LINEAR)
    names = {f.name for f in fields(Recipe)}
    assert names - FREE == OTHERS.keys() - {"rate"} | {"start"} | MORE.keys()
    base = marked(program)
    assert marked(program) == base
    same = [name for name, value in OTHERS.items() if marked(program, **{name: value}) == base]
    assert same == []
    assert [name for name, value in STAY.items() if marked(program, **{name: value}) != base] == []
    recipe = Recipe(events=40).resolved({})
    run = Run(labelled(read_events(program, [EVENTS], Options()), recipe), recipe, Group())
    for name, value in MORE.items():
        run.recipe = replace(recipe, **{name: value})
        assert run.mark != base
    cosine = {"schedule": Spec.default("cosine", SCHEDULES)}
    assert marked(program, **cosine) != marked(program, **cosine, epochs=9)


def test_weights_that_we_wrote_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {"w": torch.arange(6.0).numpy(), "b": torch.zeros(2).numpy()}, {"obs": 3})
    assert read_tensors(path).keys() == {"w", "b"}
    data = path.read_bytes()
    for place in (*range(data.index(b"hepq.dims"), data.index(b"hepq.dims") + 20), len(data) - 1, len(data) - 30):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(HepqError, match="HQ0702"):
            read_tensors(path)
    header = len(data[8:].split(b"}}")[0])
    path.write_bytes(data[: 8 + header].replace(b'"hepq.sha256"', b'"hepq.shaaaa"') + data[8 + header :])
    with pytest.raises(HepqError, match="it has no checksum: an earlier hepq wrote it, or it is damaged"):
        read_tensors(path)
    path.write_bytes(data)
    assert load_file(path)["w"].tolist() == list(range(6))


@pytest.mark.parametrize("name", ["junk", "", "meta", "cuda:99"])
def test_a_device_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(HepqError, match=r"HQ0772.*no device `") as caught:
        train_file(tmp_path / "none.hepq", [], tmp_path / "w.safetensors", Recipe(device=name))
    assert "here are: cpu" in (caught.value.diagnostics[0].help or "")


def test_a_checkpoint_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"HQ0817(.|\n)*file is not a directory"):
        train_file(tmp_path / "none.hepq", [], tmp_path / "w", Recipe(checkpoint=tmp_path / "file"))


def test_nothing_to_resume_is_said() -> None:
    console = Console(file=io.StringIO(), width=200)
    Live(console).begin((), 3, Path("run1"))
    assert console.file.getvalue() == "no training to resume in run1: it begins anew\n"  # type: ignore[attr-defined]


def test_a_folder_in_a_new_folder_is_made(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "runs" / "one", STATE, "mark")
    checkpoint.save(tmp_path / "runs" / "one", STATE, "mark")
    assert checkpoint.load(tmp_path / "runs" / "one", "mark") is not None
    assert checkpoint.load(tmp_path / "runs", "mark") is None


def test_weights_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.safetensors" for i in range(12)]
    for file in files:
        save_weights(file, {"w": np.arange(6.0), "b": np.zeros(2)}, {"obs": 3}, {"a": "A"})
    assert len({file.read_bytes() for file in files}) == 1
    assert read_tensors(files[0])["w"].tolist() == list(range(6))
