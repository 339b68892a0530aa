// SPDX-License-Identifier: Apache-2.0
// The ADL queries 5 to 8, or all eight in one pass, with ROOT's RDataFrame on one thread: compiled, without any jitting.
// usage: adl_root FILE QUERY REPETITIONS; prints for each repetition the CPU seconds, then each histogram with its flow.
#include <Math/Vector4D.h>
#include <ROOT/RDataFrame.hxx>
#include <ROOT/RVec.hxx>
#include <TH1D.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

using ROOT::RVecF;
using ROOT::RVecI;
using Polar = ROOT::Math::PtEtaPhiMVector;
using Cartesian = ROOT::Math::PxPyPzEVector;
using Node = ROOT::RDF::RNode;
using Histogram = ROOT::RDF::RResultPtr<TH1D>;

namespace {

bool has_z(const RVecF &pt, const RVecF &eta, const RVecF &phi, const RVecF &mass, const RVecI &charge) {
  for (std::size_t i = 0; i < pt.size(); ++i)
    for (std::size_t j = i + 1; j < pt.size(); ++j) {
      if (charge[i] == charge[j])
        continue;
      const auto m = (Polar(pt[i], eta[i], phi[i], mass[i]) + Polar(pt[j], eta[j], phi[j], mass[j])).M();
      if (m > 60 && m < 120)
        return true;
    }
  return false;
}

struct Top {
  double pt, tag;
};

Top best_top(const RVecF &pt, const RVecF &eta, const RVecF &phi, const RVecF &mass, const RVecF &tag) {
  std::vector<Cartesian> jets;
  jets.reserve(pt.size());
  for (std::size_t i = 0; i < pt.size(); ++i)
    jets.emplace_back(Polar(pt[i], eta[i], phi[i], mass[i]));
  Top top{};
  double nearest = 1e30;
  for (std::size_t i = 0; i < jets.size(); ++i)
    for (std::size_t j = i + 1; j < jets.size(); ++j) {
      const auto two = jets[i] + jets[j];
      for (std::size_t k = j + 1; k < jets.size(); ++k) {
        const auto all = two + jets[k];
        const double away = std::abs(all.M() - 172.5);
        if (away < nearest) {
          nearest = away;
          top = {all.Pt(), std::max({tag[i], tag[j], tag[k]})};
        }
      }
    }
  return top;
}

RVecI far(const RVecF &eta, const RVecF &phi, const RVecF &lepton_pt, const RVecF &lepton_eta,
          const RVecF &lepton_phi) {
  RVecI found(eta.size(), 1);
  for (std::size_t i = 0; i < eta.size(); ++i)
    for (std::size_t j = 0; j < lepton_pt.size() && found[i]; ++j)
      if (lepton_pt[j] > 10 && ROOT::VecOps::DeltaR(eta[i], lepton_eta[j], phi[i], lepton_phi[j]) < 0.4f)
        found[i] = 0;
  return found;
}

// the lepton with the largest pt that is not of the pair nearest to the Z boson; -1 without such a pair
int third(const RVecF &pt, const RVecF &eta, const RVecF &phi, const RVecF &mass, const RVecI &charge,
          const RVecI &kind) {
  double nearest = 1e30;
  std::size_t a = 0, b = 0;
  bool any = false;
  for (std::size_t i = 0; i < pt.size(); ++i)
    for (std::size_t j = i + 1; j < pt.size(); ++j) {
      if (charge[i] == charge[j] || kind[i] != kind[j])
        continue;
      const auto m = (Polar(pt[i], eta[i], phi[i], mass[i]) + Polar(pt[j], eta[j], phi[j], mass[j])).M();
      if (std::abs(m - 91.2) < nearest) {
        nearest = std::abs(m - 91.2);
        a = i, b = j, any = true;
      }
    }
  int best = -1;
  for (std::size_t i = 0; any && i < pt.size(); ++i)
    if (i != a && i != b && (best < 0 || pt[i] > pt[best]))
      best = static_cast<int>(i);
  return best;
}

void q1(Node events, std::vector<Histogram> &made) {
  made.push_back(events.Histo1D<float>({"q1", "", 100, 0, 2000}, "MET_pt"));
}

void q2(Node events, std::vector<Histogram> &made) {
  made.push_back(events.Histo1D<RVecF>({"q2", "", 100, 15, 60}, "Jet_pt"));
}

void q3(Node events, std::vector<Histogram> &made) {
  auto central = [](const RVecF &pt, const RVecF &eta) { return RVecF(pt[abs(eta) < 1]); };
  made.push_back(
      events.Define("central", central, {"Jet_pt", "Jet_eta"}).Histo1D<RVecF>({"q3", "", 100, 15, 60}, "central"));
}

void q4(Node events, std::vector<Histogram> &made) {
  auto two = [](const RVecF &pt) { return Sum(pt > 40) >= 2; };
  made.push_back(events.Filter(two, {"Jet_pt"}).Histo1D<float>({"q4.met", "", 100, 0, 2000}, "MET_pt"));
}

void q5(Node events, std::vector<Histogram> &made) {
  made.push_back(events.Filter([](int n) { return n >= 2; }, {"nMuon"})
                     .Filter(has_z, {"Muon_pt", "Muon_eta", "Muon_phi", "Muon_mass", "Muon_charge"})
                     .Histo1D<float>({"q5.met", "", 100, 0, 2000}, "MET_pt"));
}

void q6(Node events, std::vector<Histogram> &made) {
  auto tops = events.Filter([](int n) { return n >= 3; }, {"nJet"})
                  .Define("top", best_top, {"Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass", "Jet_btag"})
                  .Define("top_pt", [](const Top &top) { return top.pt; }, {"top"})
                  .Define("top_tag", [](const Top &top) { return top.tag; }, {"top"});
  made.push_back(tops.Histo1D<double>({"q6.pt", "", 100, 15, 40}, "top_pt"));
  made.push_back(tops.Histo1D<double>({"q6.btag", "", 100, 0, 1}, "top_tag"));
}

void q7(Node events, std::vector<Histogram> &made) {
  auto clean = [](const RVecF &pt, const RVecI &a, const RVecI &b) { return RVecF(pt[pt > 30 && a && b]); };
  made.push_back(events.Filter([](int n) { return n > 0; }, {"nJet"})
                     .Define("far_muons", far, {"Jet_eta", "Jet_phi", "Muon_pt", "Muon_eta", "Muon_phi"})
                     .Define("far_electrons", far, {"Jet_eta", "Jet_phi", "Electron_pt", "Electron_eta", "Electron_phi"})
                     .Define("clean", clean, {"Jet_pt", "far_muons", "far_electrons"})
                     .Filter([](const RVecF &pt) { return !pt.empty(); }, {"clean"})
                     .Define("ht", [](const RVecF &pt) { return Sum(pt); }, {"clean"})
                     .Histo1D<float>({"q7.ht", "", 100, 15, 200}, "ht"));
}

void q8(Node events, std::vector<Histogram> &made) {
  auto reals = [](const RVecF &a, const RVecF &b) { return Concatenate(a, b); };
  auto numbers = [](const RVecI &a, const RVecI &b) { return Concatenate(a, b); };
  auto kinds = [](int muons, int electrons) { return Concatenate(RVecI(muons, 0), RVecI(electrons, 1)); };
  auto mt = [](const RVecF &pt, const RVecF &phi, float met, float at, int i) {
    return std::sqrt(2. * met * pt[i] * (1. - std::cos(at - phi[i])));
  };
  made.push_back(
      events.Filter([](int muons, int electrons) { return muons + electrons >= 3; }, {"nMuon", "nElectron"})
          .Define("pt", reals, {"Muon_pt", "Electron_pt"})
          .Define("eta", reals, {"Muon_eta", "Electron_eta"})
          .Define("phi", reals, {"Muon_phi", "Electron_phi"})
          .Define("mass", reals, {"Muon_mass", "Electron_mass"})
          .Define("charge", numbers, {"Muon_charge", "Electron_charge"})
          .Define("kind", kinds, {"nMuon", "nElectron"})
          .Define("third", third, {"pt", "eta", "phi", "mass", "charge", "kind"})
          .Filter([](int i) { return i >= 0; }, {"third"})
          .Define("mt", mt, {"pt", "phi", "MET_pt", "MET_phi", "third"})
          .Histo1D<double>({"q8.mt", "", 100, 15, 250}, "mt"));
}

void book(Node events, const std::string &query, std::vector<Histogram> &made) {
  const std::vector<std::pair<std::string, void (*)(Node, std::vector<Histogram> &)>> all = {
      {"q1", q1}, {"q2", q2}, {"q3", q3}, {"q4", q4}, {"q5", q5}, {"q6", q6}, {"q7", q7}, {"q8", q8}};
  for (const auto &[name, one] : all)
    if (query == name || query == "all")
      one(events, made);
}

} // namespace

int main(int, char **argv) {
  std::vector<Histogram> made;
  for (int i = 0; i < std::atoi(argv[3]); ++i) {
    made.clear();
    const auto start = std::clock();
    ROOT::RDataFrame events("Events", argv[1]);
    book(events, argv[2], made);
    for (auto &histogram : made)
      histogram.GetValue();
    std::printf("seconds %.6f\n", double(std::clock() - start) / CLOCKS_PER_SEC);
  }
  for (auto &histogram : made) {
    std::printf("%s", histogram->GetName());
    for (int bin = 0; bin <= histogram->GetNbinsX() + 1; ++bin)
      std::printf(" %.17g", histogram->GetBinContent(bin));
    std::printf("\n");
  }
}
