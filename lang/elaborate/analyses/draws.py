# SPDX-License-Identifier: Apache-2.0
"""Random numbers of distributions, made of the uniform ones of the operation ``noise``."""

from __future__ import annotations

from hepq.core.source import Span
from hepq.lang.elaborate.algebra import Algebra
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import Init


def drawn(ctx: Context, key: Tensor, entry: Tensor | None, name: str, init: Init, span: Span) -> Tensor:
    """real, over the dims of ``key`` and ``entry`` (int; None: of the event): ``init`` is a normal distribution (mean,
    standard deviation) or a uniform one (ends). Numbers of other names are independent of these.

    Reports HQ0949 for a distribution without width.
    """
    f = Algebra(ctx, span)
    first, second = init.args
    width = second if init.kind == "normal" else second - first
    if not 0 < width < float("inf"):
        ctx.error("HQ0949", span, distribution=f"{init.kind}({first:g}, {second:g})")
    uniform = f("noise", key, 0 if entry is None else entry, name=name)
    drawn = uniform if init.kind == "uniform" else normal_quantile(f, uniform)
    return f("add", f("mul", drawn, width), first)


#: coefficients of Wichura's rational functions, numerator and denominator, highest power first
_MIDDLE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
_OUTER = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
     3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)  # fmt: skip
_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip


def normal_quantile(f: Algebra, p: Tensor) -> Tensor:
    """The number below which a standard normal one is with probability ``p``, in (0, 1): M. J. Wichura, "Algorithm AS
    241: the percentage points of the normal distribution", Applied Statistics 37 (1988) 477, PPND16."""
    q = f("sub", p, 0.5)
    middle = f("le", f("abs", q), 0.425)
    near = f("sub", 0.180625, f("mul", q, q))
    tail = f("sqrt", f("neg", f("log", f("min", p, f("sub", 1.0, p)))))
    outer, far = f("sub", tail, 1.6), f("sub", tail, 5.0)

    def ratio(functions: tuple[tuple[float, ...], tuple[float, ...]], r: Tensor) -> Tensor:
        return f("div", f.polynomial(functions[0], r), f.polynomial(functions[1], r))

    beyond = f("where", f("le", tail, 5.0), ratio(_OUTER, outer), ratio(_TAIL, far))
    return f("where", middle, f("mul", q, ratio(_MIDDLE, near)), f("mul", f("sign", q), beyond))
