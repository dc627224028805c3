"""What is heard from logind, how long it is held up, and its bad days; against a double that speaks D-Bus."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processender import Ender
from processender.core.notice import Action, DeadlineKind, Notice
from processender.errors import SourceError
from processender.integrations import logind
from processender.testing.logind import NEVER, SystemBus
from processender.testing.sources import Heard, check_near_source, listening, until
from tests.integration.test_sources_clouds import left

PACE = 0.02
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
ABSENT = "org.freedesktop.DBus.Error.ServiceUnknown"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look again soon, and do not wait long; leave no thread."""
    monkeypatch.setattr("processender.integrations.logind.listener.RETRY_S", PACE)
    monkeypatch.setattr("processender.listening.SLOWEST_S", 5 * PACE)
    yield
    until(lambda: not is_listening(), "the thread of a source has not ended")


def is_listening() -> bool:
    """Tell whether a source has a thread."""
    return any(each.name == "processender-logind" for each in threading.enumerate())


@pytest.fixture
def bus() -> Iterator[SystemBus]:
    """Run the bus."""
    with SystemBus() as found:
        yield found


def of(bus: SystemBus, **options: Any) -> Any:
    """Return the source that listens there."""
    return logind.listen(**{"endpoint": bus.address, "every": PACE, **options})


def locked(bus: SystemBus, many: int = 1) -> None:
    """Wait until a lock has been taken so often."""
    until(lambda: len(bus.inhibitors) >= many, f"{many} locks have not been taken")


def looked(bus: SystemBus, many: int) -> None:
    """Wait until logind was asked so often from now on."""
    before = bus.asked.count("GetAll")
    until(lambda: bus.asked.count("GetAll") >= before + many, "logind is not asked")


def told(heard: Heard, many: int) -> list[Notice]:
    """Return that many notices."""
    until(lambda: len(heard.notices) >= many, f"{many} notices have not been told")
    assert many == len(heard.notices)
    return heard.notices


def test_it_keeps_what_a_source_promises(bus: SystemBus) -> None:
    """As all sources do."""
    check_near_source(of(bus), bus.prepare)


class TestShutdown:
    def test_it_is_told_at_once_with_the_delay_as_its_window(self, bus: SystemBus) -> None:
        """However seldom is looked: the signal is pushed."""
        with listening(of(bus, every=60)) as heard:
            locked(bus)
            bus.prepare()
            (notice,) = told(heard, 1)

            assert ("shutdown", Action.STOP, DeadlineKind.TOLD) == (notice.cause, notice.action, notice.kind)
            assert 4.9 < (left(notice) or 0) <= 5
            assert [] == heard.troubles

    @pytest.mark.parametrize(
        ("usec", "beyond", "seconds"),
        [(30_000_000, 0.0, 30), (5_000_000, 25.0, 30), (0, 0.0, None), (NEVER, 0.0, None)],
    )
    def test_the_window_is_what_logind_waits_and_what_is_known_beyond(
        self, bus: SystemBus, usec: int, beyond: float, seconds: float | None
    ) -> None:
        """Without a delay, and without an end of it, the grace counts."""
        bus.properties["InhibitDelayMaxUSec"] = ("t", usec)
        with listening(of(bus, beyond=beyond)) as heard:
            looked(bus, 2)
            bus.prepare()
            (notice,) = told(heard, 1)
            found = left(notice)

            assert Action.STOP == notice.action
            assert seconds == (None if found is None else round(found, 3))

    def test_one_that_was_called_off_is_taken_back_and_may_come_again(self, bus: SystemBus) -> None:
        """Each with a window of its own, and a lock that is held."""
        with listening(of(bus)) as heard:
            locked(bus)
            for begins in (True, True, False, True):
                bus.prepare(begins=begins)
            notices = told(heard, 3)

            assert [Action.STOP, Action.RESUME, Action.STOP] == [each.action for each in notices]
            assert {"shutdown"} == {each.key for each in notices}
            assert bus.inhibitors[-1].held

    def test_one_that_goes_on_already_is_told_at_the_start(self, bus: SystemBus) -> None:
        """How long it still takes is an assumption, and no lock is asked for that nobody would give."""
        bus.properties["PreparingForShutdown"] = ("b", True)
        with listening(of(bus)) as heard:
            (notice,) = told(heard, 1)
            looked(bus, 2)

            assert DeadlineKind.ASSUMED is notice.kind
            assert "Inhibit" not in bus.asked

    def test_a_property_that_lags_behind_its_signal_takes_nothing_back(self, bus: SystemBus) -> None:
        """Only the signal calls an end off."""
        with listening(of(bus)) as heard:
            locked(bus)
            bus.prepare()
            told(heard, 1)
            bus.properties["PreparingForShutdown"] = ("b", False)
            looked(bus, 3)

            told(heard, 1)


