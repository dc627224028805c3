"""
The processes that a command has become: read from /proc, and signalled without ever hitting a stranger.

A number of a process may have been given to another by the time it is signalled. So a process is known by its number
and the time it started, which is looked at again through a descriptor that the kernel binds to one process.
"""

from __future__ import annotations

import _signal
import os
import select
from collections.abc import Collection, Mapping, Sequence

from ..core.record import Record

_PROC = "/proc"


class Member(Record):
    """One process, as /proc showed it."""

    pid: int
    """Its number."""
    start: int
    """When it started, in ticks of the kernel since boot."""
    parent: int
    """The number of its parent."""
    session: int
    """The number of its session."""
    name: str
    """The name of its program."""


def read_member(pid: int) -> Member | None:
    """Return the process *pid*, None if there is none or if it is dead and only waits to be reaped."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb", buffering=0) as file:
            stat = file.read(4096)
    except OSError:
        return None
    # The name of the program stands in parentheses and may contain anything, parentheses too.
    head, _, tail = stat.rpartition(b")")
    fields = tail.split()
    # A zombie with more than one thread lives on: only its first thread has ended.
    if len(fields) < 20 or fields[0] == b"X" or (fields[0] == b"Z" and int(fields[17]) <= 1):
        return None
    name = head.partition(b"(")[2].decode("utf-8", "replace")
    return Member(pid, int(fields[19]), int(fields[1]), int(fields[3]), name)


def sees_itself() -> bool:
    """Tell whether /proc is there, and not that of others."""
    try:
        return os.readlink(f"{_PROC}/self") == str(os.getpid())
    except OSError:
        return False


def read_all() -> list[Member]:
    """Return all processes that live; none where /proc is not there or is that of others."""
    if not sees_itself():
        return []
    try:
        numbers = [int(name) for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return []
    found = (read_member(number) for number in numbers)
    return [member for member in found if member is not None]


def children_of_this() -> list[int]:
    """Return the numbers of the children of this process."""
    root = os.getpid()
    return [member.pid for member in read_all() if member.parent == root]


def tree(root: int, leader: int, strangers: Collection[int], sessions: Collection[int]) -> list[Member]:
    """
    Return the processes that descend from *root*, the agent, or share the session of *leader*, the command.

    Whoever of them lost its parent was adopted by the agent, so nothing that the command started is missed, whatever
    session it has made for itself. Without adoption (no subreaper) the session is what is left to tell them by.

    Args:

        root: The number of the agent's process.

        leader: The number that the command has or had, which its session keeps.

        strangers: Children of *root* that are not the command's, with all that descends from them.

        sessions: Sessions that are not the command's.
    """
    everyone = read_all()
    children: dict[int, list[Member]] = {}
    for member in everyone:
        children.setdefault(member.parent, []).append(member)
    found: dict[int, Member] = {}
    waiting = [root]
    while waiting:
        for member in children.get(waiting.pop(), ()):
            if member.pid not in strangers and member.session not in sessions and member.pid not in found:
                found[member.pid] = member
                waiting.append(member.pid)
    # Threads of the kernel, and processes of other namespaces, have the session 0.
    found.update({member.pid: member for member in everyone if leader and member.session == leader})
    return [member for member in found.values() if member.pid != root]


def untold(members: Sequence[Member], told: Mapping[int, int]) -> list[Member]:
    """
    Return who of *members*, parents first, is to be asked to end.

    What a process starts after it was asked is part of its clean-up, and its own to end; so it is spared, with all that
    it starts in turn, for as long as it has that parent. At first nobody was asked, and everybody is.

    Args:

        members: The processes that are left.

        told: The numbers of those that were asked already, each with the time it started.
    """
    spared: set[int] = set()
    found = []
    for member in members:
        if told.get(member.pid) == member.start:
            continue
        if member.parent in told or member.parent in spared:
            spared.add(member.pid)
        else:
            found.append(member)
    return found


def send(member: Member, signum: int) -> bool:
    """Send a signal to *member* and to nobody else; tell whether it was still there."""
    try:
        handle = os.pidfd_open(member.pid)
    except OSError as error:
        return not isinstance(error, ProcessLookupError) and _send_by_number(member, signum)
    try:
        return _is_same(member) and _send_by_handle(handle, signum)
    finally:
        os.close(handle)


def _send_by_handle(handle: int, signum: int) -> bool:
    try:
        _signal.pidfd_send_signal(handle, signum)
    except OSError:
        return False
    return True


def _send_by_number(member: Member, signum: int) -> bool:
    """Send a signal where there are no descriptors of processes; the gap between look and signal is a moment."""
    if not _is_same(member):
        return False
    try:
        os.kill(member.pid, signum)
    except OSError:
        return False
    return True


def _is_same(member: Member) -> bool:
    now = read_member(member.pid)
    return now is not None and now.start == member.start


def owner(pid: int) -> str:
    """Return, in words, the user with whose rights the process *pid* runs."""
    try:
        return f"user {os.stat(f'/proc/{pid}').st_uid}"
    except OSError:
        return "another user"


def await_change(members: Collection[Member], bell: int, seconds: float) -> None:
    """Wait until one of *members* has ended, or *bell* can be read, at most *seconds*."""
    poll = select.poll()
    poll.register(bell, select.POLLIN)
    handles = []
    try:
        # More than this many descriptors are not worth it: the look that follows comes soon anyway.
        for member in list(members)[:64]:
            try:
                handles.append(os.pidfd_open(member.pid))
            except OSError:
                continue
            poll.register(handles[-1], select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)
    finally:
        for handle in handles:
            os.close(handle)
