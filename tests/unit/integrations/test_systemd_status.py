"""What the manager of a unit is told while it ends."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender import Ender
from processender.core.events import (
    AttemptStarted,
    Drained,
    Event,
    HandlerEnded,
    PlanChanged,
    RunEnded,
    RunStarted,
    RunWithdrawn,
    Waiting,
)
from processender.core.handler import Handler
from processender.core.notice import Action, Notice
from processender.core.outcome import Outcome, Result, Verdict
from processender.errors import HandlerError
from processender.integrations.systemd import StatusObserver, status_of
from processender.testing.simulate import make_plan

LIMIT_S = 30.0
NOTICE = Notice("SIGTERM", "signals", 0.0)
PLAN = make_plan([Handler("flush")])


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Return what the manager binds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(LIMIT_S)
        yield made


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (RunStarted(1.0, "id", NOTICE, PLAN), "ending (SIGTERM), within 29.0 s"),
        (RunStarted(1.0, "id", NOTICE.replace(action=Action.DRAIN), PLAN), "draining (SIGTERM), within 29.0 s"),
        (PlanChanged(10.0, PLAN), "ending, within 20.0 s"),
        (AttemptStarted(1.0, "flush", 1, 6.0), "ending: flush, within 5.0 s"),
        (AttemptStarted(1.0, "flush", 3, 0.5), "ending: flush, attempt 3, within 0.0 s"),
        (AttemptStarted(1.0, "a\nb", 1, 6.0), "ending: a\\nb, within 5.0 s"),
        (Waiting(1.0, ("a", "b", "c", "d"), 6), "ending: waiting for 10 in flight: a, b, c and 7 more"),
        (Drained(1.0, "id"), "drained"),
        (RunWithdrawn(1.0, "id", NOTICE), "the end is taken back by signals"),
        (RunEnded(1.0, "id", Verdict.CLEAN, 0.5), "ended clean after 0.50 s"),
        (HandlerEnded(1.0, Result("flush", Outcome.DONE)), ""),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else "",
)
def test_each_step_is_a_sentence(event: Event, expected: str) -> None:
    """And what is nothing new for who looks at the unit is none."""
    assert expected == status_of(event)


def test_an_ender_tells_the_manager_how_its_end_goes(manager: socket.socket, tmp_path: Path) -> None:
    """From its beginning to its verdict, and only as STATUS: the manager counts no time for it."""
    observer = StatusObserver({"NOTIFY_SOCKET": manager.getsockname()})
    options = {"grace": 10, "state": str(tmp_path / "state"), "signals": (), "exit": "return"}
    with contextlib.closing(observer), Ender("shop", observers=[observer], **options) as ender:
        ender.handler(lambda: None, name="flush", timeout=5)
        ender.stop("spot")
    told = []
    while not told or not told[-1].startswith("STATUS=ended"):
        told.append(manager.recv(4096).decode())

    assert told[0].startswith("STATUS=ending (spot), within ")
    assert any(line.startswith("STATUS=ending: flush, within ") for line in told)
    assert "STATUS=ended clean after" == told[-1][:24]
    assert all(line.startswith("STATUS=") and "\n" not in line for line in told)


def test_outside_a_unit_it_is_refused() -> None:
    """At once, with what to do."""
    with pytest.raises(HandlerError, match="NOTIFY_SOCKET is not set; run as a unit with Type=notify"):
        StatusObserver({})