class TestLock:
    def test_it_delays_and_says_who_holds_it(self, bus: SystemBus) -> None:
        """As `systemd-inhibit --list` shows it."""
        with listening(of(bus)):
            locked(bus)
            lock = bus.inhibitors[0]

            assert ("shutdown", "ProcessEnder", "delay") == (lock.what, lock.who, lock.mode)

    @pytest.mark.parametrize(
        ("options", "what"),
        [({"sleep": "stop"}, "shutdown:sleep"), ({"shutdown": "advise", "sleep": "drain"}, "sleep"),
         ({"shutdown": "advise"}, "")],
    )  # fmt: skip
    def test_only_what_is_acted_upon_is_held_up(self, bus: SystemBus, options: dict[str, str], what: str) -> None:
        """Nobody waits for who only listens."""
        with listening(of(bus, **options)):
            looked(bus, 3)

            assert [what][: bool(what)] == [each.what for each in bus.inhibitors]

    def test_the_machine_waits_for_the_clean_up_and_no_longer(self, bus: SystemBus, tmp_path: Path) -> None:
        """The lock is held while handlers run, and given back behind the last one."""
        seen: list[bool] = []
        ender = Ender("shop", grace=20, signals=(), exit="return", state=str(tmp_path))
        ender.listen(of(bus))
        ender.add(lambda: seen.append(bus.inhibitors[0].held), name="last", phase="release")
        with ender:
            locked(bus)
            ended: list[tuple[bool, float]] = []
            machine = threading.Thread(target=lambda: ended.append(bus.power_off()))
            machine.start()
            ender.stopping.wait(20)
        machine.join(20)
        ((given_back, seconds),) = ended

        assert [True] == seen
        assert given_back
        assert seconds < 4.5
        assert ("shutdown", "clean") == (ender.report["cause"], ender.report["verdict"])
        assert {"logind": {"manager": "shutdown"}} == ender.report["sources"]

    def test_it_is_given_back_when_nobody_listens_any_more(self, bus: SystemBus) -> None:
        """Whatever has ended the process's interest."""
        with listening(of(bus)):
            locked(bus)

        until(lambda: not bus.inhibitors[0].held, "the lock is still held")

    def test_no_child_holds_it(self, bus: SystemBus) -> None:
        """Neither a fork, which has all descriptors, nor a command."""
        with listening(of(bus)):
            locked(bus)
            gate, go = os.pipe()
            command = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
            child = os.fork()
            if not child:
                os.read(gate, 1)
                os._exit(0)
        try:
            until(lambda: not bus.inhibitors[0].held, "a child holds the lock")
        finally:
            os.write(go, b".")
            os.waitpid(child, 0)
            command.communicate(b"\n", 20)
            os.close(gate)
            os.close(go)

    def test_a_fork_child_that_listens_does_so_by_itself(self, bus: SystemBus) -> None:
        """Over a connection of its own, and with a lock of its own."""
        source = of(bus)
        with listening(source) as heard:
            locked(bus)
            looked(bus, 2)
            child = os.fork()
            if not child:
                source.start(Heard())
                until(lambda: False, "it lives until it is killed")
            try:
                locked(bus, 2)
                assert 2 == bus.connected
                bus.prepare()
                told(heard, 1)
            finally:
                os.kill(child, 9)
                os.waitpid(child, 0)

            assert [] == heard.troubles

    def test_without_the_right_to_it_all_is_heard(self, bus: SystemBus) -> None:
        """That nothing is held up is said once."""
        bus.fail(*[DENIED] * 100, member="Inhibit")
        with listening(of(bus)) as heard:
            until(lambda: bus.asked.count("Inhibit") > 2, "it is not asked for again")
            bus.prepare()
            told(heard, 1)

            assert ["source-refused"] == heard.codes
            assert "refuses the lock" in heard.troubles[0][1]


