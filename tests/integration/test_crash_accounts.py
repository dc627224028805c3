"""The account of a crash on a bad day: it cannot be written, others are in its way, or hostile hands have made one."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processender.core.crash import CrashReport
from processender.core.events import Event, Trouble
from processender.core.handler import Handler
from processender.crashing import Aftermath
from processender.engine.clock import SystemClock
from processender.letters import settle_by_hand
from processender.telemetry.crash import KEPT, untold_crashes, write_crash
from tests.integration.agents import agent
from tests.integration.test_journal_bad_days import LIMIT_S, Service

OWES = """
import os, signal, sys
from processender import Ender
with Ender("shop") as ender:
    ender.obligation("file", key=sys.argv[1] + "/a", root=sys.argv[1]).acquire()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """Return a service that owes nothing yet."""
    (tmp_path / "demo").mkdir(mode=0o700)
    return Service(tmp_path / "demo")


class Told:
    """Follows crashes, and hears of what goes wrong."""

    def __init__(self) -> None:
        self.crashes: list[CrashReport] = []
        self.troubles: list[str] = []

    def follow(self, crash: CrashReport) -> None:
        """Follow one."""
        self.crashes.append(crash)

    def hear(self, event: Event) -> None:
        """Hear of an event."""
        if isinstance(event, Trouble):
            self.troubles.append(f"{event.code}: {event.text}")


def start(service: Service) -> Told:
    """Do what a start of the service does, and return what was told."""
    told = Told()
    aftermath = Aftermath(str(service.place), "demo", lambda _name: service.things, SystemClock(), 20.0, told.hear)
    aftermath.handlers = (Handler("follow", told.follow, phase="release"),)
    aftermath.at_start()
    return told


def account(place: Path, id_: str, name: str = "", **fields: Any) -> Path:
    """Put an account there."""
    directory = place / "crashes"
    directory.mkdir(mode=0o700, exist_ok=True)
    data = {"schema": 1, "id": id_, "service": "demo", "cause": "killed", "at": 1.0, "pid": 5, "told": False, **fields}
    path = directory / f"{name or id_}.json"
    path.write_text(json.dumps(data))
    return path


def report(id_: str, *, told: bool = True) -> CrashReport:
    """Return an account that is not written yet."""
    return CrashReport(id=id_, service="demo", cause="killed", at=1.0, pid=5, told=told)


def accounts(place: Path) -> list[str]:
    """Return what lies where accounts do."""
    return sorted(os.listdir(place / "crashes"))


def failing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call of the system fail where it is for an account."""
    real: Callable[..., Any] = getattr(os, name)

    def fails(first: Any, *more: Any, **options: Any) -> Any:
        path = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else str(first)
        if "/crashes" in path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return real(first, *more, **options)

    monkeypatch.setattr(os, name, fails)


@pytest.mark.parametrize("call", ["mkdir", "open", "write", "fsync", "replace"])
def test_a_crash_of_which_no_account_can_be_written_is_told_by_a_later_start(
    service: Service, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was owed is released all the same; the journal stays, and tells of the crash once the disk takes it."""
    journal = service.dies()
    stacks = service.place / f"stacks-{'-'.join(journal.name.split('-')[:2])}.txt"
    stacks.write_text("Fatal Python error: Segmentation fault")
    with monkeypatch.context() as patch:
        failing(call, patch)
        first = start(service)
        left = [] if not journal.exists() else sorted(os.listdir(journal))
    second = start(service)
    third = start(service)

    assert ["1", "2"] == sorted(service.things.released)
    assert any("cannot write the account" in each for each in first.troubles)
    assert "LOCK" in left
    assert "accounted" not in left
    assert [["SIGSEGV"], []] == [[each.signal for each in told.crashes] for told in (second, third)]
    assert not journal.exists()
    assert not stacks.exists()


