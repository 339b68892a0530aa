# SPDX-License-Identifier: Apache-2.0
"""Fuzzed programs through `check` and `fmt`: no traceback, and `fmt` is idempotent and keeps meaning and comments."""

from __future__ import annotations

import argparse
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from random import Random

from lark import Lark
from rich.console import Console
from rich.table import Table

from benchmarks.robustness.programs import Programs
from hepq.compiler.driver.check import check_text
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.core.diagnostics.render import render_text
from hepq.core.source import Source
from hepq.lang.format.program import format_source
from hepq.lang.syntax.ast import File
from hepq.lang.syntax.parser import parse

ROOT = Path(__file__).resolve().parents[2]
_MARKS = "()[]{}.,:;=+-*/%^<>|~@#\"'\\\n\t \0\x1b$?!&é日"
_WORDS = ("->", "|>", "..", "...", "fn ", "dim ", "param ", "if ", "then", "else", "for ", "in", "return ", "1", "2.5",
          "20 GeV", "x", "part'", "model ", "dataset ")  # fmt: skip
_PIECES = (*_MARKS, *_WORDS)
_SLOW_S = 5.0
_SHOWN = 10  #: different problems printed


def good_programs() -> list[str]:
    """Every program in the repository that is meant to compile."""
    folders = ("stdlib", "examples", "tests/good")
    return [f.read_text(encoding="utf-8") for folder in folders for f in sorted((ROOT / folder).rglob("*.hepq"))]


def generated(random: Random) -> str:
    return Programs(random).program()


def mutated(random: Random) -> str:
    """A program with a few tokens, lines or characters removed, doubled, swapped or inserted."""
    text = random.choice(_GOOD) if random.random() < 0.5 else generated(random)
    text = _window(random, text)
    for _ in range(random.randint(1, 4)):
        a, b = sorted(random.randint(0, len(text)) for _ in range(2))
        b = min(b, a + random.choice((1, 2, 10, 80)))
        match random.randint(0, 4):
            case 0:
                text = text[:a] + text[b:]
            case 1:
                text = text[:b] + text[a:b] + text[b:]
            case 2:
                text = text[:a] + random.choice(_PIECES) + text[a:]
            case 3:
                text = text[:a] + random.choice(_PIECES) + text[b:]
            case 4:
                other = random.choice(_GOOD)
                c = random.randint(0, len(other))
                text = text[:a] + other[c : c + 60] + text[b:]
    return text


def truncated(random: Random) -> str:
    text = _window(random, random.choice(_GOOD))
    return text[: random.randint(0, len(text))]


def tokens(random: Random) -> str:
    return " ".join(random.choice(_PIECES) for _ in range(random.randint(0, 120)))


def characters(random: Random) -> str:
    data = random.randbytes(random.randint(0, 400))
    return data.decode(random.choice(("latin-1", "utf-8", "utf-16")), errors="replace")


def nested(random: Random) -> str:
    """One construct inside itself, from a few levels to thousands."""
    n = int(10 ** random.uniform(0, 3.5))
    opening, closing = random.choice((("(", ")"), ("[", "]"), ("f(", ")"), ("-", ""), ("not ", ""), ("x + ", ""),
                                      ("x |> ", ""), ("2 ^ ", ""), ("if a then b else ", ""), ("", ".x"), ("(", ""),
                                      ("", " |> f"), ("", "[1]")))  # fmt: skip
    if random.random() < 0.1:
        return "fn f(x) {" + "for i in x {" * n + "}" * n + " return x }"
    return f"fn f(x) = {opening * n}x{closing * n}\nfn g(x) = 2"


def multiplied(random: Random) -> str:
    """Declarations that use the one before several times, loops in loops, lists that grow, ranges without end."""
    n, much = random.randint(1, 60), int(10 ** random.uniform(0, 30))
    first, step = random.choice((
        ("fn g0(x: real) -> real = x", "fn g{i}(x: real) -> real = g{j}(x) * g{j}(x + {i})"),
        ("block g0(x: real) -> real {{ param w: real\n return w * x }}", "block g{i}(x: real) -> real = g{j}(g{j}(x))"),
        ("circuit g0() on q: qubit[2] {{ h(q) }}", "circuit g{i}() on q: qubit[2] {{ g{j}(q)\n g{j}(q) }}"),
        ("circuit g0() on q: qubit[2] {{ h(q) }}", "circuit g{i}() on q: qubit[2] {{ controlled(g{j}(), q) }}"),
        ("const g0: list = [1, 2]", "const g{i}: list = g{j} + g{j}"),
        ("const g0: list = 0..{much}", "const g{i}: list = [g{j}, g{j}]"),
        ("dim g0 = 2", "dim g{i} = g{j} + g{j}"),
        ("const g0 = 2.5", "const g{i} = g{j} * g{j} ^ {i}"),
    ))  # fmt: skip
    chain = [first.format(much=much), *(step.format(i=i, j=i - 1, much=much) for i in range(1, n))]
    inner = random.choice(("x = x + 1", "a = a + a", "a = [a, a]", "a = reverse(0..{much})", "x = x + a[{much}]",
                           "x = x ^ {much}", "a = pairs(0..{much})", "a = 0..{much}"))  # fmt: skip
    depth = random.randint(1, 5)
    loops = f"for i in 0..{random.choice((2, 50, 4096, much))} {{ " * depth + inner.format(much=much) + " }" * depth
    return "\n".join([*chain, f"fn last(x: real) -> real {{ a = [1]\n {loops}\n return x }}"])


