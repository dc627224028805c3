"""`--on-signal USR1:dump`: where the agent and its run stand, on standard error."""

from __future__ import annotations

import sys
import threading
from types import FrameType

from ..live.dump import STDERR, picture, stacks
from ..telemetry.logs import write_line
from .steered import Steered
from .steering import Steering


def dump(agent: Steered) -> None:
    """Print the state of *agent* and every stack of it, on a thread of its own: a full pipe must not hold it up."""
    status = Steering(agent).watched()
    command = status["command"]
    life = f"process {command['pid']}" if command["running"] else "not running"
    lines = [
        f"processender: {status['service']} is {status['state']}, {'ready' if status['ready'] else 'not ready'}",
        f"command {command['program']}: {life}, restarted {command['restarts']} times",
        *[f"asked: {text}" for text in status["asked"]],
        *[f"joined: {each['service']} ({each['pid']}): {', '.join(each['handlers'])}" for each in status["joined"]],
        *picture(status["run"], status["now"]),
        *stacks(threading.enumerate()),
        f"thread {threading.current_thread().name}:",
        *_own(),
    ]
    threading.Thread(target=write_line, args=(STDERR, "\n".join(lines)), daemon=True).start()


def _own() -> list[str]:
    """Return where this thread stands, the innermost call last."""
    found: list[str] = []
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way to the own stack
    while frame is not None:
        found.append(f'  File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_qualname}')
        frame = frame.f_back
    return found[::-1]
