# SPDX-License-Identifier: Apache-2.0
"""HQ0760 to HQ0769: ONNX files."""

from __future__ import annotations

from hepq.lang.catalogue import Entry

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
}
