"""An Ender that listens to sources: what they say together, what they take back, and what a start costs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from processender import Ender
from processender.core.handler import Handler
from processender.core.notice import Action, DeadlineKind, Notice
from processender.engine.clock import SystemClock
from processender.errors import SourceError
from processender.integrations import alibaba, aws, azure, gcp
from processender.listening import Look, Polled
from processender.ports import Context, Ears
from processender.testing.metadata import Metadata, black_hole
from processender.testing.sources import Heard, until

CLOCK = SystemClock()


class Said:
    """A source that says what a test lets it say."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.handlers: tuple[Handler, ...] = ()
        self.last = {"words": "nothing"}
        self.ears: Ears | None = None
        self.stopped = False

    def start(self, ears: Ears) -> None:
        """Tell these ears."""
        self.ears = ears

    def stop(self) -> None:
        """Remember it."""
        self.stopped = True

    def say(self, key: str, seconds: float | None = None, action: Action = Action.STOP, **more: Any) -> None:
        """Tell a notice with a deadline in so many seconds."""
        assert self.ears is not None, "nobody has started it"
        now = CLOCK.now()
        deadline = None if seconds is None else now + seconds
        self.ears.notify(Notice(f"{self.name} {key}", self.name, now, action, deadline, key=key, **more))

    def take_back(self, key: str) -> None:
        """Take back what has this key."""
        self.say(key, action=Action.RESUME)


class Held:
    """An Ender in a block, with a handler of its drain that waits for the test, and one behind it."""

    def __init__(self, state: Path, *sources: Any, grace: float = 30.0) -> None:
        self.events: list[Any] = []
        self.ran: list[str] = []
        self.gate = threading.Event()
        self.behind = threading.Event()
        self.ender = Ender("web", grace=grace, signals=(), exit="return", state=str(state), observers=[self])
        self.ender.add(self._leave, name="leave", phase="drain", resume=lambda: self.ran.append("back"))
        self.ender.add(self._flush, name="flush", phase="flush")
        for source in sources:
            self.ender.listen(source)

    def _leave(self, ctx: Context) -> None:
        self.ran.append("leave")
        ctx.on_cancel(self.gate.set)
        self.gate.wait(20)

    def _flush(self, ctx: Context) -> None:
        self.ran.append("flush")
        ctx.on_cancel(self.behind.set)
        self.behind.wait(20)

    def observe(self, event: Any) -> None:
        """Keep an event."""
        self.events.append(event)

    def has(self, name: str) -> bool:
        """Tell whether there was an event of this type."""
        return any(type(event).__name__ == name for event in self.events)

    def trouble(self, code: str) -> bool:
        """Tell whether there was this trouble."""
        return any(getattr(event, "code", "") == code for event in self.events)

    @property
    def window(self) -> float:
        """The length of the window, in whole seconds."""
        window = self.ender._session.coordinator.window  # type: ignore[union-attr]
        return 0.0 if window is None else round(window.length)

    def __enter__(self) -> Self:
        self.ender.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.behind.set()
        self.ender.stop().wait(20)
        # The last resorts are disarmed: this process goes on.
        assert self.ender._session is not None
        self.ender._session.close()


@pytest.fixture
def said() -> Said:
    """Make a source."""
    return Said("azure")


@pytest.fixture
def held(said: Said, tmp_path: Path) -> Iterator[Held]:
    """Hold an Ender that listens to it."""
    with Held(tmp_path, said) as found:
        yield found


