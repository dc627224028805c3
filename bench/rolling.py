"""The demo's rolling restart: requests that failed, plain, under the agent, and with too short a delay."""

from __future__ import annotations

import json
import subprocess

from .figures import Figure
from .programs import PYTHON, environment, state_directory


def measure() -> list[Figure]:
    """Run the demo and return what its clients saw."""
    with state_directory() as state:
        ran = subprocess.run(
            [PYTHON, "-m", "demo", "--json"], env=environment(state), capture_output=True, text=True, check=False
        )
    runs = {run["name"]: run for run in json.loads(ran.stdout)["runs"]}
    plain, agent, short = (runs[name] for name in ("plain", "agent", "short"))
    beside = f"of {agent['requests']:,}; plain uvicorn {plain['failed']:,} of {plain['requests']:,}"
    return [
        Figure("requests in a rolling restart under the agent", agent["requests"], "", at_least=5_000),
        Figure("of them failed", agent["failed"], "", bar=0, beside=beside),
        Figure("failed with a delay shorter than the propagation", short["failed"], "", at_least=1,
               beside="so the measurement is seen to work"),
    ]  # fmt: skip
