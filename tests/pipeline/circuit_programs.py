# SPDX-License-Identifier: Apache-2.0
"""Random programs with circuits, and the same circuits in Qiskit, built from the same choices without our code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

Array = NDArray[Any]
#: values of names: arrays for tensors, numbers for what loops bind
Env = Mapping[str, Any]

LAYERS = 2
PLAIN = "x y z h s sdg t tdg sx".split()
TURNS = "p rx ry rz".split()
PAIRED = "cx cy cz ch swap".split()
PAIRED_TURNS = "cp crx cry crz rxx ryy rzz".split()


@dataclass(frozen=True)
class Value:
    """An expression of the language, and what it is worth."""

    text: str
    of: Callable[[Env], Any]


@dataclass(frozen=True)
class Piece:
    """Statements of the language, and what they do to the wires of a Qiskit circuit."""

    text: str
    do: Callable[[QuantumCircuit, Sequence[int], Env], None]


@dataclass(frozen=True)
class Declared:
    """A circuit: its declaration, on how many wires, and its call for ``x`` and ``w`` of the caller."""

    name: str
    text: str
    wires: int
    body: Piece


class Programs:
    """Makes programs; everything is drawn from ``rng``."""

    def __init__(self, rng: np.random.Generator, wires: int) -> None:
        self.rng, self.wires = rng, wires
        self.subs: list[Declared] = []

    # numbers

    def one(self, items: Sequence[Any]) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def number(self) -> Value:
        text = self.one(["0.3", "pi / 4", "-1.25", "2 * pi / 3", "pi", "1.5e-1", "0", "pi / 2"])
        return Value(text, lambda env: eval(text, {"pi": pi}))

    def entry(self, loops: Sequence[str]) -> Value:
        name = self.one(["x", "w"])
        i = self.one([*loops, str(int(self.rng.integers(self.wires))), "-1"])
        level = int(self.rng.integers(LAYERS))
        if name == "x":
            return Value(f"x[{i}]", lambda env: env["x"][_int(i, env)])
        return Value(f"w[{i}][{level}]", lambda env: env["w"][level][_int(i, env)])

    def angle(self, loops: Sequence[str] = (), depth: int = 2) -> Value:
        if depth == 0 or self.rng.random() < 0.4:
            return self.entry(loops) if self.rng.random() < 0.75 else self.number()
        a, b = self.angle(loops, depth - 1), self.angle(loops, depth - 1)
        match int(self.rng.integers(7)):
            case 0:
                return Value(f"({a.text} + {b.text})", lambda env: a.of(env) + b.of(env))
            case 1:
                return Value(f"({a.text} - {b.text})", lambda env: a.of(env) - b.of(env))
            case 2:
                return Value(f"({a.text}) * ({b.text})", lambda env: a.of(env) * b.of(env))
            case 3:
                return Value(f"-({a.text})", lambda env: -a.of(env))
            case 4:
                return Value(f"({a.text}) / 3", lambda env: a.of(env) / 3)
            case 5:
                return Value(f"sin({a.text})", lambda env: sin(a.of(env)))
        return Value(f"(pi - ({a.text})) * 2", lambda env: (pi - a.of(env)) * 2)

    def angles(self, n: int, loops: Sequence[str] = ()) -> list[Value]:
        return [self.angle(loops) for _ in range(n)]

    # what acts on wires: a call without its wires, and its matrix

    def gate(self, wires: int, loops: Sequence[str] = ()) -> tuple[str, list[Value]]:
        """A gate on so many wires: its name in both languages, its angles."""
        kind = self.rng.random()
        if wires == 1:
            if kind < 0.4:
                return self.one(PLAIN), []
            return (self.one(TURNS), self.angles(1, loops)) if kind < 0.8 else ("u", self.angles(3, loops))
        if wires == 2:
            if kind < 0.45:
                return self.one(PAIRED), []
            return (self.one(PAIRED_TURNS), self.angles(1, loops)) if kind < 0.85 else ("cu", self.angles(4, loops))
        return self.one(["ccx", "cswap"]), []

    def operation(self, wires: int, depth: int = 2) -> tuple[str, Piece]:
        """``adjoint(…)``, ``controlled(…)``, a gate or a circuit on ``wires`` wires: text without wires."""
        fits = [s for s in self.subs if s.wires == wires]
        kind = self.rng.random()
        if depth and kind < 0.3:
            text, inner = self.operation(wires, depth - 1)
            return f"adjoint({text})", Piece(
                "", lambda qc, on, env: _unitary(qc, on, _matrix(inner, wires, env).conj().T)
            )
        if depth and wires > 1 and kind < 0.6:
            text, inner = self.operation(wires - 1, depth - 1)

            def controlled(qc: QuantumCircuit, on: Sequence[int], env: Env) -> None:
                made = np.eye(1 << wires, dtype=complex)
                made[1::2, 1::2] = _matrix(inner, wires - 1, env)
                _unitary(qc, on, made)

            return f"controlled({text})", Piece("", controlled)
        if (fits and kind < 0.8) or wires > 3:
            if not fits:
                return self.operation(wires, max(depth, 1))
            sub = self.one(fits)
            return f"{sub.name}(x, w)", Piece("", sub.body.do)
        name, angles = self.gate(wires)
        return f"{name}({', '.join(a.text for a in angles)})", _gate(name, angles, name)

    # statements

    def statement(self, total: int, depth: int = 1) -> Piece:
        kinds = [self._applied, self._applied, self._each, self._operated, self._pattern, self._loop, self._edges]
        made: Piece = self.one(kinds if total > 1 else [self._applied, self._each, self._operated])(total)
        return made

    def _pick(self, total: int, wires: int) -> list[int]:
        return [int(q) for q in self.rng.permutation(total)[:wires]]

    def _named(self, q: int, total: int) -> str:
        return f"q[{q}]" if self.rng.random() < 0.7 else f"q[{q - total}]"

    def _applied(self, total: int) -> Piece:
        wires = min(total, int(self.rng.integers(1, 4)))
        name, angles = self.gate(wires)
        on = self._pick(total, wires)
        args = [*(a.text for a in angles), *(self._named(q, total) for q in on)]
        done = _gate(name, angles)
        return Piece(f"{name}({', '.join(args)})", lambda qc, q, env: done.do(qc, [q[i] for i in on], env))

    def _each(self, total: int) -> Piece:
        """A gate on one qubit, of several."""
        name, angles = self.gate(1)
        on, text = self._group(total)
        done = _gate(name, angles)

        def do(qc: QuantumCircuit, q: Sequence[int], env: Env) -> None:
            for i in on:
                done.do(qc, [q[i]], env)

        return Piece(f"{name}({', '.join([*(a.text for a in angles), text])})", do)

    def _group(self, total: int) -> tuple[list[int], str]:
        match int(self.rng.integers(4)):
            case 0:
                return list(range(total)), "q"
            case 1:
                a = int(self.rng.integers(total))
                b = int(self.rng.integers(a, total)) + 1
                return list(range(a, b)), f"q[{a}..{b}]"
        on = self._pick(total, int(self.rng.integers(1, total + 1)))
        if self.rng.random() < 0.5:
            return on, f"q[{on}]"
        return on, f"[{', '.join(self._named(i, total) for i in on)}]"

    def _operated(self, total: int) -> Piece:
        """An operation on listed wires, which may be split in groups."""
        wires = min(total, int(self.rng.integers(1, 5)))
        text, done = self.operation(wires)
        on = self._pick(total, wires)
        head = text.partition("(")[0]
        if head == "controlled" and self.rng.random() < 0.5:
            # all the outer controls in one list
            depth, inner = 0, text
            while inner.startswith("controlled("):
                depth, inner = depth + 1, inner[len("controlled(") : -1]
            names = [self._named(q, total) for q in on]
            call = f"controlled({inner}, [{', '.join(names[:depth])}], {', '.join(names[depth:])})"
        else:
            names = [self._named(q, total) for q in on]
            listed = head != "controlled" and not done.text and self.rng.random() < 0.4
            grouped = f"[{', '.join(names)}]" if listed else ", ".join(names)
            call = f"{text[:-1]}{'' if text.endswith('()') else ', '}{grouped})"
        return Piece(call, lambda qc, q, env: done.do(qc, [q[i] for i in on], env))

    def _pattern(self, total: int) -> Piece:
        name = self.one(["ring", "ladder", "all_pairs"])
        text, done = self.operation(2, 1)
        on, group = self._group(total)

        def do(qc: QuantumCircuit, q: Sequence[int], env: Env) -> None:
            for a, b in _pairs(name, len(on)):
                done.do(qc, [q[on[a]], q[on[b]]], env)

        return Piece(f"{name}({text}, {group})", do)

    def _loop(self, total: int) -> Piece:
        """One qubit at a time."""
        name, angles = self.gate(1, ("i",))
        turns, text = self.one([
            (list(range(total)), f"0..{total}"), (list(range(total))[::-1], f"reverse(0..{total})"),
            (list(range(1, total)), f"1..{total}"), (list(range(0, total, 2)), f"every(0..{total}, 2)"),
        ])  # fmt: skip
        done = _gate(name, angles)
        args = ", ".join([*(a.text for a in angles), "q[i]"])

        def do(qc: QuantumCircuit, q: Sequence[int], env: Env) -> None:
            for i in turns:
                done.do(qc, [q[i]], {**env, "i": i})

        return Piece(f"for i in {text} {{ {name}({args}) }}", do)

    def _edges(self, total: int) -> Piece:
        """A named angle of a pair, and a gate by it."""
        pattern = self.one(["ring", "ladder", "pairs"])
        angle, name = self.angle(("i", "j")), self.one(PAIRED_TURNS)
        first, second = ("i", "j") if self.rng.random() < 0.5 else ("j", "i")

        def do(qc: QuantumCircuit, q: Sequence[int], env: Env) -> None:
            for i, j in _pairs(pattern, total):
                here = {**env, "i": i, "j": j}
                getattr(qc, name)(angle.of(here) / 2, q[here[first]], q[here[second]])

        body = f"angle = {angle.text}\n    {name}(angle / 2, q[{first}], q[{second}])"
        return Piece(f"for i, j in {pattern}(0..{total}) {{\n    {body}\n  }}", do)

    # circuits

    def circuit(self, name: str, wires: int, statements: int) -> Declared:
        pieces = [self.statement(wires) for _ in range(statements)]

        def do(qc: QuantumCircuit, q: Sequence[int], env: Env) -> None:
            for i in range(wires):
                qc.ry(env["x"][0], q[i])
            for piece in pieces:
                piece.do(qc, q, env)

        lines = "\n  ".join(["ry(x[0], q)", *(p.text for p in pieces)])
        text = f"circuit {name}(x: real[wire], w: real[layer, wire]) on q: qubit[{wires}] {{\n  {lines}\n}}\n"
        made = Declared(name, text, wires, Piece(lines, do))
        return made

    def declarations(self) -> tuple[str, Declared, Declared]:
        """Some small circuits, and two on all wires made of them."""
        for k in range(3):
            self.subs.append(self.circuit(f"Sub{k}", min(self.wires, 1 + k), 2))
        a, b = (self.circuit(n, self.wires, int(self.rng.integers(3, 7))) for n in ("A", "B"))
        return "\n".join(d.text for d in (*self.subs, a, b)), a, b

    # observables

    def observable(self) -> Value:
        """A sum of Pauli strings; ``of`` gives it as Qiskit's operator."""
        text, total = self._product()
        for _ in range(int(self.rng.integers(3))):
            more, other = self._product()
            sign = self.one(["+", "-"])
            text, total = f"{text} {sign} {more}", (total + other if sign == "+" else total - other)
        total = total.simplify()
        return Value(text, lambda env: total)

    def _product(self) -> tuple[str, SparsePauliOp]:
        factors = int(self.rng.integers(1, self.wires + 1))
        on = self._pick(self.wires, factors)
        letters = [self.one("XYZI") for _ in on]
        k = self.one([1.0, 0.5, -2.0, 0.25])
        text = " * ".join(f"{p}[{q}]" for p, q in zip(letters, on, strict=True))
        label = "".join(dict(zip(on, letters, strict=True)).get(q, "I") for q in reversed(range(self.wires)))
        return (f"{k} * {text}" if k != 1 else text), SparsePauliOp(label, k)


