# SPDX-License-Identifier: Apache-2.0
"""The Lorentz group network (arXiv:2006.04780) written again for one event, in NumPy's complex numbers.

Tensors are [particle, channel, indices], all indices above, contracted with the metric; weights have hepq's names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Weights = Mapping[str, Array]
#: x, y, z, t
G = np.diag([-1.0, -1.0, -1.0, 1.0])
EPSILON = np.zeros((4, 4, 4, 4))
for _order in permutations(range(4)):
    EPSILON[_order] = np.linalg.det(np.eye(4)[list(_order)])


def self_dual(m: Array, sign: int) -> Array:
    """The part of [..., 4, 4] whose dual is -i · sign times itself."""
    a = (m - m.swapaxes(-1, -2)) / 2
    part: Array = (a + sign * 1j * 0.5 * np.einsum("abcd,...ef,ce,df->...ab", EPSILON, a, G, G)) / 2
    return part


def traceless_symmetric(m: Array) -> Array:
    trace = np.einsum("...ab,ab->...", m, G)[..., None, None]
    part: Array = (m + m.swapaxes(-1, -2)) / 2 - trace * G / 4
    return part


def product(m: Array, n: Array) -> Array:
    result: Array = np.einsum("...ab,bc,...cd->...ad", m, G, n)
    return result


def probabilities(
    w: Weights, p: Array, x: Array, channels: Sequence[int] = (2, 3, 4, 3), scale: float = 0.005
) -> Array:
    """``p``: momenta in GeV [n, 4]; ``x``: scalars [n, features]."""
    q = p * scale
    d = q[:, None] - q
    d2 = np.einsum("ija,ab,ijb->ij", d, G, d)
    distance = np.sign(d2) * np.sqrt(np.abs(d2))
    s = _complex(_dense(w, "input", x))
    v: list[Array] = []
    m: list[Array] = []
    found = [s]
    for i in range(len(channels) - 1):
        at = f"radial{i}"
        bell = w[f"{at}.a"] + w[f"{at}.b"] / (1 + (w[f"{at}.c"] * distance[..., None]) ** 2)
        bell = np.where(distance[..., None] == 0, 0, bell)
        f0, f1 = (_complex(_dense(w, f"{at}.dense{k}", bell)) for k in range(2))
        s, v, m = _level(w, f"level{i}", s, v, m, f0, f1[..., None] * d[:, :, None])
        s = _mlp(w, f"scalar_mlp{i}", s)
        found += [s, np.einsum("nca,ab,ncb->nc", v[0], G, v[0])]
        found += [np.einsum("ncab,bd,ncde,ea->nc", t, G, t, G) for t in m]
    y = np.concatenate([_reals(z.sum(0)) for z in found])
    logits = _dense(w, "head", y)
    e = np.exp(logits - logits.max())
    result: Array = e / e.sum()
    return result


def _level(
    w: Weights, name: str, s: Array, v: list[Array], m: list[Array], f: Array, e: Array
) -> tuple[Array, list[Array], list[Array]]:
    """``f`` [i, j, channel] multiplies scalars of j, ``e`` [i, j, channel, 4] is the vector of the pair."""

    def heard(t: Array) -> Array:
        result: Array = np.einsum("ijc,jc...->ic...", f, t)
        return result

    scalars, vectors = [heard(s), s, s * s], [np.einsum("ijca,jc->ica", e, s)]
    kinds: list[list[Array]] = [[], [], []]
    for u in v:
        scalars += [np.einsum("ijca,ab,jcb->ic", e, G, u), np.einsum("nca,ab,ncb->nc", u, G, u)]
        vectors += [heard(u), u, s[..., None] * u]
        pair = np.einsum("ijcb,jca->icab", e, u)
        kinds = [[pair], [pair], [pair, np.einsum("nca,ncb->ncab", u, u)]]
    for t in m:
        scalars.append(np.einsum("ncab,bd,ncde,ea->nc", t, G, t, G))
        vectors += [np.einsum("jcab,bd,ijcd->ica", t, G, e), np.einsum("ncab,bd,ncd->nca", t, G, v[0])]
    if m:
        for own, t in zip(kinds, m, strict=True):
            own += [heard(t), t, s[..., None, None] * t]
        a, b, t = m
        kinds[0] += [product(b, t)]
        kinds[1] += [product(a, t)]
        kinds[2] += [product(a, b), product(a, t), product(b, t), product(t, t)]
    new = []
    if v:
        plus, minus, tensor = (
            _mix(w, f"{name}.{k}0", own) for k, own in zip(("plus", "minus", "tensor"), kinds, strict=True)
        )
        new = [self_dual(plus, 1), self_dual(minus, -1), traceless_symmetric(tensor)]
    return _mix(w, f"{name}.scalar", scalars), [_mix(w, f"{name}.vector", vectors)], new


def _mix(w: Weights, name: str, parts: Sequence[Array]) -> Array:
    weight = w[f"{name}.weight"]
    result: Array = np.einsum("oc,nc...->no...", weight[..., 0] + 1j * weight[..., 1], np.concatenate(parts, axis=1))
    return result


def _mlp(w: Weights, name: str, s: Array) -> Array:
    h = _reals(s)
    for k in range(sum(path.startswith(f"{name}.dense") and path.endswith("bias") for path in w)):
        h = _dense(w, f"{name}.dense{k}", h)
        h = np.where(h > 0, h, 0.01 * h)
    return _complex(_dense(w, f"{name}.out", h))


def _dense(w: Weights, name: str, x: Array) -> Array:
    result: Array = x @ w[f"{name}.weight"].T + w[f"{name}.bias"]
    return result


def _complex(x: Array) -> Array:
    """Real and imaginary part of a channel are neighbours."""
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    result: Array = pairs[..., 0] + 1j * pairs[..., 1]
    return result


def _reals(z: Array) -> Array:
    return np.stack([z.real, z.imag], axis=-1).reshape(*z.shape[:-1], -1)
