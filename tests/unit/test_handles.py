"""A process that somebody else has started is told from every later one."""

from __future__ import annotations

import errno
import os
import signal
import subprocess

import pytest

from processender.agent.handles import Handle
from processender.agent.sighting import Unseen, leader_of
from processender.agent.tree import Member, read_member


def child(script: str = "read line") -> subprocess.Popen[bytes]:
    """Return a process that waits until it is told to end."""
    return subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE)


def seen(process: subprocess.Popen[bytes]) -> Member:
    """Return how /proc shows it."""
    member = read_member(process.pid)
    assert member is not None
    return member


def test_a_number_that_is_anothers_now_is_refused() -> None:
    """The start tells that it is not the process that was meant."""
    with child() as process:
        member = seen(process)

        with pytest.raises(ProcessLookupError):
            Handle(member.replace(start=member.start + 1))
        process.communicate(b"\n")


def test_a_process_that_has_gone_is_refused() -> None:
    """Its number is nobody's, or another's."""
    with child() as process:
        member = seen(process)
        process.communicate(b"\n")

    with pytest.raises(ProcessLookupError):
        Handle(member)


def test_the_end_is_seen_and_its_status_told_where_the_kernel_tells_it() -> None:
    """Since Linux 6.15; before that nobody knows."""
    with child("read line; exit 3") as process:
        handle = Handle(seen(process))
        before = handle.ended
        process.communicate(b"\n")
    after, status = handle.ended, handle.status()
    handle.close()

    assert (False, True) == (before, after)
    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
    assert status == (3 if release >= (6, 15) else None)


def test_what_has_ended_is_sent_nothing() -> None:
    """Whoever may have the number meanwhile is safe."""
    with child() as process:
        handle = Handle(seen(process))
        process.communicate(b"\n")
    sent = handle.send(signal.SIGTERM)
    handle.close()

    assert not sent


def test_without_descriptors_the_start_is_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that forbids pidfd_open leaves looking, and that tells one from another too."""

    def forbidden(*_arguments: object) -> int:
        raise OSError(errno.ENOSYS, "forbidden")

    monkeypatch.setattr(os, "pidfd_open", forbidden)
    with child() as process:
        handle = Handle(seen(process))
        before = handle.ended
        process.communicate(b"\n")

    assert (False, True, None) == (before, handle.ended, handle.status())


def test_with_neither_descriptors_nor_starts_nobody_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare number is no identity."""

    def forbidden(*_arguments: object) -> int:
        raise OSError(errno.ENOSYS, "forbidden")

    monkeypatch.setattr(os, "pidfd_open", forbidden)
    with pytest.raises(Unseen, match="tells it from a later one"):
        Handle(Member(os.getpid(), 0, 0, 0, "self"))


def test_the_leader_is_who_the_others_come_from() -> None:
    """The oldest that is no child of another of them."""
    master = Member(10, 100, 1, 10, "nginx")
    workers = [Member(number, 100 + number, 10, 10, "nginx") for number in (11, 12)]

    assert master == leader_of([*workers, master])
    assert workers[0] == leader_of(workers)


def test_the_python_that_runs_this_can_be_held() -> None:
    """Its own process is one like any other."""
    member = read_member(os.getpid())
    assert member is not None
    handle = Handle(member)
    ended = handle.ended
    handle.close()

    assert not ended
