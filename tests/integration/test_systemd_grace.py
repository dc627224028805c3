"""How long the manager gives a unit: what is asked, what is answered, and the grace that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from processender import Ender
from processender.agent.settings import Settings
from processender.agent.within import Within
from processender.engine.clock import SystemClock
from processender.errors import StateError
from processender.integrations.systemd import grace as grace_module
from processender.integrations.systemd.grace import ask_grace, fitting_grace, listen, unit_of
from processender.testing.logind import SystemBus
from processender.testing.sources import until

CLOCK = SystemClock()
SLICE = "/user.slice/user-1000.slice/user@1000.service"


@pytest.fixture
def bus() -> Iterator[SystemBus]:
    """Run the bus."""
    with SystemBus() as found:
        yield found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Be under systemd, in a control group."""

    def put(path: str) -> None:
        (tmp_path / "cgroup").write_text(f"1:name=systemd:{path}\n0::{path}\n")

    monkeypatch.setattr(grace_module, "BOOTED", str(tmp_path))
    monkeypatch.setattr(grace_module, "CGROUP", str(tmp_path / "cgroup"))
    put("/system.slice/shop.service")
    return put


class TestAnswers:
    @pytest.mark.parametrize(
        ("unit", "given", "seconds", "words"),
        [
            ("shop.service", 90.0, 90.0, "TimeoutStopSec of shop.service is 90 s"),
            ("we-b@2.service", 1.5, 1.5, "TimeoutStopSec of we-b@2.service is 1.5 s"),
            ("shop.service", None, None, "TimeoutStopSec of shop.service is infinity"),
            ("shop.service", 0.0, None, "TimeoutStopSec cannot be '0'"),
            ("session-3.scope", 90.0, None, "in no service of systemd, but in session-3.scope"),
        ],
    )
    def test_what_the_manager_says(
        self, bus: SystemBus, unit: str, given: float | None, seconds: float | None, words: str
    ) -> None:
        """With words on where it is from, or why it is not known."""
        bus.unit, bus.stop_timeout = unit, given
        found = ask_grace(CLOCK, endpoint=bus.address)

        assert seconds == found.seconds
        assert words in found.known_from

    @pytest.mark.parametrize("fault", ["hang-up", "garbage", "silent", "org.freedesktop.DBus.Error.AccessDenied"])
    @pytest.mark.parametrize("member", ["GetUnitByPID", "Get"])
    def test_whatever_goes_wrong_is_said(self, bus: SystemBus, fault: str, member: str) -> None:
        """And raises nothing."""
        bus.fail(fault, member=member)
        found = ask_grace(CLOCK, endpoint=bus.address, limit=0.2)

        assert found.seconds is None
        assert "cannot be asked: " in found.known_from
        until(lambda: not bus.connected, "the connection is left open")

    @pytest.mark.parametrize("address", ["unix:path=/nowhere", "tcp:host=x", "nonsense"])
    def test_nobody_there(self, address: str) -> None:
        """Nor at an address that is none."""
        assert "cannot be asked: cannot connect" in ask_grace(CLOCK, endpoint=address).known_from

    def test_a_bus_that_talks_of_something_else(self, bus: SystemBus) -> None:
        """What has another type is no time."""
        bus.of_unit["TimeoutStopUSec"] = ("s", "soon")

        assert "cannot be 'soon'" in ask_grace(CLOCK, endpoint=bus.address).known_from