class TestOneSource:
    def test_what_it_says_begins_the_end_and_stands_in_the_report(self, tmp_path: Path) -> None:
        """With its deadline, and with what was seen last."""
        with Metadata() as double:
            double.spot(seconds=120)
            with Held(tmp_path, aws.listen(endpoint=double.url)) as held:
                until(lambda: held.ran, "the end has not begun")
        report = held.ender.report
        assert report is not None
        (notice,) = [each for each in report["notices"] if each["origin"] == "aws"]

        assert ("spot terminate", "stop", "told") == (notice["cause"], notice["action"], notice["kind"])
        assert 110 < report["window"]["length_s"] < 121
        assert "spot terminate" == report["sources"]["aws"]["spot"]

    def test_it_is_stopped_when_the_run_is_over(self, said: Said, tmp_path: Path) -> None:
        """And not before."""
        with Held(tmp_path, said) as held:
            said.say("reboot", 60)
            until(lambda: held.ran, "the end has not begun")
            assert not said.stopped

        assert said.stopped

    def test_its_handlers_come_into_the_plan(self, said: Said, tmp_path: Path) -> None:
        """They answer its platform."""
        said.handlers = (Handler("answer", lambda: None, phase="release"),)

        assert "answer" in [each.handler for each in Held(tmp_path, said).ender.plan().in_order()]

    def test_one_that_cannot_be_started_is_named(self, said: Said, tmp_path: Path) -> None:
        """The Ender listens to the others, and ends as always."""

        class Broken(Said):
            def start(self, ears: Ears) -> None:
                raise RuntimeError("no ears")

        with Held(tmp_path, Broken("acme"), said) as held:
            until(lambda: held.trouble("source-bug"), "the broken one is not named")
            said.say("reboot", 60)
            until(lambda: held.ran, "the end has not begun")

    def test_an_ender_that_is_armed_listens_at_once(self, held: Held) -> None:
        """Sources may come at any time."""
        late = Said("late")
        held.ender.listen(late)
        late.say("now", 60)
        until(lambda: held.ran, "the end has not begun")

    def test_a_fork_child_does_not_listen(self, tmp_path: Path) -> None:
        """Its threads are those of the parent, and are not there."""
        with Metadata() as double, Held(tmp_path, aws.listen(endpoint=double.url)):
            until(lambda: double.asked, "nobody has asked")
            child = os.fork()
            if not child:
                os._exit(sum(each.name.startswith("processender") for each in threading.enumerate()))

            assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class TestTakingBack:
    def test_a_drain_that_is_taken_back_is_undone(self, said: Said, held: Held) -> None:
        """The process goes on as before."""
        said.say("freeze", action=Action.DRAIN)
        until(lambda: held.ran, "traffic is not left")
        said.take_back("freeze")
        until(lambda: held.has("RunEnded"), "it was not taken back")

        until(lambda: not held.ender.stopping.is_set(), "the end still goes on")
        assert ["leave", "back"] == held.ran

    def test_an_end_that_is_taken_back_in_time_is_none(self, said: Said, held: Held) -> None:
        """Nothing beyond the drain had begun."""
        said.say("terminate", 600)
        until(lambda: held.ran, "the end has not begun")
        said.take_back("terminate")
        until(lambda: held.has("RunEnded"), "it was not taken back")

        until(lambda: not held.ender.stopping.is_set(), "the end still goes on")
        assert ["leave", "back"] == held.ran

    def test_after_handlers_have_run_it_comes_too_late(self, said: Said, held: Held) -> None:
        """That is recorded, and the end goes on."""
        held.gate.set()
        said.say("terminate", 600)
        until(lambda: "flush" in held.ran, "the end has not begun")
        said.take_back("terminate")
        until(lambda: held.trouble("too-late"), "nobody was told")

        assert held.ender.stopping.is_set()
        assert ["leave", "flush"] == held.ran

    def test_a_window_stays_where_it_was_after_that(self, said: Said, held: Held) -> None:
        """A signal behind it opens no new one."""
        held.gate.set()
        said.say("terminate", 20)
        until(lambda: "flush" in held.ran, "the end has not begun")
        said.take_back("terminate")
        held.ender.stop("SIGTERM")
        until(lambda: held.trouble("too-late"), "nobody was told")

        assert 20 == held.window

    def test_what_another_has_asked_for_is_not_taken_back(self, said: Said, held: Held) -> None:
        """An event of the cloud is called off; the signal of the operator stands."""
        said.say("reboot", 120)
        until(lambda: held.ran, "the end has not begun")
        held.ender.stop("SIGTERM")
        said.take_back("reboot")
        held.gate.set()
        until(lambda: "flush" in held.ran, "the end has not gone on")

        assert not held.has("RunWithdrawn")
        assert 30 == held.window

    def test_what_was_never_said_cannot_be_taken_back(self, said: Said, held: Held) -> None:
        """A source that lies about that changes nothing."""
        held.ender.stop("SIGTERM")
        until(lambda: held.ran, "the end has not begun")
        said.take_back("something")
        held.gate.set()
        until(lambda: "flush" in held.ran, "the end has not gone on")

        assert not held.has("RunWithdrawn")

    def test_a_drain_stays_while_one_wants_it(self, said: Said, held: Held) -> None:
        """The last one that takes it back brings the traffic."""
        other = Said("aws")
        held.ender.listen(other)
        said.say("freeze", action=Action.DRAIN)
        other.say("rebalance", action=Action.DRAIN)
        until(lambda: held.ran, "traffic is not left")
        said.take_back("freeze")
        said.say("news", action=Action.ADVISE)
        until(lambda: any("news" in str(event) for event in held.events), "it is deaf")

        assert not held.has("RunWithdrawn")
        other.take_back("rebalance")
        until(lambda: held.has("RunEnded"), "it was not taken back")

    def test_an_end_that_is_called_off_leaves_the_drain_of_another(self, said: Said, held: Held) -> None:
        """Traffic is away again as soon as the end is undone."""
        other = Said("aws")
        held.ender.listen(other)
        other.say("rebalance", action=Action.DRAIN)
        until(lambda: held.ran, "traffic is not left")
        said.say("terminate", 600)
        until(held.ender.stopping.is_set, "the end has not begun")
        said.take_back("terminate")
        until(lambda: held.ran.count("leave") == 2, "traffic is not left again")

        until(lambda: not held.ender.stopping.is_set(), "the end still goes on")
        assert ["leave", "back", "leave"] == held.ran


