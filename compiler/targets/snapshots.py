# SPDX-License-Identifier: Apache-2.0
"""``python -m hepq.compiler.targets.snapshots``: write IBM's devices from the calibrations in qiskit-ibm-runtime.

Those are Apache-2.0, by IBM and the Qiskit project; only numbers are taken from them.
"""

from __future__ import annotations

from hepq.compiler.targets.ibm import SNAPSHOTS, snapshot
from hepq.compiler.targets.stored import FOLDER, to_json


def main() -> None:
    for name in SNAPSHOTS:
        path = FOLDER / f"ibm-{name.lower()}.json"
        path.write_text(to_json(snapshot(name)), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
