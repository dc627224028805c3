"""Is the process gone at the hard deadline, although a C call keeps the interpreter's lock?"""

from __future__ import annotations

import os
import signal
import subprocess
import time

from .figures import Figure, say
from .programs import PYTHON, script, started

GRACE_S = 2.0
ROUNDS = 3
PATIENCE_S = 6.0
MODES = {
    "sleep": "time.sleep",
    "cpu": "a Python CPU loop",
    "lock": "a C call that keeps the interpreter's lock",
}
WHO = {
    "library": "begun after the notice",
    "agent": "begun before the notice, TERM ignored",
}


def once(mode: str, who: str) -> float:
    """Return the seconds from the signal to the end of the process, or `PATIENCE_S` when it does not end."""
    program = [PYTHON, script("deadline.py"), mode, who]
    if who == "agent":
        program = [PYTHON, "-m", "processender", "run", "--grace", f"{GRACE_S:g}s", "--", *program]
    with started(program, quiet=True) as process:
        time.sleep(0.3)
        sent = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            return PATIENCE_S
        return time.monotonic() - sent


def shown(seconds: float) -> str:
    """Return *seconds* as a person would say them."""
    return f"alive at {PATIENCE_S:g} s" if seconds >= PATIENCE_S else f"{seconds:.2f} s"


def measure() -> list[Figure]:
    """Measure both forms in the three states; the longest of a few rounds counts."""
    figures = []
    for mode, words in MODES.items():
        say(f"deadline: {mode}, peer ...")
        timer = shown(once(mode, "timer"))
        for who, when in WHO.items():
            say(f"deadline: {mode}, {who} ...")
            worst = max(once(mode, who) for _ in range(ROUNDS))
            beside = f"threading.Timer with os._exit: {timer}" if who == "library" else ""
            if who == "library" and mode == "lock":
                beside += f"; library, call begun before the notice (the agent's case): {shown(once(mode, 'early'))}"
            figures.append(Figure(f"{who}, {words} {when}", worst, "s", bar=GRACE_S, beside=beside))
    return figures
