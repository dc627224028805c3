"""
The life of one handler in a run, as a table.

Two rules: everything that changes a state stands in `TRANSITIONS`, and a pair that does not stand there cannot happen;
meeting one is a bug in the run, and the error names handler, state and input.
"""

from __future__ import annotations

from ..errors import IllegalTransition
from .handler import Handler
from .words import Words


class State(Words):
    """Where a handler is."""

    WAITING = "waiting"
    """What it waits for has not ended."""
    QUEUED = "queued"
    """It is ready, and its lane is full."""
    STARTING = "starting"
    """It was handed over and has not taken its first step."""
    RUNNING = "running"
    """It runs."""
    CANCELLING = "cancelling"
    """It was asked to give way and has a moment to do so."""
    PAUSED = "paused"
    """It waits for its next attempt."""
    ENDED = "ended"
    """It has its outcome."""


class Input(Words):
    """What can happen to a handler."""

    READY = "ready"
    """It may start."""
    BUSY = "busy"
    """It may start, and its lane is full."""
    SKIP = "skip"
    """It is not going to start, or not again."""
    BEGAN = "began"
    """It took its first step."""
    RETURNED = "returned"
    """It returned."""
    FAILED = "failed"
    """It raised, and that was the last attempt."""
    RETRY = "retry"
    """It raised, and another attempt will follow."""
    TIME_UP = "time-up"
    """It is asked to give way."""
    DEAF = "deaf"
    """It did not begin, or did not give way, in time."""


TRANSITIONS: dict[State, dict[Input, State]] = {
    State.WAITING: {Input.READY: State.STARTING, Input.BUSY: State.QUEUED, Input.SKIP: State.ENDED},
    State.QUEUED: {Input.READY: State.STARTING, Input.BUSY: State.QUEUED, Input.SKIP: State.ENDED},
    State.STARTING: {Input.BEGAN: State.RUNNING, Input.SKIP: State.ENDED, Input.DEAF: State.ENDED},
    State.RUNNING: {
        Input.RETURNED: State.ENDED,
        Input.FAILED: State.ENDED,
        Input.RETRY: State.PAUSED,
        Input.TIME_UP: State.CANCELLING,
    },
    State.CANCELLING: {
        Input.RETURNED: State.ENDED,
        Input.FAILED: State.ENDED,
        Input.RETRY: State.PAUSED,
        Input.DEAF: State.ENDED,
    },
    State.PAUSED: {Input.READY: State.STARTING, Input.SKIP: State.ENDED},
    State.ENDED: {},
}


def transition(handler: str, state: State, told: Input) -> State:
    """Return the state that follows, or raise `IllegalTransition` naming *handler*, *state* and input."""
    try:
        return TRANSITIONS[state][told]
    except KeyError:
        raise IllegalTransition(f"handler {handler!r} is {state} and cannot be told {told}") from None


class Cell:
    """What a run knows of one handler. Times are seconds on the monotonic clock."""

    __slots__ = (
        "alarm",
        "attempt",
        "began",
        "deadline",
        "error",
        "handler",
        "hurried",
        "node",
        "occupies",
        "size",
        "started",
        "state",
        "told",
        "until",
        "why",
    )

    def __init__(self, handler: Handler) -> None:
        """Begin waiting."""
        self.handler = handler
        self.node = -1
        """Its node in the graph of the plan; -1 if the plan no longer has it."""
        self.state = State.WAITING
        self.attempt = 0
        """The number of the attempt that was handed over last."""
        self.started: float | None = None
        """When the first attempt began."""
        self.began = 0.0
        """When the present attempt began."""
        self.deadline = 0.0
        """When the handler must have ended."""
        self.until = 0.0
        """When the present attempt must have ended; while paused, when the next one starts."""
        self.told = 0.0
        """The end of its time that the engine was told last."""
        self.alarm = 0
        """The number of the alarm that counts."""
        self.error = ""
        """The last error, in words."""
        self.why = ""
        """Why it was cancelled."""
        self.size: float | None = None
        """How much it has to do, if it has said so."""
        self.occupies = False
        """Whether it holds a place in its lane."""
        self.hurried = False
        """Whether an interrupt asked to give it up."""
