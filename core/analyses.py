# SPDX-License-Identifier: Apache-2.0
"""Words that the language, the compiler and the runtime say of analyses."""

from __future__ import annotations

from typing import Literal

#: what a source holds
Kind = Literal["data", "mc"]
#: the name of what no variation changes
NOMINAL = "nominal"