def test_what_is_settled_by_hand_takes_no_crash_away_of_which_no_account_can_be_written(service: Service) -> None:
    """The journal stays although it owes nothing any more."""
    journal = service.dies("owe(begin(), '1')")
    (service.place / "crashes").write_text("in the way")
    aftermath = Aftermath(str(service.place), "demo", lambda _name: None, SystemClock(), 20.0, lambda _event: None)
    aftermath.account(told=False)
    changed = settle_by_hand(str(service.place), ["1"], aftermath.unaccounted)
    (service.place / "crashes").unlink()

    assert (("1",), True) == (changed.ids, journal.exists())
    assert 1 == len(start(service).crashes)
    assert not journal.exists()


def test_an_agent_that_cannot_write_the_account_leaves_the_journal_to_the_next_start(tmp_path: Path) -> None:
    """What the command owed is released."""
    state, root = tmp_path / "state", tmp_path / "root"
    (state / "shop").mkdir(mode=0o700, parents=True)
    root.mkdir()
    (root / "a").touch()
    (state / "shop" / "crashes").write_text("in the way")
    (tmp_path / "processender.toml").write_text('service = "shop"\n')
    command = [sys.executable, "-c", OWES, str(root)]
    with agent(["-c", str(tmp_path / "processender.toml")], command, PROCESSENDER_STATE=str(state)) as program:
        program.wait(LIMIT_S)
        output = program.output
    (journal,) = (state / "shop" / "journal").iterdir()

    assert "cannot write the account of the crash" in output
    assert [] == os.listdir(root)
    assert "accounted" not in os.listdir(journal)


def test_an_account_is_kept_although_the_clock_was_set_back(tmp_path: Path) -> None:
    """It would be the oldest of too many, and nobody has been told of it."""
    for number in range(KEPT):
        write_crash(str(tmp_path), report(f"{number + 1:02d}"))
    written = write_crash(str(tmp_path), report("00", told=False))
    write_crash(str(tmp_path), report("99"))

    assert os.path.exists(written.path)
    assert KEPT == len(accounts(tmp_path))
    assert ["00"] == [each.id for each in untold_crashes(str(tmp_path))]


def test_of_those_that_nobody_was_told_of_there_is_a_limit(tmp_path: Path) -> None:
    """A service that crashes for ever and never starts again does not fill the disk."""
    for number in range(5 * KEPT):
        account(tmp_path, f"{number:03d}")
    write_crash(str(tmp_path), report("999", told=False))

    assert 4 * KEPT + 1 == len(accounts(tmp_path))


def test_a_draft_that_a_writer_has_left_does_not_have_a_crash_told_again(service: Service) -> None:
    """The next writer has a draft of its own, and removes the old one."""
    path = account(service.place, "0-a")
    draft = path.with_name("0-a.json.new")
    draft.touch()
    os.utime(draft, (0.0, 0.0))

    assert [1, 0] == [len(start(service).crashes) for _ in range(2)]
    assert ["0-a.json"] == accounts(service.place)


@pytest.mark.parametrize(
    ("id_", "fields"),
    [
        ("../../target/pwn", {}),
        ("a\0b", {}),
        ("other", {}),
        ("0", {"obligations": [3]}),
        ("0", {"handlers": [1], "pid": [1]}),
    ],
)
def test_an_account_of_hostile_hands_is_left_alone_and_the_recovery_goes_on(
    service: Service, tmp_path: Path, id_: str, fields: dict[str, Any]
) -> None:
    """Nothing is written outside of the directory, whatever the id is."""
    (tmp_path / "target").mkdir()
    service.dies()
    path = account(service.place, id_, "0", **fields)
    before = path.read_text()
    told = start(service)

    assert [] == os.listdir(tmp_path / "target")
    assert before == path.read_text()
    assert ["killed"] == [each.cause for each in told.crashes]
    assert ["1", "2"] == sorted(service.things.released)


def test_an_account_says_where_its_process_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also once it was written anew by somebody who is elsewhere."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=1.4.2,cloud.availability_zone=b")
    written = write_crash(str(tmp_path), report("01", told=False))
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=1.5.0,k8s.node.name=n7")
    again = write_crash(str(tmp_path), written.replace(told=True))

    assert ("1.4.2", "b", "") == (written.version, written.zone, written.node)
    assert ("1.4.2", "b", "") == (again.version, again.zone, again.node)
