# SPDX-License-Identifier: Apache-2.0
"""HQ01xx: declarations and imports (unknown names and attributes are in ``codes_check``)."""

from __future__ import annotations

from hepq.core.diagnostics.catalogue import Entry

MODULES = {
    "HQ0102": Entry(
        "`{name}` is declared twice",
        "Within a file a name means one thing: declarations, dims and imported names share one name space.",
        "rename or remove one of them",
    ),
    "HQ0105": Entry(
        "module `{module}` is not found",
        "`std.…` modules come with hepq; `a.b` is the file a/b.hepq beside the importing file.",
        "looked for {looked}",
    ),
    "HQ0106": Entry(
        "module `{module}` has no `{name}`", "Only names that a module declares or imports can be imported."
    ),
    "HQ0107": Entry(
        "modules import each other in a circle: {cycle}",
        "A module is checked after those it imports, so imports cannot form a circle.",
        "move what they share into a third module",
    ),
    "HQ0108": Entry(
        "parameter `{name}` is declared twice", "Static and run-time parameters of one declaration have distinct names."
    ),
}
