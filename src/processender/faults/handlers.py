"""
Faults that are put into an end on purpose: handlers that fail, hang or are slow, and the kill at a chosen event.

A process under rehearsal is told by the variable `PROCESSENDER_FAULTS`, JSON: a list of `Fault`s. Both the library and
the agent look for it as they are armed, and load this module only where it is set. What is not said there stays as it
is, and a fault of which nothing fits does nothing.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterable

from ..core.events import Event
from ..core.handler import Handler
from ..core.record import Record
from ..core.texts import listed
from ..engine.callables import is_async, takes_context
from ..hints import Any
from ..ports import Context
from .line import FaultError

VARIABLE = "PROCESSENDER_FAULTS"
"""The variable of the environment."""
KINDS = ("fails", "hangs", "slow", "twice", "killed", "kill")
"""What can be done to a handler; the last is done at an event."""


class Injected(OSError):
    """A rehearsal lets the attempt fail."""


class Fault(Record):
    """One thing that goes wrong on purpose."""

    kind: str
    """`fails`, `hangs`, is `slow`, runs `twice`, or the process is `killed` in the midst of it; `kill` at an event."""
    handler: str = ""
    """The handler that it happens to; with `kill` at an event, that of which the event is; empty for any."""
    times: int = 0
    """How many attempts fail; 0 for all of them."""
    seconds: float = 0.0
    """How much later a slow attempt begins; how long after its begin the process is killed."""
    event: str = ""
    """The event at which the process is killed, such as `run-started`."""

    def check(self) -> None:
        """Raise `FaultError` for a kind that is not there."""
        if self.kind not in KINDS:
            raise FaultError(f"there is no fault {self.kind!r}; known: {', '.join(KINDS)}")


def as_text(faults: Iterable[Fault]) -> str:
    """Return *faults* as the variable has them."""
    return json.dumps([{name: value for name, value in each.as_dict().items() if value} for each in faults])


def from_text(text: str) -> tuple[Fault, ...]:
    """Return the faults that the variable has; raise `FaultError`."""
    try:
        return tuple(Fault(**each) for each in json.loads(text))
    except (TypeError, ValueError) as error:
        raise FaultError(f"cannot read {VARIABLE}: {error}; it is JSON, as `Faults().environ` makes it") from error


def name_of(kind: type) -> str:
    """Return how a fault names an event of this *kind*: `HandlerEnded` is `handler-ended`."""
    return "".join(f"-{each.lower()}" if each.isupper() else each for each in kind.__name__).removeprefix("-")


def inject(coordinator: Any, watch: Callable[[Any], object], text: str, service: str) -> None:
    """
    Let what *text* says go wrong in what the *coordinator* calls, and at the events that *watch* lets an observer see.

    It is told as a trouble, for whoever has not meant it. A handler of the *service* is also meant by the name that it
    has in the report of an agent: `shop/flush`.
    """
    said = from_text(text)
    short = [each.replace(handler=name) for each in said if (name := _short(each.handler, service))]
    faults = [*said, *short]
    coordinator.executor.inject = Injector([each for each in faults if each.kind != "kill"]).call
    kills = [each for each in faults if each.kind == "kill"]
    if kills:
        watch(Killer(kills))
    if not said:
        return
    told = listed(dict.fromkeys(" ".join(filter(None, (each.handler, each.kind, each.event))) for each in said))
    warning = f"this is a rehearsal: {told} on purpose, since {VARIABLE} is set; unset it where nothing may go wrong"
    coordinator.trouble("faults", warning)


def _short(name: str, service: str) -> str:
    """Return *name* without the *service* before it; empty where that is not there."""
    return name.removeprefix(f"{service}/") if name.startswith(f"{service}/") else ""


class Killer:
    """An observer that kills the process at an event."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Take the *faults* that name one."""
        self._faults = tuple(faults)

    def observe(self, event: Event) -> None:
        """Kill the process, if this is the event."""
        name, result = name_of(type(event)), getattr(event, "result", None)
        handler = getattr(event, "handler", "") or getattr(result, "handler", "")
        if any(each.event == name and each.handler in ("", handler) for each in self._faults):
            _kill()


class Injector:
    """Makes of what a handler calls what a fault calls instead."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Take the *faults* of handlers."""
        self._faults = tuple(faults)

    def call(self, handler: Handler) -> Any:
        """Return what is called of *handler*."""
        call: Any = handler.call
        for fault in self._faults:
            if fault.handler == handler.name and call is not None:
                made: Any = _async(fault, call) if is_async(call) else _sync(fault, call)
                made.stack = getattr(call, "stack", None)
                call = made
        return call


def _sync(fault: Fault, call: Callable[..., Any]) -> Callable[[Context], Any]:
    def faulty(ctx: Context) -> Any:
        _begin(fault, ctx)
        if fault.kind == "hangs":
            threading.Event().wait()
        if fault.kind == "slow":
            threading.Event().wait(fault.seconds)
        result = [_called(call, ctx) for _ in range(_often(fault))][-1]
        _end(fault)
        return result

    return faulty


def _async(fault: Fault, call: Callable[..., Any]) -> Callable[[Context], Any]:
    import asyncio  # noqa: PLC0415 - an agent has no event loop

    async def faulty(ctx: Context) -> Any:
        _begin(fault, ctx)
        if fault.kind == "hangs":
            await asyncio.get_running_loop().create_future()
        if fault.kind == "slow":
            loop = asyncio.get_running_loop()
            late = loop.create_future()
            loop.call_later(fault.seconds, lambda: None if late.done() else late.set_result(None))
            await late
        result = [await _called(call, ctx) for _ in range(_often(fault))][-1]
        _end(fault)
        return result

    return faulty


def _called(call: Callable[..., Any], ctx: Context) -> Any:
    return call(ctx) if takes_context(call) else call()


def _often(fault: Fault) -> int:
    return 2 if fault.kind == "twice" else 1


def _begin(fault: Fault, ctx: Context) -> None:
    if fault.kind == "fails" and (not fault.times or ctx.attempt <= fault.times):
        raise Injected(f"attempt {ctx.attempt} of {fault.handler!r} fails in a rehearsal")
    if fault.kind == "killed":
        timer = threading.Timer(fault.seconds, _kill)
        timer.daemon = True
        timer.start()


def _end(fault: Fault) -> None:
    if fault.kind == "killed":
        # It was quicker than the kill: the worst moment is then the one before anybody knows.
        _kill()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
