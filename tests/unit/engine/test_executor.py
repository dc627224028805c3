"""What carries out the commands of a run."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

from processender.core.commands import Cancel, Start
from processender.core.events import Event
from processender.core.handler import Handler
from processender.core.reports import Began, Refused, Report, Returned
from processender.engine.executor import Executor
from processender.engine.jobs import Job
from processender.engine.loops import LoopDriver
from processender.testing.clock import VirtualClock

WAIT_S = 30.0


class Foreign:
    """A callable that cannot even be looked at."""

    @property
    def __code__(self) -> Any:
        """Raise what is no `AttributeError`."""
        raise ValueError("broken")

    def __call__(self) -> None:
        """Do nothing."""


class Home:
    """An executor with what it reports and tells."""

    def __init__(self) -> None:
        """Begin with nothing reported."""
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.told: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.executor = Executor(VirtualClock(), self.take, self.told.put)

    def take(self, reports: Any, *, wake: bool = True) -> None:
        """Keep what is reported."""
        for report in reports:
            self.reports.put(report)

    def start(self, name: str, call: Callable[..., Any]) -> list[Event]:
        """Start one handler."""
        return self.executor.carry_out([Start(Handler(name, call), 1, 10.0)])

    def next(self) -> Report:
        """Return the next report."""
        return self.reports.get(timeout=WAIT_S)


def test_what_cannot_be_started_does_not_stop_the_others() -> None:
    """They are in the same batch."""
    home, ran = Home(), threading.Event()
    home.executor.carry_out([Start(Handler("bad", Foreign()), 1, 10.0), Start(Handler("good", ran.set), 1, 10.0)])

    assert ran.wait(WAIT_S)


def test_what_cannot_be_started_is_refused() -> None:
    """So that the run goes on behind it."""
    home = Home()
    home.start("bad", Foreign())
    found = home.next()

    assert (True, "bad") == (isinstance(found, Refused), getattr(found, "handler", ""))


def test_what_cannot_be_started_is_not_taken_for_a_bug_of_ours() -> None:
    """After trouble of the code `internal` the agent ends everything at once."""
    assert ["not-carried-out"] == [getattr(event, "code", "") for event in Home().start("bad", Foreign())]


def give_way(function: Callable[[], object]) -> tuple[Home, threading.Event]:
    """Cancel a handler that wants *function* to be called then; return what lets it end."""
    home, ready, over = Home(), threading.Event(), threading.Event()

    def handler(ctx: Any) -> None:
        ctx.on_cancel(function)
        ready.set()
        over.wait(WAIT_S)

    home.start("flush", handler)
    assert ready.wait(WAIT_S)
    home.executor.carry_out([Cancel("flush", 1, "its time is up", stuck=True)])
    return home, over


def test_what_blocks_at_a_cancellation_holds_up_nobody() -> None:
    """The control thread has other handlers to see to."""
    free, called = threading.Event(), threading.Event()

    def block() -> None:
        called.set()
        free.wait(WAIT_S)

    home, over = give_way(block)
    blocked = called.wait(WAIT_S) and not free.is_set()
    over.set()
    ends = [type(home.next()), type(home.next())]
    free.set()

    assert (True, [Began, Returned]) == (blocked, ends)


def test_what_raises_at_a_cancellation_is_told() -> None:
    """Though it happens on another thread."""

    def bad() -> None:
        raise ValueError("bad")

    home, over = give_way(bad)
    over.set()
    found = home.told.get(timeout=WAIT_S)

    assert "'flush' cannot give way: ValueError: bad" == getattr(found, "text", "")


class Loop:
    """The driver of a loop that does not come to its work."""

    loop = None

    def submit(self, _jobs: list[Job]) -> bool:
        """Take the jobs and leave them alone."""
        return True


async def nothing() -> None:
    """Do nothing."""


def test_what_nobody_has_taken_up_is_refused_when_it_is_called_back() -> None:
    """It never begins, and the run is told so, with the name of the run."""
    home = Home()
    home.executor.app_loop = Loop()
    home.executor.carry_out([Start(Handler("away", nothing), 1, 10.0, "first")])
    home.executor.carry_out([Cancel("away", 1, "taken back", stuck=False)])

    assert Refused("away", 1, 0.0, "taken back", "first") == home.next()


def test_what_was_taken_up_is_not_refused_when_it_is_called_back() -> None:
    """It has begun, whatever the run knows of it yet."""
    home, taken, over = Home(), threading.Event(), threading.Event()
    home.start("away", lambda: (taken.set(), over.wait(WAIT_S)))
    assert taken.wait(WAIT_S)
    home.executor.carry_out([Cancel("away", 1, "taken back", stuck=False)])
    over.set()

    assert [Began, Returned] == [type(home.next()), type(home.next())]


def test_a_task_can_be_called_back_until_its_first_step() -> None:
    """Another one may block the loop before that."""
    home, ran = Home(), []

    async def first() -> None:
        second = home.executor._jobs["second"]
        home.executor.carry_out([Cancel("second", 1, "taken back", stuck=False)])
        ran.append(second.task is not None)

    async def second() -> None:
        ran.append(True)

    async def main() -> None:
        home.executor.app_loop = LoopDriver.current(home.take)
        home.executor.carry_out([Start(Handler("first", first), 1, 10.0), Start(Handler("second", second), 1, 10.0)])
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(main())

    assert ([True], ["first", "second", "first"]) == (ran, [home.next().handler for _ in range(3)])
