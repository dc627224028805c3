"""Is the process gone at the hard deadline, although a C call keeps the interpreter's lock?"""

from __future__ import annotations

import os
import signal
import time

from .figures import Figure, say
from .programs import PYTHON, script, started

GRACE_S = 2.0
#: What a parent sees late on a busy machine although the process was gone in time.
MODES = {
    "sleep": "in time.sleep",
    "cpu": "in a Python CPU loop",
    "lock": "in a C call that keeps the interpreter's lock",
}


def once(mode: str, who: str) -> float:
    """Return the seconds from the signal to the end of the process."""
    program = [PYTHON, script("deadline.py"), mode, who]
    if who == "agent":
        program = [PYTHON, "-m", "processender", "run", "--grace", f"{GRACE_S:g}s", "--", *program]
    with started(program) as process:
        # Under the agent the call has begun long before the notice; in the library it begins after it.
        time.sleep(0.3)
        sent = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=20)
        return time.monotonic() - sent


def measure() -> list[Figure]:
    """Measure both forms in the three states."""
    figures = []
    for who in ("library", "agent"):
        for mode, words in MODES.items():
            say(f"deadline: {who}, {mode} ...")
            worst = max(once(mode, who) for _ in range(3))
            figures.append(
                Figure(f"{who}: gone after, {words}", worst, "s", bar=GRACE_S, beside=f"hard deadline {GRACE_S} s")
            )
    return figures
