"""
Who is meant by a program's name, a pid file or a cgroup: the processes that live now, found afresh at each look.

Each is told by its number and its start, never by the number alone. This process and what it has started are never
among them, so a clean-up step that happens to run the same program is not taken for the application.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable

from ..errors import ProcessEnderError
from ..ports import Clock
from .tree import Member, read_all, read_member

LONGEST_PID = 32
"""How much of a pid file is read, bytes."""
_COMM = 15
_SLACK_S = 2.0
"""How far the clock of a file system may be from that of the processes."""
Look = Callable[[], list[Member]]


class Unseen(ProcessEnderError):
    """Whom to watch cannot be told at the moment; the text says why."""

    code = "unseen"


class NotYet(Unseen):
    """It is not there yet, which is no fault: a sidecar may well be the first to start."""

    code = "not-yet"


def by_name(name: str) -> Look:
    """Return what finds the processes whose program is called *name*."""

    def look() -> list[Member]:
        everyone = read_all()
        if not everyone:
            text = "cannot look for a name: /proc does not show the processes here"
            raise Unseen(f"{text}; use --pid-file or --watch-http")
        found = [member for member in _not_ours(everyone) if _is_called(member, name)]
        if not found:
            if os.getpid() == 1:
                text = f"cannot see a process called {name!r}: this is process 1, so no pid namespace is shared"
                raise Unseen(f"{text}; set shareProcessNamespace: true, or use --watch-http or --heartbeat")
            raise NotYet(f"there is no process called {name!r} yet")
        return found

    return look


def by_pid_file(path: str, clock: Clock) -> Look:
    """Return what finds the process whose number stands in the file *path*."""

    def look() -> list[Member]:
        number, written = _read_pid_file(path)
        member = read_member(number)
        if member is None:
            if os.path.isdir("/proc/self") or not _is_there(number):
                raise Unseen(f"cannot watch process {number} of {path}: there is none; the file is stale")
            # No /proc: the descriptor of the process, taken now, is all of its identity.
            return [Member(number, 0, 0, 0, os.path.basename(path))]
        if not list(_not_ours(read_all() or [member], {number})):
            raise Unseen(f"cannot watch process {number} of {path}: it is one of this agent's own")
        began = _began(member, clock)
        if began is not None and began > written + _SLACK_S:
            text = f"cannot watch process {number} of {path}: it has begun after the file was written"
            raise Unseen(f"{text}, so the number is another's now; the file is stale")
        return [member]

    return look


def by_cgroup(path: str) -> Look:
    """Return what finds the processes of the cgroup *path* and of those below it."""

    def look() -> list[Member]:
        if not os.path.isdir(path):
            raise Unseen(f"cannot watch the cgroup {path}: there is no such directory; name one below /sys/fs/cgroup")
        numbers: set[int] = set()
        for directory, _, _ in os.walk(path):
            numbers.update(_numbers(os.path.join(directory, "cgroup.procs")))
        found = [member for member in map(read_member, sorted(numbers - {0})) if member is not None]
        others = {member.pid for member in _not_ours(read_all())}
        found = [member for member in found if member.pid in others]
        if not found:
            raise NotYet(f"there is no process in the cgroup {path} yet")
        return found

    return look


def leader_of(members: Iterable[Member]) -> Member:
    """Return the one of *members* that the others come from, as far as can be told: no child of another, the oldest."""
    found = list(members)
    numbers = {member.pid for member in found}
    tops = [member for member in found if member.parent not in numbers]
    return min(tops or found, key=lambda member: (member.start, member.pid))


def _not_ours(everyone: Iterable[Member], wanted: set[int] | None = None) -> Iterable[Member]:
    """Yield who of *everyone*, or of those *wanted*, is neither this process nor comes from it."""
    parents = {member.pid: member.parent for member in everyone}
    here = os.getpid()
    for member in everyone:
        number = member.pid
        # The numbers are read one after the other, and a circle of them would be no tree.
        for _ in range(len(parents)):
            if number == here or number not in parents:
                break
            number = parents[number]
        if number != here and (wanted is None or member.pid in wanted):
            yield member


def _is_called(member: Member, name: str) -> bool:
    words = _words(member.pid)
    if b"pre-stop" in words[:4] and any(b"processender" in word for word in words[:3]):
        return False
    return member.name == name[:_COMM] or (bool(words) and os.path.basename(words[0]) == os.fsencode(name))


def _words(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(4096).split(b"\0")
    except OSError:
        return []


def _read_pid_file(path: str) -> tuple[int, float]:
    """Return the number in the file *path* and when that was written, seconds since 1970."""
    try:
        # Whoever may put a link there could make us watch, and signal, anybody.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise NotYet(f"there is no pid file {path} yet") from error
    except OSError as error:
        why = "it is a symbolic link; name the file itself" if os.path.islink(path) else error.strerror
        raise Unseen(f"cannot read the pid file {path}: {why}") from error
    try:
        found = os.fstat(descriptor)
        data = os.read(descriptor, LONGEST_PID) if stat.S_ISREG(found.st_mode) else b""
    finally:
        os.close(descriptor)
    word = data.strip()
    if not (word.isdigit() and 1 < int(word) < 2**31):
        raise Unseen(f"cannot read the pid file {path}: it holds no number of a process but {data[:12]!r}")
    return int(word), found.st_mtime


def _is_there(number: int) -> bool:
    try:
        os.kill(number, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def _began(member: Member, clock: Clock) -> float | None:
    """Return when a process has begun, seconds since 1970; None where that cannot be told."""
    try:
        with open("/proc/uptime", encoding="ascii") as file:
            uptime = float(file.read().split()[0])
    except (OSError, ValueError):
        return None
    return clock.wall() - uptime + member.start / os.sysconf("SC_CLK_TCK")


def _numbers(path: str) -> list[int]:
    try:
        with open(path, encoding="ascii") as file:
            return [int(line) for line in file]
    except (OSError, ValueError):
        return []
