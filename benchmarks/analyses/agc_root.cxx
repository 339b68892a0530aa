// SPDX-License-Identifier: Apache-2.0
// The Analysis Grand Challenge's two regions with 13 variations by ROOT's RDataFrame and its Vary, compiled, one thread.
// usage: agc_root FILE agc REPETITIONS; prints for each repetition the CPU seconds, then each histogram with its flow.
#include <Math/Vector4D.h>
#include <ROOT/RDFHelpers.hxx>
#include <ROOT/RDataFrame.hxx>
#include <ROOT/RVec.hxx>
#include <TH1D.h>
#include <TRandom3.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

using ROOT::RVecB;
using ROOT::RVecD;
using ROOT::RVecF;
using ROOT::RVecI;
using Polar = ROOT::Math::PtEtaPhiMVector;
using Cartesian = ROOT::Math::PxPyPzEVector;

namespace {

bool one_lepton(const RVecF &electron_pt, const RVecF &electron_eta, const RVecI &electron_id, const RVecF &electron_sip,
                const RVecF &muon_pt, const RVecF &muon_eta, const RVecB &muon_id, const RVecF &muon_sip,
                const RVecF &muon_iso) {
  return Sum(electron_pt > 30 && abs(electron_eta) < 2.1 && electron_id == 4 && electron_sip < 4) +
             Sum(muon_pt > 30 && abs(muon_eta) < 2.1 && muon_id && muon_sip < 4 && muon_iso < 0.15) ==
         1;
}

RVecI good(const RVecF &pt, const RVecF &eta, const RVecI &id) { return pt > 30 && abs(eta) < 2.4 && id == 6; }

double top_mass(const RVecF &pt, const RVecF &eta, const RVecF &phi, const RVecF &mass, const RVecF &tag) {
  std::vector<Cartesian> jets;
  jets.reserve(pt.size());
  for (std::size_t i = 0; i < pt.size(); ++i)
    jets.emplace_back(Polar(pt[i], eta[i], phi[i], mass[i]));
  double most = -1, found = -1;
  for (std::size_t i = 0; i < jets.size(); ++i)
    for (std::size_t j = i + 1; j < jets.size(); ++j)
      for (std::size_t k = j + 1; k < jets.size(); ++k) {
        if (std::max({tag[i], tag[j], tag[k]}) <= 0.5f)
          continue;
        const auto all = jets[i] + jets[j] + jets[k];
        if (all.Pt() > most) {
          most = all.Pt();
          found = all.M();
        }
      }
  return found;
}

using Histograms = std::pair<const char *, ROOT::RDF::Experimental::RResultMap<TH1D>>;

std::vector<Histograms> booked(ROOT::RDF::RNode events, double norm, TRandom3 &random) {
  auto momenta = [&random](const RVecF &pt) {
    RVecF smeared(pt.size());
    for (std::size_t i = 0; i < pt.size(); ++i)
      smeared[i] = pt[i] * random.Gaus(1, 0.05);
    return ROOT::RVec<RVecF>{pt * 1.03f, smeared};
  };
  auto scale = [](double weight) { return RVecD{1.025 * weight, 0.975 * weight}; };
  auto tags = [](double weight, const RVecF &pt) {
    RVecD found;
    found.reserve(8);
    for (int i = 0; i < 4; ++i) {
      const double shift = 0.075 / 50 * pt[i];
      found.push_back(weight * (1 + shift));
      found.push_back(weight * (1 - shift));
    }
    return found;
  };
  auto chosen = [](const RVecF &values, const RVecI &mask) { return RVecF(values[mask]); };
  std::vector<std::string> names;
  for (int i = 0; i < 4; ++i)
    for (const char *direction : {"up", "down"})
      names.push_back("btag_var_" + std::to_string(i) + "_" + direction);
  auto jets = events.Define("norm", [norm] { return norm; })
                  .Vary("Jet_pt", momenta, {"Jet_pt"}, {"pt_scale_up", "pt_res_up"}, "jets")
                  .Vary("norm", scale, {"norm"}, {"scale_var_up", "scale_var_down"}, "weights")
                  .Filter(one_lepton, {"Electron_pt", "Electron_eta", "Electron_cutBased", "Electron_sip3d", "Muon_pt",
                                       "Muon_eta", "Muon_tightId", "Muon_sip3d", "Muon_pfRelIso04_all"})
                  .Define("good", good, {"Jet_pt", "Jet_eta", "Jet_jetId"})
                  .Filter([](const RVecI &mask) { return Sum(mask) >= 4; }, {"good"})
                  .Define("pt", chosen, {"Jet_pt", "good"})
                  .Define("tag", chosen, {"Jet_btagCSVV2", "good"})
                  .Define("weight", [](double norm) { return norm; }, {"norm"})
                  .Vary("weight", tags, {"weight", "pt"}, names, "tags")
                  .Define("tagged", [](const RVecF &tag) { return static_cast<int>(Sum(tag > 0.5f)); }, {"tag"});
  auto one = jets.Filter([](int tagged) { return tagged == 1; }, {"tagged"})
                 .Define("ht", [](const RVecF &pt) { return static_cast<double>(Sum(pt)); }, {"pt"})
                 .Histo1D<double, double>({"r4j1b.ht", "", 25, 50, 550}, "ht", "weight");
  auto two = jets.Filter([](int tagged) { return tagged >= 2; }, {"tagged"})
                 .Define("eta", chosen, {"Jet_eta", "good"})
                 .Define("phi", chosen, {"Jet_phi", "good"})
                 .Define("mass", chosen, {"Jet_mass", "good"})
                 .Define("top", top_mass, {"pt", "eta", "phi", "mass", "tag"})
                 .Histo1D<double, double>({"r4j2b.mbjj", "", 25, 50, 550}, "top", "weight");
  std::vector<Histograms> made;
  made.emplace_back("r4j1b.ht", ROOT::RDF::Experimental::VariationsFor(one));
  made.emplace_back("r4j2b.mbjj", ROOT::RDF::Experimental::VariationsFor(two));
  return made;
}

} // namespace

int main(int, char **argv) {
  TRandom3 random(1);
  for (int i = 0, last = std::atoi(argv[3]) - 1; i <= last; ++i) {
    const auto start = std::clock();
    ROOT::RDataFrame events("Events", argv[1]);
    auto made = booked(events, 1, random);
    made.front().second["nominal"];
    std::printf("seconds %.6f\n", double(std::clock() - start) / CLOCKS_PER_SEC);
    if (i < last)
      continue;
    for (auto &[name, histograms] : made)
      for (const auto &key : histograms.GetKeys()) {
        auto &histogram = histograms[key];
        std::printf("%s/%s", name, key.substr(key.find(':') + 1).c_str());
        for (int bin = 0; bin <= histogram.GetNbinsX() + 1; ++bin)
          std::printf(" %.17g", histogram.GetBinContent(bin));
        std::printf("\n");
      }
  }
}
