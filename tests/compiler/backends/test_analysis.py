# SPDX-License-Identifier: Apache-2.0
"""Compiled analyses: compiled once, kept by what they compute, and refused where code and description differ."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hepq.compiler.backends.analysis import compiled
from hepq.compiler.ir.digest import digest
from hepq.compiler.passes.base import rewrite
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.runtime.analysis.description import ModelCall, ModelStage
from hepq.runtime.analysis.program import Compiled
from hepq.runtime.files import seal, unseal
from tests.runtime.analysis.hand_made import analysis, module, modules

AGAIN = """
import sys
from pathlib import Path
from hepq.compiler.backends.analysis import compiled
from tests.runtime.analysis.hand_made import analysis, modules
made = compiled(analysis({"run": [Path("a.root")], "top": [Path("b.root")]}), modules())
made.load("data"), made.load("mc")
assert not {"tvm", "torch"} & set(sys.modules)
Path(sys.argv[1]).write_bytes(made.to_bytes())
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        found = compiled(analysis({"run": [Path("a.root")], "top": [Path("b.root")]}), modules(), program="a.hepq")
        done = subprocess.run(
            [sys.executable, "-c", AGAIN, str(tmp_path_factory.getbasetemp() / "again")], timeout=120, check=False
        )
        assert done.returncode == 0
    assert Compiled.from_bytes((tmp_path_factory.getbasetemp() / "again").read_bytes()) == replace(found, program="")
    return found


def test_bytes_and_back(made: Compiled) -> None:
    again = Compiled.from_bytes(made.to_bytes())
    assert again == made
    assert again.to_bytes() == made.to_bytes()
    assert again.load("mc").description == made.code["mc"].description


def test_only_kinds_of_its_sources_are_compiled() -> None:
    found = compiled(analysis({"run": [Path("a.root")]}), {"data": module("data")})
    assert set(found.code) == {"data"}


def test_digest_is_of_what_is_computed() -> None:
    assert digest(module("mc")) == digest(module("mc")) != digest(module("data"))
    same = rewrite(module("mc"), lambda node, facts: None)
    assert digest(same) == digest(module("mc"))
    assert digest(replace(same, checks=())) != digest(same)


def test_damage_is_noticed(made: Compiled) -> None:
    data = bytearray(made.to_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        Compiled.from_bytes(bytes(data))
    content = unseal(made.to_bytes())
    for wrong in (b"{}\n", b"[]\n", content.replace(b'"kind":"mc"', b'"kind":"xx"', 1), b"{"):
        with pytest.raises(ValueError, match=r"not a compiled analysis|its format|Expecting"):
            Compiled.from_bytes(seal(wrong))


def test_code_is_that_of_the_description(made: Compiled) -> None:
    programs = {**made.analysis.programs}
    programs["mc"] = programs["mc"].model_copy(update={"sums": {"met": (9, True)}})
    other = replace(made, analysis=made.analysis.model_copy(update={"programs": programs}))
    with pytest.raises(DataError) as refused:
        other.load("mc")
    assert refused.value.code == "HQ0890"
    with pytest.raises(DataError) as refused:
        replace(made, code={"mc": replace(made.code["mc"], features=("of_no_cpu",))}).load("mc")
    assert refused.value.code == "HQ0826"


def test_identity_is_of_what_is_summed(made: Compiled) -> None:
    moved = made.with_files({"top": ("c.root",)})
    assert moved.analysis.sources[1].files == ("c.root",)
    assert moved.identity("mc") == made.identity("mc") != made.identity("data")
    with pytest.raises(DataError, match="no source tpo"):
        made.with_files({"tpo": ("c.root",)})


def test_models_are_known_by_their_content(made: Compiled) -> None:
    def identity(path: str, content: str) -> str:
        call = ModelCall(path=path, sha256=content, inputs={}, outputs={})
        stages = (ModelStage(branches=(), calls=(call,)),)
        programs = {k: p.model_copy(update={"models": stages}) for k, p in made.analysis.programs.items()}
        return replace(made, analysis=made.analysis.model_copy(update={"programs": programs})).identity("mc")

    assert identity("a.hepqx", "1") == identity("b/a.hepqx", "1") != identity("a.hepqx", "2") != made.identity("mc")


def test_unknown_cpu() -> None:
    with pytest.raises(HepqError, match="HQ0708"):
        compiled(analysis({"run": [Path("a.root")]}), modules(), "cpu:abacus")
