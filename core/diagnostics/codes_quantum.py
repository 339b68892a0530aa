# SPDX-License-Identifier: Apache-2.0
"""HQ05xx: qubits, circuits and what is measured of them."""

from __future__ import annotations

from hepq.core.diagnostics.diagnostic import Entry

QUANTUM: dict[str, Entry] = {
    "HQ0501": Entry(
        "qubit `{name}` is copied",
        "Qubits cannot be copied: a name for a qubit is used, never bound again.",
        "use `{name}` itself",
    ),
    "HQ0502": Entry("`{gate}` uses one qubit twice", "A gate acts on distinct qubits."),
    "HQ0503": Entry(
        "qubits `{name}` are never used",
        "A qubit is never silently dropped: every register is acted on.",
        "remove the register, or apply a gate to it",
    ),
    "HQ0504": Entry(
        "gate `{gate}` outside a circuit", "Gates act on a circuit's register.", "move it into a `circuit`"
    ),
    "HQ0505": Entry(
        "unknown gate `{gate}`", "Gates are h, x, y, z, s, t, rx, ry, rz, p, cx, cz, swap, rzz and circuits."
    ),
    "HQ0506": Entry("`{gate}` takes {wanted}, found {found}", "Each gate has a fixed number of angles and qubits."),
    "HQ0507": Entry(
        "an angle is a pure number, found {found}",
        "Angles are in radians; a value with a unit is not an angle.",
        "divide by a quantity of the same unit",
    ),
    "HQ0508": Entry(
        "the register of `{name}` must be `qubit[dim]` with a fixed size, found `{found}`",
        "A circuit acts on a register of qubits, one for each entry of a dim.",
        "write `on q: qubit[wire]`, with `dim wire = 4`",
    ),
    "HQ0509": Entry(
        "a circuit returns nothing",
        "A circuit acts on its qubits; measure it with fidelity, expect, probs or sample.",
        "remove the `return`",
    ),
    "HQ0510": Entry(
        "circuit `{name}` needs its arguments in `( )`",
        "A circuit becomes a state, or acts on qubits, when it is applied to its arguments.",
        "write `{name}(…)`",
    ),
    "HQ0511": Entry(
        "`{found}` is not a qubit",
        "A list of qubits has qubits only.",
        "put angles before the qubits, each as an argument of its own",
    ),
    "HQ0512": Entry(
        "`{name}` takes one gate or circuit, and then the qubits",
        "`adjoint` undoes a gate or a circuit; `controlled` does it where its control is 1.",
        "name the gate or circuit with its own arguments, without qubits",
    ),
    "HQ0513": Entry(
        "qubit {wire} controls what acts on it",
        "A control is a qubit that the controlled gate does not touch.",
        "use another qubit as the control",
    ),
    "HQ0514": Entry(
        "states of {left} and {right} qubits do not go together",
        "States are compared, and circuits follow each other, on registers of one size.",
        "give both circuits the same number of qubits",
    ),
    "HQ0515": Entry(
        "no gate touches {which} of `{name}`",
        "A qubit that no gate touches stays 0, and costs a qubit of the device.",
        "make the register smaller, or apply `id` to the qubit if it is meant to stay",
        severity="warning",
    ),
    "HQ0516": Entry(
        "the number of qubits of `{name}` is not known here: nothing gives dim `{dim}` a size",
        "The register's size comes from an argument over its dim, from a static argument, from the dim's declaration, "
        "or from the qubits or the state that the circuit is applied to.",
        "apply it to a state, `A(x) |> {name}(…)`, or give its dim a size",
    ),
    "HQ0517": Entry(
        "`{name}` needs {size} qubits, more than {limit}",
        "No circuit of that size can be compiled.",
        "use fewer qubits",
    ),
    "HQ0518": Entry(
        "`{name}` acts on {size} qubits, {found} given",
        "A circuit is applied to as many qubits as its register has.",
        "pass {size} qubits, as a register or a list",
    ),
    "HQ0519": Entry(
        "`{name}` of {size} qubits would have 2^{size} results; up to {limit} qubits are possible",
        "There is one probability for each bit string.",
        "measure expectation values: `expect(Z, state)`",
    ),
    "HQ0520": Entry(
        "expected an observable, found {found}",
        "Observables are sums and products of the Pauli operators X, Y, Z of the qubits, times numbers known at "
        "compile time.",
        "write for example `Z[0]`, `X[0] * X[1] + 0.5 * Z[2]`, or `Z` for that of each qubit",
    ),
    "HQ0521": Entry(
        "no qubit {index} in a register of {wires}",
        "An observable acts on qubits that the state has.",
        "number the qubits from 0 to the register's size less one; negative numbers count from the end",
    ),
    "HQ0522": Entry(
        "`{found}` is not an observable: its values would be complex",
        "The product of two different Pauli operators on one qubit is i times the third.",
        "multiply operators on different qubits only",
    ),
    "HQ0523": Entry(
        "`{name}` needs a state, found {found}",
        "A state is what a circuit makes of qubits that are all 0.",
        "apply a circuit to its arguments: `Embed(x)`",
    ),
    "HQ0524": Entry(
        "`barrier` is no gate",
        "A barrier does nothing to its qubits, so there is nothing to undo, to control or to repeat in a pattern: it "
        "stands in a circuit as a statement of its own.",
        "write `barrier(q[0], q[1])`, or `barrier()` for all qubits",
    ),
    "HQ0525": Entry(
        "`{name}` is asked for qubit {index} twice",
        "Each qubit has one bit in a string.",
        "list each qubit once; negative numbers count from the end",
    ),
}