class TestSleep:
    def test_traffic_leaves_before_and_comes_back_behind_it(self, bus: SystemBus, tmp_path: Path) -> None:
        """The machine sleeps as soon as traffic has left, each time; then the lock is taken anew."""
        ran: list[str] = []
        ender = Ender("shop", grace=20, signals=(), exit="return", state=str(tmp_path))
        ender.add(lambda: ran.append("left"), name="leave", phase="drain", resume=lambda: ran.append("back"))
        ender.listen(of(bus, sleep="drain"))
        with ender:
            ender.ready()
            for number in (1, 2):
                locked(bus, number)
                bus.prepare("sleep")
                until(lambda: not bus.inhibitors[-1].held, "the machine cannot sleep")
                assert ["left", "back"] * (number - 1) + ["left"] == ran
                bus.prepare("sleep", begins=False)
                until(lambda number=number: ["left", "back"] * number == ran, "traffic is not back")
            locked(bus, 3)
            assert not ender.stopping.is_set()
            assert "shutdown:sleep" == bus.inhibitors[-1].what

    def test_a_shutdown_goes_on_holding_the_machine_when_traffic_has_left(self, bus: SystemBus) -> None:
        """The lock that a drain gives back is that of a sleep alone."""
        source = of(bus, sleep="drain")
        _, leaves = source.handlers
        with listening(source) as heard:
            locked(bus)
            bus.prepare("sleep")
            bus.prepare()
            told(heard, 2)
            leaves.call(_Context())

            assert bus.inhibitors[0].held

    def test_otherwise_it_is_only_told(self, bus: SystemBus) -> None:
        """Also that it is over."""
        with listening(of(bus)) as heard:
            locked(bus)
            bus.prepare("sleep")
            bus.prepare("sleep", begins=False)

            assert [Action.ADVISE] * 2 == [each.action for each in told(heard, 2)]


class _Context:
    """What a handler says goes nowhere."""

    def note(self, text: str) -> None:
        """Take it."""


class TestScheduled:
    def test_one_that_was_planned_is_told_minutes_before(self, bus: SystemBus) -> None:
        """With its kind, and the instant."""
        bus.schedule("reboot", seconds=300)
        with listening(of(bus, scheduled="stop_by")) as heard:
            (notice,) = told(heard, 1)

            assert ("scheduled reboot", Action.STOP_BY) == (notice.cause, notice.action)
            assert 295 < (left(notice) or 0) <= 300

    def test_one_that_was_called_off_is_taken_back(self, bus: SystemBus) -> None:
        """By `shutdown -c`; what is planned then is another one."""
        with listening(of(bus, scheduled="stop_by")) as heard:
            bus.schedule(seconds=300)
            told(heard, 1)
            bus.cancel()
            told(heard, 2)
            bus.schedule(seconds=600)

            assert [Action.STOP_BY, Action.RESUME, Action.STOP_BY] == [each.action for each in told(heard, 3)]

    @pytest.mark.parametrize(
        "planned",
        [("(st)", ("bel\x07", 1)), ("s", "poweroff"), ("(ss)", ("poweroff", "soon")), ("(st)", ("x" * 99, 1))],
    )
    def test_nonsense_is_said_once_and_nothing_is_done(self, bus: SystemBus, planned: tuple[str, Any]) -> None:
        """A shutdown is heard all the same."""
        bus.properties["ScheduledShutdown"] = planned
        with listening(of(bus)) as heard:
            looked(bus, 4)
            assert (["source-unclear"], []) == (heard.codes, heard.notices)
            bus.prepare()
            told(heard, 1)

    def test_one_that_is_long_past_is_believed_by_nobody(self, bus: SystemBus) -> None:
        """It has not come."""
        bus.schedule(seconds=-1000)
        with listening(of(bus, scheduled="stop_by")) as heard:
            looked(bus, 3)

            assert (["source-stale"], []) == (heard.codes, heard.notices)


