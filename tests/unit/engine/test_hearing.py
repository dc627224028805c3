"""What the control thread hears, and in which order it acts on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from processender.core.escalation import Escalation
from processender.core.events import NoticeHeard, RunEnded, RunStarted, Trouble
from processender.core.handler import Handler
from processender.core.notice import Action, Notice
from processender.core.outcome import Outcome
from processender.core.reports import Began, Report, Returned
from processender.engine.coordinator import Coordinator
from processender.engine.jobs import Job
from processender.engine.observers import Outlets
from processender.engine.registry import Registry
from processender.testing.clock import VirtualClock


class Workers:
    """Threads that do nothing by themselves."""

    def __init__(self) -> None:
        """Begin with no work."""
        self.jobs: list[Job] = []

    def submit(self, jobs: list[Job]) -> None:
        """Keep *jobs*."""
        self.jobs += jobs

    def lost(self) -> None:
        """Replace nobody."""

    def work(self) -> list[Report]:
        """Do what is there and return what is to be told of it."""
        jobs, self.jobs = self.jobs, []
        return [told for job in jobs if job.claim() for told in (job.began(), job.returned())]


class Control(Coordinator):
    """A control thread that a test turns by hand."""

    def __init__(self, *handlers: Handler) -> None:
        """Begin with nothing heard."""
        registry, clock = Registry(("drain", "flush"), {}, ()), VirtualClock()
        registry.add(*handlers)
        registry.arm()
        super().__init__(registry, clock, Outlets(clock), Escalation(()), 30.0, "first", last_resorts=False)
        self.told: list[object] = []
        self.crew = self.executor.workers = Workers()
        self.emit = lambda *events: self.told.extend(events)

    def hear(self, *actions: Action, origin: str = "api") -> None:
        """Hear notices in one breath."""
        self.mailbox.put([Notice(f"{n}", origin, 0.0, action) for n, action in enumerate(actions)])
        self._turn()

    def turn(self, *reports: Report) -> None:
        """Hear what became of handlers, and turn until nothing is left to do."""
        self.mailbox.put(reports)
        while self.mailbox.waiting:
            self._turn()

    def seen(self, kind: type) -> int:
        """Return how many events of this *kind* were told."""
        return sum(isinstance(each, kind) for each in self.told)


@contextmanager
def control(*handlers: Handler) -> Iterator[Control]:
    """Close its pipe in the end."""
    made = Control(*handlers)
    try:
        yield made
    finally:
        made.mailbox.close()


def nothing() -> None:
    """Do nothing."""


AWAY = Handler("away", nothing, phase="drain", resume=nothing)
FLUSH = Handler("flush", nothing, phase="flush")


def test_notices_of_one_breath_are_acted_on_in_their_order() -> None:
    """Also where each of them begins a run, or takes one back: the last one counts."""
    with control() as home:
        home.hear(*[Action.DRAIN, Action.RESUME] * 500)
        home.turn()

        assert (500, 500, None) == (home.seen(RunStarted), home.seen(RunEnded), home.run)


def test_what_comes_while_a_run_begins_stands_behind_what_was_heard_before() -> None:
    """The one waits for the other to be taken back."""
    with control(AWAY) as home:
        hurried = home.outlets.flush

        def flush(*args: float, **kinds: bool) -> bool:
            home.outlets.flush = hurried
            home.mailbox.put([Notice("late", "api", 0.0, Action.DRAIN)])
            return hurried(*args, **kinds)

        home.outlets.flush = flush
        home.hear(Action.DRAIN, Action.RESUME)
        home.turn()
        heard = [each.notice.cause for each in home.told if isinstance(each, NoticeHeard)]

        assert ["0", "1", "late"] == heard


def test_a_run_is_not_told_what_became_of_the_one_before_it() -> None:
    """Its handlers may have the same names, and the same number of attempts."""
    with control(AWAY) as home:
        home.hear(Action.DRAIN)
        former = home.crew.jobs[0]
        home.hear(Action.RESUME)
        home.turn()
        home.hear(Action.DRAIN)
        home.turn(Began("away", 1, 0.0, former.run), Returned("away", 1, 0.0, former.run))
        before = dict(home.run.results) if home.run else {}
        home.turn(*home.crew.work())

        assert ({}, {"away"}) == (before, set(home.run.results if home.run else ()))


def test_a_drain_that_is_taken_back_while_its_handler_begins_is_undone() -> None:
    """A worker had taken it already."""
    with control(AWAY) as home:
        home.hear(Action.DRAIN)
        reports = home.crew.work()
        home.hear(Action.RESUME)
        home.turn(*reports)
        undone = [job.handler.name for job in home.crew.jobs]
        home.turn(*home.crew.work())

        assert (["resume away"], None) == (undone, home.run)


def test_an_end_is_not_taken_back_when_the_application_has_left() -> None:
    """Nobody would go on."""
    with control(AWAY, FLUSH) as home:
        home.hear(Action.STOP, origin="body")
        home.hear(Action.RESUME)
        codes = [each.code for each in home.told if isinstance(each, Trouble)]
        home.turn(*home.crew.work())
        home.turn(*home.crew.work())

        assert (["too-late"], True) == (codes, home.ended.is_set())


def test_an_end_is_not_taken_back_when_the_application_leaves_during_it() -> None:
    """What had begun it before does not matter, and it is no other notice."""
    with control(AWAY, FLUSH) as home:
        home.hear(Action.STOP)
        home.hear(Action.STOP, origin="body")
        home.hear(Action.RESUME)

        assert (False, 1) == (home.withdrawing, sum(each.ends for each in home.notices))


def test_the_end_begins_anew_when_the_application_leaves_while_it_is_taken_back() -> None:
    """What has run is undone first."""
    with control(AWAY, FLUSH) as home:
        home.hear(Action.STOP)
        reports = home.crew.work()
        home.hear(Action.RESUME)
        home.hear(Action.STOP, origin="body")
        home.turn(*reports)
        while home.crew.jobs:
            home.turn(*home.crew.work())

        assert (2, True) == (home.seen(RunStarted), home.ended.is_set())


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_step_of_the_wall_clock_moves_no_deadline(step: float) -> None:
    """The window, its last resorts and the time of a handler stand on the monotonic clock alone."""
    with control(AWAY, FLUSH) as home:
        home.hear(Action.STOP)
        window, clock = home.window, home.clock
        assert isinstance(clock, VirtualClock)
        assert window is not None
        clock.step(step)
        home.hear()
        stands = (home.window, home.ended.is_set(), home.seen(RunEnded))
        clock.advance(window.work)
        home.hear()
        clock.advance(window.margin)
        home.hear()
        assert home.run is not None

        assert (window, False, 0) == stands
        assert Outcome.ABANDONED is home.run.results["away"].outcome


@pytest.mark.parametrize("flaps", [1, 7])
def test_a_battery_that_flaps_leaves_nothing_behind(flaps: int) -> None:
    """Each end that is taken back before it went beyond the drain is undone, and the last one counts."""
    with control(AWAY, FLUSH) as home:
        for _ in range(flaps):
            home.hear(Action.STOP)
            reports = home.crew.work()
            home.hear(Action.RESUME)
            home.turn(*reports)
            while home.crew.jobs:
                home.turn(*home.crew.work())
        settled = (home.run, home.window, home.begun.is_set())
        home.hear(Action.STOP)

        assert (None, None, False) == settled
        assert (flaps + 1, flaps) == (home.seen(RunStarted), home.seen(RunEnded))
