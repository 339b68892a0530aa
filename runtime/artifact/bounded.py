# SPDX-License-Identifier: Apache-2.0
"""What every part of a manifest keeps to, whoever wrote it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

#: bounds of what is read: entries of a dim, numbers of a value for an event, length of a name
MOST_ENTRIES, MOST_NUMBERS, LONGEST = 2**31 - 1, 1 << 28, 500


def _is_name(text: str) -> str:
    if not text or len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"no name: {text[:50]!r}")
    return text


#: of a dim, a value or an entry
Name = Annotated[str, AfterValidator(_is_name)]


class Frozen(BaseModel):
    """Refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