def _window(random: Random, text: str) -> str:
    """A few dozen lines of a program, beginning at a declaration if there is one."""
    lines = text.split("\n")
    starts = [i for i, line in enumerate(lines) if line[:1].isalpha() or line.startswith("@")] or [0]
    start = random.choice(starts)
    return "\n".join(lines[start : start + random.randint(5, 40)])


_GOOD = good_programs()
KINDS: dict[str, tuple[Callable[[Random], str], float]] = {
    "generated": (generated, 0.15), "mutated": (mutated, 0.43), "truncated": (truncated, 0.1),
    "random tokens": (tokens, 0.12), "random characters": (characters, 0.1), "nested": (nested, 0.03),
    "multiplied": (multiplied, 0.02),
}  # fmt: skip


def from_grammar(count: int, seed: int) -> list[str]:
    """Strings drawn from the grammar itself."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st
    from hypothesis.extra.lark import from_lark

    found: list[str] = []
    text = files("hepq.grammar").joinpath("hepq.lark").read_text(encoding="utf-8")
    language = Lark(text, parser="lalr")
    words = {t.name: st.just(_first_word(t.pattern.value)) for t in language.terminals if t.priority == 2}
    words |= {
        "NAME": st.sampled_from(("x ", "part ", "part' ", "Dense ")), "INT": st.sampled_from(("1 ", "128 ")),
        "FLOAT": st.sampled_from(("0.5 ", "1e-3 ")), "QUANTITY": st.sampled_from(("20 GeV ", "1 mm^2 ")),
        "STRING": st.just('"s" '), "COMMENT": st.just("# c\n"), "WS": st.just(" "),
        "KIND": st.sampled_from(("fn ", "block ", "model ")), "WEIGHT": st.sampled_from(("param ", "buffer ")),
        "DIRECTION": st.just("desc "),
    }  # fmt: skip

    @seeded(seed)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(from_lark(language, explicit=words))
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return found


def _first_word(pattern: str) -> str:
    return pattern.split("(?")[0].split("\\")[0] + " "


def inputs(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """(kind, text) pairs, the same for the same seed."""
    for kind, (make, share) in KINDS.items():
        for i in range(round(count * share)):
            yield kind, make(Random(f"{seed} {kind} {i}"))
    rest = count - sum(round(count * share) for _, share in KINDS.values())
    yield from (("from the grammar", text) for text in from_grammar(rest, seed)[:rest])


def try_one(text: str) -> str | None:
    """What is wrong with how ``text`` is handled, or None."""
    try:
        diagnostics = check_text(text, "fuzz.hepq")
        render_text(diagnostics)
    except Exception:
        return "traceback in check: " + traceback.format_exc(limit=-3)
    try:
        once = format_source(text)
    except HepqError:
        return None
    except Exception:
        return "traceback in fmt: " + traceback.format_exc(limit=-3)
    return compare(text, once)


def compare(text: str, formatted: str) -> str | None:
    """How a formatted program differs from the one it was made from."""
    before, after = _parsed(text), _parsed(formatted)
    if before != after:
        return "meaning changed by fmt"
    if sorted(c.text for c in before.comments) != sorted(c.text for c in after.comments):
        return "comment lost by fmt"
    return None if format_source(formatted) == formatted else "fmt is not idempotent"


def _parsed(text: str) -> File:
    return parse(Source("fuzz.hepq", text), Sink())


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks fuzz", description=__doc__)
    parser.add_argument("--n", type=int, default=10_000, help="how many inputs (default: 10000)")
    parser.add_argument("--quick", action="store_true", help="500 inputs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    console = Console()
    problems: dict[str, tuple[str, str]] = {}  # with the first input that shows each
    tried, failed, slowest = Counter[str](), Counter[str](), Counter[str]()
    for kind, text in inputs(500 if options.quick else options.n, options.seed):
        start = time.process_time()
        problem = try_one(text)
        elapsed = time.process_time() - start
        if problem is None and elapsed > _SLOW_S:
            problem = f"took {elapsed:.1f} s"
        tried[kind] += 1
        slowest[kind] = max(slowest[kind], round(elapsed * 1000))
        if problem is not None:
            failed[kind] += 1
            problems.setdefault(problem, (kind, text))
    for problem, (kind, text) in list(problems.items())[:_SHOWN]:
        console.print(f"{kind}: {problem}\n{text!r}\n", markup=False, highlight=False)
    table = Table("inputs", "tried", "failed", "slowest (ms)", title="check and fmt on fuzzed programs (bar: 0 failed)")
    for kind in tried:
        table.add_row(kind, str(tried[kind]), str(failed[kind]), str(slowest[kind]))
    table.add_row("all", str(tried.total()), str(failed.total()), str(max(slowest.values(), default=0)))
    console.print(table)
    return 1 if failed.total() else 0
