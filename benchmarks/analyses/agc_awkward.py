# SPDX-License-Identifier: Apache-2.0
"""The Analysis Grand Challenge's selection with awkward, vector and correctionlib, as its authors would: whole arrays.

Each variation of jets is an evaluation of its own behind the cut on leptons; each variation of weights is one more
filling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import awkward as ak
import numpy as np

FIELDS = {
    "Electron": ("pt", "eta", "sip3d", "cutBased"),
    "Muon": ("pt", "eta", "sip3d", "tightId", "pfRelIso04_all"),
    "Jet": ("pt", "eta", "phi", "mass", "btagCSVV2", "jetId"),
}
COLUMNS = tuple(f"{name}_{field}" for name, fields in FIELDS.items() for field in fields)
REGIONS = ("r4j1b.ht", "r4j2b.mbjj")
#: luminosity [1/pb], cross-section [pb]
LUMI, XSEC = 3378.0, 729.84
#: variations of weights
WEIGHTS = ("scale_var_up", "scale_var_down", *(f"btag_var_{i}_{d}" for i in range(4) for d in ("up", "down")))
VARIATIONS = ("nominal", "pt_scale_up", "pt_res_up", *WEIGHTS)


class Filling:
    """Histograms by region and variation, number of events after each cut by variation. ``exact``: jets in float64."""

    def __init__(self, events: int, exact: bool = False) -> None:
        import correctionlib
        import hist

        from benchmarks.analyses.running import DATA

        corrections = correctionlib.CorrectionSet.from_file(str(DATA / "agc_corrections.json"))
        self.correction, self.exact = corrections["event_systematics"], exact
        self.norm = LUMI * XSEC / events
        axes = hist.axis.Regular(25, 50, 550, name="x"), hist.axis.StrCategory(VARIATIONS, name="variation")
        self.histograms = {name: hist.Hist(*axes, storage=hist.storage.Weight()) for name in REGIONS}
        self.passed: dict[str, dict[str, int]] = {}

    def add(self, events: Any, smear: Any = None) -> None:
        """``events`` have the columns as fields; ``smear``: factors of the momenta of jets, of the variation pt_res."""
        self._count("", all=len(events))
        one = one_lepton(events)
        self._count("", one_lepton=int(ak.sum(one)))
        jets = ak.zip({field: events[f"Jet_{field}"][one] for field in FIELDS["Jet"]})
        if self.exact:
            jets = ak.zip({field: ak.values_astype(jets[field], np.float64) for field in FIELDS["Jet"]})
        factors = {"nominal": 1.0, "pt_scale_up": 1.03} | ({} if smear is None else {"pt_res_up": smear[one]})
        for variation, factor in factors.items():
            self._jets(variation, ak.with_field(jets, jets.pt * factor, "pt"))

    def _jets(self, variation: str, jets: Any) -> None:
        jets = jets[(jets.pt > 30) & (abs(jets.eta) < 2.4) & (jets.jetId == 6)]
        jets = jets[ak.num(jets) >= 4]
        tags = ak.sum(jets.btagCSVV2 > 0.5, axis=1)
        one, two = jets[tags == 1], jets[tags >= 2]
        self._count(variation, jets=len(jets), one_tag=len(one), two_tags=len(two))
        for name, chosen, values in zip(REGIONS, (one, two), (ak.sum(one.pt, axis=1), top_mass(two)), strict=True):
            self._fill(name, variation, values, self.norm)
            if variation == "nominal":
                for varied, weight in self._weights(chosen):
                    self._fill(name, varied, values, self.norm * weight)

    def _weights(self, jets: Any) -> Iterator[tuple[str, Any]]:
        for direction in ("up", "down"):
            yield f"scale_var_{direction}", self.correction.evaluate("scale_var", direction, 0.0)
            for i in range(4):
                pt = ak.to_numpy(jets.pt[:, i])
                yield f"btag_var_{i}_{direction}", self.correction.evaluate("btag_var", direction, pt)

    def _fill(self, name: str, variation: str, values: Any, weight: Any) -> None:
        self.histograms[name].fill(x=ak.to_numpy(values), variation=variation, weight=weight)

    def _count(self, variation: str, **events: int) -> None:
        counts = self.passed.setdefault(variation, {})
        for cut, number in events.items():
            counts[cut] = counts.get(cut, 0) + number

    def cells(self, name: str, variation: str) -> tuple[Any, Any]:
        """Sums of weights and of their squares, with underflow and overflow."""
        view: Any = self.histograms[name].view(flow=True)
        i = VARIATIONS.index(variation)
        return view.value[:, i], view.variance[:, i]


def one_lepton(events: Mapping[str, Any]) -> Any:
    """Events with one good electron or muon."""

    def of(name: str) -> Any:
        return ak.zip({field: events[f"{name}_{field}"] for field in FIELDS[name]})

    electron, muon = of("Electron"), of("Muon")
    electrons = (electron.pt > 30) & (abs(electron.eta) < 2.1) & (electron.cutBased == 4) & (electron.sip3d < 4)
    muons = (muon.pt > 30) & (abs(muon.eta) < 2.1) & (muon.tightId != 0) & (muon.sip3d < 4)
    muons = muons & (muon.pfRelIso04_all < 0.15)
    return ak.sum(electrons, axis=1) + ak.sum(muons, axis=1) == 1


def top_mass(jets: Any) -> Any:
    """The mass of three jets, one of them tagged, with the largest transverse momentum."""
    import vector

    vector.register_awkward()
    p4 = ak.zip({name: jets[name] for name in ("pt", "eta", "phi", "mass")}, with_name="Momentum4D")
    p4 = ak.zip({name: getattr(p4, name) for name in ("px", "py", "pz", "E")}, with_name="Momentum4D")
    a, b, c = ak.unzip(ak.combinations(ak.zip({"p4": p4, "btag": jets.btagCSVV2}, depth_limit=2), 3))
    total = a.p4 + b.p4 + c.p4
    total = total[np.maximum(np.maximum(a.btag, b.btag), c.btag) > 0.5]
    best = ak.argmax(total.pt, axis=1, keepdims=True)
    return ak.flatten(total[best].mass)
