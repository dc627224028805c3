"""What every drainer must do: one check that its author runs with one line, and the context of one attempt."""

from __future__ import annotations

from collections.abc import Callable

from ..core.handler import DRAIN, Handler
from ..engine.clock import SystemClock
from ..engine.context import Context
from ..engine.dependencies import Dependencies


class Attempt(Context):
    """The context of one attempt, which keeps what the handler has noted."""

    def __init__(self, seconds: float = 20.0) -> None:
        """Begin an attempt that has this many *seconds*."""
        clock = SystemClock()
        super().__init__(
            handler="drain", cause="test", run="run", attempt=1, until=clock.now() + seconds, clock=clock,
            dependencies=Dependencies(clock), is_async=False,
        )  # fmt: skip
        self.notes: list[str] = []
        """What was noted, in order."""

    def note(self, text: str) -> None:
        """Keep *text*."""
        self.notes.append(text)

    def carry_out(self, handler: Handler) -> list[str]:
        """Call *handler*, which must be sync; return what it has noted."""
        assert handler.call is not None, f"{handler.name!r} does nothing"
        handler.call(self)
        return self.notes


def leave(handler: Handler, seconds: float = 20.0) -> list[str]:
    """Call *handler*, which must be sync, as one attempt of this many *seconds*; return what it has noted."""
    return Attempt(seconds).carry_out(handler)


def come_back(handler: Handler, seconds: float = 20.0) -> list[str]:
    """Call the way back of *handler* as one attempt of this many *seconds*; return what it has noted."""
    attempt = Attempt(seconds)
    assert handler.resume is not None, f"{handler.name!r} has no way back"
    handler.resume(attempt)
    return attempt.notes


def check_drainer(make: Callable[[], Handler], gets_traffic: Callable[[], bool]) -> None:
    """
    Leave traffic and come back, each twice; raise `AssertionError` for the first promise that is broken.

    Args:

        make: Makes the handler; one that lasts must come back by another that was made anew, as in a new process.

        gets_traffic: Tells, on its own way, whether new requests come here.

    One line in a test:

        check_drainer(lambda: drain("/run/haproxy.sock", "web/one"), gets_traffic=lambda: "one" in who_answers())
    """
    handler = make()
    assert handler.phase == DRAIN, f"{handler.name!r} is of the phase {handler.phase!r}; a drainer's is {DRAIN!r}"
    assert gets_traffic(), f"nothing comes here before {handler.name!r}, so the check would show nothing"
    for time in ("first", "second"):
        leave(handler)
        assert not gets_traffic(), f"{handler.name!r} has returned the {time} time, and requests still come"
    back = make() if handler.lasting else handler
    for time in ("first", "second"):
        come_back(back)
        assert gets_traffic(), f"{handler.name!r} was taken back the {time} time, and no request comes"
