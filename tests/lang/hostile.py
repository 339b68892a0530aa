# SPDX-License-Identifier: Apache-2.0
"""Small texts that ask for a great deal of work, with the codes that say so; none where it is cheap after all."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable

#: name -> (program, codes that check gives)
Hostile = tuple[str, tuple[str, ...]]


def lines(count: int, line: Callable[[int], str]) -> str:
    return "\n".join(map(line, range(1, count + 1)))


FNS = "fn g0(x: real) -> real = x + 1\n{}\nmodel M(x: real) -> real = g{}(x)"
MAP = "dim wire = 2\ncircuit Map(x: real[wire]) on q: qubit[wire] {{\n  h(q)\n  {}\n}}\n"
BODY = "fn f(x: real) -> real {{\n  {}\n  return x\n}}\n"
VECTOR = "dim c = 3\nfn f(x: real[c]) -> real[c] {{\n  {}\n  return x\n}}\n"


LOOPS = "for i in 0..4000 {{ for j in 0..4000 {{ {} }} }}"
#: sixteen dims, as many as a value may have
MANY = "\n".join(f"dim d{i} = {2 if i < 14 else 1}" for i in range(16))
WIDE = "real[" + ", ".join(f"d{i}" for i in range(16)) + "]"
OPEN = ", ".join(f"o{i}" for i in range(16))
ENTRIES = "dim e = [" + ", ".join(f"e{i}" for i in range(4096)) + "]"


def looped(head: str, inputs: str, statement: str) -> str:
    """A function of ``inputs`` that runs a statement again and again."""
    return f"{head}\nfn last({inputs}) -> real {{\n  {LOOPS.format(statement)}\n  return 1\n}}\n"


def body(*statements: str) -> str:
    return BODY.format("\n  ".join(statements))


PROGRAMS: dict[str, Hostile] = {
    "functions applied twice at each level": (
        FNS.format(lines(40, lambda i: f"fn g{i}(x: real) -> real = g{i - 1}(x) * g{i - 1}(x + {i})"), 40),
        ("HQ0412",),
    ),
    "static functions applied twice": (
        "fn f(n: int) -> int = if n == 0 then 1 else f(n - 1) + f(n - 1)\nconst N: int = f(40)", ("HQ0411", "HQ0412")
    ),
    "consts of consts": (
        "const c0: int = 1\n" + lines(60, lambda i: f"const c{i}: int = c{i - 1} + c{i - 1} - c{i - 1}"), ()
    ),
    "dims of dims": ("dim d0 = 1\n" + lines(60, lambda i: f"dim d{i} = d{i - 1} + d{i - 1} - d{i - 1}"), ()),
    "a deep chain of consts": ("const c0: int = 1\n" + lines(300, lambda i: f"const c{i}: int = c{i - 1}"), ()),
    "a deep chain of consts, backwards": (
        lines(300, lambda i: f"const c{i}: int = c{i + 1}") + "\nconst c301: int = 1", ("HQ0221",) * 4
    ),
    "blocks that apply blocks": (
        "block b0(x: real) -> real {\n  param w: real\n  return w * x\n}\n"
        + lines(40, lambda i: f"block b{i}(x: real) -> real = x |> b{i - 1} |> b{i - 1}"), ("HQ0412",),
    ),
    "circuits that apply circuits": (
        "circuit C0() on q: qubit[1] { h(q) }\n"
        + lines(40, lambda i: f"circuit C{i}() on q: qubit[1] {{\n  C{i - 1}(q)\n  adjoint(C{i - 1}(), q)\n}}"),
        ("HQ0412",),
    ),
    "controls of controls": ("circuit C() on q: qubit[24] { controlled(cu(1, 2, 3, 4), q[0..22], q[22..24]) }", ("HQ0412",)),
    "states that follow themselves": (
        "circuit C() on q: qubit[1] { h(q) }\nfn f(x: real) -> real {\n  s = C()\n  for i in 0..40 {\n    s = s |> s\n  }\n"
        "  return expect(Z[0], s)\n}", ("HQ0412",),
    ),
    "states that grow": (
        "circuit C() on q: qubit[1] { h(q) }\nfn f(x: real) -> real {\n  s = C()\n  for i in 0..4000 {\n    s = s |> C()\n"
        "    x = x + expect(Z[0], s)\n  }\n  return x\n}", ("HQ0412",),
    ),
    "lists that double": (body("a = [1]", "for i in 0..40 {", "  a = a + a", "}"), ("HQ0412",)),
    "lists in lists": (
        body("a = [1]", "b = [1]", "for i in 0..60 {", "  a = [a, a]", "  b = [b, b]", "}", "c = a == b"), ("HQ0412",)
    ),
    "loops in loops": (body(*["for i in 0..4000 {"] * 6, *["}"] * 6), ("HQ0412",)),
    "a loop without end": (body("for i in 0..10^12 {", "  x = x + 1", "}"), ("HQ0412",)),
    "a loop longer than a word": (body("for i in 0..10^30 {", "  x = x + 1", "}"), ("HQ0412",)),
    "an item of a huge range": (body("i = (0..10^12)[10^11]", "j = (0..10^30)[0]", "x = x + i + j"), ()),
    "a part of a huge range": (body("a = (0..10^12)[0..10^11]"), ("HQ0412",)),
    "two targets of a huge range": (body("a, b = 0..10^12"), ("HQ0419",)),
    "a huge range as a list": ("fn f[l: list](x: real) -> real = x\nfn g(x: real) -> real = f[0..10^12](x)", ("HQ0412",)),
    "huge ranges added": (body("a = (0..10^12) + (0..10^12)"), ("HQ0412",)),
    "huge ranges reversed": (body("a = reverse(0..10^12)"), ("HQ0412",)),
    "huge ranges compared": (body("a = 0..10^30 == 0..10^31"), ()),
    "the length of a huge range": (body("x = x + size(0..10^30)"), ()),
    "ranges of the wrong kind": (body("a = -(0..10^30)", "b = x * (0..10^30)"), ("HQ0301", "HQ0301")),
    "pairs of a huge dim": ("dim d = 2^24\nfn f(x: real) -> real {\n  a = pairs(d)\n  return x\n}", ("HQ0412",)),
    "pairs many times": (body("for i in 0..4000 {", "  a = pairs(0..400)", "}"), ("HQ0412",)),
    "a slice beyond the register": (MAP.format("h(q[0..10^12])"), ("HQ0406",)),
    "a slice before the register": (MAP.format("h(q[-(10^12)..2])"), ("HQ0406",)),
    "an empty slice far away": (MAP.format("h(q[10^12..0])"), ()),
    "a slice of a value": (VECTOR.format("y = x[0..10^12]"), ("HQ0406",)),
    "a slice of a list": (body("a = [1, 2][0..10^12]"), ("HQ0406",)),
    "powers of powers": (body("y = 9^9^9^9"), ("HQ0405",)),
    "a huge number": (body(f"y = {'9' * 5000}"), ("HQ0021",)),
    "large numbers": (body("y = 10^60", "for i in 0..40 {", "  y = y * y", "}"), ("HQ0405",)),
    "infinities": (body("y = int(inf)", "z = x ^ inf", "w = 1 ^ inf"), ("HQ0405", "HQ0405", "HQ0405")),
    "a unit to a huge power": (body("y = 2 GeV^400 * 3 TeV^900"), ("HQ0405",)),
    "units of units": (
        "fn f(x: GeV) -> real {\n  for i in 0..40 {\n    x = x * x\n  }\n  return 1\n}\n"
        "fn g(x: GeV) -> real {\n  for i in 0..40 {\n    x = x ^ 0.001\n  }\n  return 1\n}\n"
        "fn h(x: real) -> real {\n  y = 1 GeV\n  for i in 0..40 {\n    y = y * y\n  }\n  return x\n}",
        ("HQ0222", "HQ0222", "HQ0405"),
    ),
    "deep expressions in deep calls": (
        "fn f0(x: real) -> real = x\n"
        + lines(47, lambda i: f"fn f{i}(x: real) -> real = {'abs(' * 40}f{i - 1}(x){')' * 40}"), ("HQ0042",),
    ),
    "a dim that is too large": ("dim d = 10^12", ("HQ0206",)),
    "values that are too large": (
        "dim a = 2^20\ndim b = 2^20\nfn f(x: real[a], y: real[b]) -> real[a, b] = outer(x, y)", ("HQ0101",)
    ),
    "weights that are too large": (
        "dim a = 2^20\ndim b = 2^20\nblock B(x: real) -> real {\n  param w: real[a, b]\n  return x * sum(w, over=[a, b])\n}",
        ("HQ0219",),
    ),
    "products of sums of observables": (
        "circuit C() on q: qubit[20] { h(q) }\nfn f(x: real) -> real = expect("
        + " * ".join(f"(X[{i}] + Y[{i}] + Z[{i}])" for i in range(20)) + ", C())", ("HQ0412",),
    ),
    "many dims": (
        "dim " + ", ".join(f"d{i}" for i in range(3000)) + "\nfn f(x: real["
        + ", ".join(f"d{i}" for i in range(3000)) + "]) -> real = 1", ("HQ0218",),
    ),
    "many entries": (
        "dim d = [" + ", ".join(f"e{i}" for i in range(9000)) + "]\n"
        + lines(1500, lambda i: f"fn f{i}(x: real[d]) -> real = x.e{i} + x.e8999"), ("HQ0220",),
    ),
    "many names": ("dim " + ", ".join(f"d{i}" for i in range(30000)), ()),
    "many unknown names": (
        lines(8000, lambda i: f"fn f{i}() -> real = g{i}_"), ("HQ0101",) * 100 + ("HQ0043",)
    ),
    "a long name": (f"fn {'a' * 60000}() -> real = {'a' * 59999}b", ("HQ0101",)),
    "a long line": ("fn f() -> real = " + "+ ".join(["1"] * 150), ()),
    "syntax errors": ("fn f(x) = = 1\n" * 15000, ("HQ0001",) * 100 + ("HQ0043",)),
    "deep nesting": ("fn f(x: real) -> real = " + "(" * 5000 + "x" + ")" * 5000, ("HQ0006",)),
    "models and one dataset": (
        "dataset D {\n  source s = root(\"x.root\", tree=\"t\")\n"
        + lines(1500, lambda i: f"  branch b{i}: real\n  input b{i} = b{i}") + "\n}\n"
        + lines(1500, lambda i: f"model M{i}(b{i}: real) -> real = b{i}"), ("HQ0412",),
    ),
    "unions of unions": (
        'collection J = "J_*" { pt: GeV }\ndataset D {\n  source s = root("x.root")\n  object u0 = union(J, J)\n'
        + lines(40, lambda i: f"  object u{i} = union(u{i - 1}, u{i - 1})") + "\n  n = sum(u40.pt + 1 GeV, over=u40)\n}", (),
    ),
    "parts of unions of unions": (
        'collection J = "J_*" { pt: GeV }\ncollection K = "K_*" { pt: GeV }\ndataset D {\n  source s = root("x.root")\n'
        "  object u0 = union(J, J)\n" + lines(40, lambda i: f"  object u{i} = union(u{i - 1}, u{i - 1})")
        + "\n  p = part_of(K, u40)\n}", ("HQ0412",),
    ),
    "a union of many": (
        'collection J = "J_*" { pt: GeV }\ndataset D {\n  source s = root("x.root")\n  object u = union('
        + ", ".join(["J"] * 3000) + ")\n}", ("HQ0665",),
    ),
    "choices of choices": (
        'collection J = "J_*" { pt: GeV }\ndataset D {\n  source s = root("x.root")\n  object o0 = J\n'
        + lines(400, lambda i: f"  object o{i} = o{i - 1} where o{i - 1}.pt > {i} GeV") + "\n  n = count(o400)\n}", (),
    ),
    "combinations of combinations": (
        'collection J = "J_*" { pt, eta, phi, mass: real }\ndataset D {\n  source s = root("x.root")\n  object c0 = J\n'
        + lines(12, lambda i: f"  object c{i} = combinations(c{i - 1}, 8)") + "\n  n = count(c12)\n}", (),
    ),
    "a long chain of references": (
        'collection A = "A_*" { m: index of A }\ndataset D {\n  source s = root("x.root")\n  e = exists(A'
        + ".m" * 150 + ")\n}", (),
    ),
    "values of many dims": (looped(MANY, f"x: {WIDE}, y: {WIDE}", "x = if x < y then x else y"), ("HQ0412",)),
    "types of many dims": (looped(MANY, f"x: {WIDE}", f"x: {WIDE} = x"), ("HQ0412",)),
    "calls with many dims": (
        looped(f"{MANY}\nfn g(x: {WIDE}) -> {WIDE} = x", f"x: {WIDE}", "x = g(x)"), ("HQ0412",)
    ),
    "calls that bind many dims": (
        looped(f"{MANY}\ndim {OPEN}\nfn g(x: real[{OPEN}]) -> real[{OPEN}] = x", f"x: {WIDE}", "x = g(x)"), ("HQ0412",)
    ),
    "a list of dims": (
        "dim a = 2\nfn f(x: real[a]) -> real {\n  l = reverse(1..100000)\n  for i in 0..4000 { y = sum(x, over=l) }\n"
        "  return 1\n}", ("HQ0412",),
    ),
    "an entry of many": (looped(ENTRIES, "x: real[e]", "y = x.e4095"), ("HQ0412",)),
    "an entry that is none of many": (looped(ENTRIES, "x: real[e]", "y = x.e4096"), ("HQ0310", "HQ0412")),
    "an unknown name in loops": (looped("", "x: real", "y = exq(x)"), ("HQ0412", "HQ0101")),
    "angles that add up": (
        "dim k = 2000\ncircuit C(x: real[k]) on q: qubit[1] {\n  t = 0\n  for i in 0..2000 { t = t + x[i] }\n  rx(t, q)\n"
        "  for i in 0..2000 { t = t + i }\n  ry(t, q)\n}", ("HQ0412",),
    ),
    "shots of many circuits": (
        looped("@shots(n)\ncircuit C[n: int]() on q: qubit[1] { h(q) }", "x: real", "y = C[i * 4000 + j + 1]()"),
        ("HQ0101", "HQ0412"),
    ),
    "blocks for many numbers": (
        "block B(x: real) -> real {\n  param w: real\n  return w * x\n}\n"
        "block F[k: int](x: real) -> real {\n  for i in k..k + 3 { b = B }\n  return x\n}\n"
        "block G(x: real) -> real {\n  for i in 0..4000 { for j in 0..10 { y = F[i * 10 + j](x) } }\n  return x\n}",
        ("HQ0412",),
    ),
    "long names of blocks": (
        f"block {'b' * 5000}0(x: real) -> real {{ param w: real\n return w * x }}\n"
        + lines(16, lambda i: f"block {'b' * 5000}{i}(x: real) -> real = {'b' * 5000}{i - 1}({'b' * 5000}{i - 1}(x))"),
        ("HQ0412",),
    ),
    "functions of many parameters": (
        "fn g(" + ", ".join(f"a{i}: real" for i in range(4000)) + ") -> real = a0\nfn f(x: real) -> real {\n"
        "  for i in 0..4000 { y = g(" + ", ".join("x" for _ in range(4000)) + ") }\n  return 1\n}", ("HQ0412",),
    ),
    "functions of many static arguments": (
        "fn g[" + ", ".join(f"a{i}: int" for i in range(4000)) + "](x: real) -> real = x\nfn f(x: real) -> real {\n"
        "  for i in 0..4000 { y = g[" + ", ".join("1" for _ in range(4000)) + "](x) }\n  return 1\n}", ("HQ0412",),
    ),
}  # fmt: skip