class TestBadDays:
    def test_nobody_there(self) -> None:
        """It is said once."""
        with listening(logind.listen(endpoint="unix:path=/nowhere/bus", every=PACE)) as heard:
            until(lambda: heard.troubles, "nothing is said")

            assert ["source-away"] == heard.codes
            assert "systemd-logind" in heard.troubles[0][1]

    def test_a_bus_without_logind(self, bus: SystemBus) -> None:
        """Is the same, and it is heard when it comes."""
        bus.fail(*[ABSENT] * 2, member="GetAll")
        with listening(of(bus)) as heard:
            looked(bus, 4)
            bus.prepare()
            told(heard, 1)

            assert ["source-away"] == heard.codes

    def test_a_bus_that_takes_connections_and_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A start does not wait for it, nor does a stop for long."""
        monkeypatch.setattr("processender.integrations.logind.manager.LIMIT_S", 0.1)
        name = f"\0processender-deaf-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(name)
            deaf.listen(64)
            with listening(logind.listen(endpoint=f"unix:abstract={name[1:]}", every=PACE)) as heard:
                until(lambda: heard.troubles, "nothing is said")
            until(lambda: not is_listening(), "it still waits")

            assert {"source-slow"} == set(heard.codes)

    @pytest.mark.parametrize("fault", ["hang-up", "garbage"])
    def test_a_bus_that_breaks_off(self, bus: SystemBus, fault: str) -> None:
        """It is connected to again."""
        bus.fail(fault, fault, member="GetAll")
        with listening(of(bus)) as heard:
            looked(bus, 4)
            bus.prepare()
            told(heard, 1)

            assert ["source-away" if fault == "hang-up" else "source-unclear"] == heard.codes

    def test_a_bus_that_goes_away_for_a_while(self, bus: SystemBus) -> None:
        """The lock stays meanwhile, and what has begun meanwhile is told."""
        with listening(of(bus)) as heard:
            locked(bus)
            looked(bus, 2)
            bus.vanish()
            until(lambda: heard.troubles, "nothing is said")
            assert bus.inhibitors[0].held
            bus.properties["PreparingForShutdown"] = ("b", True)
            bus.come_back()

            assert [Action.STOP] == [each.action for each in told(heard, 1)]
            assert ["source-away"] == heard.codes

    def test_a_bus_that_flaps(self, bus: SystemBus) -> None:
        """What is announced in between is told once, and so is the trouble."""
        with listening(of(bus)) as heard:
            for number in range(4):
                looked(bus, 2)
                if number == 1:
                    bus.prepare()
                    told(heard, 1)
                bus.vanish()
                bus.come_back()
            looked(bus, 2)

            assert (1, ["source-away"]) == (len(heard.notices), heard.codes)

    def test_a_logind_that_is_started_anew(self, bus: SystemBus) -> None:
        """It has forgotten what was about to happen, and is asked for another lock."""
        with listening(of(bus)) as heard:
            locked(bus)
            bus.prepare()
            told(heard, 1)
            bus.restart()
            locked(bus, 2)
            until(lambda: not bus.inhibitors[0].held, "the old lock is kept")
            bus.prepare()

            assert [Action.STOP, Action.RESUME, Action.STOP] == [each.action for each in told(heard, 3)]
            assert [] == heard.troubles

    def test_a_slow_answer_holds_up_no_signal(self, bus: SystemBus, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is said that it is slow, once; the connection stays."""
        monkeypatch.setattr("processender.integrations.logind.manager.LIMIT_S", 0.1)
        bus.fail(*["silent"] * 2)
        with listening(of(bus)) as heard:
            until(lambda: heard.troubles, "nothing is said")
            bus.prepare()
            told(heard, 1)

            assert (["source-slow"], 1) == (heard.codes, bus.connected)

    def test_one_who_only_pretends_to_be_logind_is_not_heard(self, bus: SystemBus) -> None:
        """Any process may send a signal; nor is heard what makes no sense."""
        with listening(of(bus)) as heard:
            locked(bus)
            bus.signal("PrepareForShutdown", "b", (True,), sender=":1.666")
            bus.signal("PrepareForShutdown", "s", ("true",))
            bus.signal("PrepareForShutdown", "", ())
            looked(bus, 3)

            assert ([], ["source-unclear"]) == (heard.notices, heard.codes)

    def test_nothing_is_told_behind_a_stop_and_it_can_begin_again(self, bus: SystemBus) -> None:
        """With another lock."""
        source = of(bus)
        for number in (1, 2):
            with listening(source) as heard:
                locked(bus, number)
            until(lambda: not bus.connected, "it is still connected")
            bus.prepare(begins=True)
            bus.properties["PreparingForShutdown"] = ("b", False)

            assert ([], []) == (heard.notices, heard.troubles)


@pytest.mark.parametrize(("options", "why"), [({"every": 0.0}, "every"), ({"beyond": -1.0}, "beyond")])
def test_options_that_make_no_sense_are_refused(options: dict[str, float], why: str) -> None:
    """Before anything listens."""
    with pytest.raises(SourceError, match=why):
        logind.listen(**options)  # type: ignore[arg-type]


def test_the_missing_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it."""
    monkeypatch.setattr("processender.integrations.logind.listener.has_client", lambda: False)
    with pytest.raises(SourceError, match=r"processender\[systemd\]"):
        logind.listen()
