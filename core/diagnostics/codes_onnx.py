# SPDX-License-Identifier: Apache-2.0
"""HQ0760 to HQ0769: ONNX files, and what is made held against the reference."""

from __future__ import annotations

from hepq.core.diagnostics.catalogue import Entry

ONNX = {
    "HQ0760": Entry(
        "model `{name}` cannot be an ONNX file: it has {found}",
        "An ONNX graph holds classical operations; circuits need a simulator or a device.",
        "compile it with `--target cpu`, or for a quantum device",
    ),
    "HQ0761": Entry(
        "the ONNX graph of `{name}` does not give what the reference gives: {found}",
        "Before it is written, an ONNX file is run by onnxruntime on the golden vectors.",
        "this is a fault in hepq or onnxruntime: please report it",
    ),
    "HQ0762": Entry(
        "`{path}` cannot be read as an ONNX model: {reason}",
        "The file is damaged, is something else, or keeps its weights in files beside it.",
    ),
    "HQ0763": Entry(
        "`{path}` has operators that cannot be imported: {found}",
        "Feed-forward networks are imported, operator by operator.",
        "imported are: {known}",
    ),
    "HQ0764": Entry(
        "`{path}` is not a feed-forward network on vectors: {found}",
        "Each event is one vector of numbers for each input; the first axis is the batch.",
    ),
    "HQ0765": Entry(
        "the compiled code of `{name}` does not give what the reference gives: {found}",
        "Before an artifact is written, its code is run on the golden vectors, where it is for this machine.",
        "this is a fault in hepq: please report it, with the program and the events",
    ),
    "HQ0766": Entry(
        "rounding decides {count} of {tried} golden events of `{name}`",
        "The reference, on inputs off by {errors} float32 rounding errors of 2^-24, moves by more than the tolerance, "
        "{tolerance}, in more than half: near-ties between neighbours, or small differences of large numbers.",
        "give other events, `--golden FILE`; or read coordinates of neighbours from branches, not computed ones",
    ),
    "HQ0767": Entry(
        "{count} golden events of `{name}` would take about {time}, and {memory} at once",
        "The reference interpreter simulates every circuit, gate by gate, in each of its runs: "
        "about {each} for each event.",
        "give `--golden-events {most}`; or give circuits fewer wires or gates",
    ),
}