class TestWhereItAsks:
    def test_without_systemd_nobody_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is connected to."""
        monkeypatch.setattr(grace_module, "BOOTED", "/nowhere")

        assert "systemd is not the init here" == ask_grace(CLOCK).known_from

    @pytest.mark.parametrize(
        ("path", "unit"),
        [
            ("/", ("", False)),
            ("/system.slice/shop.service", ("shop.service", False)),
            ("/system.slice/shop.service/workers/1", ("shop.service", False)),
            ("/user.slice/user-1000.slice/session-3.scope", ("session-3.scope", False)),
            (f"{SLICE}/app.slice/shop.service", ("shop.service", True)),
            (f"{SLICE}/init.scope", ("init.scope", True)),
            (SLICE, ("", False)),
        ],
    )
    def test_the_control_group_names_the_unit(self, path: str, unit: tuple[str, bool]) -> None:
        """A user's manager has units of its own, and is one itself."""
        assert unit == unit_of(path)

    def test_a_service_of_the_system(
        self, bus: SystemBus, place: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On the bus of the system."""
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)

        found = ask_grace(CLOCK)

        assert (90.0, "TimeoutStopSec of shop.service is 90 s") == (found.seconds, found.known_from)

    def test_a_service_of_a_user(self, bus: SystemBus, place: Callable[[str], None]) -> None:
        """On the bus of the user."""
        place(f"{SLICE}/app.slice/shop.service")

        assert 90.0 == ask_grace(CLOCK, environ={"DBUS_SESSION_BUS_ADDRESS": bus.address}).seconds

    def test_a_manager_without_a_bus(self, place: Callable[[str], None], tmp_path: Path) -> None:
        """On its own socket, where nobody greets."""
        place(f"{SLICE}/app.slice/shop.service")
        (tmp_path / "systemd").mkdir()
        with SystemBus(path=str(tmp_path / "systemd/private"), stop_timeout=7.0):
            assert 7.0 == ask_grace(CLOCK, environ={"XDG_RUNTIME_DIR": str(tmp_path)}).seconds

    def test_a_login_is_no_service(self, place: Callable[[str], None]) -> None:
        """Nobody is asked."""
        place("/user.slice/user-1000.slice/session-3.scope")

        assert "but in session-3.scope" in ask_grace(CLOCK).known_from

    def test_the_missing_client_is_named(self, place: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
        """With the extra that brings it."""
        monkeypatch.setattr(grace_module, "has_client", lambda: False)

        assert "processender[systemd]" in ask_grace(CLOCK).known_from


@pytest.mark.parametrize(
    ("grace", "given", "stop", "fits"),
    [
        (30, False, 90, 88),
        (30, False, 10, 9),
        (60, True, 10, 9),
        (20, True, 90, 20),
        (20, True, 20, 20),
        (20, True, 19, 17.1),
    ],
)
def test_the_grace_that_fits(grace: float, given: bool, stop: float, fits: float) -> None:
    """One that was given is only shortened; of what the manager gives at most 2 s are spared."""
    assert fits == fitting_grace(grace, stop, given=given)


class Agent:
    """What an agent lends to whoever asks for it."""

    def __init__(self, settings: Settings, *, ends: bool = False) -> None:
        self.clock = CLOCK
        self.alarms = self
        self.settings = settings
        self.ends = ends
        self.later: list[Callable[[], object]] = []
        self.told: list[str] = []

    def soon(self, function: Callable[[], object]) -> None:
        """Keep what the main thread is to do."""
        self.later.append(function)

    def take_grace(self, grace: float) -> None:
        """Take it, unless the end has begun."""
        if self.ends:
            raise StateError("the end is under way")
        self.settings = self.settings.replace(grace=grace)

    def note(self, notice: Any) -> None:
        """Keep what is told."""
        self.told.append(notice.cause)


class TestAgent:
    @pytest.mark.parametrize(
        ("settings", "ends", "grace"),
        [
            (Settings(), False, 88.0),
            (Settings(), True, 30.0),
            (Settings(grace=300.0, grace_given=True), False, 88.0),
            (Settings(grace=20.0, grace_given=True), False, 20.0),
            (Settings(extend_to=300.0, grace=300.0), False, 300.0),
            (Settings(grace=200.0, grace_given=True, drain_delay=100.0), False, 200.0),
        ],
    )
    def test_it_takes_over_what_fits(
        self,
        bus: SystemBus,
        place: object,
        monkeypatch: pytest.MonkeyPatch,
        settings: Settings,
        ends: bool,
        grace: float,
    ) -> None:
        """On its main thread; not once the end has begun, nor where the manager is asked for more."""
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        agent = Agent(settings, ends=ends)
        within = Within(agent)  # type: ignore[arg-type]
        until(lambda: agent.later, "the manager was not asked")
        agent.later.pop()()

        assert grace == agent.settings.grace
        assert (grace != settings.grace) is bool(agent.told)
        # What is read anew has to fit as well.
        assert ends or agent.settings == within.fit(settings)


class TestEnder:
    @pytest.mark.parametrize(("gives", "grace"), [(7.0, 7.0), (90.0, 30.0), (None, 30.0)])
    def test_a_grace_that_is_longer_is_shortened(
        self, bus: SystemBus, tmp_path: Path, gives: float | None, grace: float
    ) -> None:
        """The report says what the manager has said."""
        bus.stop_timeout = gives
        ender = Ender("shop", signals=(), exit="return", state=str(tmp_path))
        source = ender.listen(listen(endpoint=bus.address))
        with ender:
            until(lambda: source.last["stop"] != "nothing" and not bus.connected, "it does not listen")
            until(lambda: gives is None or ender._session.coordinator.notices, "nothing was told")

        assert grace == ender.report["window"]["length_s"]
        assert source.last == ender.report["sources"]["systemd"]

    def test_one_that_cannot_be_is_a_trouble(self, bus: SystemBus, tmp_path: Path) -> None:
        """Where the drain alone takes longer than the manager gives."""
        bus.stop_timeout = 3.0
        ender = Ender("shop", drain_delay=5, signals=(), exit="return", state=str(tmp_path))
        ender.listen(listen(endpoint=bus.address))
        ender.install()
        until(lambda: ender._session.coordinator.notices, "nothing was told")
        ender.stop("end", within=0.5).wait(20)

        assert "short" == ender.report["troubles"][0]["code"]
        ender._session.close()
