"""'Does it really stop?': the matrix of `bench.torture`, counted."""

from __future__ import annotations

import json
import subprocess

from .figures import Figure
from .programs import PYTHON


def measure() -> list[Figure]:
    """Run the matrix and count the cells that did not do what they must."""
    ran = subprocess.run([PYTHON, "-m", "bench.torture", "--json"], stdout=subprocess.PIPE, text=True, check=False)
    cells = json.loads(ran.stdout)["cells"]
    figures = []
    for column in ("library", "agent"):
        own = [cell for cell in cells if cell["column"] == column]
        bad = [cell["case"] for cell in own if not cell["ok"]]
        plain = [cell for cell in cells if cell["column"] == "plain"]
        alive = sum(not cell["stopped"] for cell in plain)
        lost = sum(not cell["ok"] for cell in plain)
        beside = f"of {len(own)}; plain: {lost} of {len(plain)}, {alive} of them never stopped"
        if bad:
            beside = f"{', '.join(bad)}; {beside}"
        figures.append(
            Figure(f"{column}: cases that did not stop, or lost a handler", len(bad), "", bar=0, beside=beside)
        )
    return figures
