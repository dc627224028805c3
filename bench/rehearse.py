"""Rehearsals: a hundred seeds of the demo service, and whether each planted bug is found."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from .bugs import BUGS, rehearse_service, rehearse_till
from .figures import Figure, say
from .programs import PYTHON, environment, state_directory

SEEDS = 100
ROOT = Path(__file__).resolve().parent.parent
CONFIG = f"""
grace = "10s"
drain_delay = "300ms"

[rehearsal]
command = ["{PYTHON}", "-m", "uvicorn", "demo.service:app", "--port", "{{port}}", "--no-access-log", "--log-level", "warning"]
cwd = "{ROOT}"
seeds = {SEEDS}
jobs = 4

[rehearsal.load]
url = "http://127.0.0.1:{{port}}/data"
"""


def measure() -> list[Figure]:
    """Rehearse the demo with the agent before it, and a service with each planted bug."""
    with state_directory() as state, tempfile.TemporaryDirectory() as folder:
        Path(folder, "processender.toml").write_text(CONFIG, encoding="utf-8")
        ran = subprocess.run(
            [PYTHON, "-m", "processender", "rehearse", "--json"],
            env=environment(state), cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
    verdict = json.loads(ran.stdout)
    runs = verdict["runs"]
    requests, lost = (sum(run[key] for run in runs) for key in ("requests", "lost"))
    seen = _found()
    missed = ", ".join(bug for bug, is_seen in seen.items() if not is_seen)
    return [
        Figure(f"{SEEDS} seeds of the demo service", verdict["seconds"], "s", bar=120.0,
               beside=f"{requests:,} requests, {lost} lost"),
        Figure("of them good", sum(run["passed"] for run in runs), "", at_least=SEEDS),
        Figure("planted bugs found", sum(seen.values()), "", at_least=len(seen),
               beside=f"of {len(seen)}{': not ' if missed else ''}{missed}"),
    ]  # fmt: skip


def _found() -> dict[str, bool]:
    """Return of each planted bug whether it is found by the assertion that it breaks."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for bug, (assertion, table) in BUGS.items():
            say(f"rehearse ... {bug}")
            verdict = rehearse_service(Path(folder), bug, **table)
            found[bug] = assertion in {each.assertion for tried in verdict.tried for each in tried.findings}
        verdict = rehearse_till(Path(folder), "a")
        found["double-run"] = "idempotent" in {each.assertion for tried in verdict.tried for each in tried.findings}
    return found
