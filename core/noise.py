# SPDX-License-Identifier: Apache-2.0
"""Random numbers that follow from what they are of, and from nothing else: the operation ``noise`` of the IR.

The ``entry``-th number of a splitmix64 sequence whose state is made of ``key`` (an event) and ``name``:

    state = mix(key + salt(name))
    noise = ((mix(state + (entry + 1) * GAMMA) >> 12) + 1/2) / 2^52

in unsigned 64-bit arithmetic, modulo 2^64. ``mix`` is the finaliser of G. L. Steele, D. Lea, C. H. Flood, "Fast
splittable pseudorandom number generators", OOPSLA 2014, in D. Stafford's variant 13, as in their SplittableRandom. The
result is exact in float64, never 0 or 1, and symmetric about 1/2: with 53 bits and half a step it would have to be
rounded, to 1 at the upper end.
"""

from __future__ import annotations

from hashlib import sha256

#: the odd number nearest to 2^64 divided by the golden ratio
GAMMA = 0x9E3779B97F4A7C15
#: (shift, factor): z = (z ^ (z >> shift)) * factor, for each in turn; then z ^ (z >> LAST)
ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST = 31
#: bits that are left out, and the width of a step
DROPPED, STEP = 12, 2.0**-52
_MASK = 2**64 - 1


def salt(name: str) -> int:
    """64 bits of a noise's name: the first eight bytes, least first, of its SHA-256."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "little")


def mix(z: int) -> int:
    for shift, factor in ROUNDS:
        z = ((z ^ (z >> shift)) * factor) & _MASK
    return z ^ (z >> LAST)


def noise(name: str, key: int, entry: int) -> float:
    """One number; ``key`` and ``entry`` are int64, their bits read as unsigned."""
    state = mix((key + salt(name)) & _MASK)
    return ((mix((state + (entry + 1) * GAMMA) & _MASK) >> DROPPED) + 0.5) * STEP