def _int(text: str, env: Env) -> int:
    return int(env[text]) if text in env else int(text)


def _gate(name: str, angles: Sequence[Value], text: str = "") -> Piece:
    return Piece(text, lambda qc, q, env: getattr(qc, name)(*(a.of(env) for a in angles), *q))


def _pairs(name: str, n: int) -> list[tuple[int, int]]:
    """Edges of a graph of n wires, by name."""
    if name in ("pairs", "all_pairs"):
        return list(combinations(range(n), 2))
    line = [(i, i + 1) for i in range(n - 1)]
    return [(n - 1, 0), *line] if name == "ring" and n > 2 else line


def _matrix(piece: Piece, wires: int, env: Env) -> Array:
    qc = QuantumCircuit(wires)
    piece.do(qc, range(wires), env)
    found: Array = Operator(qc).data
    return found


def _unitary(qc: QuantumCircuit, on: Sequence[int], matrix: Array) -> None:
    qc.append(UnitaryGate(matrix, check_input=False), list(on))


def state(circuits: Sequence[tuple[Declared, bool]], env: Env) -> Statevector:
    """Circuits one after the other on |0…0>, each as it is or undone."""
    found = Statevector.from_label("0" * circuits[0][0].wires)
    for made, undone in circuits:
        matrix = _matrix(made.body, made.wires, env)
        found = found.evolve(Operator(matrix.conj().T if undone else matrix))
    return found