class TestDeadlines:
    def test_three_sources_have_three_deadlines(self, said: Said, held: Held) -> None:
        """The earliest holds, and when it is called off, the next one."""
        second, third = Said("aws"), Said("gcp")
        held.ender.listen(second)
        held.ender.listen(third)
        said.say("a", 100)
        second.say("b", 50)
        third.say("c", 200)
        until(lambda: held.window == 50, "the earliest does not hold")
        second.take_back("b")
        until(lambda: held.window == 100, "the next one does not hold")
        said.take_back("a")
        until(lambda: held.window == 200, "the last one does not hold")

        assert not held.has("RunWithdrawn")

    def test_an_end_that_is_far_begins_when_it_is_time(self, said: Said, tmp_path: Path) -> None:
        """So that it is over just before."""
        with Held(tmp_path, said, grace=600.0) as held:
            said.say("terminate", 599, Action.STOP_BY)
            until(lambda: held.ran, "the end has not begun")

            assert 599 == held.window

    def test_an_end_that_was_to_come_is_called_off(self, said: Said, held: Held) -> None:
        """And one that comes now has all its time."""
        said.say("terminate", 86400, Action.STOP_BY)
        said.take_back("terminate")
        said.say("preempt", 40)
        until(lambda: held.ran, "the end has not begun")

        assert 40 == held.window

    def test_an_end_that_comes_before_another_one_has_its_own_window(self, said: Said, held: Held) -> None:
        """What waits for tomorrow does not shorten what begins today."""
        said.say("maintenance", 86400, Action.STOP_BY)
        held.ender.stop("SIGTERM", within=25)
        until(lambda: held.ran, "the end has not begun")

        assert 25 == held.window

    def test_a_deadline_beyond_belief_harms_nobody(self, said: Said, held: Held) -> None:
        """In a hundred years; the control thread goes on waiting."""
        said.say("maintenance", 3e9, Action.STOP_BY)
        said.say("preempt", 40)
        until(lambda: held.ran, "the end has not begun")

        assert not held.trouble("internal")

    def test_an_extension_is_no_more_than_its_source_can_give(self, said: Said, held: Held) -> None:
        """The group waits; the spot market does not."""
        group = Said("aws")
        held.ender.listen(group)
        group.say("autoscaling")
        until(lambda: held.window == 30, "the grace does not count")
        group.say("autoscaling", 300, kind=DeadlineKind.CONFIGURED, extends=True)
        until(lambda: held.window == 300, "it was not extended")
        said.say("preempt", 60)
        until(lambda: held.window == 60, "the earlier deadline does not hold")
        group.say("autoscaling", 400, kind=DeadlineKind.CONFIGURED, extends=True)
        said.say("preempt", 50)
        until(lambda: held.window == 50, "the earlier deadline does not hold any more")


