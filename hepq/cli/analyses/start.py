# SPDX-License-Identifier: Apache-2.0
"""What `hepqc new analysis` writes: an analysis of Z -> mu mu in NanoAOD, and a README with the next steps."""

from __future__ import annotations

PROGRAM = """\
# {name}: Z -> mu mu in NanoAOD. Check it with `hepqc check {name}.hepq`, run it with `hepqc run {name}.hepq`.

from std.nanoaod import Event, MET, Muon

const lumi: pb^-1 = 10 fb^-1

analysis {title} {{
  # Change the names to those of your files.
  source run = data("data/run*.root", tree="Events")
  source dy = mc("data/dy*.root", tree="Events", xsec=6077 pb, sumw="Runs:genEventSumw")

  # What is uncertain: a field, a name or a weight, instead. All that follows from it is varied.
  vary muon_scale {{ up {{ Muon.pt = 1.002 * Muon.pt }} down {{ Muon.pt = 0.998 * Muon.pt }} }}

  object muon = Muon
    where Muon.pt > 25 GeV and abs(Muon.eta) < 2.4 and Muon.tightId and Muon.pfRelIso04_all < 0.15
  object pair = combinations(muon, 2) as a, b where a.charge != b.charge

  # the pair nearest to a Z, if there is one
  object z = pair by abs(pair.mass - 91.2 GeV) take 1

  # Weights act on simulation, and on all below.
  weight norm = Event.genWeight * lumi * source.xsec / source.sumw

  cut found = exists(z)  # from here on every event has a z
  hist mass = z.mass in bins(60, 60 GeV, 120 GeV)

  region peak {{
    cut mass = abs(z.mass - 91.2 GeV) < 15 GeV
    hist pt = z.pt in bins(40, 0 GeV, 200 GeV)
    hist met = MET.pt in bins(40, 0 GeV, 200 GeV)
    save pairs = mass=z.mass, pt=z.pt
  }}
}}

fit Rate {{
  channels = mass
  data = run
  free = [dy]
  rate lumi = 1.02
}}
"""

README = """\
# {name}

```console
hepqc check {name}.hepq            # is it right? Files are not read
hepqc run {name}.hepq              # histograms, cut flows and skims into the folder {title}
hepqc plot {title} -o pictures     # simulation stacked, data as points
hepqc fit {title}                  # the fit that the program says
hepqc write {title} -o {name}.root # for other tools
```

In Python: `result = hepq.run("{name}.hepq")`, `result["peak.pt"]` is a `hist.Hist`.
"""
