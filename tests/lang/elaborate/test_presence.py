# SPDX-License-Identifier: Apache-2.0
"""What may be absent does not reach what needs a value each time; and other misuse of objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lang.elaborate.events import mistakes, program

TOP = "  object top = Jet by Jet.pt desc take 1\n"
LEAD = "  object lead = Jet where Jet.pt > 30 GeV\n"
PAIR = "  object a = Jet take 1\n  object b = Muon take 1\n"

#: items, what is handed to the model; both fine
RIGHT = {
    "selected": (TOP + "  select some = exists(top)", "top.pt / 1 GeV"),
    "selected, of a written type": (TOP + "  select some = exists(top)\n  input w: real = top.pt / 1 GeV", "1.0"),
    "and": (TOP + "  select hard = exists(top) and top.pt > 30 GeV", "top.pt / 1 GeV"),
    "if": (TOP, "if exists(top) then top.pt / 1 GeV else 0"),
    "if of two facts": ("", "if count(Jet) >= 2 and count(Muon) > 0 then Jet[1].pt / Muon[0].pt else 0"),
    "counts either way": ("  select two = 2 <= count(Jet)", "Jet[1].btag"),
    "as many": ("  select two = count(Jet) == 2", "Jet[1].btag"),
    "named condition": ("  n = count(Jet)\n  two = n > 1\n  select s = two and Jet[1].btag > 0.5", "Jet[0].btag"),
    "default": (TOP, "default(top.pt, 0 GeV) / 1 GeV"),
    "default of another": (PAIR + "  select s = exists(b)", "default(a.pt, b.pt) / 1 GeV"),
    "existing value": (PAIR + "  best = default(a.pt, b.pt)\n  select s = exists(best)", "best / 1 GeV"),
    "reference of one": (TOP + "  select s = exists(top.muon)", "(top.muon.pt + top.pt) / 1 GeV"),
    "reference of a reference": (
        "  object x = Jet where exists(Jet.muon.jet)",
        "sum(default(x.muon.jet.btag, 0), over=x)",
    ),
    "all of a choice": ("  object x = Jet where exists(Jet.muon)", "sum(x.muon.pt, over=x) / 1 GeV"),
    "maximum over some": ("  select s = exists(Jet)", "max(Jet.btag, over=Jet)"),
    "maximum over a copy": (LEAD + "  select s = exists(lead)", "max(prime(lead.btag, lead), over=lead')"),
    "the first of all": (TOP + "  select some = count(Jet) >= 1", "top.pt / 1 GeV"),
    "a combination of enough": (
        "  object w = combinations(Jet, 3) as a, b, c by w.mass take 1\n  select s = count(Jet) >= 3",
        "w.mass / 1 GeV",
    ),
    "the first of a union": (
        "  object l = union(Muon, Jet) by l.pt take 1\n  select s = exists(Muon)",
        "l.pt / 1 GeV",
    ),
    "maximum over combinations": (
        "  object w = combinations(Jet, 2) as a, b\n  select s = count(Jet) > 1",
        "max(w.mass, over=w) / 1 GeV",
    ),
    "counts of a copy": (LEAD, "real(count(lead')) + sum(position(lead'), over=lead')"),
    "pairs": (LEAD + "  a, b = pairs(Jet, lead)", "sum(deltaR(a, b), over=[Jet, lead'])"),
    "empty in a function": ("", "real(count(Jet)) + largest(Jet.btag)"),
    "siblings": (LEAD + "  object soft = Jet where Jet.pt < 30 GeV", "sum(deltaR(lead, soft), over=[lead, soft])"),
    "constant choice": ("  object x = Jet where true", "real(count(x))"),
    "infinity": ("", "if count(Jet) > inf then 1.0 else 0.0"),
    "record by another name": ("  object met = MET", "met.pt / 1 GeV"),
    "dim of the model": ("  object part <= 3 = Jet", "sum(part.btag, over=part)"),
}

#: items, what is handed to the model, the only codes
WRONG = {
    "field": (TOP, "top.pt / 1 GeV", "HQ0664"),
    "select": (TOP + "  select s = top.pt > 30 GeV", "1.0", "HQ0664"),
    "or": (TOP + "  select s = exists(top) or top.pt > 30 GeV", "1.0", "HQ0664"),
    "not": (TOP + "  select s = not exists(top) and top.pt > 30 GeV", "1.0", "HQ0664"),
    "the other way round": (TOP + "  select s = top.pt > 30 GeV and exists(top)", "1.0", "HQ0664"),
    "else": (TOP, "if exists(top) then 1 else top.pt / 1 GeV", "HQ0664"),
    "after an if": (TOP + "  z = if exists(top) then top.pt else 0 GeV", "top.pt / 1 GeV", "HQ0664"),
    "select too late": (TOP + "  input w = top.btag\n  select s = exists(top)", "1.0", "HQ0664"),
    "too few": ("  select s = count(Jet) == 2", "Jet[2].btag", "HQ0664"),
    "fewer": ("  select s = count(Jet) < 3", "Jet[2].btag", "HQ0664"),
    "a combination of too few": (
        "  object w = combinations(Jet, 3) as a, b, c by w.mass take 1\n  select s = count(Jet) >= 2",
        "w.mass / 1 GeV",
        "HQ0664",
    ),
    "the first of some": (LEAD + "  object l = lead by lead.pt take 1\n  select s = exists(Jet)", "l.btag", "HQ0664"),
    "of another": (LEAD + "  select s = exists(Jet)", "max(lead.btag, over=lead)", "HQ0664"),
    "where": ("  object x = Jet where Jet.muon.pt > 3 GeV", "1.0", "HQ0664"),
    "by": ("  object x = Jet by Jet.muon.pt", "1.0", "HQ0664"),
    "order": ("  branch q: real[part]\n  order part by q + max(Jet.btag, over=Jet)", "1.0", "HQ0664"),
    "label": (TOP + "  label truth: sort = { a: top.pt > 30 GeV, b: otherwise }", "1.0", "HQ0664"),
    "reduction": ("", "sum(Jet.muon.pt, over=Jet) / 1 GeV", "HQ0664"),
    "value at references": ("", "sum(Muon.pt[Jet.muon], over=Jet) / 1 GeV", "HQ0664"),
    "objects at references": ("", "sum(Muon[Jet.muon].pt, over=Jet) / 1 GeV", "HQ0664"),
    "contraction": ("", "dot(Jet.muon.pt, Jet.pt, over=Jet) / 1 GeV^2", "HQ0664"),
    "copy": ("", "sum(prime(Jet.muon.pt, Jet), over=Jet') / 1 GeV", "HQ0664"),
    "record's reference": ("", "MET.lead.btag", "HQ0664"),
    "maximum": ("", "max(Jet.btag, over=Jet)", "HQ0664"),
    "mean": ("", "mean(Jet.btag, over=Jet)", "HQ0664"),
    "maximum of each list": ("", "sum(max(Cand.pt, by=Cand.Jet), over=Jet) / 1 GeV", "HQ0664"),
    "either": (PAIR, "default(a.pt, b.pt) / 1 GeV", "HQ0664"),
    "one of two exists": (PAIR + "  select s = exists(default(a.pt, b.pt))", "b.pt / 1 GeV", "HQ0664"),
    "if of two": (PAIR + "  select s = exists(a)", "(if MET.pt > 9 GeV then a.pt else b.pt) / 1 GeV", "HQ0664"),
    "parent and choice": (LEAD, "sum(deltaR(Jet, lead), over=[Jet, lead])", "HQ0662"),
    "stacked": (LEAD, "sum(stack(Jet.pt, lead.pt, dim=xy), over=[Jet, lead, xy]) / 1 GeV", "HQ0662"),
    "concatenated": (
        LEAD,
        "sum(concat(stack(Jet.btag), stack(lead.btag)), over=[Jet, lead, 2])",
        "HQ0662",
    ),
    "chosen": (LEAD, "sum(if Jet.btag > 0.5 then lead.btag else 0, over=[Jet, lead])", "HQ0662"),
    "grandparent": (LEAD + "  object x = lead take 2", "sum(Jet.pt * x.btag, over=[Jet, x]) / 1 GeV", "HQ0662"),
    "sum of dots": (
        LEAD,
        "dot(stack(Jet.btag, Jet.btag, dim=xy), stack(lead.btag, lead.btag, dim=xy), over=xy)",
        "HQ0662",
    ),
    "part of a union": (
        "  object l = union(Muon, Electron)",
        "sum(deltaR(l, Muon), over=[l, Muon])",
        "HQ0662",
    ),
    "name twice": ("  object x = Jet\n  object x = Muon", "1.0", "HQ0102"),
    "name of a collection": ("  object Muon = Jet where Jet.pt > 3 GeV", "1.0", "HQ0102"),
    "name of a branch": ("  branch b: real\n  object b = Jet", "1.0", "HQ0102"),
    "name of branches' dim": ("  branch q: real[part]\n  object part <= 3 = Jet", "1.0", "HQ0102"),
    "name of an object's dim": ("  object part <= 3 = Jet\n  branch q: real[part]", "1.0", "HQ0102"),
    "name of a cut": ("  select s = count(Jet) > 1\n  select s = count(Jet) > 2", "1.0", "HQ0102"),
    "name of a fixed dim": ("  object feat = Jet", "1.0", "HQ0203"),
    "another bound": ("  object part <= 5 = Jet", "1.0", "HQ0203"),
    "no bound": ("  object part = Jet", "1.0", "HQ0203"),
    "none": ("  object x = Jet take 0", "1.0", "HQ0206"),
    "less than none": ("  object x = Jet take -1", "1.0", "HQ0206"),
    "bound of none": ("  object x <= 0 = Jet", "1.0", "HQ0206"),
    "nine": ("  object x = combinations(Jet, 9)", "1.0", "HQ0665"),
    "one": ("  object x = combinations(Jet, 1)", "1.0", "HQ0665"),
    "too few names": ("  object x = combinations(Jet, 2) as a", "1.0", "HQ0665"),
    "same names": ("  object x = combinations(Jet, 2) as a, a", "1.0", "HQ0665"),
    "names of nothing": ("  object x = Jet as a, b", "1.0", "HQ0665"),
    "union of one": ("  object x = union(Jet)", "1.0", "HQ0665"),
    "of a record": ("  object x = MET where MET.pt > 3 GeV", "1.0", "HQ0661"),
    "of a value": ("  object x = Jet.pt", "1.0", "HQ0661"),
    "entry before the first": ("", "Jet[-1].btag", "HQ0404"),
    "entry of a value": ("", "Jet.btag[0]", "HQ0408"),
    "value of others": (LEAD, "sum(Muon.eta[lead], over=lead)", "HQ0666"),
    "part of others": ("  object x = Jet where part_of(Jet, Muon)", "1.0", "HQ0666"),
    "same objects": ("", "if Jet == Muon then 1.0 else 0.0", "HQ0301"),
    "units in a union": (
        "  object x = union(Muon, Wrong)",
        "sum(x.pt, over=x)",
        "HQ0302",
    ),
    "always there": ("", "default(MET.pt, 0 GeV) / 1 GeV", "HQ0667"),
    "record is there": ("  select s = exists(MET)", "1.0", "HQ0667"),
    "never empty": ("", "max(stack(1.0, 2.0, dim=xy), over=xy, empty=0)", "HQ0668"),
    "empty of a sum": ("", "sum(Jet.btag, over=Jet, empty=3)", "HQ0403"),
    "unit of empty": ("", "max(Jet.pt, over=Jet, empty=0) / 1 GeV", "HQ0302"),
    "number as a choice": ("  object x = Jet where Jet.pt", "1.0", "HQ0670"),
    "choice of others": ("  object x = Jet where Muon.pt > 3 GeV", "1.0", "HQ0670"),
    "order by the event": ("  object x = Jet by MET.pt", "1.0", "HQ0670"),
    "order by p4": ("  object x = Jet by Jet.p4", "1.0", "HQ0670"),
    "cut of entries": ("  select s = Jet.pt > 30 GeV", "1.0", "HQ0670"),
    "cut by a number": ("  select s = count(Jet)", "1.0", "HQ0670"),
    "each too late": ("  input w = MET.pt / 1 GeV\n  each Jet", "1.0", "HQ0672"),
    "each twice": ("  each Jet\n  each Muon", "1.0", "HQ0672"),
    "each of one": ("  each MET", "1.0", "HQ0661"),
    "not in a list": ("  each Jet\n  input w = Muon.eta", "1.0", "HQ0671"),
    "of any number": ("  input w = Jet.btag", "1.0", "HQ0673"),
    "list of any number": ("  each Jet\n  input w = Cand.pt / 1 GeV", "1.0", "HQ0673"),
    "no four-vector": ("", "sum(Cand, over=Cand).pt / 1 GeV", "HQ0663"),
    "unknown field": ("", "sum(Jet.bttag, over=Jet)", "HQ0310"),
    "over nothing": ("", "sum(Jet.btag, over=[])", "HQ0423"),
}  # fmt: skip

DECLARATIONS = {
    "collection A of B = \"A_*\" { pt: GeV }\ncollection B of A = \"B_*\" { pt: GeV }": "HQ0411",
    "collection A of A = \"A_*\" { pt: GeV }": "HQ0411",
    "collection A of MET = \"A_*\" { pt: GeV }": "HQ0661",
    "collection A = \"A_*\" { m: index }": "HQ0669",
    "collection A = \"A_*\" { m: index of Mu }": "HQ0661",
    "collection A = \"A_*\" { m: index of MET }": "HQ0661",
    "collection A = \"A_*\" { m: index[2] of Jet }": "HQ0307",
    "collection A = \"A_*\" { m: real of Jet }": "HQ0307",
    "collection A = \"A_*\" { m: p4 }": "HQ0611",
    "collection A = \"A_*\" { m: real[part] }": "HQ0611",
    "collection A = \"A\" { pt: GeV }": "HQ0605",
    "collection A = \"*_*\" { pt: GeV }": "HQ0605",
    "collection A = \"A_*\" { pt, pt: GeV }": "HQ0603",
    "collection A = \"A_*\" { }": "HQ0674",
    "record A = \"A_*\" { }": "HQ0674",
    "fn f(x: real[part]) -> real = sum(x, over=part) + count(Jet)": "HQ0660",
    "model N(x: real[Jet]) -> real = 1.0": "HQ0660",
    "fn f(x: index of Jet) -> real = 1.0": "HQ0307",
    "fn f(x: real[part]) -> real = default(sum(x, over=part), 0)": "HQ0660",
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_right(case: str, tmp_path: Path) -> None:
    largest = "dim d\nfn largest(x: real[d]) -> real = max(x, over=d, empty=0)"
    found = mistakes(program(*RIGHT[case], declared=largest), tmp_path)
    assert [d.title for d in found if d.severity == "error"] == []


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case: str, tmp_path: Path) -> None:
    items, value, code = WRONG[case]
    wrong = 'collection Wrong = "W_*" { pt: real }\ndim sort = [a, b]'
    found = mistakes(program(items, value, declared=wrong), tmp_path)
    assert {d.code for d in found if d.severity == "error"} == {code}


@pytest.mark.parametrize("text", DECLARATIONS)
def test_wrong_declarations(text: str, tmp_path: Path) -> None:
    found = mistakes(program("", "1.0", declared=text), tmp_path)
    assert {d.code for d in found if d.severity == "error"} == {DECLARATIONS[text]}