class Stepped(SystemClock):
    """The clock of a host whose operator sets it."""

    off = 0.0

    def wall(self) -> float:
        """Return what the host shows."""
        return super().wall() + self.off


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_clock_that_is_set_during_the_window_moves_nothing(step: float, said: Said, tmp_path: Path) -> None:
    """Neither the deadline of a source, nor the time of a handler, nor the dates of the report, which hang together."""
    clock = Stepped()
    left: list[float] = []

    def set_clock(ctx: Context) -> None:
        before = ctx.remaining()
        clock.off += step
        left.append(before - ctx.remaining())

    ender = Ender("web", grace=30.0, signals=(), exit="return", state=str(tmp_path), observers=[])
    ender._clock = clock
    ender.add(set_clock, name="set-clock", phase="drain")
    ender.listen(said)
    with ender:
        said.say("preempt", 60)
        assert ender.stopping.wait(20)
    report = ender.report
    assert report is not None

    assert "clean" == report["verdict"]
    assert 60 == round(report["window"]["length_s"])
    assert 0 <= left[0] < 20
    assert pytest.approx(report["seconds"], abs=1e-3) == report["ended"] - report["started"]
    assert pytest.approx(60, abs=1) == report["notices"][0]["deadline"] - report["notices"][0]["at"]


def test_all_sources_at_an_address_that_swallows_everything_delay_no_start(tmp_path: Path) -> None:
    """Beside each other: an Ender that listens to all of them is armed before a single look has failed or ended."""
    with black_hole() as url:
        made = [cloud.listen(endpoint=url, name=cloud.__name__) for cloud in (aws, gcp, azure, alibaba)]
        made.append(aws.listen_ecs(endpoint=url))
        with Held(tmp_path, *made) as held:
            looked = [dict(each.last) for each in made]

    assert [{}] * len(made) == looked
    assert not held.trouble("source-slow")


@pytest.mark.parametrize("cloud", [aws, gcp, azure, alibaba])
def test_an_address_that_swallows_everything_delays_no_start(cloud: Any, tmp_path: Path) -> None:
    """Nobody has waited for it: neither at the beginning nor at the end has a look failed."""
    with black_hole() as url, Held(tmp_path, cloud.listen(endpoint=url)) as held:
        pass

    assert not held.trouble("source-slow")


@pytest.mark.parametrize("wrong", ["aws", aws.listen, Said, None])
def test_what_is_no_source_is_refused_at_once(wrong: Any) -> None:
    """Such as the name of one, or the function that was not called."""
    with pytest.raises(SourceError, match=r"make one, like aws\.listen\(\)"):
        Ender("web").listen(wrong)


def test_two_sources_have_two_names() -> None:
    """By its name it is known what is taken back, and who has seen what."""
    ender = Ender("web")
    ender.listen(Said("ups"))
    with pytest.raises(SourceError, match="two sources called 'ups'"):
        ender.listen(Said("ups"))
    ender.listen(Said("other"))


@pytest.mark.parametrize("make", [lambda: aws.listen(rebalance="drian"), lambda: gcp.listen(maintenance="drian")])  # type: ignore[arg-type]
def test_an_action_that_there_is_not_is_told_with_those_that_there_are(make: Any) -> None:
    """Where no type checker has looked."""
    with pytest.raises(ValueError, match="'drian' is not a valid Action; write advise, drain, stop"):
        make()


def test_one_that_begins_again_waits_until_it_has_closed_what_it_had() -> None:
    """Else it would close what it has just opened."""
    closing, may_close, order = threading.Event(), threading.Event(), []

    def look(_glance: Any) -> tuple[()]:
        order.append("look")
        return ()

    def close() -> None:
        order.append("close")
        closing.set()
        may_close.wait(10.0)
        order.append("closed")

    source, heard = Polled("one", [Look("it", look, 60.0)], close=close), Heard()
    source.start(heard)
    until(lambda: order, "nobody has looked")
    source.stop()
    assert closing.wait(10.0)
    source.start(heard)
    may_close.set()
    until(lambda: order.count("look") == 2, "nobody has looked again")
    source.stop()

    assert ["look", "close", "closed", "look"] == order[:4]
